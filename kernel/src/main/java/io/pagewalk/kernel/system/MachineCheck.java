package io.pagewalk.kernel.system;

import io.pagewalk.base.Bits;
import io.pagewalk.base.Violations;
import io.pagewalk.hardware.cpu.Cpu;
import io.pagewalk.hardware.mmu.Access;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.kernel.cma.CmaArea;
import io.pagewalk.kernel.fault.TableWalk;
import io.pagewalk.kernel.filemap.Inode;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.page.LargeFolios;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.RssCounter;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import io.pagewalk.kernel.zone.NodeStat;
import org.jspecify.annotations.Nullable;

/**
 * The whole-machine check: what page tables, files and address spaces say about each frame, against what the frame and the counters say.
 *
 * <pre>
 *   anonymous frame:  refcount == mapcount == entries that map it
 *   cached frame:     refcount == mapcount + 1, mapcount == entries that map it; a large folio: mapcount + pages
 *   table frame:      reached once, from one root
 * </pre>
 */
final class MachineCheck {
    /** Areas larger than this many pages are not asked page by page against the TLBs. */
    private static final long MAX_TLB_PROBES = 1 << 16;

    private final LinuxKernel kernel;
    private final MemMap memmap;
    private final PagingMode mode;
    private final LargeFolios folios;
    private final FrameCounts mappings = new FrameCounts();
    private final FrameCounts hugeMappings = new FrameCounts();
    private final FrameCounts cached = new FrameCounts();
    private final FrameCounts tables = new FrameCounts();
    private long tableCount;

    MachineCheck(LinuxKernel kernel) {
        this.kernel = kernel;
        this.memmap = kernel.memmap();
        this.folios = new LargeFolios(memmap);
        this.mode = kernel.machine().description().mode();
    }

    void verify(Violations out) {
        kernel.machine().verify(out);
        kernel.allocator().verify(out);
        CmaArea cma = kernel.cma();
        if (cma != null) {
            cma.verify(out);
        }
        kernel.devices().verify(out);
        kernelTables(out);
        kernel.vmalloc().verify(out);
        kernel.kernelStacks().verify(out);
        kernel.perCpu().verify(out);
        kernel.highmem().verify(out);
        kernel.kmapLocal().verify(out);
        kernel.fixmap().verify(out);
        kernel.objects().verify(kernel, out);
        sharedHalves(out);
        long committed = kernel.sharedMemory().files().committedPages()
                + kernel.overcommit().lostPages();
        for (Mm mm : kernel.addressSpaces().all()) {
            mm.verify(out);
            new SpaceWalk(mm, out).run();
            for (Vma vma : mm.vmas()) {
                committed += vma.has(VmaFlags.VM_ACCOUNT) ? vma.pages() : 0;
            }
        }
        out.expectEqual(
                "overcommit",
                "Committed_AS == areas and files in memory that count",
                committed,
                kernel.overcommit().committedPages());
        out.expectEqual(
                "page tables",
                "frames owned by page tables == tables reached",
                memmap.ownerFrames(FrameOwner.PAGE_TABLE),
                tableCount);
        out.expectEqual(
                "page tables",
                "nr_page_table_pages == tables of processes",
                kernel.vmstat().global(NodeStat.NR_PAGE_TABLE_PAGES),
                tableCount - kernel.kernelTables().tableCount());
        files(out);
        kernel.sharedMemory().verify(out);
        kernel.ksm().verify(out);
        kernel.khugepaged().verify(kernel.addressSpaces().all(), out);
        kernel.folios().deferredSplits().verify(out);
        kernel.hugetlb().verify(kernel.addressSpaces().all(), kernel.gup().held(), out);
        frames(out);
        for (Cpu cpu : kernel.machine().cpus()) {
            translations(cpu, out);
        }
    }

    private void kernelTables(Violations out) {
        TableWalk.Visitor visitor = new TableWalk.Visitor() {
            @Override
            public void table(long pfn, int level) {
                ownTable("kernel", pfn, out);
            }

            @Override
            public void leaf(long vaddr, long entry, int level) {
                if ((mode.flags(entry, level) & PteFlags.USER) != 0) {
                    out.add("kernel tables", "user code may use " + Bits.hex(vaddr));
                }
            }
        };
        new TableWalk(mode, kernel.machine().memory(), visitor)
                .walk(kernel.kernelTables().rootPfn(), 0, mode.entries(mode.levels()));
        out.expectEqual(
                "kernel tables",
                "tables made == tables reached",
                kernel.kernelTables().tableCount(),
                tableCount);
    }

