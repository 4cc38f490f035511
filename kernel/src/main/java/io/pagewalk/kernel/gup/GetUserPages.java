package io.pagewalk.kernel.gup;

import io.pagewalk.base.KernelBug;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.kernel.fault.FaultHandler;
import io.pagewalk.kernel.fault.FaultOutcome;
import io.pagewalk.kernel.fault.FaultTask;
import io.pagewalk.kernel.fault.KernelTables;
import io.pagewalk.kernel.fault.PageTableEditor;
import io.pagewalk.kernel.fault.PteMarkers;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.rmap.Folios;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.vma.MappedFile;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import io.pagewalk.kernel.zone.NodeStat;
import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;

/** Finds the pages of a program, faults them in, and holds them: {@code mm/gup.c:__get_user_pages()}. */
public final class GetUserPages {
    private static final long PAGE = 4096;
    private static final long NONE = -1;

    private final PagingMode mode;
    private final KernelTables tables;
    private final PageTableEditor editor;
    private final FaultHandler handler;
    private final Folios folios;
    private final MemMap memmap;
    private final long zeroPfn;
    /* References that are held here, by frame: what a check expects beside those of page tables. */
    private final Map<Long, Integer> held = new TreeMap<>();

    /**
     * Creates the lookup of one machine.
     *
     * @param tables the kernel's tables
     * @param editor reads entries
     * @param handler faults pages in
     */
    public GetUserPages(KernelTables tables, PageTableEditor editor, FaultHandler handler) {
        this.mode = tables.mode();
        this.tables = tables;
        this.editor = editor;
        this.handler = handler;
        this.folios = tables.folios();
        this.memmap = folios.memmap();
        this.zeroPfn = tables.zeroPfn();
    }

    /**
     * Finds pages and holds them, as {@code get_user_pages_remote()} with {@link Foll#GET} and {@code pin_user_pages_remote()} with {@link Foll#PIN}.
     *
     * @param task who is charged with faults
     * @param mm whose pages
     * @param vaddr any address in the first page
     * @param count how many pages
     * @param flags bits of {@link Foll}, of GET and PIN exactly one
     * @param pfns receives the frames
     * @return how many pages are held; when it is none, {@code -EFAULT}, {@code -ENOMEM}, {@code -EINTR}, or {@code -EAGAIN} when the task sleeps now
     */
    public long hold(FaultTask task, Mm mm, long vaddr, int count, int flags, long[] pfns) {
        boolean isPin = (flags & Foll.PIN) != 0;
        KernelBug.on(isPin == ((flags & Foll.GET) != 0), "a page is either pinned or referenced");
        KernelBug.on((flags & Foll.LONGTERM) != 0 && !isPin, "only pins are held for long");
        if (isPin) {
            mm.setHasPinned();
        }
        for (int i = 0; i < count; i++) {
            long at = (vaddr & -PAGE) + i * PAGE;
            Vma vma = mm.vmas().find(at);
            long pfn = vma == null || !isAllowed(vma, flags) ? -Errno.EFAULT : page(task, vma, at, flags);
            if (pfn < 0) {
                return i > 0 ? i : pfn;
            }
            take(pfn, isPin);
            pfns[i] = pfn;
        }
        return count;
    }

    private void take(long pfn, boolean isPin) {
        if (pfn == zeroPfn && isPin) {
            return;
        }
        int references = 1;
        if (isPin) {
            references = folios.pin(pfn);
        } else {
            memmap.get(pfn);
        }
        note(pfn, references);
        if (isPin) {
            folios.counters().add(folios.zoneOf(pfn).node(), NodeStat.NR_FOLL_PIN_ACQUIRED, 1);
        }
    }

    /**
     * Lets pinned pages go: {@code unpin_user_pages_dirty_lock()}.
     *
     * @param pfns what {@link #hold} gave
     * @param count how many
     * @param isDirty whether they were written to
     */
    public void unpin(long[] pfns, int count, boolean isDirty) {
        for (int i = 0; i < count; i++) {
            if (isDirty) {
                folios.markDirty(pfns[i]);
            }
            if (pfns[i] != zeroPfn) {
                folios.counters().add(folios.zoneOf(pfns[i]).node(), NodeStat.NR_FOLL_PIN_RELEASED, 1);
                note(pfns[i], -folios.unpin(pfns[i]));
            }
        }
    }

    /**
     * Lets pages go that have a reference: {@code put_page()}.
     *
     * @param pfns what {@link #hold} gave
     * @param count how many
     */
    public void put(long[] pfns, int count) {
        for (int i = 0; i < count; i++) {
            note(pfns[i], -1);
            folios.put(pfns[i]);
        }
    }

    /** Remembers how many references of a page, or of the folio that it belongs to, are held here. */
    private void note(long pfn, int change) {
        long head = memmap.compoundHead(pfn);
        int now = held.getOrDefault(head, 0) + change;
        KernelBug.on(now < 0, "frame " + pfn + " is let go that nobody holds");
        if (now == 0) {
            held.remove(head);
        } else {
            held.put(head, now);
        }
    }

    /**
     * Returns the references of one frame that are held here.
     *
     * @param pfn any frame
     */
    public int references(long pfn) {
        return held.getOrDefault(pfn, 0);
    }

    /** Returns all references that are held here, by the first frame of what is held. */
    public Map<Long, Integer> held() {
        return Collections.unmodifiableMap(held);
    }

