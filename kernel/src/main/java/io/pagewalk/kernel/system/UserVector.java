package io.pagewalk.kernel.system;

import io.pagewalk.kernel.syscall.Errno;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** An array of {@code struct iovec} copied from user memory: {@code lib/iov_iter.c:import_iovec()}. */
final class UserVector {
    private static final int ENTRY_BYTES = 16;
    private static final long MAX_ENTRIES = 1024;
    /** {@code MAX_RW_COUNT}: one call handles at most 2 GiB less a page; what is beyond is cut off. */
    private static final long MAX_BYTES = 0x7ffff000L;

    private long[] bases = {};
    private long[] lengths = {};
    private long totalBytes;

    /** Copies the array. Returns 0, {@code -EINVAL} for too many or a negative length, {@code -EFAULT} for an address that cannot be the program's. */
    long read(Task task, long vaddr, long count, long taskSize) {
        long error = readOther(task, vaddr, count);
        return error != 0 ? error : checkAndCut(taskSize);
    }

    /** Copies an array whose ranges lie in another program: {@code lib/iov_iter.c:iovec_from_user()}. Returns 0, {@code -EINVAL} or {@code -EFAULT}. */
    long readOther(Task task, long vaddr, long count) {
        if (count < 0 || count > MAX_ENTRIES) {
            return -Errno.EINVAL;
        }
        bases = new long[(int) count];
        lengths = new long[(int) count];
        totalBytes = 0;
        byte[] word = new byte[Long.BYTES];
        for (int i = 0; i < count; i++) {
            // Of each entry the length is read first, which shows in page faults: copy_iovec_from_user().
            long entry = vaddr + (long) i * ENTRY_BYTES;
            if (task.userMemory().copyFromUser(word, 0, Long.BYTES, entry + Long.BYTES) != 0) {
                return -Errno.EFAULT;
            }
            lengths[i] = ByteBuffer.wrap(word).order(ByteOrder.LITTLE_ENDIAN).getLong();
            if (task.userMemory().copyFromUser(word, 0, Long.BYTES, entry) != 0) {
                return -Errno.EFAULT;
            }
            bases[i] = ByteBuffer.wrap(word).order(ByteOrder.LITTLE_ENDIAN).getLong();
            if (lengths[i] < 0) {
                return -Errno.EINVAL;
            }
        }
        return 0;
    }

    private long checkAndCut(long taskSize) {
        int count = bases.length;
        for (int i = 0; i < count; i++) {
            // A single range is cut before it is checked.
            long checked = count == 1 ? Math.min(lengths[i], MAX_BYTES) : lengths[i];
            long end = bases[i] + checked;
            if (Long.compareUnsigned(end, bases[i]) < 0 || Long.compareUnsigned(end, taskSize) > 0) {
                return -Errno.EFAULT;
            }
            lengths[i] = Math.min(lengths[i], MAX_BYTES - totalBytes);
            totalBytes += lengths[i];
        }
        return 0;
    }

    int count() {
        return bases.length;
    }

    long base(int index) {
        return bases[index];
    }

    long length(int index) {
        return lengths[index];
    }

    long[] bases() {
        return bases;
    }

    long[] lengths() {
        return lengths;
    }

    /** Returns the sum of all lengths. */
    long totalBytes() {
        return totalBytes;
    }
}
