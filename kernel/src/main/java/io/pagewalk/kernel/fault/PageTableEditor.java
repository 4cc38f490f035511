package io.pagewalk.kernel.fault;

import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.kernel.filemap.FileSystem;
import io.pagewalk.kernel.filemap.OpenFile;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.rmap.Folios;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.time.Cause;
import io.pagewalk.kernel.time.CostModel;
import io.pagewalk.kernel.time.TimeAccount;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.PageTableOps;
import io.pagewalk.kernel.vma.RssCounter;
import io.pagewalk.kernel.vma.UserfaultContext;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import java.util.List;
import java.util.function.Supplier;

/** What the address-space calls do to page tables: dropping, protecting, moving, copying and populating ranges ({@code mm/memory.c}, {@code mm/mprotect.c}, {@code mm/mremap.c}). */
public final class PageTableEditor implements PageTableOps {
    private static final long WP_MARKER = PteMarkers.entry(PteMarkers.UFFD_WP);

    private final PagingMode mode;
    private final PhysicalMemory memory;
    private final PageTables tables;
    private final GuardRegions guards;
    private final ProtectionChange rights;
    private final PinnedCopies pinned;
    private final HugeMappings huge;
    private final PageAdvice advice;
    private final Collapse collapse;
    private final Folios folios;
    private final FolioBatch batch;
    private final MemMap memmap;
    private final FileSystem files;
    private final FaultHandler handler;
    private final TlbFlusher flusher;
    private final TimeAccount time;
    private final CostModel costs;
    private final Supplier<FaultTask> current;
    private final long zeroPfn;

    /**
     * Creates the editor of one machine.
     *
     * @param kernel the kernel's tables
     * @param files the page cache's files
     * @param handler fills pages in
     * @param flusher flushes TLBs
     * @param time the clock
     * @param costs what entries cost
     * @param current the running task
     */
    public PageTableEditor(
            KernelTables kernel,
            FileSystem files,
            FaultHandler handler,
            TlbFlusher flusher,
            TimeAccount time,
            CostModel costs,
            Supplier<FaultTask> current) {
        this.mode = kernel.mode();
        this.memory = kernel.memory();
        this.tables = kernel.tables();
        this.guards = new GuardRegions(mode, memory, tables);
        this.rights = new ProtectionChange(kernel, handler.hugePages().mappings(), flusher);
        this.pinned = handler.hugePages().pinned();
        this.huge = handler.hugePages().mappings();
        this.advice = new PageAdvice(kernel, handler.hugePages(), flusher);
        this.collapse = handler.collapse();
        this.folios = kernel.folios();
        this.batch = new FolioBatch(mode, memory, folios);
        this.memmap = folios.memmap();
        this.files = files;
        this.handler = handler;
        this.flusher = flusher;
        this.time = time;
        this.costs = costs;
        this.current = current;
        this.zeroPfn = kernel.zeroPfn();
    }

    /**
     * Gives a new address space its root: {@code mm/fork.c:mm_alloc_pgd()}.
     *
     * @param mm an address space without a root
     * @return whether there was memory
     */
    public boolean makeRoot(Mm mm) {
        return tables.makeRoot(mm);
    }

    /**
     * Takes the root from an address space whose areas are gone: {@code mmdrop()}.
     *
     * @param mm an address space that no CPU has loaded
     */
    public void freeRoot(Mm mm) {
        tables.freeRoot(mm);
    }

    @Override
    public void unmapRegion(Mm mm, List<Vma> vmas, long floor, long ceiling) {
        if (mm.pgdPfn() < 0) {
            return;
        }
        folios.drainBatches();
        FlushRange flush = new FlushRange(flusher);
        for (Vma vma : vmas) {
            zap(vma, vma.start(), vma.end(), flush, false, true);
        }
        for (int i = 0; i < vmas.size(); i++) {
            Vma vma = vmas.get(i);
            long next = i + 1 < vmas.size() ? vmas.get(i + 1).start() : ceiling;
            if (tables.freeRange(mm, vma.start(), vma.end(), floor, next) > 0) {
                flush.addTables(vma.start(), vma.end());
            }
        }
        flush.finish(mm);
    }

