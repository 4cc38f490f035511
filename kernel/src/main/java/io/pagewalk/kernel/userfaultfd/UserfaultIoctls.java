package io.pagewalk.kernel.userfaultfd;

import io.pagewalk.kernel.fault.UserfaultPages;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.syscall.UserMemory;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.UserfaultAreas;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** The commands of a userfaultfd: {@code fs/userfaultfd.c:userfaultfd_ioctl()}. */
final class UserfaultIoctls {
    /** The only version of the interface. */
    static final long API = 0xaa;

    static final long API_IOCTLS = 1L | 1L << 1 | 1L << 0x3f;
    static final long RANGE_IOCTLS = 0x1fcL;

    /** Those that areas of hugetlbfs know: no zero pages, no moves ({@code UFFD_API_RANGE_IOCTLS_BASIC}). */
    private static final long HUGETLB_IOCTLS = 0x1ccL;

    private static final int IOCTL_API = 0xc018aa3f;
    private static final int IOCTL_REGISTER = 0xc020aa00;
    private static final int IOCTL_UNREGISTER = 0x8010aa01;
    private static final int IOCTL_WAKE = 0x8010aa02;
    private static final int IOCTL_COPY = 0xc028aa03;
    private static final int IOCTL_ZEROPAGE = 0xc020aa04;
    private static final int IOCTL_MOVE = 0xc028aa05;
    private static final int IOCTL_WRITEPROTECT = 0xc018aa06;
    private static final int IOCTL_CONTINUE = 0xc020aa07;
    private static final int IOCTL_POISON = 0xc020aa08;

    private static final long WRITEPROTECT_BIT = 1 << 6;
    private static final long CONTINUE_BIT = 1 << 7;
    private static final int MODE_MISSING = 1;
    private static final int MODE_WP = 1 << 1;
    private static final int MODE_MINOR = 1 << 2;
    private static final int DONTWAKE = 1;
    private static final int COPY_WP = 1 << 1;
    private static final int PROTECT = 1;
    private static final int PROTECT_DONTWAKE = 1 << 1;
    private static final int MOVE_HOLES = 1 << 1;
    private static final int RANGE_WORDS = 3;
    private static final int TWO_RANGES_WORDS = 4;

    private final Userfaultfd context;
    private final UserfaultFill fill;

    UserfaultIoctls(Userfaultfd context) {
        this.context = context;
        this.fill = new UserfaultFill(context);
    }

    long call(int command, long argument, UserMemory user) {
        if (command != IOCTL_API && !context.isInitialized()) {
            return -Errno.EINVAL;
        }
        return switch (command) {
            case IOCTL_API -> api(argument, user);
            case IOCTL_REGISTER -> register(argument, user);
            case IOCTL_UNREGISTER -> unregister(argument, user);
            case IOCTL_WAKE -> wake(argument, user);
            case IOCTL_COPY -> copy(argument, user);
            case IOCTL_ZEROPAGE -> fillRange(argument, user, UserfaultFill.Kind.ZERO, 0);
            case IOCTL_CONTINUE -> fillRange(argument, user, UserfaultFill.Kind.CONTINUE, COPY_WP);
            case IOCTL_POISON -> fillRange(argument, user, UserfaultFill.Kind.POISON, 0);
            case IOCTL_WRITEPROTECT -> writeProtect(argument, user);
            case IOCTL_MOVE -> move(argument, user);
            default -> -Errno.EINVAL;
        };
    }

    /** Reads words of a structure; an empty array means {@code -EFAULT}. */
    private static long[] read(UserMemory user, long vaddr, int words) {
        byte[] bytes = new byte[8 * words];
        if (user.copyFromUser(bytes, 0, bytes.length, vaddr) != 0) {
            return new long[0];
        }
        long[] result = new long[words];
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asLongBuffer().get(result);
        return result;
    }

