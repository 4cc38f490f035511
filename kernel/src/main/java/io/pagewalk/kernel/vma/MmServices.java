package io.pagewalk.kernel.vma;

/**
 * What every address space of a machine needs from the packages above.
 *
 * @param pageTables edits page tables and frames
 * @param anonVmas the reverse map of anonymous memory
 * @param sharedAnonymous makes the files behind shared anonymous memory
 * @param overcommit the machine's commitment counter
 * @param settings sysctls
 */
public record MmServices(
        PageTableOps pageTables,
        AnonVmaOps anonVmas,
        SharedAnonymousFiles sharedAnonymous,
        Overcommit overcommit,
        VmSettings settings) {}
