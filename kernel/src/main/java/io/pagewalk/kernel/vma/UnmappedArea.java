package io.pagewalk.kernel.vma;

import io.pagewalk.kernel.syscall.Errno;
import org.jspecify.annotations.Nullable;

/** Where a mapping goes: {@code mm/mmap.c:__get_unmapped_area()} over {@code arch/x86/kernel/sys_x86_64.c}. */
public final class UnmappedArea {
    private static final long PMD_SIZE = 2L << 20;
    private static final long FOUR_GIB = 1L << 32;
    private static final long MAP_32BIT_START = 0x40000000L;
    private static final long MAP_32BIT_END = 0x80000000L;

    private UnmappedArea() {}

    /**
     * Finds or checks the address of a mapping.
     *
     * @param mm the address space
     * @param file the file, or null
     * @param addr the address ({@code MAP_FIXED}) or a hint, 0 for none
     * @param length bytes, a multiple of the page size
     * @param pgoff page offset in the file
     * @param flags {@code MAP_*}
     * @return the address, or a negative errno
     */
    public static long get(Mm mm, @Nullable MappedFile file, long addr, long length, long pgoff, long flags) {
        long taskSize = mm.taskSize();
        if (Pages.above(length, taskSize)) {
            return -Errno.ENOMEM;
        }
        if (file != null && file.hugePageBytes() != 0) {
            return checked(mm, huge(mm, file.hugePageBytes(), addr, length, flags), length);
        }
        boolean shmem = file == null ? (flags & MapFlags.MAP_SHARED) != 0 : file.isShmem();
        long result;
        if (shmem) {
            int order = file == null ? mm.services().settings().sharedAnonymousOrder() : file.alignmentOrder();
            result = inMemory(mm, addr, length, file == null ? 0 : pgoff << Vma.PAGE_SHIFT, flags, order);
        } else if (wantsHugeAlignment(mm, file, addr, length)) {
            result = aligned(mm, addr, length, file == null ? 0 : pgoff << Vma.PAGE_SHIFT, flags);
        } else {
            result = find(mm, addr, length, flags);
        }
        return checked(mm, result, length);
    }

    private static long checked(Mm mm, long result, long length) {
        if (Errno.isError(result)) {
            return result;
        }
        if (Pages.above(result, mm.taskSize() - length)) {
            return -Errno.ENOMEM;
        }
        if (Pages.offset(result) != 0) {
            return -Errno.EINVAL;
        }
        if (result < mm.services().settings().mmapMinAddr() && !mm.isPrivileged()) {
            return -Errno.EPERM;
        }
        return result;
    }

    /** {@code fs/hugetlbfs/inode.c:hugetlb_get_unmapped_area()}: borders of huge pages, of which the highest that fits is taken. */
    private static long huge(Mm mm, long bytes, long addr, long length, long flags) {
        long mask = bytes - 1;
        if ((length & mask) != 0) {
            return -Errno.EINVAL;
        }
        if ((flags & MapFlags.MAP_FIXED) != 0) {
            return (addr & mask) != 0 ? -Errno.EINVAL : addr;
        }
        long hint = (addr + mask) & -bytes;
        if (hint != 0 && hintIsValid(mm.layout(), hint, length) && isFree(mm, hint, length)) {
            return hint;
        }
        // Found with room to spare: below it on the way up, above it on the way down.
        long spare = bytes - Pages.SIZE;
        long found = find(mm, 0, length + spare, flags);
        return Errno.isError(found) ? found : (found + spare) & -bytes;
    }

    private static boolean wantsHugeAlignment(Mm mm, @Nullable MappedFile file, long addr, long length) {
        if (!mm.services().settings().alignsForHugePages()) {
            return false;
        }
        if (file != null) {
            return file.alignsForHugePages();
        }
        return addr == 0 && (length & (PMD_SIZE - 1)) == 0;
    }

    /** {@code mm/huge_memory.c:thp_get_unmapped_area_vmflags()}. */
    private static long aligned(Mm mm, long addr, long length, long offset, long flags) {
        long offsetEnd = offset + length;
        long offsetAligned = (offset + PMD_SIZE - 1) & -PMD_SIZE;
        long padded = length + PMD_SIZE;
        boolean hasHugePage = offsetEnd > offsetAligned && offsetEnd - offsetAligned >= PMD_SIZE;
        if (hasHugePage && !Pages.above(length, padded) && offset + padded >= offset) {
            long found = find(mm, addr, padded, flags);
            if (found == addr) {
                return addr;
            }
            if (!Errno.isError(found)) {
                long shift = (offset - found) & (PMD_SIZE - 1);
                // Top-down search gave the highest room; when it is aligned already the upper end of the padding is
                // just as good.
                return mm.isTopDown() && shift == 0 ? found + PMD_SIZE : found + shift;
            }
        }
        return find(mm, addr, length, flags);
    }