    private static boolean write(UserMemory user, long vaddr, long... words) {
        ByteBuffer bytes = ByteBuffer.allocate(8 * words.length).order(ByteOrder.LITTLE_ENDIAN);
        for (long word : words) {
            bytes.putLong(word);
        }
        return user.copyToUser(vaddr, bytes.array(), 0, bytes.capacity()) == 0;
    }

    /** {@code userfaultfd_api()}. */
    private long api(long argument, UserMemory user) {
        long[] asked = read(user, argument, RANGE_WORDS);
        if (asked.length == 0) {
            return -Errno.EFAULT;
        }
        UserfaultTask caller = context.all().current();
        long offered = Features.offered(context.all().pages().canProtect());
        long wanted = asked[1];
        long error = 0;
        if (asked[0] != API) {
            error = -Errno.EINVAL;
        } else if ((wanted & Features.EVENT_FORK) != 0
                && (caller == null || !caller.mm().isPrivileged())) {
            error = -Errno.EPERM;
        }
        if ((wanted & Features.WP_ASYNC) != 0) {
            wanted |= Features.WP_UNPOPULATED;
        }
        if (error == 0 && (wanted & ~offered) != 0) {
            error = -Errno.EINVAL;
        }
        if (error == 0) {
            if (!write(user, argument, API, offered, API_IOCTLS)) {
                return -Errno.EFAULT;
            }
            error = context.initialize(wanted) ? 0 : -Errno.EINVAL;
        }
        if (error != 0 && !write(user, argument, 0, 0, 0)) {
            return -Errno.EFAULT;
        }
        return error;
    }

    /** {@code validate_range()}. */
    private long checkRange(long start, long length) {
        return (start & 4095) != 0 ? -Errno.EINVAL : checkUnalignedRange(start, length);
    }

    private long checkUnalignedRange(long start, long length) {
        long taskSize = context.mm().taskSize();
        boolean isBad = (length & 4095) != 0
                || length == 0
                || Long.compareUnsigned(start, taskSize) >= 0
                || Long.compareUnsigned(length, taskSize - start) > 0;
        return isBad ? -Errno.EINVAL : 0;
    }

    /** {@code userfaultfd_register()}. */
    private long register(long argument, UserMemory user) {
        long[] asked = read(user, argument, RANGE_WORDS);
        if (asked.length == 0) {
            return -Errno.EFAULT;
        }
        long modes = asked[2];
        if (modes == 0 || (modes & ~(MODE_MISSING | MODE_WP | MODE_MINOR)) != 0) {
            return -Errno.EINVAL;
        }
        if ((modes & (MODE_WP | MODE_MINOR)) != 0 && !context.all().pages().canProtect()) {
            return -Errno.EINVAL;
        }
        long vmFlags = (modes & MODE_MISSING) != 0 ? VmaFlags.VM_UFFD_MISSING : 0;
        vmFlags |= (modes & MODE_WP) != 0 ? VmaFlags.VM_UFFD_WP : 0;
        vmFlags |= (modes & MODE_MINOR) != 0 ? VmaFlags.VM_UFFD_MINOR : 0;
        long error = checkRange(asked[0], asked[1]);
        if (error != 0) {
            return error;
        }
        Mm mm = context.mm();
        if (mm.users() == 0) {
            return -Errno.ENOMEM;
        }
        long end = asked[0] + asked[1];
        error = checkAreas(asked[0], end, vmFlags);
        if (error == 0) {
            error = UserfaultAreas.register(mm, asked[0], end, vmFlags, context);
        }
        if (error != 0) {
            return error;
        }
        long ioctls = hasHugetlb(asked[0], end) ? HUGETLB_IOCTLS : RANGE_IOCTLS;
        ioctls &= (modes & MODE_WP) != 0 ? -1 : ~WRITEPROTECT_BIT;
        ioctls &= (modes & MODE_MINOR) != 0 ? -1 : ~CONTINUE_BIT;
        return write(user, argument + 24, ioctls) ? 0 : -Errno.EFAULT;
    }