    /**
     * Returns the flags of the entry that maps a frame at a place, without the walk's side effects: {@code page_vma_mapped_walk()}.
     *
     * @param mm an address space
     * @param vaddr the place
     * @param pfn the frame
     * @return bits of {@link PteFlags}, or -1 when the place does not map the frame
     */
    public int flagsOfMapping(Mm mm, long vaddr, long pfn) {
        if (mm.pgdPfn() < 0) {
            return -1;
        }
        long entry = tables.entry(mm, vaddr);
        if (entry == 0 || PteMarkers.is(entry)) {
            return -1;
        }
        int flags = mode.flags(entry, 1);
        boolean isMapped = mode.isPresent(entry) || (flags & PteFlags.PROT_NONE) != 0;
        return isMapped && mode.pfn(entry, 1) == pfn ? flags : -1;
    }

    /**
     * Lets an entry point to another frame with the same rights and marks, and flushes the old translation: what {@code mm/rmap.c:try_to_migrate()} and
     * {@code mm/migrate.c:remove_migration_ptes()} come to for one entry when nobody runs in between.
     *
     * @param mm an address space
     * @param vaddr where an entry exists
     * @param to the new frame
     */
    public void redirect(Mm mm, long vaddr, long to) {
        long table = tables.find(mm, vaddr);
        int index = mode.index(vaddr, 1);
        int flags = mode.flags(mode.readEntry(memory, table, index), 1);
        mode.writeEntry(memory, table, index, mode.leaf(to, flags, 1));
        flusher.flushRange(mm, vaddr, vaddr + 4096, false);
    }

    @Override
    public void splitHuge(Vma vma, long address) {
        if (vma.mm().pgdPfn() >= 0) {
            huge.splitAcross(vma, address);
        }
    }

    @Override
    public void zapRange(Vma vma, long start, long end) {
        folios.drainBatches();
        FlushRange flush = new FlushRange(flusher);
        zap(vma, start, end, flush, false, false);
        flush.finish(vma.mm());
    }

    @Override
    public void discard(Vma vma, long start, long end) {
        folios.drainBatches();
        FlushRange flush = new FlushRange(flusher);
        zap(vma, start, end, flush, false, false);
        tables.reclaim(vma.mm(), start, end, flush);
        flush.finish(vma.mm());
    }

    /**
     * Drops all pages of an address space whose owner was killed, and keeps areas and tables: {@code mm/oom_kill.c:__oom_reap_task_mm()}. Shared file areas are left alone, as Linux leaves them.
     *
     * @param mm the victim's address space
     */
    public void reap(Mm mm) {
        FlushRange flush = new FlushRange(flusher);
        for (Vma vma : mm.vmas()) {
            if (!vma.has(VmaFlags.VM_HUGETLB | VmaFlags.VM_PFNMAP)
                    && (vma.file() == null || !vma.has(VmaFlags.VM_SHARED))) {
                zap(vma, vma.start(), vma.end(), flush, false, false);
            }
        }
        flush.finish(mm);
    }

    /**
     * Drops the pages of a file range out of one area, as truncation must: {@code mm/memory.c:unmap_mapping_range()}.
     *
     * @param vma an area that maps the file
     * @param firstIndex first page index of the file that goes
     * @param lastIndex last page index that goes
     * @param evenCows whether private copies go too
     */
    public void unmapFileRange(Vma vma, long firstIndex, long lastIndex, boolean evenCows) {
        long first = Math.max(firstIndex, vma.pgoff());
        long last = Math.min(lastIndex, vma.pgoff() + vma.pages() - 1);
        if (first > last) {
            return;
        }
        FlushRange flush = new FlushRange(flusher);
        long start = vma.start() + ((first - vma.pgoff()) << 12);
        zap(vma, start, vma.start() + ((last + 1 - vma.pgoff()) << 12), flush, !evenCows, false);
        flush.finish(vma.mm());
    }

