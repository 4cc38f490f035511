package io.pagewalk.kernel.fault;

import io.pagewalk.base.KernelBug;
import io.pagewalk.hardware.bus.PhysicalBus;
import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.hardware.mmu.Access;
import io.pagewalk.hardware.mmu.MmuFault;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.kernel.filemap.OpenFile;
import io.pagewalk.kernel.filemap.PageCache;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.rmap.AnonVmas;
import io.pagewalk.kernel.rmap.Folios;
import io.pagewalk.kernel.time.Cause;
import io.pagewalk.kernel.time.CostModel;
import io.pagewalk.kernel.time.TimeAccount;
import io.pagewalk.kernel.vma.AnonVma;
import io.pagewalk.kernel.vma.MappedFile;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.RssCounter;
import io.pagewalk.kernel.vma.StackGrowth;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import io.pagewalk.kernel.vma.VmaOperations;
import io.pagewalk.kernel.zone.VmEvent;

/**
 * The page fault handler: {@code arch/x86/mm/fault.c:do_user_addr_fault()} and {@code mm/memory.c:handle_mm_fault()}.
 *
 * <p>Writes are told from reads by {@link Access} kinds. An entry that was not present is written without a flush, because no TLB keeps such entries; a CPU that faults on a
 * stale entry drops it itself.
 */
public final class FaultHandler {
    private static final int USER_GFP = Gfp.GFP_HIGHUSER_MOVABLE;
    private static final int ZEROED_GFP = Gfp.GFP_HIGHUSER_MOVABLE | Gfp.ZERO;

    /** Internal outcome: the task slept without input; the fault starts over. */
    static final int RETRY = 16;

    /** Internal outcome: a device was read; the fault starts over and is a major one. */
    private static final int RETRY_MAJOR = 17;

    /** Who wants a page. */
    enum Origin {
        /** The program, or the kernel in its place: after a read the fault starts over and is a major one. */
        ACCESS,
        /** mlock, MAP_POPULATE and their like, which begin again after a read and do not tell that they did, so that it counts as minor: {@code __mm_populate()}. */
        POPULATE
    }

    private final PagingMode mode;
    private final PhysicalMemory memory;
    private final PageTables tables;
    private final Protection protection;
    private final Folios folios;
    private final MemMap memmap;
    private final AnonVmas anonVmas;
    private final PageCache cache;
    private final SpecialPages special;
    private final DriverFaults driverFaults;
    private final UserfaultChecks userfaults;
    private final FaultAround around;
    private final CopyOnWrite copyOnWrite;
    private final HugePages hugePages;
    private final Collapse collapse;
    private final HugeFaults huge;
    private final TimeAccount time;
    private final CostModel costs;
    private final long zeroPfn;
    private final AccessRights rights;
    private long faultAroundPages = 16;
    private HugetlbFaultHandler hugetlb = HugetlbFaultHandler.NONE;

    /**
     * Creates the handler of one machine.
     *
     * @param kernel the kernel's tables
     * @param anonVmas the reverse map
     * @param cache file pages
     * @param hugePages huge pages and what is allowed of them
     * @param flusher flushes TLBs
     * @param time the clock
     * @param costs what faults cost
     * @param bus reads device memory that a private mapping copies
     */
    public FaultHandler(
            KernelTables kernel,
            AnonVmas anonVmas,
            PageCache cache,
            HugePages hugePages,
            TlbFlusher flusher,
            TimeAccount time,
            CostModel costs,
            PhysicalBus bus) {
        this.mode = kernel.mode();
        this.memory = kernel.memory();
        this.tables = kernel.tables();
        this.protection = kernel.protection();
        this.folios = kernel.folios();
        this.memmap = folios.memmap();
        this.anonVmas = anonVmas;
        this.cache = cache;
        this.special = kernel.specialPages();
        this.driverFaults = new DriverFaults(kernel, anonVmas, bus);
        this.userfaults = new UserfaultChecks(cache);
        this.around = new FaultAround(kernel, cache, hugePages.mappings(), time, costs);
        this.copyOnWrite = new CopyOnWrite(kernel, anonVmas, driverFaults, userfaults, flusher, time, costs);
        this.hugePages = hugePages;
        this.collapse = new Collapse(kernel, anonVmas, cache, hugePages, flusher);
        this.huge = new HugeFaults(kernel, anonVmas, hugePages, userfaults, time, costs);
        this.time = time;
        this.costs = costs;
        this.zeroPfn = kernel.zeroPfn();
        this.rights = new AccessRights(mode);
    }