    /** Every address space has the kernel's own entries in the upper half of its root. */
    private void sharedHalves(Violations out) {
        long own = kernel.kernelTables().rootPfn();
        for (Mm mm : kernel.addressSpaces().all()) {
            for (int i = kernel.kernelTables().firstKernelIndex(); i < mode.entries(mode.levels()); i++) {
                // The hardware marks entries of one root as used and not those of another.
                long mine = mode.readEntry(kernel.machine().memory(), mm.pgdPfn(), i);
                long shared = mode.readEntry(kernel.machine().memory(), own, i);
                out.expectEqual(
                        "mm of " + mm.ownerPid(),
                        "root entry " + i + " == that of init_mm",
                        mode.marked(mine, true),
                        mode.marked(shared, true));
            }
        }
    }

    private void ownTable(String where, long pfn, Violations out) {
        tableCount++;
        if (tables.add(pfn) != 1) {
            out.add(where, "table frame " + pfn + " is reached twice");
        }
        if (memmap.owner(pfn) != FrameOwner.PAGE_TABLE) {
            out.add(where, "table frame " + pfn + " belongs to " + memmap.owner(pfn));
        }
    }

    /** Walks one address space. */
    private final class SpaceWalk implements TableWalk.Visitor {
        private final Mm mm;
        private final Violations out;
        private final String where;
        private long file;
        private long anon;
        private long shmem;
        private long countedTables;
        private @Nullable Vma lastVma;

        private SpaceWalk(Mm mm, Violations out) {
            this.mm = mm;
            this.out = out;
            this.where = "mm of " + mm.ownerPid();
        }

        private void run() {
            new TableWalk(mode, kernel.machine().memory(), this)
                    .walk(mm.pgdPfn(), 0, kernel.kernelTables().firstKernelIndex());
            out.expectEqual(where, "MM_FILEPAGES == entries", mm.rss(RssCounter.FILE), file);
            out.expectEqual(where, "MM_ANONPAGES == entries", mm.rss(RssCounter.ANON), anon);
            out.expectEqual(where, "MM_SHMEMPAGES == entries", mm.rss(RssCounter.SHMEM), shmem);
            out.expectEqual(where, "pgtables_bytes == tables", mm.pgtablesBytes(), countedTables * 4096);
        }

        @Override
        public void table(long pfn, int level) {
            ownTable(where, pfn, out);
            if (level <= 3 && level < mode.levels()) {
                countedTables++;
            }
        }

        @Override
        public void leaf(long vaddr, long entry, int level) {
            Vma vma = lastVma;
            if (vma == null || !vma.contains(vaddr)) {
                vma = mm.vmas().find(vaddr);
                lastVma = vma;
            }
            if (vma == null) {
                out.add(where, "entry at " + Bits.hex(vaddr) + " outside any area");
                return;
            }
            if (vma.has(VmaFlags.VM_HUGETLB)) {
                // Counted apart, and checked there.
                return;
            }
            int flags = mode.flags(entry, level);
            long pfn = mode.pfn(entry, level);
            long kept = level == 2 ? kernel.kernelTables().depositedTable(mm, vaddr) : -1;
            if (kept >= 0) {
                table(kept, 1);
            }
            if ((flags & PteFlags.SPECIAL) != 0) {
                if (pfn == kernel.kernelTables().zeroPfn() && (flags & PteFlags.WRITE) != 0) {
                    out.add(where, "the zero page is writable at " + Bits.hex(vaddr));
                }
                return;
            }
            if (PteFlags.key(flags) != vma.protectionKey()) {
                out.add(where, "entry at " + Bits.hex(vaddr) + " has not the key of its area " + vma.protectionKey());
            }
            int pages = 1;
            if (level > 1) {
                hugeMappings.add(pfn);
                pages = folios.pages(pfn);
            } else {
                mappings.add(pfn);
            }
            if (memmap.mapping(pfn) < 0) {
                anon += pages;
                if ((flags & PteFlags.WRITE) != 0 && !memmap.hasFlags(pfn, PageFlags.ANON_EXCLUSIVE)) {
                    out.add(where, "shared anonymous frame " + pfn + " is writable at " + Bits.hex(vaddr));
                }
            } else if (memmap.hasFlags(pfn, PageFlags.SWAPBACKED)) {
                shmem += pages;
            } else {
                file += pages;
            }
        }
    }

    private void files(Violations out) {
        long pages = 0;
        for (Inode inode : kernel.files().inodes()) {
            long seen = 0;
            for (long index = inode.nextCached(0); index >= 0; index = inode.nextCached(index + 1)) {
                long pfn = inode.cachedPfn(index);
                seen++;
                String where = "page " + index + " of " + inode.path();
                if (cached.add(pfn) != 1) {
                    out.add(where, "frame " + pfn + " is cached twice");
                }
                FrameOwner owner = inode.isShmem() ? FrameOwner.SHMEM : FrameOwner.FILE;
                if (memmap.owner(pfn) != owner) {
                    out.add(where, "frame " + pfn + " belongs to " + memmap.owner(pfn));
                }
                out.expectEqual(where, "page->mapping == inode", memmap.mapping(pfn), inode.id());
                out.expectEqual(where, "page->index == index", memmap.index(pfn), index);
            }
            out.expectEqual(inode.path(), "nrpages == pages found", inode.cachedPages(), seen);
            pages += seen;
        }
        out.expectEqual(
                "page cache", "nr_file_pages == pages found", kernel.vmstat().global(NodeStat.NR_FILE_PAGES), pages);
    }

