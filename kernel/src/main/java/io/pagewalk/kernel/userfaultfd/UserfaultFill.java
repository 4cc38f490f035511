package io.pagewalk.kernel.userfaultfd;

import io.pagewalk.kernel.fault.HugetlbFills;
import io.pagewalk.kernel.fault.UserfaultPages;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.syscall.UserMemory;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.UserfaultAreas;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import java.util.function.LongUnaryOperator;
import org.jspecify.annotations.Nullable;

/** Fills, protects and moves ranges for the commands: {@code mm/userfaultfd.c:mfill_atomic()}, {@code mwriteprotect_range()}, {@code move_pages()}. */
final class UserfaultFill {
    /** What a range is filled with. */
    enum Kind {
        /** Zeros. */
        ZERO,
        /** The pages of the file. */
        CONTINUE,
        /** Nothing that can be used. */
        POISON
    }

    private static final long NOT_MOVED =
            VmaFlags.VM_PFNMAP | VmaFlags.VM_IO | VmaFlags.VM_HUGETLB | VmaFlags.VM_MIXEDMAP | VmaFlags.VM_SHADOW_STACK;

    private final Userfaultfd context;

    UserfaultFill(Userfaultfd context) {
        this.context = context;
    }

    /** Returns the bytes that were copied, or a negative errno when it was none. */
    long copy(long target, long source, long length, UserfaultPages.Protected isProtected, UserMemory user) {
        Vma vma = areaOf(target, length);
        long error = vma == null ? -Errno.ENOENT : check(vma, isProtected, false);
        if (vma == null || error != 0) {
            return error;
        }
        UserfaultPages pages = context.all().pages();
        if (vma.has(VmaFlags.VM_HUGETLB)) {
            boolean isTold = isProtected == UserfaultPages.Protected.YES;
            HugetlbFills huge = context.all().hugePages();
            return each(vma, target, length, offset -> {
                UserSource contents = new UserSource(source + offset, vma.kernelPageBytes(), user);
                return huge.copy(vma, target + offset, contents, isTold);
            });
        }
        return each(vma, target, length, offset -> {
            UserfaultPages.Contents contents = page -> user.copyFromUser(page, 0, page.length, source + offset) == 0;
            return pages.copy(vma, target + offset, contents, isProtected);
        });
    }

    /** Returns the bytes that were filled, or a negative errno when it was none. */
    long fill(long start, long length, Kind kind, UserfaultPages.Protected isProtected) {
        Vma vma = areaOf(start, length);
        long error = vma == null ? -Errno.ENOENT : check(vma, isProtected, kind == Kind.CONTINUE);
        if (vma == null || error != 0) {
            return error;
        }
        UserfaultPages pages = context.all().pages();
        if (vma.has(VmaFlags.VM_HUGETLB)) {
            boolean isTold = isProtected == UserfaultPages.Protected.YES;
            HugetlbFills huge = context.all().hugePages();
            // Not every size has a huge page of zeros.
            return each(vma, start, length, offset -> switch (kind) {
                case ZERO -> -Errno.EINVAL;
                case CONTINUE -> huge.proceed(vma, start + offset, isTold);
                case POISON -> huge.poison(vma, start + offset);
            });
        }
        return each(vma, start, length, offset -> switch (kind) {
            case ZERO -> pages.zero(vma, start + offset);
            case CONTINUE -> pages.proceed(vma, start + offset, isProtected);
            case POISON -> pages.poison(vma, start + offset);
        });
    }

    /** Memory of the calling task that is to become the contents of a huge page. */
    private final class UserSource implements HugetlbFills.Contents {
        private final long start;
        private final long bytes;
        private final UserMemory user;

        private UserSource(long start, long bytes, UserMemory user) {
            this.start = start;
            this.bytes = bytes;
            this.user = user;
        }

        @Override
        public boolean isPresent() {
            UserfaultTask caller = context.all().current();
            return caller != null && context.all().pages().isPresent(caller.mm(), start, start + bytes);
        }