    /**
     * Sets the window of fault-around, {@code /sys/kernel/debug/fault_around_bytes}.
     *
     * @param bytes a power of two of at least 4096; 4096 switches it off
     */
    public void setFaultAroundBytes(long bytes) {
        KernelBug.on(bytes < 4096 || Long.bitCount(bytes) != 1, "fault_around_bytes " + bytes);
        faultAroundPages = bytes >>> 12;
    }

    /**
     * Wires the faults of hugetlbfs.
     *
     * @param handler handles them
     */
    public void setHugetlb(HugetlbFaultHandler handler) {
        hugetlb = handler;
    }

    /** Lets each write that is seen set the soft-dirty bit as well: {@code CONFIG_MEM_SOFT_DIRTY}. */
    public void trackSoftDirty() {
        protection.trackSoftDirty();
    }

    /**
     * Handles a fault that the MMU raised for an address in the user half.
     *
     * @param task who faulted
     * @param mm its address space
     * @param vaddr the address
     * @param fault the packed {@link MmuFault}
     * @param isUser whether the program itself makes the access, and not the kernel for it
     * @param isTried whether it has waited for this page before, so that it counts as a major fault
     * @return a {@link FaultOutcome}
     */
    public int handleUserFault(FaultTask task, Mm mm, long vaddr, int fault, boolean isUser, boolean isTried) {
        Vma vma = mm.vmas().find(vaddr);
        if (vma == null) {
            vma = StackGrowth.findOrGrow(mm, vaddr);
            if (vma == null) {
                return FaultOutcome.NO_AREA;
            }
        }
        int refusal = rights.refusal(vma, fault);
        if (refusal != FaultOutcome.DONE) {
            return refusal;
        }
        userfaults.begin(vaddr, isUser);
        return handle(task, mm, vma, vaddr, MmuFault.access(fault) == Access.STORE, Origin.ACCESS, isTried);
    }

    /**
     * Makes a page of an area usable: {@code mm/memory.c:handle_mm_fault()} with its retries and {@code mm_account_fault()}.
     *
     * @param task who is charged
     * @param mm the address space
     * @param vma the area, which allows the access
     * @param vaddr an address in it
     * @param isWrite whether the page must be writable
     * @return a {@link FaultOutcome}
     */
    public int handleMmFault(FaultTask task, Mm mm, Vma vma, long vaddr, boolean isWrite) {
        userfaults.begin(vaddr, false);
        return handle(task, mm, vma, vaddr, isWrite, Origin.ACCESS, false);
    }

    /** Makes a page of an area usable before it is touched; returns a {@link FaultOutcome}. */
    int faultIn(FaultTask task, Mm mm, Vma vma, long vaddr, boolean isWrite, Origin origin) {
        userfaults.begin(vaddr, false);
        return handle(task, mm, vma, vaddr, isWrite, origin, false);
    }

    private int handle(
            FaultTask task, Mm mm, Vma vma, long vaddr, boolean isWrite, Origin origin, boolean isTriedBefore) {
        long page = vaddr & -4096L;
        boolean isTried = isTriedBefore;
        boolean isLocked = vma.userfault() != null && userfaults.isUnderMmapLock(vma, isWrite);
        while (true) {
            int outcome = vma.has(VmaFlags.VM_HUGETLB)
                    ? hugetlb.fault(task, vma, vaddr, isWrite, userfaults.isUser())
                    : handlePte(task, mm, vma, page, isWrite, isTried);
            if (outcome == RETRY) {
                continue;
            }
            if (outcome == RETRY_MAJOR) {
                isTried = origin == Origin.ACCESS;
                time.charge(Cause.MAJOR_FAULT, costs.majorFaultNanos());
                continue;
            }
            if (outcome == FaultOutcome.WAITS) {
                return isLocked ? FaultOutcome.WAITS_AND_TRIED : FaultOutcome.WAITS;
            }
            folios.counters().count(VmEvent.PGFAULT);
            if (outcome == FaultOutcome.DONE) {
                if (isTried) {
                    task.countMajorFault();
                } else {
                    task.countMinorFault();
                }
            } else if (outcome == FaultOutcome.NO_MEMORY && task.isKilled()) {
                outcome = FaultOutcome.KILLED;
            }
            time.charge(Cause.MINOR_FAULT, costs.minorFaultNanos());
            return outcome;
        }
    }

