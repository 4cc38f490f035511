package io.pagewalk.kernel.fault;

import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.kernel.huge.HugePagePolicy;
import io.pagewalk.kernel.huge.HugePageSettings;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.rmap.AnonVmas;
import io.pagewalk.kernel.rmap.Folios;
import io.pagewalk.kernel.rmap.HugePageStats;
import io.pagewalk.kernel.time.Cause;
import io.pagewalk.kernel.time.CostModel;
import io.pagewalk.kernel.time.TimeAccount;
import io.pagewalk.kernel.vma.AnonVma;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.RssCounter;
import io.pagewalk.kernel.vma.UserfaultContext;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import io.pagewalk.kernel.zone.VmEvent;

/** Faults that a folio of several pages serves: {@code mm/huge_memory.c:do_huge_pmd_anonymous_page(), do_huge_pmd_wp_page()} and {@code mm/memory.c:alloc_anon_folio()}. */
final class HugeFaults {
    /** Outcome: a small page must do. */
    static final int FALLBACK = 18;

    private static final int LEVEL = PageTables.HUGE_LEVEL;
    private static final int HUGE = 1 << Folios.HUGE_ORDER;

    private final PagingMode mode;
    private final PhysicalMemory memory;
    private final PageTables tables;
    private final Protection protection;
    private final Folios folios;
    private final MemMap memmap;
    private final AnonVmas anonVmas;
    private final HugeMappings mappings;
    private final HugeZeroPage zeroPage;
    private final HugePagePolicy policy;
    private final HugePageStats stats;
    private final UserfaultChecks userfaults;
    private final TimeAccount time;
    private final CostModel costs;
    private final boolean hasHugePages;

    HugeFaults(
            KernelTables kernel,
            AnonVmas anonVmas,
            HugePages hugePages,
            UserfaultChecks userfaults,
            TimeAccount time,
            CostModel costs) {
        this.mode = kernel.mode();
        this.memory = kernel.memory();
        this.tables = kernel.tables();
        this.protection = kernel.protection();
        this.folios = kernel.folios();
        this.memmap = folios.memmap();
        this.anonVmas = anonVmas;
        this.mappings = hugePages.mappings();
        this.zeroPage = kernel.hugeZeroPage();
        this.policy = hugePages.policy();
        this.stats = folios.stats();
        this.userfaults = userfaults;
        this.time = time;
        this.costs = costs;
        this.hasHugePages = mode.pagesPerLeaf(LEVEL) == 1 << Folios.HUGE_ORDER;
    }

    /** A fault where one entry maps a huge page, or where the place of such an entry is empty. {@link #FALLBACK} when leaf tables must be looked at. */
    int fault(FaultTask task, Mm mm, Vma vma, long vaddr, boolean isWrite) {
        long entry = tables.hugeEntry(mm, vaddr);
        if (entry != 0) {
            return present(task, mm, vma, vaddr, entry, isWrite);
        }
        return isAllowed(vma) && tables.isRegionEmpty(mm, vaddr) ? anonymous(task, mm, vma, vaddr, isWrite) : FALLBACK;
    }

    private boolean isAllowed(Vma vma) {
        return hasHugePages
                && vma.end() - vma.start() >= tables.hugeBytes()
                && policy.allowable(vma, HugePagePolicy.Asker.FAULT, HUGE) != 0;
    }