    /** {@code mm/memory.c:zap_pte_range()}: clears every entry of a range and lets its page go. Markers stay unless the area itself goes. */
    private void zap(Vma vma, long start, long end, FlushRange flush, boolean keepAnonymous, boolean dropMarkers) {
        Mm mm = vma.mm();
        boolean hasRecency = !vma.has(VmaFlags.VM_SEQ_READ | VmaFlags.VM_RAND_READ);
        long zapped = 0;
        long vaddr = start;
        while (vaddr < end) {
            long table = tables.findOrSkip(mm, vaddr);
            if (table == PageTables.HUGE) {
                if (huge.isWhole(vaddr, end)) {
                    huge.zap(vma, vaddr, flush);
                    zapped++;
                    vaddr = huge.endOf(vaddr);
                } else {
                    huge.split(vma, vaddr);
                }
                continue;
            }
            if (table < 0) {
                vaddr = ~table;
                continue;
            }
            int index = mode.index(vaddr, 1);
            for (; index < mode.entries(1) && vaddr < end; index++, vaddr += 4096) {
                long entry = mode.readEntry(memory, table, index);
                if (entry == 0) {
                    continue;
                }
                if (PteMarkers.is(entry)) {
                    if (dropMarkers || isDropped(PteMarkers.marks(entry), vma, keepAnonymous)) {
                        boolean staysProtected = !dropMarkers && staysProtected(vma, PteMarkers.marks(entry));
                        mode.writeEntry(memory, table, index, staysProtected ? WP_MARKER : 0);
                    }
                    continue;
                }
                int flags = mode.flags(entry, 1);
                long pfn = mode.pfn(entry, 1);
                boolean isSpecial = (flags & PteFlags.SPECIAL) != 0;
                if (keepAnonymous && (isSpecial || memmap.mapping(pfn) < 0)) {
                    continue;
                }
                int mark = (flags & PteFlags.UFFD_WP) != 0 && !dropMarkers ? PteMarkers.UFFD_WP : 0;
                long left = staysProtected(vma, mark) ? WP_MARKER : 0;
                int alike = isSpecial ? 1 : batch.count(table, index, pfn, end - vaddr);
                for (int i = 0; i < alike; i++) {
                    flags |= mode.flags(mode.readEntry(memory, table, index + i), 1);
                    mode.writeEntry(memory, table, index + i, left);
                    flush.addPage(vaddr + 4096L * i);
                }
                if (isSpecial) {
                    FaultHandler.forgetMergedZeroPage(mm, pfn, flags, zeroPfn);
                } else {
                    drop(vma, pfn, alike, flags, hasRecency);
                }
                zapped += alike;
                index += alike - 1;
                vaddr += 4096L * (alike - 1);
            }
        }
        if (zapped > 0) {
            time.charge(Cause.PROCESS, zapped * costs.zapEntryNanos());
        }
    }

    /** Whether a place of a file stays write-protected when its page goes: {@code pte_install_uffd_wp_if_needed()}. */
    private static boolean staysProtected(Vma vma, int marks) {
        return (marks & PteMarkers.UFFD_WP) != 0 && vma.has(VmaFlags.VM_UFFD_WP) && !vma.isAnonymous();
    }

    /** Guard pages go with their area only, write protection with anonymous pages, poison with private copies. */
    private static boolean isDropped(int marks, Vma vma, boolean keepAnonymous) {
        if ((marks & PteMarkers.GUARD) != 0) {
            return false;
        }
        return (marks & PteMarkers.POISONED) != 0 ? !keepAnonymous : vma.isAnonymous();
    }