    /** {@code check_vma_flags()}. */
    private static boolean isAllowed(Vma vma, int flags) {
        if (vma.has(VmaFlags.VM_IO | VmaFlags.VM_PFNMAP)) {
            return false;
        }
        boolean isForced = (flags & Foll.FORCE) != 0;
        if ((flags & Foll.WRITE) == 0) {
            return vma.has(VmaFlags.VM_READ) || (isForced && vma.has(VmaFlags.VM_MAYREAD));
        }
        boolean isForLong = (flags & Foll.LONGTERM) != 0;
        if (!vma.isAnonymous() && isForLong && needsDirtyTracking(vma)) {
            return false;
        }
        boolean isPlain = vma.has(VmaFlags.VM_WRITE) && !vma.has(VmaFlags.VM_SHADOW_STACK);
        return isPlain || (isForced && VmaFlags.isCowMapping(vma.flags()));
    }

    /** Whether a file must hear of writes to its pages, which it could not while somebody holds them: {@code vma_needs_dirty_tracking()}. */
    private static boolean needsDirtyTracking(Vma vma) {
        MappedFile file = vma.file();
        long sharedWritable = VmaFlags.VM_SHARED | VmaFlags.VM_WRITE;
        return file != null && !file.isShmem() && (vma.flags() & sharedWritable) == sharedWritable;
    }

    /** Returns the frame at a place once it may be held, or a negative errno. */
    private long page(FaultTask task, Vma vma, long vaddr, int flags) {
        boolean isWrite = (flags & Foll.WRITE) != 0;
        while (true) {
            long entry = editor.entryAt(vma.mm(), vaddr);
            long pfn = follow(vma, entry, flags);
            if (pfn == -Errno.EFAULT) {
                return pfn;
            }
            boolean isUnshare = pfn != NONE && mustUnshare(vma, pfn, entry, flags);
            if (pfn != NONE && !isUnshare) {
                touch(pfn, entry, isWrite);
                return pfn;
            }
            if ((flags & Foll.NOFAULT) != 0) {
                return -Errno.EFAULT;
            }
            int outcome = isUnshare
                    ? handler.unshare(task, vma, vaddr)
                    : handler.handleMmFault(task, vma.mm(), vma, vaddr, isWrite);
            switch (outcome) {
                case FaultOutcome.DONE -> {}
                case FaultOutcome.NO_MEMORY -> {
                    return -Errno.ENOMEM;
                }
                case FaultOutcome.KILLED -> {
                    return -Errno.EINTR;
                }
                case FaultOutcome.WAITS, FaultOutcome.WAITS_AND_TRIED -> {
                    return -Errno.EAGAIN;
                }
                default -> {
                    return -Errno.EFAULT;
                }
            }
        }
    }

    /** Returns the frame of an entry that allows the access, {@link #NONE} when it takes a fault, or {@code -EFAULT}: {@code follow_page_pte()}. */
    private long follow(Vma vma, long entry, int flags) {
        if (entry == 0 || PteMarkers.is(entry)) {
            return NONE;
        }
        int bits = mode.flags(entry, 1);
        long pfn = mode.pfn(entry, 1);
        boolean isSpecial = (bits & PteFlags.SPECIAL) != 0;
        if ((flags & Foll.WRITE) != 0 && (bits & PteFlags.WRITE) == 0) {
            return !isSpecial && mayBeForced(vma, pfn, bits, flags) ? pfn : NONE;
        }
        return isSpecial && pfn != zeroPfn ? -Errno.EFAULT : pfn;
    }

    /** {@code can_follow_write_pte()} for an entry that is not writable. */
    private boolean mayBeForced(Vma vma, long pfn, int bits, int flags) {
        return (flags & Foll.FORCE) != 0
                && !vma.has(VmaFlags.VM_SHARED | VmaFlags.VM_MAYSHARE | VmaFlags.VM_WRITE)
                && vma.has(VmaFlags.VM_MAYWRITE)
                && memmap.mapping(pfn) < 0
                && isExclusive(pfn)
                && !(vma.isSoftDirtyEnabled() && (bits & PteFlags.SOFT_DIRTY) == 0)
                && !(vma.has(VmaFlags.VM_UFFD_WP) && (bits & PteFlags.UFFD_WP) != 0);
    }

    /** Whether a page that is only read must first become the program's own, because it is pinned: {@code gup_must_unshare()}. */
    private boolean mustUnshare(Vma vma, long pfn, long entry, int flags) {
        if ((flags & (Foll.WRITE | Foll.PIN)) != Foll.PIN) {
            return false;
        }
        boolean isAnon = (mode.flags(entry, 1) & PteFlags.SPECIAL) == 0 && memmap.mapping(pfn) < 0;
        return isAnon ? !isExclusive(pfn) : (flags & Foll.LONGTERM) != 0 && VmaFlags.isCowMapping(vma.flags());
    }

    /** {@code PageAnonExclusive()}, which a huge page of a pool has for all of it. */
    private boolean isExclusive(long pfn) {
        boolean isOfPool = memmap.owner(pfn) == FrameOwner.HUGETLB;
        return memmap.hasFlags(isOfPool ? memmap.compoundHead(pfn) : pfn, PageFlags.ANON_EXCLUSIVE);
    }

    /** What {@code FOLL_TOUCH} leaves behind. */
    private void touch(long pfn, long entry, boolean isWrite) {
        if (pfn == zeroPfn || !memmap.isValid(pfn)) {
            return;
        }
        if (isWrite && (mode.flags(entry, 1) & PteFlags.DIRTY) == 0) {
            folios.markDirty(pfn);
        }
        folios.lru().markAccessed(pfn);
    }

    /** Returns the machine's tables, for users of the pages. */
    KernelTables tables() {
        return tables;
    }
}