    /** {@code mm/shmem.c:shmem_get_unmapped_area()}: where huge pages of a file in memory would fit, unless the caller got the address it wanted. */
    private static long inMemory(Mm mm, long addr, long length, long offset, long flags, int order) {
        long found = find(mm, addr, length, flags);
        long bytes = Pages.SIZE << order;
        long part = offset & (bytes - 1);
        if (order == 0
                || Errno.isError(found)
                || Pages.offset(found) != 0
                || Pages.above(found, mm.taskSize() - length)
                || (flags & MapFlags.MAP_FIXED) != 0
                || found == addr
                || length < bytes
                || (part != 0 && part + length < 2 * bytes)
                || (found & (bytes - 1)) == part) {
            return found;
        }
        long inflated = length + bytes - Pages.SIZE;
        long room = Pages.above(inflated, mm.taskSize()) ? -Errno.ENOMEM : find(mm, addr, inflated, flags);
        if (Errno.isError(room) || Pages.offset(room) != 0) {
            return found;
        }
        long moved = room + ((part - room) & (bytes - 1));
        return Pages.above(moved, mm.taskSize() - length) ? found : moved;
    }

    private static long find(Mm mm, long addr, long length, long flags) {
        return mm.isTopDown() ? topDown(mm, addr, length, flags) : bottomUp(mm, addr, length, flags);
    }

    /** {@code arch_get_unmapped_area_topdown()}. */
    private static long topDown(Mm mm, long addr, long length, long flags) {
        AddressLayout layout = mm.layout();
        if (Pages.above(length, layout.taskSize())) {
            return -Errno.ENOMEM;
        }
        if ((flags & MapFlags.MAP_FIXED) != 0) {
            return addr;
        }
        if ((flags & MapFlags.MAP_32BIT) != 0) {
            return bottomUp(mm, addr, length, flags);
        }
        long hint = Pages.floor(addr);
        if (hint != 0 && hintIsValid(layout, hint, length) && isFree(mm, hint, length)) {
            return hint;
        }
        long low = (flags & MapFlags.MAP_ABOVE4G) != 0 ? FOUR_GIB : Pages.SIZE;
        long high = mm.mmapBase();
        if (Pages.above(hint, layout.defaultMapWindow())) {
            high += layout.taskSize() - layout.defaultMapWindow();
        }
        long found = searchDown(mm, Math.max(low, mm.services().settings().mmapMinAddr()), high, length);
        return found >= 0 ? found : bottomUp(mm, addr, length, flags);
    }

    /** {@code arch_get_unmapped_area()}. */
    private static long bottomUp(Mm mm, long addr, long length, long flags) {
        if ((flags & MapFlags.MAP_FIXED) != 0) {
            return addr;
        }
        AddressLayout layout = mm.layout();
        long begin = mm.isTopDown() ? layout.mmapLegacyBase() : mm.mmapBase();
        long end = Pages.above(addr, layout.defaultMapWindow()) ? layout.taskSize() : layout.defaultMapWindow();
        if ((flags & MapFlags.MAP_32BIT) != 0) {
            begin = MAP_32BIT_START;
            end = MAP_32BIT_END;
        }
        if (Pages.above(length, end)) {
            return -Errno.ENOMEM;
        }
        if (addr != 0) {
            long hint = Pages.align(addr);
            if (!Pages.above(hint, end - length) && isFree(mm, hint, length)) {
                return hint;
            }
        }
        return searchUp(mm, Math.max(begin, mm.services().settings().mmapMinAddr()), end, length);
    }

    /** {@code arch/x86/mm/mmap.c:mmap_address_hint_valid()}: a mapping may not straddle the border of the 47-bit window. */
    private static boolean hintIsValid(AddressLayout layout, long addr, long length) {
        if (Pages.above(addr, layout.taskSize() - length)) {
            return false;
        }
        return Pages.above(addr, layout.defaultMapWindow()) == Pages.above(addr + length, layout.defaultMapWindow());
    }

    private static boolean isFree(Mm mm, long addr, long length) {
        if (addr < 0) {
            return false;
        }
        Vma next = mm.vmas().findFirst(addr);
        return next == null || !Pages.above(addr + length, next.startWithGap());
    }

    /** {@code mm/mmap.c:unmapped_area_topdown()}. */
    private static long searchDown(Mm mm, long low, long high, long length) {
        long limit = high;
        while (true) {
            long found = mm.vmas().highestGap(low, limit, length);
            if (found < 0) {
                return -Errno.ENOMEM;
            }
            Vma above = mm.vmas().findFirst(found + length);
            if (above == null || above.startWithGap() >= found + length) {
                return found;
            }
            limit = above.startWithGap();
        }
    }

    /** {@code mm/mmap.c:unmapped_area()}. */
    private static long searchUp(Mm mm, long low, long high, long length) {
        long limit = low;
        while (true) {
            long found = mm.vmas().lowestGap(limit, high, length);
            if (found < 0) {
                return -Errno.ENOMEM;
            }
            Vma above = mm.vmas().findFirst(found + length);
            if (above == null || above.startWithGap() >= found + length) {
                return found;
            }
            limit = above.end();
        }
    }
}