    /** Drops neighbouring pages whose entries are cleared; what one of them says of dirt and use holds for the folio, once: {@code mm/memory.c:zap_present_folio_ptes()}. */
    private void drop(Vma vma, long pfn, int count, int flags, boolean hasRecency) {
        RssCounter kind = FaultHandler.rssKind(memmap, pfn);
        // Pages of the vDSO and of drivers belong to no file: nobody writes them back or reclaims them.
        if (memmap.mapping(pfn) > 0) {
            if ((flags & PteFlags.DIRTY) != 0) {
                folios.markDirty(pfn);
            }
            if ((flags & PteFlags.ACCESSED) != 0 && hasRecency) {
                folios.lru().markAccessed(pfn);
            }
        }
        vma.mm().addRss(kind, -count);
        if (folios.large().isLarge(pfn)) {
            folios.unmapMany(pfn, count, vma);
        } else {
            folios.unmap(pfn, vma);
        }
    }

    @Override
    public void changeProtection(Vma vma, long start, long end, long oldFlags) {
        rights.change(vma, start, end, ProtectionChange.Reason.AREA);
    }

    @Override
    public long writeProtect(Vma vma, long start, long end, boolean isProtected) {
        ProtectionChange.Reason reason =
                isProtected ? ProtectionChange.Reason.PROTECT : ProtectionChange.Reason.RESOLVE;
        return rights.change(vma, start, end, reason) ? 0 : -Errno.ENOMEM;
    }

    @Override
    public boolean moveTables(Vma from, long oldStart, Vma to, long newStart, long lengthBytes) {
        UserfaultContext userfault = from.userfault();
        if (userfault != null && !userfault.followsMoves()) {
            rights.forgetUserfault(from.mm(), oldStart, oldStart + lengthBytes);
        }
        return new EntryMover(mode, memory, tables, huge, flusher).move(from, oldStart, to, newStart, lengthBytes);
    }

    /**
     * Copies the entries of one area for fork: {@code mm/memory.c:copy_page_range()}. Private pages become read-only on both sides; areas that faults can refill are left empty.
     *
     * @param child the copy of the area
     * @param parent the area
     * @return 0 or {@code -ENOMEM}
     */
    public long copyRange(Vma child, Vma parent) {
        boolean staysProtected = child.has(VmaFlags.VM_UFFD_WP);
        if (!staysProtected && parent.anonVma() == null && !parent.has(VmaFlags.VM_COPY_ON_FORK)) {
            return 0;
        }
        Mm source = parent.mm();
        Mm target = child.mm();
        boolean isCow = VmaFlags.isCowMapping(parent.flags());
        long copied = 0;
        long vaddr = parent.start();
        while (vaddr < parent.end()) {
            long table = tables.findOrSkip(source, vaddr);
            if (table == PageTables.HUGE) {
                HugeMappings.Copied result = huge.copy(child, parent, vaddr);
                if (result == HugeMappings.Copied.NO_MEMORY) {
                    return -Errno.ENOMEM;
                }
                copied++;
                vaddr = result == HugeMappings.Copied.SPLIT ? vaddr : huge.endOf(vaddr);
                continue;
            }
            if (table < 0) {
                if (!tables.copyUpper(source, target, vaddr)) {
                    return -Errno.ENOMEM;
                }
                vaddr = ~table;
                continue;
            }
            long childTable = tables.findOrMake(target, vaddr);
            if (childTable < 0) {
                return -Errno.ENOMEM;
            }
            int index = mode.index(vaddr, 1);
            for (; index < mode.entries(1) && vaddr < parent.end(); index++, vaddr += 4096) {
                long entry = mode.readEntry(memory, table, index);
                if (PteMarkers.is(entry)) {
                    if (staysProtected || PteMarkers.marks(entry) != PteMarkers.UFFD_WP) {
                        mode.writeEntry(memory, childTable, index, entry);
                        copied++;
                    }
                } else if (entry != 0) {
                    if (!copyEntry(child, parent, vaddr, table, childTable, entry, isCow)) {
                        return -Errno.ENOMEM;
                    }
                    copied++;
                }
            }
        }
        time.charge(Cause.PROCESS, copied * costs.copyEntryNanos());
        return 0;
    }