    private long checkAreas(long start, long end, long vmFlags) {
        Mm mm = context.mm();
        Vma vma = mm.vmas().findIntersection(start, end);
        if (vma == null || (start & (vma.kernelPageBytes() - 1)) != 0) {
            return -Errno.EINVAL;
        }
        for (; vma != null && vma.start() < end; vma = mm.vmas().next(vma)) {
            if (!UserfaultAreas.isAllowed(vma, vmFlags, context.isWpAsync())) {
                return -Errno.EINVAL;
            }
            if (!vma.has(VmaFlags.VM_MAYWRITE)) {
                return -Errno.EPERM;
            }
            if (end <= vma.end() && (end & (vma.kernelPageBytes() - 1)) != 0) {
                return -Errno.EINVAL;
            }
            if (vma.userfault() != null && vma.userfault() != context) {
                return -Errno.EBUSY;
            }
        }
        return 0;
    }

    private boolean hasHugetlb(long start, long end) {
        Mm mm = context.mm();
        Vma vma = mm.vmas().findIntersection(start, end);
        while (vma != null && vma.start() < end && !vma.has(VmaFlags.VM_HUGETLB)) {
            vma = mm.vmas().next(vma);
        }
        return vma != null && vma.start() < end;
    }

    /** {@code userfaultfd_unregister()}. */
    private long unregister(long argument, UserMemory user) {
        long[] range = read(user, argument, 2);
        if (range.length == 0) {
            return -Errno.EFAULT;
        }
        long error = checkRange(range[0], range[1]);
        if (error != 0) {
            return error;
        }
        Mm mm = context.mm();
        if (mm.users() == 0) {
            return -Errno.ENOMEM;
        }
        long end = range[0] + range[1];
        Vma first = mm.vmas().findIntersection(range[0], end);
        if (first == null || (range[0] & (first.kernelPageBytes() - 1)) != 0) {
            return -Errno.EINVAL;
        }
        for (Vma vma = first; vma != null && vma.start() < end; vma = mm.vmas().next(vma)) {
            boolean isForeign = vma.userfault() != null && vma.userfault() != context;
            if (isForeign || !UserfaultAreas.isAllowed(vma, vma.flags(), context.isWpAsync())) {
                return -Errno.EINVAL;
            }
        }
        Vma vma = first;
        while (vma != null && vma.start() < end) {
            if (vma.userfault() != null) {
                long from = Math.max(range[0], vma.start());
                long to = Math.min(end, vma.end());
                if (vma.has(VmaFlags.VM_UFFD_MISSING)) {
                    context.wake(from, to - from);
                }
                boolean isCut = (to & (vma.kernelPageBytes() - 1)) != 0;
                vma = UserfaultAreas.clear(vma, from, to);
                if (vma == null) {
                    return isCut ? -Errno.EINVAL : -Errno.ENOMEM;
                }
            }
            vma = mm.vmas().next(vma);
        }
        return 0;
    }

    private long wake(long argument, UserMemory user) {
        long[] range = read(user, argument, 2);
        if (range.length == 0) {
            return -Errno.EFAULT;
        }
        long error = checkRange(range[0], range[1]);
        if (error == 0) {
            context.wake(range[0], range[1]);
        }
        return error;
    }

    /** {@code userfaultfd_copy()}. */
    private long copy(long argument, UserMemory user) {
        long result = argument + 8 * TWO_RANGES_WORDS;
        if (context.isChanging()) {
            return write(user, result, -Errno.EAGAIN) ? -Errno.EAGAIN : -Errno.EFAULT;
        }
        long[] asked = read(user, argument, TWO_RANGES_WORDS);
        if (asked.length == 0) {
            return -Errno.EFAULT;
        }
        long error = checkUnalignedRange(asked[1], asked[2]);
        error = error != 0 ? error : checkRange(asked[0], asked[2]);
        if (error != 0 || (asked[3] & ~(DONTWAKE | COPY_WP)) != 0) {
            return -Errno.EINVAL;
        }
        if (context.mm().users() == 0) {
            return -Errno.ESRCH;
        }
        long done = fill.copy(asked[0], asked[1], asked[2], protectedBy(asked[3] & COPY_WP), user);
        return finish(user, result, done, asked[0], asked[2], asked[3]);
    }