    /** {@code mm/memory.c:handle_pte_fault()}. */
    private int handlePte(FaultTask task, Mm mm, Vma vma, long vaddr, boolean isWrite, boolean isTried) {
        long table = tables.find(mm, vaddr);
        if (table < 0) {
            if (!tables.makeUpper(mm, vaddr)) {
                return FaultOutcome.NO_MEMORY;
            }
            int outcome = huge.fault(task, mm, vma, vaddr, isWrite);
            if (outcome != HugeFaults.FALLBACK) {
                return outcome;
            }
            table = tables.find(mm, vaddr);
        }
        int index = mode.index(vaddr, 1);
        long entry = table < 0 ? 0 : mode.readEntry(memory, table, index);
        if (entry == 0) {
            return missing(task, mm, vma, vaddr, isWrite, isTried);
        }
        if (PteMarkers.is(entry)) {
            int marks = PteMarkers.marks(entry);
            if (marks != PteMarkers.UFFD_WP) {
                return (marks & PteMarkers.POISONED) != 0 ? FaultOutcome.POISONED : FaultOutcome.NO_AREA;
            }
            if (!vma.has(VmaFlags.VM_UFFD_WP)) {
                mode.writeEntry(memory, table, index, 0);
                return FaultOutcome.DONE;
            }
            return missing(task, mm, vma, vaddr, isWrite, isTried);
        }
        int flags = mode.flags(entry, 1);
        int wanted = flags | PteFlags.ACCESSED;
        if (isWrite) {
            if ((flags & PteFlags.WRITE) == 0) {
                return copyOnWrite.writeProtected(task, mm, vma, vaddr, table, index, entry, flags);
            }
            wanted |= protection.dirty();
        }
        if (wanted != flags) {
            mode.writeEntry(memory, table, index, mode.withFlags(entry, wanted, 1));
        }
        return FaultOutcome.DONE;
    }

    /** {@code mm/memory.c:do_pte_missing()}. */
    private int missing(FaultTask task, Mm mm, Vma vma, long vaddr, boolean isWrite, boolean isTried) {
        return vma.isAnonymous()
                ? anonymousPage(task, mm, vma, vaddr, isWrite)
                : filePage(task, mm, vma, vaddr, isWrite, isTried);
    }

    /** {@code mm/memory.c:do_anonymous_page()}: a read maps the shared page of zeros, a write a page of its own. */
    private int anonymousPage(FaultTask task, Mm mm, Vma vma, long vaddr, boolean isWrite) {
        if (vma.has(VmaFlags.VM_SHARED)) {
            return FaultOutcome.BEYOND_END;
        }
        long table = tables.findOrMake(mm, vaddr);
        if (table < 0) {
            return FaultOutcome.NO_MEMORY;
        }
        int flags = protection.flags(vma);
        long pfn;
        if (isWrite) {
            AnonVma anonVma = anonVmas.prepared(vma);
            int outcome = huge.severalPages(task, mm, vma, anonVma, vaddr, table);
            if (outcome != HugeFaults.FALLBACK) {
                return outcome;
            }
            pfn = folios.allocate(ZEROED_GFP, vma, vaddr);
            if (pfn < 0) {
                return FaultOutcome.NO_MEMORY;
            }
            if (task.isKilled()) {
                folios.put(pfn);
                return FaultOutcome.KILLED;
            }
            time.charge(Cause.MINOR_FAULT, costs.clearPageNanos());
            if (vma.has(VmaFlags.VM_UFFD_MISSING)) {
                folios.put(pfn);
                return userfaults.tell(task, vma, true, VmaFlags.VM_UFFD_MISSING);
            }
            mm.addRss(RssCounter.ANON, 1);
            folios.addNewAnon(pfn, vma, anonVma, vaddr);
            flags |= protection.dirty() | Protection.writeRight(vma);
        } else {
            if (vma.has(VmaFlags.VM_UFFD_MISSING)) {
                return userfaults.tell(task, vma, false, VmaFlags.VM_UFFD_MISSING);
            }
            pfn = zeroPfn;
            flags |= PteFlags.SPECIAL;
        }
        map(vma, table, vaddr, pfn, flags);
        return FaultOutcome.DONE;
    }

