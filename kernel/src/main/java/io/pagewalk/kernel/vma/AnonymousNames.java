package io.pagewalk.kernel.vma;

import io.pagewalk.kernel.syscall.Errno;
import org.jspecify.annotations.Nullable;

/** Names of anonymous memory, {@code [anon:NAME]} in {@code /proc/PID/maps}: {@code mm/madvise.c:set_anon_vma_name()}. */
public final class AnonymousNames {
    /** {@code ANON_VMA_NAME_MAX_LEN}: bytes of a name with its zero. */
    public static final int MAX_BYTES = 80;

    private AnonymousNames() {}

    /**
     * Returns whether a name can be given: printable, and without the letters that {@code maps} needs.
     *
     * @param name without its zero
     */
    public static boolean isValid(String name) {
        return name.chars().allMatch(c -> c > 0x1f && c < 0x7f && "\\`$[]".indexOf(c) < 0);
    }

    /**
     * Names a range of private anonymous or shared anonymous memory. Holes do not stop it, but make it return {@code -ENOMEM} at the end.
     *
     * @param mm the address space
     * @param start first address, page aligned
     * @param length bytes, rounded up to pages
     * @param name a valid name, or null to take names away
     * @return 0, {@code -EINVAL}, {@code -ENOMEM}, {@code -EBADF} for memory of a file, {@code -EAGAIN} when there would be too many areas
     */
    public static long set(Mm mm, long start, long length, @Nullable String name) {
        long size = Pages.align(length);
        long end = start + size;
        if (Pages.offset(start) != 0 || (length != 0 && size == 0) || Pages.above(start, end)) {
            return -Errno.EINVAL;
        }
        return Madvise.walk(mm, start, end, 0, (vma, from, to, hole) -> name(vma, from, to, name));
    }

    /** {@code madvise_vma_anon_name()}. */
    private static long name(Vma vma, long start, long end, @Nullable String name) {
        MappedFile file = vma.file();
        if (file != null && !file.isSharedAnonymous()) {
            return -Errno.EBADF;
        }
        Vma named = VmaMerge.modify(
                vma, VmaMerge.Range.of(vma, start, end, vma.flags()).withName(name));
        if (named == null) {
            return -Errno.EAGAIN;
        }
        named.setAnonymousName(name);
        return 0;
    }
}
