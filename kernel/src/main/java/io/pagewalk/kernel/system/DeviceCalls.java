package io.pagewalk.kernel.system;

import io.pagewalk.kernel.filemap.CharDevice;
import io.pagewalk.kernel.filemap.OpenFile;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.time.Cause;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** {@code open()}, {@code read()}, {@code write()} and {@code ioctl()} of character devices: {@code fs/char_dev.c:chrdev_open()} and the way to the driver's operations. */
final class DeviceCalls {
    /** A driver is handed at most so many bytes at a time; the rest is for the next call, as a short count allows. */
    private static final int MOST_BYTES = 1 << 20;

    private final LinuxKernel kernel;

    DeviceCalls(LinuxKernel kernel) {
        this.kernel = kernel;
    }

    /** Lets the driver open a file and gives it a descriptor. */
    static long open(Task task, OpenFile file) {
        CharDevice device = file.inodeObject().charDevice();
        long result = device == null ? -Errno.ENXIO : device.open(file);
        if (result < 0) {
            file.abandon();
            return result;
        }
        return task.files().install(file, 0, (file.flags() & OpenFile.O_CLOEXEC) != 0);
    }

    /** A negative offset means the file's own position. */
    long read(Task task, OpenFile file, long vaddr, long count, long offset) {
        CharDevice device = file.inodeObject().charDevice();
        long from = offset < 0 ? file.positionBytes() : offset;
        if (device != null && device.pieceBytes() > 0) {
            return moved(file, from, readPieces(task, device, file, vaddr, count, from), offset);
        }
        byte[] buffer = new byte[(int) Math.min(count, MOST_BYTES)];
        long result = device == null ? -Errno.ENXIO : device.read(file, from, buffer);
        if (result > 0) {
            long left = task.userMemory().copyToUser(vaddr, buffer, 0, (int) result);
            result -= left;
            if (result == 0) {
                return -Errno.EFAULT;
            }
        }
        return moved(file, from, result, offset);
    }

    private static long readPieces(Task task, CharDevice device, OpenFile file, long vaddr, long count, long from) {
        long done = 0;
        while (done < count) {
            byte[] piece = new byte[(int) Math.min(count - done, device.pieceBytes())];
            long result = device.read(file, from + done, piece);
            if (result <= 0) {
                return done > 0 ? done : result;
            }
            if (task.userMemory().copyToUser(vaddr + done, piece, 0, (int) result) != 0) {
                return -Errno.EFAULT;
            }
            done += result;
        }
        return done;
    }

    private static long writePieces(Task task, CharDevice device, OpenFile file, long vaddr, long count, long from) {
        long done = 0;
        while (done < count) {
            byte[] piece = new byte[(int) Math.min(count - done, device.pieceBytes())];
            if (task.userMemory().copyFromUser(piece, 0, piece.length, vaddr + done) != 0) {
                return -Errno.EFAULT;
            }
            long result = device.write(file, from + done, piece);
            if (result <= 0) {
                return done > 0 ? done : result;
            }
            done += result;
        }
        return done;
    }

    /** A negative offset means the file's own position. */
    long write(Task task, OpenFile file, long vaddr, long count, long offset) {
        CharDevice device = file.inodeObject().charDevice();
        long from = offset < 0 ? file.positionBytes() : offset;
        if (device != null && device.pieceBytes() > 0) {
            return moved(file, from, writePieces(task, device, file, vaddr, count, from), offset);
        }
        int length = (int) Math.min(count, MOST_BYTES);
        byte[] buffer = new byte[length];
        long left = task.userMemory().copyFromUser(buffer, 0, length, vaddr);
        if (left > 0) {
            if (left == length) {
                return -Errno.EFAULT;
            }
            buffer = Arrays.copyOf(buffer, (int) (length - left));
        }
        long result = device == null ? -Errno.ENXIO : device.write(file, from, buffer);
        return moved(file, from, result, offset);
    }

    /** {@code fs/ioctl.c:vfs_ioctl()}; files with pages know no command here. */
    static long ioctl(Task task, @Nullable OpenFile file, int command, long argument) {
        if (file == null) {
            return -Errno.EBADF;
        }
        CharDevice device = file.inodeObject().charDevice();
        return device == null ? -Errno.ENOTTY : device.ioctl(file, command, argument, task.userMemory());
    }

    private long moved(OpenFile file, long from, long result, long offset) {
        if (result > 0) {
            kernel.time().charge(Cause.COPY, (result * kernel.options().costs().copyNanosPerKib()) >>> 10);
            if (offset < 0) {
                file.setPositionBytes(from + result);
            }
        }
        return result;
    }
}
