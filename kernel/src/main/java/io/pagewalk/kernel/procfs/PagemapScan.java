package io.pagewalk.kernel.procfs;

import io.pagewalk.base.Bits;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.kernel.fault.PageRangeWalk;
import io.pagewalk.kernel.fault.PteMarkers;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.syscall.UserMemory;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.UserfaultAreas;
import io.pagewalk.kernel.vma.UserfaultContext;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;

/**
 * The {@code PAGEMAP_SCAN} command: finds the pages of a range that are in wanted categories, and tells them as ranges ({@code fs/proc/task_mmu.c:do_pagemap_scan()}). In
 * areas whose write protection by userfaultfd the next write lifts, it can protect what it has found.
 */
final class PagemapScan implements PageRangeWalk.Visitor {
    /** {@code _IOWR('f', 16, struct pm_scan_arg)}. */
    static final int COMMAND = 0xc0606610;

    private static final int ARG_BYTES = 96;
    private static final int REGION_BYTES = 24;
    private static final int WALK_END_OFFSET = 32;
    private static final int BUFFERED_REGIONS = 512;

    private static final long WPALLOWED = 1;
    private static final long WRITTEN = 1 << 1;
    private static final long FILE = 1 << 2;
    private static final long PRESENT = 1 << 3;
    private static final long SWAPPED = 1 << 4;
    private static final long PFNZERO = 1 << 5;
    private static final long HUGE = 1 << 6;
    private static final long SOFT_DIRTY = 1 << 7;
    private static final long GUARD = 1 << 8;
    private static final long ALL_CATEGORIES = 0x1ff;

    private static final long WP_MATCHING = 1;
    private static final long CHECK_WPASYNC = 1 << 1;

    private final TaskMmuServices services;
    private final PagingMode mode;
    private final MemMap memmap;
    private final Mm mm;
    private final UserMemory user;

    private long flags;
    private long start;
    private long end;
    private long walkEnd;
    private long vec;
    private long vecLength;
    private long maxPages;
    private long inverted;
    private long mask;
    private long anyOf;
    private long returned;

    /* Ranges that were found and not yet copied out: start, end and categories of each. Null when nobody wants them. */
    private long @Nullable [] buffer;
    private int bufferLength;
    private int bufferIndex;
    private long foundPages;
    private long areaCategories;
    private final PageRangeWalk walk;
    private long flushFrom;
    private long flushTo;

    private PagemapScan(TaskMmuServices services, Mm mm, UserMemory user) {
        this.services = services;
        this.mode = services.mode();
        this.memmap = services.memmap();
        this.mm = mm;
        this.user = user;
        this.walk = new PageRangeWalk(services.tables());
    }

    /**
     * Performs the command.
     *
     * @param services the machine
     * @param mm the address space to scan
     * @param address of a {@code struct pm_scan_arg}
     * @param user memory of the caller
     * @return how many ranges were written, {@code -ESRCH} when the address space is gone, {@code -EFAULT}, {@code -EINVAL}, {@code -EPERM} when an area is not
     *     write-protected asynchronously and the caller asked for that
     */
    static long scan(TaskMmuServices services, Mm mm, long address, UserMemory user) {
        return mm.users() == 0 ? -Errno.ESRCH : new PagemapScan(services, mm, user).run(address);
    }

    private long run(long address) {
        long result = readArguments(address);
        if (result != 0) {
            return result;
        }
        if (vecLength != 0) {
            bufferLength = (int) minUnsigned(BUFFERED_REGIONS, vecLength);
            buffer = new long[3 * bufferLength];
        }
        long ranges = 0;
        for (long from = start; from < end; from = walkEnd) {
            result = walk.walk(mm, from, end, this);
            flush();
            long written = flushBuffer();
            if (written < 0) {
                result = written;
            } else {
                ranges += written;
            }
            if (result != -Errno.ENOSPC || vecLength == 0 || foundPages == maxPages) {
                break;
            }
        }
        if (walkEnd == 0) {
            walkEnd = end;
        }
        ByteBuffer out = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(walkEnd);
        if (user.copyToUser(address + WALK_END_OFFSET, out.array(), 0, 8) != 0) {
            return -Errno.EFAULT;
        }
        return result == 0 || result == -Errno.ENOSPC ? ranges : result;
    }

