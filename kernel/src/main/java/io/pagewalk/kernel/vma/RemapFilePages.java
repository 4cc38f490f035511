package io.pagewalk.kernel.vma;

import io.pagewalk.kernel.syscall.Errno;
import org.jspecify.annotations.Nullable;

/** {@code remap_file_pages()}, which Linux carries out with ordinary mappings: {@code mm/mmap.c:SYSCALL_DEFINE5(remap_file_pages)}. */
final class RemapFilePages {
    private RemapFilePages() {}

    /**
     * Shows another part of the file in a part of a shared mapping.
     *
     * @param mm the address space
     * @param start first address, rounded down to a page
     * @param size bytes, rounded down to pages
     * @param prot must be 0
     * @param pgoff the page of the file that comes to lie at the start
     * @param flags only {@code MAP_NONBLOCK} counts
     * @return 0, {@code -EINVAL} when the range does not lie in one shared mapping, or what mmap gives
     */
    static long remap(Mm mm, long start, long size, long prot, long pgoff, long flags) {
        long from = Pages.floor(start);
        long bytes = Pages.floor(size);
        if (prot != 0 || !Pages.above(from + bytes, from) || Pages.above(pgoff, pgoff + (bytes >>> Vma.PAGE_SHIFT))) {
            return -Errno.EINVAL;
        }
        Vma vma = from < 0 ? null : mm.vmas().find(from);
        if (vma == null || !vma.has(VmaFlags.VM_SHARED) || !isOneMapping(mm, vma, from + bytes)) {
            return -Errno.EINVAL;
        }
        MappedFile file = vma.file();
        if (file == null) {
            return -Errno.EINVAL;
        }
        long mapFlags = (flags & MapFlags.MAP_NONBLOCK)
                | MapFlags.MAP_SHARED
                | MapFlags.MAP_FIXED
                | MapFlags.MAP_POPULATE
                | (vma.has(VmaFlags.VM_LOCKED) ? MapFlags.MAP_LOCKED : 0);
        // The rights have the same values as those of mmap.
        long rights = vma.flags() & VmaFlags.VM_ACCESS_FLAGS;
        // The mapping may take the last reference away before it takes its own.
        file.get();
        long result = Mmap.map(mm, file, from, bytes, rights, mapFlags, pgoff);
        file.put();
        return Errno.isError(result) ? result : 0;
    }

    /** Returns whether neighbours of the same file and with the same flags reach up to an address. */
    private static boolean isOneMapping(Mm mm, Vma first, long end) {
        Vma last = first;
        while (Pages.above(end, last.end())) {
            @Nullable Vma next = mm.vmas().findFirst(last.end());
            if (next == null
                    || next.start() != last.end()
                    || next.file() != first.file()
                    || next.flags() != first.flags()) {
                return false;
            }
            last = next;
        }
        return true;
    }
}
