package io.pagewalk.kernel.gup;

import io.pagewalk.kernel.syscall.UserMemory;

/** Ranges of the caller's memory, used one after the other: {@code struct iov_iter}. */
final class LocalRanges implements ProcessVm.Local {
    private final UserMemory user;
    private final long[] bases;
    private final long[] lengths;
    private int range;
    private long offset;
    private long left;

    LocalRanges(UserMemory user, long[] bases, long[] lengths) {
        this.user = user;
        this.bases = bases;
        this.lengths = lengths;
        for (long length : lengths) {
            left += length;
        }
    }

    @Override
    public long left() {
        return left;
    }

    @Override
    public int copy(byte[] bytes, int length, ProcessVm.Direction direction) {
        int done = 0;
        while (done < length) {
            if (offset == lengths[range]) {
                range++;
                offset = 0;
                continue;
            }
            int piece = (int) Math.min(length - done, lengths[range] - offset);
            long vaddr = bases[range] + offset;
            long missed = direction == ProcessVm.Direction.READ
                    ? user.copyToUser(vaddr, bytes, done, piece)
                    : user.copyFromUser(bytes, done, piece, vaddr);
            int copied = (int) (piece - missed);
            done += copied;
            offset += copied;
            left -= copied;
            if (missed > 0) {
                break;
            }
        }
        return done;
    }
}
