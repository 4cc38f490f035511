package io.pagewalk.kernel.userfaultfd;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;

/**
 * One message and who waits for its reader: {@code struct uffd_msg} in a {@code struct userfaultfd_wait_queue}.
 *
 * <pre>
 *   0      1..7      8          16          24
 *   event    0       flags      address     thread     page fault
 *                    fd                                fork
 *                    from       to          length     remap
 *                    start      end                    remove, unmap
 * </pre>
 */
final class Message {
    /** Bytes that a reader gets for each. */
    static final int BYTES = 32;

    static final int PAGEFAULT = 0x12;
    static final int FORK = 0x13;
    static final int REMAP = 0x14;
    static final int REMOVE = 0x15;
    static final int UNMAP = 0x16;

    private final int event;
    private final long first;
    private final long second;
    private final long third;

    /** Called once somebody has read of an event, or nobody ever will. */
    private Runnable completion = () -> {};

    private @Nullable UserfaultTask waiter;
    private @Nullable Userfaultfd forked;

    Message(int event, long first, long second, long third) {
        this.event = event;
        this.first = first;
        this.second = second;
        this.third = third;
    }

    int event() {
        return event;
    }

    /** The address of a page fault, the start of a range. */
    long address() {
        return event == PAGEFAULT ? second : first;
    }

    long end() {
        return second;
    }

    long third() {
        return third;
    }

    @Nullable
    UserfaultTask waiter() {
        return waiter;
    }

    void setWaiter(@Nullable UserfaultTask task) {
        waiter = task;
    }

    @Nullable
    Userfaultfd forked() {
        return forked;
    }

    void setForked(Userfaultfd context) {
        forked = context;
    }

    void onCompletion(Runnable action) {
        completion = action;
    }

    void complete() {
        completion.run();
    }

    /** Returns the message as it is read; a fork's first word is the reader's new descriptor. */
    byte[] bytes(long firstWord) {
        ByteBuffer bytes = ByteBuffer.allocate(BYTES).order(ByteOrder.LITTLE_ENDIAN);
        bytes.put(0, (byte) event);
        bytes.putLong(8, firstWord).putLong(16, second).putLong(24, third);
        return bytes.array();
    }

    long firstWord() {
        return first;
    }
}