    /** {@code do_huge_pmd_anonymous_page()}. */
    private int anonymous(FaultTask task, Mm mm, Vma vma, long vaddr, boolean isWrite) {
        if (!HugePagePolicy.isSuitable(vma, vaddr, Folios.HUGE_ORDER)) {
            return FALLBACK;
        }
        AnonVma anonVma = anonVmas.prepared(vma);
        mm.services().khugepaged().enter(vma, vma.flags());
        boolean wantsZeroes = !isWrite && policy.settings().usesZeroPage();
        long head = wantsZeroes ? zeroPage.get() : allocateHuge(vma, vaddr);
        if (head < 0) {
            folios.counters().count(VmEvent.THP_FAULT_FALLBACK);
            return FALLBACK;
        }
        long table = tables.allocateTable();
        int outcome = table < 0 ? FaultOutcome.NO_MEMORY : task.isKilled() ? FaultOutcome.KILLED : FaultOutcome.DONE;
        if (outcome == FaultOutcome.DONE && vma.has(VmaFlags.VM_UFFD_MISSING)) {
            outcome = userfaults.tell(task, vma, isWrite, VmaFlags.VM_UFFD_MISSING);
        } else if (outcome == FaultOutcome.DONE) {
            tables.deposit(mm, vaddr, table);
            if (wantsZeroes) {
                tables.setHugeEntry(mm, vaddr, mode.leaf(head, protection.flags(vma) | PteFlags.SPECIAL, LEVEL));
            } else {
                mapNew(vma, anonVma, vaddr, head);
            }
            return FaultOutcome.DONE;
        }
        if (table >= 0) {
            tables.freeTable(table);
        }
        if (!wantsZeroes) {
            folios.put(head);
        }
        return outcome;
    }

    /** {@code vma_alloc_anon_folio_pmd()}; -1 when there is none. */
    private long allocateHuge(Vma vma, long vaddr) {
        long head = allocate(vma, mappings.startOf(vaddr), Folios.HUGE_ORDER);
        if (head < 0) {
            stats.count(Folios.HUGE_ORDER, HugePageStats.Item.ANON_FAULT_FALLBACK, 1);
        }
        return head;
    }

    private void mapNew(Vma vma, AnonVma anonVma, long vaddr, long head) {
        mappings.mapNew(vma, anonVma, vaddr, head);
        folios.counters().count(VmEvent.THP_FAULT_ALLOC);
        stats.count(Folios.HUGE_ORDER, HugePageStats.Item.ANON_FAULT_ALLOC, 1);
    }

    /** {@code mm/memory.c:__handle_mm_fault()} with a present huge entry. */
    private int present(FaultTask task, Mm mm, Vma vma, long vaddr, long entry, boolean isWrite) {
        int flags = mode.flags(entry, LEVEL);
        if (isWrite && (flags & PteFlags.WRITE) == 0) {
            return writeProtected(task, mm, vma, vaddr, entry, flags);
        }
        int wanted = flags | PteFlags.ACCESSED | (isWrite ? protection.dirty() : 0);
        if (wanted != flags) {
            mappings.setFlags(mm, vaddr, entry, wanted);
        }
        return FaultOutcome.DONE;
    }

    /** {@code mm/memory.c:wp_huge_pmd()}. */
    private int writeProtected(FaultTask task, Mm mm, Vma vma, long vaddr, long entry, int flags) {
        if (vma.isAnonymous()) {
            if ((flags & PteFlags.UFFD_WP) != 0 && vma.has(VmaFlags.VM_UFFD_WP)) {
                UserfaultContext userfault = vma.userfault();
                if (userfault == null || !userfault.isWpAsync()) {
                    return userfaults.tell(task, vma, true, VmaFlags.VM_UFFD_WP);
                }
            } else if (mappings.isZero(entry)) {
                int outcome = replaceZeroes(task, mm, vma, vaddr);
                if (outcome != FALLBACK) {
                    return outcome;
                }
            } else if (makeOwn(vma, mode.pfn(entry, LEVEL))) {
                int writable = flags | PteFlags.ACCESSED | protection.dirty() | Protection.writeRight(vma);
                mappings.setFlags(mm, vaddr, entry, writable);
                return FaultOutcome.DONE;
            }
        }
        mappings.split(vma, vaddr);
        return FALLBACK;
    }