    /** {@code pagemap_scan_get_args()}. */
    private long readArguments(long address) {
        byte[] bytes = new byte[ARG_BYTES];
        if (user.copyFromUser(bytes, 0, ARG_BYTES, address) != 0) {
            return -Errno.EFAULT;
        }
        ByteBuffer in = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        long size = in.getLong();
        flags = in.getLong();
        start = in.getLong();
        end = in.getLong();
        in.getLong();
        vec = in.getLong();
        vecLength = in.getLong();
        maxPages = in.getLong();
        inverted = in.getLong();
        mask = in.getLong();
        anyOf = in.getLong();
        returned = in.getLong();
        if (size != ARG_BYTES
                || (flags & ~(WP_MATCHING | CHECK_WPASYNC)) != 0
                || ((inverted | mask | anyOf | returned) & ~ALL_CATEGORIES) != 0
                || (start & 4095) != 0) {
            return -Errno.EINVAL;
        }
        if (!isUserRange(start, end)) {
            return -Errno.EFAULT;
        }
        if (vec == 0 && vecLength != 0) {
            return -Errno.EINVAL;
        }
        if (vec != 0
                && (vecLength < 0
                        || vecLength > mm.taskSize() / REGION_BYTES
                        || !isUserRange(vec, vec + vecLength * REGION_BYTES))) {
            return -Errno.EFAULT;
        }
        end = Bits.roundUp(end, 4096);
        maxPages = maxPages == 0 ? -1 : maxPages;
        return 0;
    }

    /** {@code access_ok()}. */
    private boolean isUserRange(long from, long to) {
        return Long.compareUnsigned(to, mm.taskSize()) <= 0 && Long.compareUnsigned(to, from) >= 0;
    }

    private static long minUnsigned(long a, long b) {
        return Long.compareUnsigned(a, b) < 0 ? a : b;
    }

    /** {@code pagemap_scan_test_walk()}. */
    @Override
    public long test(Vma vma, long from, long to) {
        UserfaultContext userfault = vma.userfault();
        boolean isAllowed = userfault != null && userfault.isWpAsync() && UserfaultAreas.usesMarkers(vma);
        if (!isAllowed && (flags & CHECK_WPASYNC) != 0) {
            return -Errno.EPERM;
        }
        if ((!isAllowed && (flags & WP_MATCHING) != 0) || vma.has(VmaFlags.VM_PFNMAP)) {
            return 1;
        }
        areaCategories = (isAllowed ? WPALLOWED : 0) | (vma.has(VmaFlags.VM_SOFTDIRTY) ? SOFT_DIRTY : 0);
        // Of all categories only this one can rule a whole area out.
        long required = mask & WPALLOWED;
        return ((areaCategories ^ inverted) & required) == required ? 0 : 1;
    }

    @Override
    public long entry(Vma vma, long vaddr, long entry) {
        long categories = areaCategories | categoriesOf(entry) | (walk.isHuge() ? HUGE : 0);
        boolean isOnlyProtecting = vec == 0 && (flags & WP_MATCHING) != 0;
        if (!isOnlyProtecting && !isInteresting(categories)) {
            return 0;
        }
        long stop = vaddr + 4096;
        if (!isOnlyProtecting && output(categories, vaddr, stop) < stop) {
            return -Errno.ENOSPC;
        }
        if ((flags & WP_MATCHING) != 0 && (categories & WRITTEN) != 0) {
            protect(vaddr, entry);
        }
        return 0;
    }

    /** {@code pagemap_scan_hugetlb_entry()}. */
    @Override
    public long hugetlb(Vma vma, long from, long to, long entry) {
        long categories = areaCategories | HUGE | (entry == 0 ? 0 : categoriesOf(entry) & ~GUARD);
        if (!isInteresting(categories)) {
            return 0;
        }
        long foundBefore = foundPages;
        long stop = output(categories, from, to);
        long result = end(stop, to);
        if (stop == from || (flags & WP_MATCHING) == 0 || (categories & WRITTEN) == 0) {
            return result;
        }
        if (stop != from + vma.kernelPageBytes()) {
            // A part of a page cannot be protected, and so it is not told either.
            takeBack(from);
            foundPages = foundBefore;
            walkEnd = from;
            return 0;
        }
        walk.protect(vma, from);
        flushFrom = flushTo == 0 ? from : flushFrom;
        flushTo = stop;
        return result;
    }

    /** {@code pagemap_scan_backout_range()}. */
    private void takeBack(long from) {
        long[] regions = buffer;
        if (regions != null) {
            int at = 3 * bufferIndex;
            if (regions[at] != from) {
                regions[at + 1] = from;
            } else {
                regions[at] = 0;
                regions[at + 1] = 0;
            }
        }
    }

    /** {@code make_uffd_wp_pte()}. */
    private void protect(long vaddr, long entry) {
        if (entry == 0 || PteMarkers.is(entry)) {
            walk.replace(PteMarkers.entry(PteMarkers.marks(entry) | PteMarkers.UFFD_WP));
            return;
        }
        int protectedFlags = (mode.flags(entry, 1) | PteFlags.UFFD_WP) & ~PteFlags.WRITE;
        walk.replace(mode.withFlags(entry, protectedFlags, 1));
        flushFrom = flushTo == 0 ? vaddr : flushFrom;
        flushTo = vaddr + 4096;
    }