    private void frames(Violations out) {
        long anon = 0;
        long mapped = 0;
        long shmem = 0;
        long onLists = 0;
        for (long pfn = 0; pfn < memmap.frames(); pfn++) {
            if ((pfn & MemMap.SECTION_MASK) == 0 && !memmap.isTouched(pfn)) {
                pfn += MemMap.SECTION_MASK;
                continue;
            }
            FrameOwner owner = memmap.owner(pfn);
            long head = memmap.compoundHead(pfn);
            int count = mappings.get(pfn);
            boolean isMapped = count > 0 || hugeMappings.get(head) > 0;
            onLists += memmap.hasFlags(pfn, PageFlags.LRU) ? 1 : 0;
            boolean isVdso = kernel.kernelTables().specialPages().isVdso(pfn);
            int expectedExtra;
            switch (owner) {
                case ANON -> {
                    anon += isMapped ? 1 : 0;
                    expectedExtra = 0;
                }
                case FILE, SHMEM -> {
                    mapped += isMapped ? 1 : 0;
                    shmem += owner == FrameOwner.SHMEM ? 1 : 0;
                    expectedExtra = 1;
                    out.expectEqual("frame " + pfn, "cached once", 1, cached.get(pfn));
                }
                default -> {
                    boolean isDriverPage = owner == FrameOwner.KERNEL && count > 0;
                    if (count > 0 && !isVdso && !isDriverPage) {
                        out.add("frame " + pfn, "of " + owner + " is mapped " + count + " times");
                    }
                    mapped += (isVdso || isDriverPage) && count > 0 ? 1 : 0;
                    if (!isVdso && !isDriverPage) {
                        continue;
                    }
                    expectedExtra = 1;
                }
            }
            out.expectEqual("frame " + pfn, "mapcount == entries", memmap.mapcount(pfn), count);
            if (pfn == head) {
                references(pfn, expectedExtra, out);
            }
        }
        out.expectEqual(
                "vmstat", "nr_anon_pages == anonymous frames", kernel.vmstat().global(NodeStat.NR_ANON_PAGES), anon);
        out.expectEqual(
                "vmstat", "nr_mapped == mapped file frames", kernel.vmstat().global(NodeStat.NR_MAPPED), mapped);
        out.expectEqual("vmstat", "nr_shmem == shmem frames", kernel.vmstat().global(NodeStat.NR_SHMEM), shmem);
        long lists = kernel.vmstat().global(NodeStat.NR_INACTIVE_ANON)
                + kernel.vmstat().global(NodeStat.NR_ACTIVE_ANON)
                + kernel.vmstat().global(NodeStat.NR_INACTIVE_FILE)
                + kernel.vmstat().global(NodeStat.NR_ACTIVE_FILE)
                + kernel.vmstat().global(NodeStat.NR_UNEVICTABLE);
        out.expectEqual("vmstat", "sum of LRU lists == frames on lists", lists, onLists);
    }

    /** A folio has a reference for each entry that maps it or a page of it, one for each page in a file, and those of whoever holds it. */
    private void references(long head, int perPage, Violations out) {
        int pages = folios.pages(head);
        long entries = hugeMappings.get(head);
        for (int i = 0; i < pages; i++) {
            entries += mappings.get(head + i);
        }
        String where = "frame " + head;
        out.expectEqual(where, "mapcount of the folio == entries", folios.mapcount(head), entries);
        out.expectEqual(where, "entire mapcount == entries", folios.entireMapcount(head), hugeMappings.get(head));
        out.expectEqual(
                where,
                "refcount == entries + owners",
                memmap.refcount(head),
                entries + (long) pages * perPage + kernel.gup().references(head));
    }

    /** The first-level TLBs of a CPU hold nothing that the tables of its address space contradict. */
    private void translations(Cpu cpu, Violations out) {
        Mm mm = kernel.addressSpaces().loadedOn(cpu.id());
        if (mm == null) {
            return;
        }
        for (Vma vma : mm.vmas()) {
            if (vma.pages() > MAX_TLB_PROBES) {
                continue;
            }
            for (long vaddr = vma.start(); vaddr < vma.end(); vaddr += 4096) {
                long actual = cpu.mmu().translate(vaddr);
                for (int kind = Access.LOAD; kind <= Access.FETCH; kind += Access.FETCH) {
                    long held = cpu.mmu().physicalAddress(vaddr, kind);
                    if (held >= 0 && held != actual) {
                        out.add(
                                "TLB of CPU " + cpu.id(),
                                "has " + Bits.hex(held) + " for " + Bits.hex(vaddr) + ", the tables "
                                        + Bits.hex(actual));
                    }
                }
            }
        }
    }
}
