package io.pagewalk.kernel.vma;

import io.pagewalk.kernel.slub.ObjectSource;

/**
 * What every address space of a machine needs from the packages above.
 *
 * @param pageTables edits page tables and frames
 * @param anonVmas the reverse map of anonymous memory
 * @param sharedAnonymous makes the files behind shared anonymous memory
 * @param overcommit the machine's commitment counter
 * @param settings sysctls
 * @param areas memory of {@code struct vm_area_struct}
 * @param ksm merges equal pages
 * @param keys the running task's register of protection keys
 * @param hugetlb makes files of huge pages
 * @param khugepaged makes huge pages of small ones
 */
public record MmServices(
        PageTableOps pageTables,
        AnonVmaOps anonVmas,
        SharedAnonymousFiles sharedAnonymous,
        Overcommit overcommit,
        VmSettings settings,
        ObjectSource areas,
        KsmOps ksm,
        KeyRegister keys,
        HugetlbFileSource hugetlb,
        KhugepagedOps khugepaged) {
    /**
     * Creates services whose areas cost no kernel memory, for tests.
     *
     * @param pageTables edits page tables and frames
     * @param anonVmas the reverse map of anonymous memory
     * @param sharedAnonymous makes the files behind shared anonymous memory
     * @param overcommit the machine's commitment counter
     * @param settings sysctls
     */
    public MmServices(
            PageTableOps pageTables,
            AnonVmaOps anonVmas,
            SharedAnonymousFiles sharedAnonymous,
            Overcommit overcommit,
            VmSettings settings) {
        this(
                pageTables,
                anonVmas,
                sharedAnonymous,
                overcommit,
                settings,
                ObjectSource.FREE,
                KsmOps.NONE,
                KeyRegister.NONE,
                HugetlbFileSource.NONE,
                KhugepagedOps.NONE);
    }
}