    /** {@code mm/memory.c:copy_present_ptes()}. */
    private boolean copyEntry(
            Vma child, Vma parent, long vaddr, long table, long childTable, long entry, boolean isCow) {
        int flags = mode.flags(entry, 1);
        int index = mode.index(vaddr, 1);
        Mm target = child.mm();
        if ((flags & PteFlags.SPECIAL) == 0) {
            long pfn = mode.pfn(entry, 1);
            boolean isAnon = memmap.mapping(pfn) < 0;
            if (isAnon && pinned.mustCopy(parent.mm(), pfn)) {
                return pinned.copyForChild(child, vaddr, childTable, pfn, flags);
            }
            target.addRss(FaultHandler.rssKind(memmap, pfn), 1);
            if (isAnon) {
                folios.dupAnon(pfn, target);
            } else {
                memmap.get(pfn);
                folios.addMapping(pfn, target);
            }
        } else if (FaultHandler.isMergedZeroPage(mode.pfn(entry, 1), flags, zeroPfn)) {
            target.ksm().addZeroPages(1);
        }
        if (isCow && (flags & PteFlags.WRITE) != 0) {
            flags &= ~PteFlags.WRITE;
            mode.writeEntry(memory, table, index, mode.withFlags(entry, flags, 1));
        }
        int childFlags = flags & ~PteFlags.ACCESSED;
        if (!child.has(VmaFlags.VM_UFFD_WP)) {
            childFlags &= ~PteFlags.UFFD_WP;
        }
        if (parent.has(VmaFlags.VM_SHARED)) {
            childFlags &= ~PteFlags.DIRTY;
        }
        mode.writeEntry(memory, childTable, index, mode.withFlags(entry, childFlags, 1));
        return true;
    }

    @Override
    public long populate(Vma vma, long start, long end, boolean write) {
        return faultInAndDrain(vma, start, end, write, FaultHandler.Origin.POPULATE);
    }

    @Override
    public long faultIn(Vma vma, long start, long end, boolean write) {
        return faultInAndDrain(vma, start, end, write, FaultHandler.Origin.ACCESS);
    }

    private long faultInAndDrain(Vma vma, long start, long end, boolean write, FaultHandler.Origin origin) {
        long error = faultIn(vma, start, end, write, origin);
        folios.drainBatches();
        return error;
    }

    private long faultIn(Vma vma, long start, long end, boolean write, FaultHandler.Origin origin) {
        for (long vaddr = start; vaddr < end; vaddr += 4096) {
            long entry = entryAt(vma.mm(), vaddr);
            if (isReady(entry, write)) {
                touch(vma.mm(), vaddr, entry, write);
                continue;
            }
            switch (handler.faultIn(current.get(), vma.mm(), vma, vaddr, write, origin)) {
                case FaultOutcome.DONE -> {
                    // A marker that was only dropped, or a page that still is write-protected: the next fault is about
                    // that.
                    boolean hadMark = PteMarkers.is(entry) || vma.has(VmaFlags.VM_UFFD_WP);
                    long made = entryAt(vma.mm(), vaddr);
                    if (isReady(made, write)) {
                        touch(vma.mm(), vaddr, made, write);
                    } else {
                        vaddr -= hadMark ? 4096 : 0;
                    }
                }
                case FaultOutcome.NO_MEMORY -> {
                    return -Errno.ENOMEM;
                }
                case FaultOutcome.KILLED -> {
                    return -Errno.EINTR;
                }
                case FaultOutcome.POISONED -> {
                    return -Errno.EHWPOISON;
                }
                default -> {
                    return -Errno.EFAULT;
                }
            }
        }
        return 0;
    }

