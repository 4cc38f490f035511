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
import io.pagewalk.kernel.vma.UserfaultContext;
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
    private enum Origin {
        /** The program, or the kernel in its place. */
        ACCESS,
        /** mlock, MAP_POPULATE and their like. */
        POPULATE
    }

    /** What a page is copied for. */
    private enum CopyFor {
        /** The program writes to it. */
        WRITING,
        /** It must be an entry's own, but stays read-only. */
        READING
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
    private final TlbFlusher flusher;
    private final TimeAccount time;
    private final CostModel costs;
    private final long zeroPfn;
    private final AccessRights rights;
    private long faultAroundPages = 16;

    /** What a write leaves in an entry: {@code pte_mkdirty()}. */
    private int dirty = PteFlags.DIRTY;

    /**
     * Creates the handler of one machine.
     *
     * @param kernel the kernel's tables
     * @param anonVmas the reverse map
     * @param cache file pages
     * @param flusher flushes TLBs
     * @param time the clock
     * @param costs what faults cost
     * @param bus reads device memory that a private mapping copies
     */
    public FaultHandler(
            KernelTables kernel,
            AnonVmas anonVmas,
            PageCache cache,
            TlbFlusher flusher,
            TimeAccount time,
            CostModel costs,
            PhysicalBus bus) {
        this.mode = kernel.mode();
        this.memory = kernel.memory();
        this.tables = kernel.tables();
        this.protection = new Protection(mode);
        this.folios = kernel.folios();
        this.memmap = folios.memmap();
        this.anonVmas = anonVmas;
        this.cache = cache;
        this.special = kernel.specialPages();
        this.driverFaults = new DriverFaults(kernel, anonVmas, bus);
        this.userfaults = new UserfaultChecks(cache);
        this.around = new FaultAround(kernel, cache, time, costs);
        this.flusher = flusher;
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

    /** Lets each write that is seen set the soft-dirty bit as well: {@code CONFIG_MEM_SOFT_DIRTY}. */
    public void trackSoftDirty() {
        dirty = PteFlags.DIRTY | PteFlags.SOFT_DIRTY;
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
        int access = MmuFault.access(fault);
        if (rights.isRefused(vma, access, MmuFault.kind(fault) == MmuFault.PROTECTION)) {
            return FaultOutcome.NO_RIGHT;
        }
        userfaults.begin(vaddr, isUser);
        return handle(task, mm, vma, vaddr, access == Access.STORE, Origin.ACCESS, isTried);
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

    /**
     * The same for {@code mm/gup.c:__mm_populate()}: when a page had to be read, it begins again and does not tell the second attempt, which therefore counts as a minor fault.
     *
     * @param task who is charged
     * @param mm the address space
     * @param vma the area, which allows the access
     * @param vaddr an address in it
     * @param isWrite whether the page must be writable
     * @return a {@link FaultOutcome}
     */
    int populatePage(FaultTask task, Mm mm, Vma vma, long vaddr, boolean isWrite) {
        userfaults.begin(vaddr, false);
        return handle(task, mm, vma, vaddr, isWrite, Origin.POPULATE, false);
    }

    private int handle(
            FaultTask task, Mm mm, Vma vma, long vaddr, boolean isWrite, Origin origin, boolean isTriedBefore) {
        long page = vaddr & -4096L;
        boolean isTried = isTriedBefore;
        boolean isLocked = vma.userfault() != null && userfaults.isUnderMmapLock(vma, isWrite);
        while (true) {
            int outcome = handlePte(task, mm, vma, page, isWrite, isTried);
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
        if (table < 0 && !tables.makeUpper(mm, vaddr)) {
            return FaultOutcome.NO_MEMORY;
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
                return writeProtected(task, mm, vma, vaddr, table, index, entry, flags);
            }
            wanted |= dirty;
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
            AnonVma anonVma = anonVmaOf(vma);
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
            flags |= dirty | writeRight(vma);
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
        long pfn = cache.fault(file, vma.pgoffOf(vaddr), vma.flags(), isTried);
        if (pfn < 0) {
            return outcomeOf(pfn);
        }
        if (task.isKilled()) {
            folios.put(pfn);
            return FaultOutcome.KILLED;
        }
        long table = tables.findOrMake(mm, vaddr);
        if (table < 0) {
            folios.put(pfn);
            return FaultOutcome.NO_MEMORY;
        }
        int flags = protection.flags(vma);
        if (isWrite) {
            folios.markDirty(pfn);
            flags |= dirty | writeRight(vma);
        }
        around.map(mm, vma, table, vaddr, pfn, flags, file.isShmem());
        return FaultOutcome.DONE;
    }

    /** {@code mm/memory.c:do_cow_fault()}: the first touch of a private file page is a write. */
    private int cowFilePage(FaultTask task, Mm mm, Vma vma, long vaddr, OpenFile file, boolean isTried) {
        AnonVma anonVma = anonVmaOf(vma);
        long copy = folios.allocate(USER_GFP, vma, vaddr);
        if (copy < 0) {
            return FaultOutcome.NO_MEMORY;
        }
        int told = userfaults.ofFile(task, vma, file, true);
        if (told != UserfaultChecks.GO_ON) {
            folios.put(copy);
            return told;
        }
        long pfn = cache.fault(file, vma.pgoffOf(vaddr), vma.flags(), isTried);
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
        map(vma, table, vaddr, copy, protection.flags(vma) | dirty | writeRight(vma));
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

    /** {@code mm/memory.c:do_wp_page()}: a write to a page that is mapped read-only in an area that allows writing. */
    private int writeProtected(
            FaultTask task, Mm mm, Vma vma, long vaddr, long table, int index, long oldEntry, int oldFlags) {
        long entry = oldEntry;
        int flags = oldFlags;
        if ((flags & PteFlags.UFFD_WP) != 0 && vma.has(VmaFlags.VM_UFFD_WP)) {
            UserfaultContext userfault = vma.userfault();
            if (userfault == null || !userfault.isWpAsync()) {
                return userfaults.tell(task, vma, true, VmaFlags.VM_UFFD_WP);
            }
            flags &= ~PteFlags.UFFD_WP;
            entry = mode.withFlags(entry, flags, 1);
            mode.writeEntry(memory, table, index, entry);
        }
        boolean isSpecial = (flags & PteFlags.SPECIAL) != 0;
        long old = mode.pfn(entry, 1);
        if (vma.has(VmaFlags.VM_SHARED | VmaFlags.VM_MAYSHARE)) {
            if (!isSpecial) {
                folios.markDirty(old);
            }
            reuse(vma, table, index, entry, flags);
            return FaultOutcome.DONE;
        }
        if (mayReuse(old, flags)) {
            memmap.setFlags(old, PageFlags.ANON_EXCLUSIVE);
            AnonVma anonVma = anonVmaOf(vma);
            memmap.setMapping(old, -(int) anonVma.id(), vma.pgoffOf(vaddr));
            reuse(vma, table, index, entry, flags);
            return FaultOutcome.DONE;
        }
        return copyPage(task, mm, vma, vaddr, entry, CopyFor.WRITING);
    }

    /**
     * Gives an entry that many share a page of its own without making it writable: a fault with {@code FAULT_FLAG_UNSHARE}.
     *
     * @param task who is charged
     * @param vma an area
     * @param vaddr an address in it, whose entry is present
     * @return a {@link FaultOutcome}
     */
    public int unshare(FaultTask task, Vma vma, long vaddr) {
        Mm mm = vma.mm();
        long page = vaddr & -4096L;
        long table = tables.find(mm, page);
        long entry = table < 0 ? 0 : mode.readEntry(memory, table, mode.index(page, 1));
        KernelBug.on(entry == 0 || PteMarkers.is(entry), "nothing to unshare");
        int flags = mode.flags(entry, 1);
        int outcome = FaultOutcome.DONE;
        if ((flags & PteFlags.WRITE) == 0 && !mayReuse(mode.pfn(entry, 1), flags)) {
            outcome = copyPage(task, mm, vma, page, entry, CopyFor.READING);
        }
        folios.counters().count(VmEvent.PGFAULT);
        if (outcome == FaultOutcome.DONE) {
            task.countMinorFault();
        }
        time.charge(Cause.MINOR_FAULT, costs.minorFaultNanos());
        return outcome;
    }

    /** Returns whether a page is anonymous and one entry's own: {@code mm/memory.c:wp_can_reuse_anon_folio()}. A merged page never is. */
    private boolean mayReuse(long pfn, int flags) {
        return (flags & PteFlags.SPECIAL) == 0
                && memmap.mapping(pfn) < 0
                && (memmap.hasFlags(pfn, PageFlags.ANON_EXCLUSIVE)
                        || (memmap.refcount(pfn) == 1 && !memmap.hasFlags(pfn, PageFlags.KSM)));
    }

    /** {@code mm/memory.c:wp_page_reuse()}. */
    private void reuse(Vma vma, long table, int index, long entry, int flags) {
        int writable = flags | PteFlags.ACCESSED | dirty | writeRight(vma);
        mode.writeEntry(memory, table, index, mode.withFlags(entry, writable, 1));
        folios.counters().count(VmEvent.PGREUSE);
    }

    /** {@code mm/memory.c:wp_page_copy()}. */
    private int copyPage(FaultTask task, Mm mm, Vma vma, long vaddr, long entry, CopyFor purpose) {
        int oldFlags = mode.flags(entry, 1);
        long old = mode.pfn(entry, 1);
        boolean isSpecial = (oldFlags & PteFlags.SPECIAL) != 0;
        boolean isAnon = !isSpecial && memmap.mapping(old) < 0;
        if (isAnon && memmap.hasFlags(old, PageFlags.KSM)) {
            folios.counters().count(VmEvent.COW_KSM);
        }
        AnonVma anonVma = anonVmaOf(vma);
        long copy = folios.allocate(isSpecial ? ZEROED_GFP : USER_GFP, vma, vaddr);
        if (copy < 0) {
            return FaultOutcome.NO_MEMORY;
        }
        if (task.isKilled()) {
            folios.put(copy);
            return FaultOutcome.KILLED;
        }
        if (isSpecial && old == zeroPfn) {
            time.charge(Cause.MINOR_FAULT, costs.clearPageNanos());
        } else if (isSpecial) {
            driverFaults.copyRaw(old, copy);
            time.charge(Cause.MINOR_FAULT, costs.copyPageNanos());
        } else {
            memory.copyFrame(old, copy);
            time.charge(Cause.MINOR_FAULT, costs.copyPageNanos());
        }
        if (isSpecial) {
            forgetMergedZeroPage(mm, old, oldFlags, zeroPfn);
            mm.addRss(RssCounter.ANON, 1);
        } else if (!isAnon) {
            mm.addRss(rssKind(memmap, old), -1);
            mm.addRss(RssCounter.ANON, 1);
        }
        folios.addNewAnon(copy, vma, anonVma, vaddr);
        long table = tables.find(mm, vaddr);
        int flags = protection.flags(vma);
        flags |= purpose == CopyFor.WRITING ? dirty | writeRight(vma) : oldFlags & PteFlags.SOFT_DIRTY;
        mode.writeEntry(memory, table, mode.index(vaddr, 1), mode.leaf(copy, flags, 1));
        flusher.flushRange(mm, vaddr, vaddr + 4096, false);
        if (!isSpecial) {
            folios.unmap(old, mm);
        }
        return FaultOutcome.DONE;
    }

    /** Gives an area its anon_vma before it has pages, so that fork copies its tables: {@code anon_vma_prepare()}. */
    void prepareAnonVma(Vma vma) {
        anonVmas.prepare(vma);
    }

    private AnonVma anonVmaOf(Vma vma) {
        AnonVma anonVma = vma.anonVma();
        if (anonVma == null) {
            anonVmas.prepare(vma);
            anonVma = vma.anonVma();
        }
        if (anonVma == null) {
            throw new KernelBug("an area has no anon_vma after preparation");
        }
        return anonVma;
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

    private static int writeRight(Vma vma) {
        return vma.has(VmaFlags.VM_WRITE) ? PteFlags.WRITE : 0;
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
