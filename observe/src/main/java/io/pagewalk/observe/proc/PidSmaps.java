package io.pagewalk.observe.proc;

import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.kernel.huge.HugePagePolicy;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.page.LargeFolios;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;

/** {@code /proc/PID/smaps}: how much of each area is in memory, and with how many others it is shared ({@code fs/proc/task_mmu.c:show_smap()}). */
public final class PidSmaps {
    private static final int PAGE_BYTES = 4096;

    /** Fraction bits of a proportional size, {@code PSS_SHIFT}. */
    private static final int PSS_SHIFT = 12;

    /** Two letters for each bit of {@code vm_flags}, empty for bits that 6.18 does not show: {@code show_smap_vma_flags()}. */
    private static final String[] MNEMONICS = {
        "rd", "wr", "ex", "sh", "mr", "mw", "me", "ms", "gd", "um", "pf", "gu", "uw", "lo", "io", "sr", "rr", "dc",
        "de", "lf", "ac", "nr", "ht", "sf", "ar", "wf", "dd", "sd", "mm", "hg", "nh", "mg", "", "", "", "", "", "ss",
        "ui", "", "dp", "", "sl"
    };

    private final MemMap memMap;
    private final LargeFolios folios;
    private final HugePagePolicy hugePages;
    private final PageTableLeaves leaves;

    /**
     * Creates a printer.
     *
     * @param memMap page structures of the machine
     * @param memory where the page tables lie
     * @param paging their format
     * @param hugePages which areas may have huge pages
     */
    public PidSmaps(MemMap memMap, PhysicalMemory memory, PagingMode paging, HugePagePolicy hugePages) {
        this.memMap = memMap;
        this.folios = new LargeFolios(memMap);
        this.hugePages = hugePages;
        this.leaves = new PageTableLeaves(memory, paging);
    }

    /**
     * Prints the file.
     *
     * @param process the process
     */
    public String print(ProcessState process) {
        StringBuilder text = new StringBuilder();
        for (Vma vma : process.mm().vmas()) {
            Sums sums = new Sums();
            gather(process, vma, sums);
            PidMaps.line(text, vma, process.is32Bit());
            block(text, vma, sums);
        }
        if (process.isX8664()) {
            vsyscall(text, process.mm().services().keys().exists());
        }
        return text.toString();
    }

    /**
     * Prints {@code /proc/PID/smaps_rollup}, the sums over all areas: {@code show_smaps_rollup()}.
     *
     * @param process the process
     */
    public String printRollup(ProcessState process) {
        Sums sums = new Sums();
        long start = 0;
        long end = 0;
        for (Vma vma : process.mm().vmas()) {
            start = end == 0 ? vma.start() : start;
            end = vma.end();
            gather(process, vma, sums);
        }
        StringBuilder text = new StringBuilder();
        PidMaps.prefix(text, start, end, "---p");
        text.append("00000000 00:00 0 ");
        PidMaps.pad(text, 0, process.is32Bit());
        text.append("[rollup]\n");
        sums(text, sums, true);
        return text.toString();
    }

    /** {@code smap_gather_stats()}. */
    private void gather(ProcessState process, Vma vma, Sums sums) {
        if (vma.has(VmaFlags.VM_HUGETLB)) {
            gatherHuge(process, vma, sums);
            return;
        }
        leaves.visit(process.mm().pgdPfn(), vma.start(), vma.end(), (vaddr, pfn, flags, pages) -> {
            if (pages > 1) {
                countWhole(sums, pfn, flags, pages);
            }
            for (long i = 0; i < pages; i++) {
                count(sums, pfn + i, flags, vma.has(VmaFlags.VM_LOCKED));
            }
        });
    }

    /** {@code smaps_hugetlb_range()}: such pages count here and nowhere else. */
    private void gatherHuge(ProcessState process, Vma vma, Sums sums) {
        leaves.visit(process.mm().pgdPfn(), vma.start(), vma.end(), (vaddr, pfn, flags, pages) -> {
            if (folios.mapcount(pfn) > 1) {
                sums.sharedHugetlb += pages * PAGE_BYTES;
            } else {
                sums.privateHugetlb += pages * PAGE_BYTES;
            }
        });
    }

    /** {@code smaps_pmd_entry()}. */
    private void countWhole(Sums sums, long pfn, int flags, long pages) {
        if ((flags & PteFlags.SPECIAL) != 0) {
            return;
        }
        if (memMap.owner(pfn) == FrameOwner.ANON) {
            sums.anonHuge += pages * PAGE_BYTES;
        } else if (memMap.hasFlags(pfn, PageFlags.SWAPBACKED)) {
            sums.shmemHuge += pages * PAGE_BYTES;
        } else {
            sums.fileHuge += pages * PAGE_BYTES;
        }
    }