    private static UserfaultPages.Protected protectedBy(long bit) {
        return bit != 0 ? UserfaultPages.Protected.YES : UserfaultPages.Protected.NO;
    }

    /** {@code userfaultfd_zeropage()}, {@code userfaultfd_continue()} and {@code userfaultfd_poison()}. */
    private long fillRange(long argument, UserMemory user, UserfaultFill.Kind kind, int moreModes) {
        long result = argument + 8 * RANGE_WORDS;
        if (context.isChanging()) {
            return write(user, result, -Errno.EAGAIN) ? -Errno.EAGAIN : -Errno.EFAULT;
        }
        long[] asked = read(user, argument, RANGE_WORDS);
        if (asked.length == 0) {
            return -Errno.EFAULT;
        }
        if (checkRange(asked[0], asked[1]) != 0 || (asked[2] & ~(DONTWAKE | moreModes)) != 0) {
            return -Errno.EINVAL;
        }
        if (context.mm().users() == 0) {
            return -Errno.ESRCH;
        }
        long done = fill.fill(asked[0], asked[1], kind, protectedBy(asked[2] & COPY_WP));
        return finish(user, result, done, asked[0], asked[1], asked[2]);
    }

    /** Stores what was done, wakes those who waited for it, and says {@code -EAGAIN} when it was not all. */
    private long finish(UserMemory user, long result, long done, long start, long length, long modes) {
        if (!write(user, result, done)) {
            return -Errno.EFAULT;
        }
        if (done < 0) {
            return done;
        }
        if ((modes & DONTWAKE) == 0) {
            context.wake(start, done);
        }
        return done == length ? 0 : -Errno.EAGAIN;
    }

    /** {@code userfaultfd_writeprotect()}. */
    private long writeProtect(long argument, UserMemory user) {
        if (context.isChanging()) {
            return -Errno.EAGAIN;
        }
        long[] asked = read(user, argument, RANGE_WORDS);
        if (asked.length == 0) {
            return -Errno.EFAULT;
        }
        long error = checkRange(asked[0], asked[1]);
        boolean isProtect = (asked[2] & PROTECT) != 0;
        boolean isQuiet = (asked[2] & PROTECT_DONTWAKE) != 0;
        if (error != 0 || (asked[2] & ~(PROTECT | PROTECT_DONTWAKE)) != 0 || (isProtect && isQuiet)) {
            return -Errno.EINVAL;
        }
        if (context.mm().users() == 0) {
            return -Errno.ESRCH;
        }
        error = fill.writeProtect(asked[0], asked[1], isProtect);
        if (error == 0 && !isProtect && !isQuiet) {
            context.wake(asked[0], asked[1]);
        }
        return error;
    }

    /** {@code userfaultfd_move()}. */
    private long move(long argument, UserMemory user) {
        long result = argument + 8 * TWO_RANGES_WORDS;
        if (context.isChanging()) {
            return write(user, result, -Errno.EAGAIN) ? -Errno.EAGAIN : -Errno.EFAULT;
        }
        long[] asked = read(user, argument, TWO_RANGES_WORDS);
        if (asked.length == 0) {
            return -Errno.EFAULT;
        }
        UserfaultTask caller = context.all().current();
        if (caller == null || caller.mm() != context.mm()) {
            return -Errno.EINVAL;
        }
        long error = checkRange(asked[0], asked[2]);
        error = error != 0 ? error : checkRange(asked[1], asked[2]);
        if (error != 0 || (asked[3] & ~(DONTWAKE | MOVE_HOLES)) != 0) {
            return -Errno.EINVAL;
        }
        long done = fill.move(asked[0], asked[1], asked[2], (asked[3] & MOVE_HOLES) != 0);
        return finish(user, result, done, asked[0], asked[2], asked[3]);
    }
}