    /** Writes an entry where there was none. */
    private void map(Vma vma, long table, long vaddr, long pfn, int flags) {
        int index = mode.index(vaddr, 1);
        int kept = UserfaultChecks.protectedAsBefore(vma, mode.readEntry(memory, table, index), flags);
        mode.writeEntry(memory, table, index, mode.leaf(pfn, kept, 1));
    }

    /** {@code mm/memory.c:do_fault()}. */
    private int filePage(FaultTask task, Mm mm, Vma vma, long vaddr, boolean isWrite, boolean isTried) {
        MappedFile mapped = vma.file();
        if (!(mapped instanceof OpenFile file)) {
            return specialPage(task, mm, vma, vaddr);
        }
        VmaOperations driver = vma.operations();
        if (driver != null && !driver.hasFilePages()) {
            return driverFaults.fault(task, mm, vma, driver, vaddr, isWrite);
        }
        if (isWrite && !vma.has(VmaFlags.VM_SHARED)) {
            return cowFilePage(task, mm, vma, vaddr, file, isTried);
        }
        // Attachments of segments have operations of their own, without map_pages.
        boolean mayGoAround = driver == null && !vma.has(VmaFlags.VM_UFFD_WP | VmaFlags.VM_UFFD_MINOR);
        if (!isWrite && faultAroundPages > 1 && mayGoAround) {
            int outcome = around.fault(task, mm, vma, vaddr, file, faultAroundPages);
            if (outcome != RETRY) {
                return outcome;
            }
        }
        int told = userfaults.ofFile(task, vma, file, isWrite);
        if (told != UserfaultChecks.GO_ON) {
            return told;
        }
        long pfn = cache.fault(file, vma.pgoffOf(vaddr), vma, isTried);
        if (pfn < 0) {
            return outcomeOf(pfn);
        }
        if (task.isKilled()) {
            folios.put(pfn);
            return FaultOutcome.KILLED;
        }
        int flags = protection.flags(vma);
        if (isWrite) {
            flags |= protection.dirty() | Protection.writeRight(vma);
        }
        if (!around.mapHuge(vma, vaddr, pfn, flags, file)) {
            long table = tables.findOrMake(mm, vaddr);
            if (table < 0) {
                folios.put(pfn);
                return FaultOutcome.NO_MEMORY;
            }
            around.finish(mm, vma, table, vaddr, pfn, flags, file);
        }
        if (isWrite) {
            folios.markDirty(pfn);
        }
        return FaultOutcome.DONE;
    }

    /** {@code mm/memory.c:do_cow_fault()}: the first touch of a private file page is a write. */
    private int cowFilePage(FaultTask task, Mm mm, Vma vma, long vaddr, OpenFile file, boolean isTried) {
        AnonVma anonVma = anonVmas.prepared(vma);
        long copy = folios.allocate(USER_GFP, vma, vaddr);
        if (copy < 0) {
            return FaultOutcome.NO_MEMORY;
        }
        int told = userfaults.ofFile(task, vma, file, true);
        if (told != UserfaultChecks.GO_ON) {
            folios.put(copy);
            return told;
        }
        long pfn = cache.fault(file, vma.pgoffOf(vaddr), vma, isTried);
        if (pfn < 0) {
            folios.put(copy);
            return outcomeOf(pfn);
        }
        long table = tables.findOrMake(mm, vaddr);
        if (table < 0 || task.isKilled()) {
            folios.put(pfn);
            folios.put(copy);
            return table < 0 ? FaultOutcome.NO_MEMORY : FaultOutcome.KILLED;
        }
        memory.copyFrame(pfn, copy);
        time.charge(Cause.MINOR_FAULT, costs.copyPageNanos());
        folios.put(pfn);
        mm.addRss(RssCounter.ANON, 1);
        folios.addNewAnon(copy, vma, anonVma, vaddr);
        map(vma, table, vaddr, copy, protection.flags(vma) | protection.dirty() | Protection.writeRight(vma));
        return FaultOutcome.DONE;
    }

