package io.pagewalk.kernel.gup;

import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.kernel.fault.FaultTask;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.syscall.UserMemory;
import io.pagewalk.kernel.vma.Mm;

/** Copies between two programs: {@code mm/process_vm_access.c}. */
public final class ProcessVm {
    /** Which way bytes go. */
    public enum Direction {
        /** From the other program to the caller: {@code process_vm_readv()}. */
        READ,
        /** From the caller to the other program: {@code process_vm_writev()}. */
        WRITE
    }

    /** The caller's half: ranges of its memory, one after the other. */
    public interface Local {
        /** Returns how many bytes there is still room for, or are still to be had. */
        long left();

        /**
         * Copies the next bytes to or from the caller.
         *
         * @param bytes where from or to
         * @param length how many, at most {@link #left}
         * @param direction which way
         * @return how many were copied; fewer when the caller's memory cannot be used
         */
        int copy(byte[] bytes, int length, Direction direction);
    }

    private static final int PAGE_BYTES = 4096;
    /** {@code PVM_MAX_USER_PAGES}: so many are pinned at once. */
    private static final int MOST_PAGES = 1024;

    private final GetUserPages pages;
    private final PhysicalMemory memory;
    private final long[] pfns = new long[MOST_PAGES];
    private final byte[] buffer = new byte[PAGE_BYTES];

    /**
     * Creates the copier of one machine.
     *
     * @param pages pins pages
     */
    public ProcessVm(GetUserPages pages) {
        this.pages = pages;
        this.memory = pages.tables().memory();
    }

    /**
     * Copies one range of the other program: {@code process_vm_rw_single_vec()}.
     *
     * @param task who is charged with faults
     * @param mm the other program
     * @param vaddr first address there
     * @param length bytes there
     * @param local the caller's half
     * @param direction which way
     * @return 0, or {@code -EFAULT} where it stopped
     */
    public long copy(FaultTask task, Mm mm, long vaddr, long length, Local local, Direction direction) {
        long at = vaddr;
        long rest = length;
        while (rest > 0 && local.left() > 0) {
            int offset = (int) at & (PAGE_BYTES - 1);
            long wanted = (offset + rest + PAGE_BYTES - 1) / PAGE_BYTES;
            int flags = Foll.PIN | (direction == Direction.WRITE ? Foll.WRITE : 0);
            long pinned = pages.hold(task, mm, at, (int) Math.min(wanted, MOST_PAGES), flags, pfns);
            if (pinned <= 0) {
                return -Errno.EFAULT;
            }
            long bytes = Math.min(pinned * PAGE_BYTES - offset, rest);
            boolean isWhole = copyPages(offset, bytes, local, direction);
            pages.unpin(pfns, (int) pinned, direction == Direction.WRITE);
            if (!isWhole) {
                return -Errno.EFAULT;
            }
            at += bytes;
            rest -= bytes;
        }
        return 0;
    }

    /** {@code process_vm_rw_pages()}. */
    private boolean copyPages(int firstOffset, long bytes, Local local, Direction direction) {
        long done = 0;
        int offset = firstOffset;
        for (int page = 0; done < bytes && local.left() > 0; page++) {
            int piece = (int) Math.min(Math.min(PAGE_BYTES - offset, bytes - done), local.left());
            long paddr = (pfns[page] << 12) + offset;
            int copied;
            if (direction == Direction.READ) {
                memory.copyOut(paddr, buffer, 0, piece);
                copied = local.copy(buffer, piece, direction);
            } else {
                copied = local.copy(buffer, piece, direction);
                memory.copyIn(paddr, buffer, 0, copied);
            }
            if (copied < piece) {
                return false;
            }
            done += piece;
            offset = 0;
        }
        return true;
    }

    /**
     * Makes the caller's half out of ranges of its memory.
     *
     * @param user the caller's memory
     * @param bases first addresses
     * @param lengths bytes
     */
    public static Local local(UserMemory user, long[] bases, long[] lengths) {
        return new LocalRanges(user, bases, lengths);
    }
}