    /** {@code smaps_account()} for one page. */
    private void count(Sums sums, long pfn, int flags, boolean isLocked) {
        if ((flags & PteFlags.SPECIAL) != 0 || !memMap.isValid(pfn) || memMap.owner(pfn) == FrameOwner.ZERO_PAGE) {
            return;
        }
        FrameOwner owner = memMap.owner(pfn);
        boolean isAnonymous = owner == FrameOwner.ANON || owner == FrameOwner.SWAP_CACHE;
        boolean isDirty = (flags & PteFlags.DIRTY) != 0 || memMap.hasFlags(pfn, PageFlags.DIRTY);
        boolean isReferenced = (flags & PteFlags.ACCESSED) != 0 || memMap.hasFlags(pfn, PageFlags.REFERENCED);
        int mapcount = Math.max(1, folios.preciseMapcount(pfn));
        sums.rss += PAGE_BYTES;
        if (isAnonymous) {
            sums.anonymous += PAGE_BYTES;
            if (!memMap.hasFlags(pfn, PageFlags.SWAPBACKED) && !isDirty) {
                sums.lazyFree += PAGE_BYTES;
            }
        }
        if (memMap.hasFlags(pfn, PageFlags.KSM)) {
            sums.ksm += PAGE_BYTES;
        }
        if (isReferenced) {
            sums.referenced += PAGE_BYTES;
        }
        long share = ((long) PAGE_BYTES << PSS_SHIFT) / mapcount;
        sums.pss += share;
        sums.pssDirty += isDirty ? share : 0;
        if (isAnonymous) {
            sums.pssAnon += share;
        } else if (memMap.hasFlags(pfn, PageFlags.SWAPBACKED)) {
            sums.pssShmem += share;
        } else {
            sums.pssFile += share;
        }
        sums.locked += isLocked ? share : 0;
        if (mapcount > 1) {
            sums.sharedDirty += isDirty ? PAGE_BYTES : 0;
            sums.sharedClean += isDirty ? 0 : PAGE_BYTES;
        } else {
            sums.privateDirty += isDirty ? PAGE_BYTES : 0;
            sums.privateClean += isDirty ? 0 : PAGE_BYTES;
        }
    }

    private static void vsyscall(StringBuilder text, boolean hasKeys) {
        text.append("ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n");
        body(text, PAGE_BYTES, PAGE_BYTES, new Sums(), false);
        if (hasKeys) {
            key(text, 0);
        }
        text.append("VmFlags: ex \n");
    }

    private void block(StringBuilder text, Vma vma, Sums sums) {
        boolean isEligible = hugePages.allowable(vma, HugePagePolicy.Asker.SMAPS, -1) != 0;
        body(text, vma.sizeBytes(), vma.kernelPageBytes(), sums, isEligible);
        if (vma.mm().services().keys().exists()) {
            key(text, vma.protectionKey());
        }
        text.append("VmFlags: ");
        for (int bit = 0; bit < MNEMONICS.length; bit++) {
            if (!MNEMONICS[bit].isEmpty() && vma.has(1L << bit)) {
                text.append(MNEMONICS[bit]).append(' ');
            }
        }
        text.append('\n');
    }

    private static void body(StringBuilder text, long sizeBytes, long pageBytes, Sums sums, boolean isEligible) {
        line(text, "Size", sizeBytes);
        line(text, "KernelPageSize", pageBytes);
        line(text, "MMUPageSize", pageBytes);
        sums(text, sums, false);
        Columns.left(text, "THPeligible:", 16);
        Columns.right(text, isEligible ? 1 : 0, 8);
        text.append('\n');
    }

    /** The line of kernels on CPUs with protection keys that are switched on. */
    private static void key(StringBuilder text, int key) {
        Columns.left(text, "ProtectionKey:", 16);
        Columns.right(text, key, 8);
        text.append('\n');
    }

    /** {@code __show_smap()}. */
    private static void sums(StringBuilder text, Sums sums, boolean isRollup) {
        line(text, "Rss", sums.rss);
        line(text, "Pss", sums.pss >> PSS_SHIFT);
        line(text, "Pss_Dirty", sums.pssDirty >> PSS_SHIFT);
        if (isRollup) {
            line(text, "Pss_Anon", sums.pssAnon >> PSS_SHIFT);
            line(text, "Pss_File", sums.pssFile >> PSS_SHIFT);
            line(text, "Pss_Shmem", sums.pssShmem >> PSS_SHIFT);
        }
        line(text, "Shared_Clean", sums.sharedClean);
        line(text, "Shared_Dirty", sums.sharedDirty);
        line(text, "Private_Clean", sums.privateClean);
        line(text, "Private_Dirty", sums.privateDirty);
        line(text, "Referenced", sums.referenced);
        line(text, "Anonymous", sums.anonymous);
        line(text, "KSM", sums.ksm);
        line(text, "LazyFree", sums.lazyFree);
        line(text, "AnonHugePages", sums.anonHuge);
        line(text, "ShmemPmdMapped", sums.shmemHuge);
        line(text, "FilePmdMapped", sums.fileHuge);
        line(text, "Shared_Hugetlb", sums.sharedHugetlb);
        line(text, "Private_Hugetlb", sums.privateHugetlb);
        line(text, "Swap", 0);
        line(text, "SwapPss", 0);
        line(text, "Locked", sums.locked >> PSS_SHIFT);
    }

    private static void line(StringBuilder text, String name, long bytes) {
        Columns.kilobytes(text, name, bytes >> 10);
    }

    /** The sums of one area, in bytes; the proportional ones carry {@link #PSS_SHIFT} fraction bits: {@code struct mem_size_stats}. */
    private static final class Sums {
        private long rss;
        private long pss;
        private long pssDirty;
        private long pssAnon;
        private long pssFile;
        private long pssShmem;
        private long sharedClean;
        private long sharedDirty;
        private long privateClean;
        private long privateDirty;
        private long referenced;
        private long anonymous;
        private long ksm;
        private long lazyFree;
        private long sharedHugetlb;
        private long privateHugetlb;
        private long anonHuge;
        private long shmemHuge;
        private long fileHuge;
        private long locked;
    }
}