    private boolean isReady(long entry, boolean write) {
        return entry != 0
                && !PteMarkers.is(entry)
                && (mode.flags(entry, 1) & PteFlags.PROT_NONE) == 0
                && (!write || (mode.flags(entry, 1) & PteFlags.WRITE) != 0);
    }

    /** The page counts as used, and one that is writable but was never written counts as written: {@code FOLL_TOUCH} in {@code mm/gup.c:follow_page_pte()}. */
    private void touch(Mm mm, long vaddr, long entry, boolean write) {
        long whole = tables.hugeEntry(mm, vaddr);
        if (whole != 0) {
            // touch_pmd(): x86 changes an entry only to make it dirty.
            if (write) {
                int flags = mode.flags(whole, PageTables.HUGE_LEVEL);
                huge.setFlags(mm, vaddr, whole, flags | PteFlags.ACCESSED | PteFlags.DIRTY);
            }
            return;
        }
        long pfn = mode.pfn(entry, 1);
        int flags = mode.flags(entry, 1);
        if ((flags & PteFlags.SPECIAL) != 0 || !memmap.isValid(pfn)) {
            return;
        }
        if (write && (flags & PteFlags.DIRTY) == 0 && !memmap.hasFlags(pfn, PageFlags.DIRTY)) {
            folios.markDirty(pfn);
        }
        folios.lru().markAccessed(pfn);
    }

    @Override
    public long installGuards(Vma vma, long start, long end) {
        // Pages of a file come back at a fault, and its guards are copied because of VM_MAYBE_GUARD.
        if (vma.isAnonymous()) {
            handler.prepareAnonVma(vma);
        }
        zapRange(vma, start, end);
        return guards.install(vma.mm(), start, end);
    }

    @Override
    public void removeGuards(Vma vma, long start, long end) {
        guards.remove(vma.mm(), start, end, PteMarkers.GUARD);
    }

    @Override
    public void lazyFree(Vma vma, long start, long end) {
        guards.remove(vma.mm(), start, end, PteMarkers.POISONED);
        advice.lazyFree(vma, start, end);
    }

    @Override
    public long collapse(Vma vma, long start, long end) {
        return collapse.advise(vma, start, end);
    }

    @Override
    public void deactivate(Vma vma, long start, long end, boolean pageOut) {
        advice.deactivate(vma, start, end);
    }

    @Override
    public void lockChanged(Vma vma, long start, long end) {
        advice.lockChanged(vma, start, end);
    }

    @Override
    public void willNeed(Vma vma, long start, long end) {
        if (vma.file() instanceof OpenFile file && !file.isShmem()) {
            files.cache().forceReadahead(file, vma.pgoffOf(start), (end - start) >>> 12);
        }
    }

    @Override
    public boolean isInCore(Vma vma, long vaddr) {
        long entry = entryAt(vma.mm(), vaddr);
        if (entry != 0 && !PteMarkers.is(entry)) {
            return true;
        }
        if (vma.file() instanceof OpenFile file) {
            files.cache().settle();
            long pfn = file.inodeObject().cachedPfn(vma.pgoffOf(vaddr));
            return pfn >= 0 && memmap.hasFlags(pfn, PageFlags.UPTODATE);
        }
        return false;
    }

    @Override
    public long removeFromFile(Vma vma, long start, long end) {
        if (vma.file() instanceof OpenFile file) {
            long from = vma.pgoffOf(start) << 12;
            return files.punchHole(file.inodeObject(), from, from + end - start);
        }
        return -Errno.EINVAL;
    }

    @Override
    public long sync(Vma vma, long start, long end) {
        return 0;
    }

    /**
     * Returns the raw entry that maps an address, for a part of a huge page the one it would have alone; 0 when there is none.
     *
     * @param mm the address space
     * @param vaddr a user address
     */
    public long entryAt(Mm mm, long vaddr) {
        return tables.entry(mm, vaddr);
    }
}