        @Override
        public boolean read(long offset, byte[] part) {
            return user.copyFromUser(part, 0, part.length, start + offset) == 0;
        }
    }

    /** Fills one page of an area after the other; places of hugetlbfs must be whole ones. */
    private static long each(Vma vma, long start, long length, LongUnaryOperator page) {
        long bytes = vma.kernelPageBytes();
        if (((start | length) & (bytes - 1)) != 0) {
            return -Errno.EINVAL;
        }
        long done = 0;
        while (done < length) {
            long error = page.applyAsLong(done);
            if (error != 0) {
                return done > 0 ? done : error;
            }
            done += bytes;
        }
        return done;
    }

    /** Returns the area that holds a range whole and is registered with anybody, or null: {@code uffd_mfill_lock()}. */
    private @Nullable Vma areaOf(long start, long length) {
        Vma vma = context.mm().vmas().find(start);
        if (vma == null) {
            return null;
        }
        context.all().pages().prepare(vma);
        return start + length <= vma.end() && vma.userfault() != null ? vma : null;
    }

    private static long check(Vma vma, UserfaultPages.Protected isProtected, boolean needsFile) {
        boolean isShmem = UserfaultAreas.isShmem(vma);
        boolean isWrongMode = isProtected == UserfaultPages.Protected.YES && !vma.has(VmaFlags.VM_UFFD_WP);
        if (vma.has(VmaFlags.VM_HUGETLB)) {
            return isWrongMode ? -Errno.EINVAL : 0;
        }
        return isWrongMode || (!vma.isAnonymous() && !isShmem) || (needsFile && !isShmem) ? -Errno.EINVAL : 0;
    }

    /** {@code mwriteprotect_range()}. */
    long writeProtect(long start, long length, boolean isProtect) {
        Mm mm = context.mm();
        long end = start + length;
        Vma vma = mm.vmas().findIntersection(start, end);
        if (vma == null) {
            return -Errno.ENOENT;
        }
        for (; vma != null && vma.start() < end; vma = mm.vmas().next(vma)) {
            if (!vma.has(VmaFlags.VM_UFFD_WP)) {
                return -Errno.ENOENT;
            }
            if (((start | length) & (vma.kernelPageBytes() - 1)) != 0) {
                return -Errno.EINVAL;
            }
            long error = mm.services()
                    .pageTables()
                    .writeProtect(vma, Math.max(start, vma.start()), Math.min(end, vma.end()), isProtect);
            if (error != 0) {
                return error;
            }
        }
        return 0;
    }

    /** {@code move_pages()}. Returns the bytes that were moved, or a negative errno when it was none. */
    long move(long target, long source, long length, boolean allowsHoles) {
        Mm mm = context.mm();
        Vma to = mm.vmas().find(target);
        if (to == null) {
            return -Errno.ENOENT;
        }
        UserfaultPages pages = context.all().pages();
        pages.prepare(to);
        Vma from = to.contains(source) ? to : mm.vmas().find(source);
        if (from == null) {
            return -Errno.ENOENT;
        }
        if (source + length > from.end() || target + length > to.end() || !mayMove(from, to)) {
            return -Errno.EINVAL;
        }
        long done = 0;
        while (done < length) {
            long moved = pages.move(to, target + done, from, source + done, length - done, allowsHoles);
            if (moved < 0) {
                return done > 0 ? done : moved;
            }
            done += moved;
        }
        return done;
    }

    /** {@code validate_move_areas()}. */
    private boolean mayMove(Vma from, Vma to) {
        long equal = VmaFlags.VM_ACCESS_FLAGS | VmaFlags.VM_LOCKED | VmaFlags.VM_PKEY_MASK;
        return !from.has(VmaFlags.VM_SHARED)
                && !to.has(VmaFlags.VM_SHARED)
                && ((from.flags() ^ to.flags()) & equal) == 0
                && from.has(VmaFlags.VM_WRITE)
                && !from.has(NOT_MOVED)
                && !to.has(NOT_MOVED)
                && to.userfault() == context
                && from.isAnonymous()
                && to.isAnonymous();
    }
}