    private void flush() {
        if (flushTo != 0) {
            services.flusher().flushRange(mm, flushFrom, flushTo, false);
            flushTo = 0;
        }
    }

    @Override
    public long hole(@Nullable Vma vma, long from, long to) {
        if (vma == null) {
            return 0;
        }
        boolean isHugetlb = vma.has(VmaFlags.VM_HUGETLB);
        long categories = areaCategories | (vma.has(VmaFlags.VM_UFFD_WP) && !isHugetlb ? WRITTEN : 0);
        if (!isInteresting(categories)) {
            return 0;
        }
        long stop = output(categories, from, to);
        if (stop > from && (flags & WP_MATCHING) != 0) {
            if (isHugetlb) {
                // Whole pages, even when a part was asked for: pagemap_scan_hugetlb_hole_wp().
                return walk.protect(vma, from & -vma.kernelPageBytes()) ? end(stop, to) : -Errno.ENOMEM;
            }
            long error = mm.services().pageTables().writeProtect(vma, from, stop, true);
            if (error != 0) {
                return error;
            }
        }
        return end(stop, to);
    }

    private static long end(long stop, long to) {
        return stop < to ? -Errno.ENOSPC : 0;
    }

    /** {@code pagemap_page_category()}. */
    private long categoriesOf(long entry) {
        if (entry == 0) {
            return WRITTEN;
        }
        if (PteMarkers.is(entry)) {
            int marks = PteMarkers.marks(entry);
            return SWAPPED
                    | ((marks & PteMarkers.UFFD_WP) != 0 ? 0 : WRITTEN)
                    | ((marks & PteMarkers.GUARD) != 0 ? GUARD : 0);
        }
        int pteFlags = mode.flags(entry, 1);
        long pfn = mode.pfn(entry, 1);
        long categories = PRESENT | ((pteFlags & PteFlags.UFFD_WP) != 0 ? 0 : WRITTEN);
        if ((pteFlags & PteFlags.SPECIAL) == 0) {
            categories |= memmap.mapping(pfn) < 0 ? 0 : FILE;
        } else if (memmap.isValid(pfn) && memmap.owner(pfn) == FrameOwner.ZERO_PAGE) {
            categories |= PFNZERO;
        }
        return categories | ((pteFlags & PteFlags.SOFT_DIRTY) != 0 ? SOFT_DIRTY : 0);
    }

    /** {@code pagemap_scan_is_interesting_page()}. */
    private boolean isInteresting(long categories) {
        long seen = categories ^ inverted;
        return (seen & mask) == mask && (anyOf == 0 || (seen & anyOf) != 0);
    }

    /**
     * Puts a range into the buffer as far as there is room for it: {@code pagemap_scan_output()}.
     *
     * @return the first address that was not taken; then {@link #walkEnd} is set to it
     */
    private long output(long categories, long from, long to) {
        if (buffer == null) {
            return to;
        }
        long room = maxPages - foundPages;
        long pages = minUnsigned((to - from) >>> 12, room);
        long stop = from + (pages << 12);
        if (!push(categories & returned, from, stop)) {
            stop = from;
            pages = 0;
        }
        foundPages += pages;
        if (stop < to) {
            walkEnd = stop;
        }
        return stop;
    }

    /** {@code pagemap_scan_push_range()}: like ranges that touch become one. */
    private boolean push(long categories, long from, long to) {
        long[] regions = buffer;
        if (regions == null) {
            return true;
        }
        int at = 3 * bufferIndex;
        if (from == regions[at + 1] && categories == regions[at + 2]) {
            regions[at + 1] = to;
            return true;
        }
        if (regions[at + 1] != 0) {
            if (bufferIndex >= bufferLength - 1) {
                return false;
            }
            at = 3 * ++bufferIndex;
        }
        regions[at] = from;
        regions[at + 1] = to;
        regions[at + 2] = categories;
        return true;
    }

    /** {@code pagemap_scan_flush_buffer()}: returns how many ranges were copied out, or {@code -EFAULT}. */
    private long flushBuffer() {
        long[] regions = buffer;
        if (regions == null) {
            return 0;
        }
        int count = regions[3 * bufferIndex + 1] != regions[3 * bufferIndex] ? bufferIndex + 1 : bufferIndex;
        if (count == 0) {
            return 0;
        }
        ByteBuffer out = ByteBuffer.allocate(count * REGION_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < 3 * count; i++) {
            out.putLong(regions[i]);
        }
        if (user.copyToUser(vec, out.array(), 0, out.capacity()) != 0) {
            return -Errno.EFAULT;
        }
        vecLength -= count;
        vec += out.capacity();
        bufferIndex = 0;
        bufferLength = (int) minUnsigned(bufferLength, vecLength);
        regions[0] = 0;
        regions[1] = 0;
        return count;
    }
}
