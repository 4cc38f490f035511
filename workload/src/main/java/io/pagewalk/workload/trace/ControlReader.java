package io.pagewalk.workload.trace;

import io.pagewalk.base.BadInput;
import org.jspecify.annotations.Nullable;

/**
 * What stands between the spans of one block, read in order.
 *
 * <p>{@link #next} moves to the next one that is due; the other methods tell what it is.
 */
public final class ControlReader {
    private static final ControlKind[] KINDS = ControlKind.values();

    private final ByteCursor in;
    private long dueSpan;
    private boolean hasPending;
    private ControlKind kind = ControlKind.SWITCH_THREAD;
    private int thread;
    private int status;
    private @Nullable SyscallEvent syscall;

    ControlReader(ByteCursor in) {
        this.in = in;
    }

    /**
     * Moves to the next one that stands in front of a span.
     *
     * @param span the span's place in the block; the number of spans for what stands behind the last one
     * @return whether there was one
     */
    public boolean next(int span) {
        if (!hasPending) {
            if (!in.hasMore()) {
                return false;
            }
            dueSpan += in.readVarint();
            hasPending = true;
        }
        if (dueSpan > span) {
            return false;
        }
        hasPending = false;
        int number = in.readByte();
        if (number >= KINDS.length) {
            throw new BadInput("trace", "control record " + number, "one below " + KINDS.length);
        }
        kind = KINDS[number];
        switch (kind) {
            case SWITCH_THREAD -> thread = in.readCount(Integer.MAX_VALUE);
            case SYSCALL -> syscall = readSyscall();
            case EXIT_THREAD -> {
                thread = in.readCount(Integer.MAX_VALUE);
                status = (int) in.readSigned();
            }
            case EXIT_PROCESS -> status = (int) in.readSigned();
        }
        return true;
    }

    /** Returns what it is. */
    public ControlKind kind() {
        return kind;
    }

    /** Returns the thread that goes on or ended. */
    public int thread() {
        return thread;
    }

    /** Returns the exit status of the thread or process. */
    public int status() {
        return status;
    }

    /** Returns the system call, when it is one. */
    public SyscallEvent syscall() {
        if (syscall == null) {
            throw new IllegalStateException("not at a system call");
        }
        return syscall;
    }

    private SyscallEvent readSyscall() {
        return new SyscallEvent(
                in.readCount(Integer.MAX_VALUE),
                in.readVarint(),
                in.readVarint(),
                in.readVarint(),
                in.readVarint(),
                in.readVarint(),
                in.readVarint(),
                in.readSigned(),
                in.readByte() == 0 ? null : in.readText());
    }
}
