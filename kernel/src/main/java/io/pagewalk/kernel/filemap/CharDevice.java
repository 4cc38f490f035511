package io.pagewalk.kernel.filemap;

import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.syscall.UserMemory;
import io.pagewalk.kernel.vma.Vma;

/** A driver behind a character device file, or what stands behind another file without pages: {@code struct cdev} with its {@code struct file_operations}. Operations that a driver leaves out fail as in Linux. */
public interface CharDevice {
    /**
     * Opens the device.
     *
     * @param file the new file
     * @return 0, or a negative errno: the open fails
     */
    default long open(OpenFile file) {
        return 0;
    }

    /**
     * The last reference to an open file is gone, and with it the last mapping.
     *
     * @param file the file
     */
    default void release(OpenFile file) {}

    /**
     * Reads.
     *
     * @param file the file
     * @param position where, in bytes
     * @param target receives the bytes
     * @return bytes read, 0 at the end, or a negative errno
     */
    default long read(OpenFile file, long position, byte[] target) {
        return -Errno.EINVAL;
    }

    /**
     * Writes.
     *
     * @param file the file
     * @param position where, in bytes
     * @param source the bytes
     * @return bytes written, or a negative errno
     */
    default long write(OpenFile file, long position, byte[] source) {
        return -Errno.EINVAL;
    }

    /** Returns how many bytes it handles at a time when it stops at the first piece of the caller's buffer that cannot be used, and fails then; 0 when it hands over what it could. */
    default int pieceBytes() {
        return 0;
    }

    /**
     * Does what only this device knows: {@code ioctl()}.
     *
     * @param file the file
     * @param command number of the command, with direction and length of the argument as {@code _IOC()} packs them
     * @param argument a number, or the address of a structure
     * @param user memory of the caller
     * @return a result, or a negative errno
     */
    default long ioctl(OpenFile file, int command, long argument, UserMemory user) {
        return -Errno.ENOTTY;
    }

    /**
     * Tells what would not have to wait: {@code file_operations.poll}.
     *
     * @param file the file
     * @return {@code POLLIN} (1), {@code POLLOUT} (4), {@code POLLERR} (8) and so on; by default it can be read and written
     */
    default int poll(OpenFile file) {
        return 5;
    }

    /** Returns whether {@link #seek} decides where the position goes, rather than {@link #sizeBytes}. */
    default boolean hasOwnSeek() {
        return false;
    }

    /**
     * Moves the position, for a device that has its own rules: {@code file_operations.llseek}.
     *
     * @param file the file
     * @param offset bytes
     * @param whence 0 from the start, 1 from the position, 2 from the end
     * @return the new position, or a negative errno
     */
    default long seek(OpenFile file, long offset, int whence) {
        return -Errno.ESPIPE;
    }

    /** Returns whether it can be mapped; if not, {@code mmap()} gives {@code -ENODEV}. */
    default boolean canMmap() {
        return false;
    }

    /**
     * Maps: see {@link io.pagewalk.kernel.vma.MapOperation}.
     *
     * @param file the file
     * @param vma the new area
     * @return 0 or a negative errno
     */
    default long mmap(OpenFile file, Vma vma) {
        return -Errno.ENODEV;
    }

    /** Returns the length that seeking from the end counts from, in bytes; a negative one means that the device has no positions. */
    default long sizeBytes() {
        return -1;
    }
}