    /** A page that the kernel itself provides: {@code special_mapping_fault()}, for [vdso] and [vvar]. */
    private int specialPage(FaultTask task, Mm mm, Vma vma, long vaddr) {
        long pfn = special.page(vma.specialName(), (vaddr - vma.start()) >>> 12);
        if (pfn < 0) {
            return FaultOutcome.BEYOND_END;
        }
        long table = tables.findOrMake(mm, vaddr);
        if (table < 0) {
            return FaultOutcome.NO_MEMORY;
        }
        if (task.isKilled()) {
            return FaultOutcome.KILLED;
        }
        int flags = protection.flags(vma);
        if (special.isRaw(vma.specialName())) {
            mode.writeEntry(memory, table, mode.index(vaddr, 1), mode.leaf(pfn, flags | PteFlags.SPECIAL, 1));
        } else {
            memmap.get(pfn);
            around.map(mm, vma, table, vaddr, pfn, flags, false);
        }
        return FaultOutcome.DONE;
    }

    /**
     * Gives a place whose entry is present a page of its own without making it writable: a fault with {@code FAULT_FLAG_UNSHARE}.
     *
     * @param task who is charged
     * @param vma a private area
     * @param vaddr an address in it
     * @return a {@link FaultOutcome}
     */
    public int unshare(FaultTask task, Vma vma, long vaddr) {
        if (vma.has(VmaFlags.VM_HUGETLB)) {
            folios.counters().count(VmEvent.PGFAULT);
            int outcome = hugetlb.unshare(vma, vaddr);
            if (outcome == FaultOutcome.DONE) {
                task.countMinorFault();
            }
            return outcome;
        }
        hugePages.mappings().split(vma, vaddr);
        return copyOnWrite.unshare(task, vma, vaddr & -4096L);
    }

    /** Returns what makes huge pages of small ones. */
    public Collapse collapse() {
        return collapse;
    }

    /** Returns huge pages and what is allowed of them. */
    public HugePages hugePages() {
        return hugePages;
    }

    /** Gives an area its anon_vma before it has pages, so that fork copies its tables: {@code anon_vma_prepare()}. */
    void prepareAnonVma(Vma vma) {
        anonVmas.prepare(vma);
    }

    /** An entry that KSM made point to the page of zeros, which its dirty bit tells, is gone: {@code ksm_might_unmap_zero_page()}. */
    static void forgetMergedZeroPage(Mm mm, long pfn, int flags, long zeroPfn) {
        if (isMergedZeroPage(pfn, flags, zeroPfn)) {
            mm.ksm().addZeroPages(-1);
        }
    }

    /** {@code is_ksm_zero_pte()}. */
    static boolean isMergedZeroPage(long pfn, int flags, long zeroPfn) {
        return pfn == zeroPfn && (flags & PteFlags.DIRTY) != 0;
    }

    /** Returns the resident counter a page belongs to: {@code mm_counter()}. */
    static RssCounter rssKind(MemMap memmap, long pfn) {
        if (memmap.mapping(pfn) < 0) {
            return RssCounter.ANON;
        }
        return memmap.hasFlags(pfn, PageFlags.SWAPBACKED) ? RssCounter.SHMEM : RssCounter.FILE;
    }

    private static int outcomeOf(long cacheResult) {
        if (cacheResult == PageCache.RETRY) {
            return RETRY;
        }
        if (cacheResult == PageCache.RETRY_MAJOR) {
            return RETRY_MAJOR;
        }
        return cacheResult == PageCache.BEYOND_END || cacheResult == PageCache.NO_SPACE
                ? FaultOutcome.BEYOND_END
                : FaultOutcome.NO_MEMORY;
    }
}