    /** {@code do_huge_zero_wp_pmd()}. */
    private int replaceZeroes(FaultTask task, Mm mm, Vma vma, long vaddr) {
        AnonVma anonVma = anonVmas.prepared(vma);
        long head = allocateHuge(vma, vaddr);
        if (head < 0) {
            folios.counters().count(VmEvent.THP_FAULT_FALLBACK);
            return FALLBACK;
        }
        if (task.isKilled()) {
            folios.put(head);
            return FaultOutcome.KILLED;
        }
        mapNew(vma, anonVma, vaddr, head);
        mappings.flush(mm, vaddr);
        return FaultOutcome.DONE;
    }

    /** Whether a huge page is, or is made now, the program's own: the first half of {@code do_huge_pmd_wp_page()}. */
    private boolean makeOwn(Vma vma, long head) {
        if (memmap.hasFlags(head, PageFlags.ANON_EXCLUSIVE)) {
            return true;
        }
        if (memmap.refcount(head) != 1) {
            return false;
        }
        folios.moveAnon(head, anonVmas.prepared(vma));
        memmap.setFlags(head, PageFlags.ANON_EXCLUSIVE);
        return true;
    }

    /**
     * Maps a folio of several pages around an address of which leaf entries are empty: {@code do_anonymous_page()} with a large folio of {@code alloc_anon_folio()}.
     *
     * @return DONE, KILLED, or {@link #FALLBACK} when there is none
     */
    int severalPages(FaultTask task, Mm mm, Vma vma, AnonVma anonVma, long vaddr, long table) {
        int orders = HugePageSettings.ALL_ORDERS & ~HUGE;
        if (vma.userfault() != null || (orders &= policy.allowable(vma, HugePagePolicy.Asker.FAULT, orders)) == 0) {
            return FALLBACK;
        }
        for (int order = Folios.HUGE_ORDER - 1; order >= HugePageSettings.LOWEST_ORDER; order--) {
            long start = vaddr & -(4096L << order);
            if ((orders >>> order & 1) == 0
                    || !HugePagePolicy.isSuitable(vma, vaddr, order)
                    || !isEmpty(table, mode.index(start, 1), 1 << order)) {
                continue;
            }
            long head = allocate(vma, start, order);
            if (head < 0) {
                stats.count(order, HugePageStats.Item.ANON_FAULT_FALLBACK, 1);
                continue;
            }
            if (task.isKilled()) {
                folios.put(head);
                return FaultOutcome.KILLED;
            }
            mapEach(mm, vma, anonVma, start, head, table);
            stats.count(order, HugePageStats.Item.ANON_FAULT_ALLOC, 1);
            return FaultOutcome.DONE;
        }
        return FALLBACK;
    }

    private void mapEach(Mm mm, Vma vma, AnonVma anonVma, long start, long head, long table) {
        int pages = folios.large().pages(head);
        folios.addNewLargeAnon(head, vma, anonVma, start);
        memmap.getMany(head, pages - 1);
        int flags = protection.flags(vma);
        if (vma.has(VmaFlags.VM_WRITE)) {
            flags |= protection.dirty() | PteFlags.WRITE;
        }
        int first = mode.index(start, 1);
        for (int i = 0; i < pages; i++) {
            memmap.setFlags(head + i, PageFlags.ANON_EXCLUSIVE);
            folios.addMapping(head + i, mm);
            mode.writeEntry(memory, table, first + i, mode.leaf(head + i, flags, 1));
        }
        mm.addRss(RssCounter.ANON, pages);
    }

    private boolean isEmpty(long table, int first, int count) {
        for (int i = first; i < first + count; i++) {
            if (mode.readEntry(memory, table, i) != 0) {
                return false;
            }
        }
        return true;
    }

    /** Returns the first frame of a cleared folio, or -1. */
    private long allocate(Vma vma, long start, int order) {
        int gfp = policy.settings().gfp(vma.has(VmaFlags.VM_HUGEPAGE));
        long head = folios.allocate(gfp, order, vma, start);
        if (head >= 0) {
            for (int i = 0; i < 1 << order; i++) {
                memory.clearFrame(head + i);
            }
            time.charge(Cause.MINOR_FAULT, costs.clearPageNanos() << order);
        }
        return head;
    }
}
