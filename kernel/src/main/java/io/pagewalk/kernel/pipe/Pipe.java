package io.pagewalk.kernel.pipe;

import io.pagewalk.base.KernelBug;
import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.syscall.Sleeper;
import io.pagewalk.kernel.syscall.Sleeper.Sleep;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/** The inside of a pipe: {@code struct pipe_inode_info}. */
public final class Pipe {
    /** Pages of a new pipe: {@code PIPE_DEF_BUFFERS}. */
    static final int DEFAULT_SLOTS = 16;

    private final PipePages pages;
    private final Deque<PipeBuffer> buffers = new ArrayDeque<>();
    private final List<Sleeper> waitingReaders = new ArrayList<>();
    private final List<Sleeper> waitingGivers = new ArrayList<>();
    private final Deque<Writer> waitingWriters = new ArrayDeque<>();
    private int slots = DEFAULT_SLOTS;
    private int readers = 1;
    private int writers = 1;

    /** A task whose write did not fit; it sleeps until all bytes are in the pipe. */
    private static final class Writer {
        private final Sleeper task;
        private final byte[] bytes;
        private int done;

        Writer(Sleeper task, byte[] bytes, int done) {
            this.task = task;
            this.bytes = bytes;
            this.done = done;
        }
    }

    /**
     * Creates an empty pipe with a reader and a writer.
     *
     * @param pages the machine's
     */
    public Pipe(PipePages pages) {
        this.pages = pages;
    }

    /** Returns whether it has no room for one more page: {@code pipe_full()}. */
    public boolean isFull() {
        return buffers.size() >= slots;
    }

    /** Returns whether nothing is in it: {@code pipe_empty()}. */
    public boolean isEmpty() {
        return buffers.isEmpty();
    }

    /** Returns how many ends can be read. */
    public int readers() {
        return readers;
    }

    /** Returns how many ends can be written to. */
    public int writers() {
        return writers;
    }

    /** Returns the bytes that wait to be read. */
    public int bytes() {
        return buffers.stream().mapToInt(PipeBuffer::length).sum();
    }

    /** Returns how many bytes it holds at most when each page is full: {@code F_GETPIPE_SZ}. */
    public int sizeBytes() {
        return slots * PipeBuffer.PAGE_BYTES;
    }

    /**
     * Makes it larger or smaller: {@code pipe_resize_ring()}.
     *
     * @param bytes a power of two of at least a page
     * @return the size, or {@code -EBUSY} when more is in it
     */
    public long resize(int bytes) {
        int wanted = bytes / PipeBuffer.PAGE_BYTES;
        if (wanted < buffers.size()) {
            return -Errno.EBUSY;
        }
        slots = wanted;
        goOnWriting();
        return bytes;
    }

    /** {@code pipe_read()} of what is there. Returns how many bytes that was. */
    int take(byte[] target) {
        int done = 0;
        while (done < target.length && !buffers.isEmpty()) {
            PipeBuffer buffer = buffers.getFirst();
            int piece = Math.min(target.length - done, buffer.length());
            pages.memory().copyOut(buffer.start(), target, done, piece);
            buffer.consume(piece);
            done += piece;
            if (buffer.length() == 0) {
                pages.release(buffers.removeFirst());
            }
        }
        goOnWriting();
        return done;
    }

    /**
     * Writes: {@code pipe_write()}.
     *
     * @param bytes what
     * @param mayWait whether the task sleeps until there is room for all
     * @return how many bytes were written, {@code -EAGAIN}, {@code -EPIPE}, {@code -ENOMEM}
     */
    long write(byte[] bytes, boolean mayWait) {
        if (readers == 0) {
            return -Errno.EPIPE;
        }
        long done = put(bytes, 0);
        if (done < 0 || done == bytes.length) {
            return done;
        }
        Sleeper task = pages.current();
        if (!mayWait || task == null) {
            return done > 0 ? done : -Errno.EAGAIN;
        }
        Writer writer = new Writer(task, bytes, (int) done);
        waitingWriters.add(writer);
        task.sleep(sleep(false, () -> waitingWriters.remove(writer)));
        return done;
    }

    /** Puts bytes in from an offset on, first behind those of the last page. Returns the offset behind what was put, or {@code -ENOMEM}. */
    private long put(byte[] bytes, int from) {
        int done = from;
        while (done < bytes.length) {
            // Whole pages begin a page; the odd rest goes behind what is there.
            PipeBuffer last = buffers.peekLast();
            int odd = (bytes.length - done) % PipeBuffer.PAGE_BYTES;
            boolean isMerged = done == 0 && last != null && odd > 0 && last.room() >= odd;
            if (!isMerged) {
                if (isFull()) {
                    break;
                }
                long pfn = pages.allocate();
                if (pfn == PageAllocator.NO_PAGE) {
                    return done > 0 ? done : -Errno.ENOMEM;
                }
                last = new PipeBuffer(pfn);
                buffers.addLast(last);
            }
            int piece = isMerged ? odd : Math.min(bytes.length - done, PipeBuffer.PAGE_BYTES);
            pages.memory().copyIn(last.start() + last.length(), bytes, done, piece);
            last.append(piece);
            done += piece;
        }
        if (done > from) {
            wakeAll(waitingReaders);
        }
        return done;
    }

    private void goOnWriting() {
        if (readers == 0 || !isFull()) {
            wakeAll(waitingGivers);
        }
        while (!waitingWriters.isEmpty()) {
            Writer writer = waitingWriters.getFirst();
            if (readers > 0) {
                long done = put(writer.bytes, writer.done);
                writer.done = (int) Math.max(done, writer.done);
                if (done >= 0 && writer.done < writer.bytes.length) {
                    return;
                }
            }
            waitingWriters.removeFirst();
            long result = writer.done > 0 ? writer.done : -Errno.EPIPE;
            writer.task.wakeAndGoOn(() -> result);
        }
    }

    /**
     * Adds a page of a program: {@code add_to_pipe()}.
     *
     * @param pfn the page, with a reference for the pipe
     * @param offset first byte
     * @param length bytes
     */
    public void add(long pfn, int offset, int length) {
        KernelBug.on(isFull(), "a page is added to a full pipe");
        buffers.addLast(PipeBuffer.lent(pfn, offset, length));
        wakeAll(waitingReaders);
    }

    /** Lets the running task sleep until there is something to read; it makes its call again then. */
    public void waitForBytes() {
        waitIn(waitingReaders);
    }

    /** Lets the running task sleep until a page can be added; it makes its call again then: {@code wait_for_space()}. */
    public void waitForRoom() {
        waitIn(waitingGivers);
    }

    private void waitIn(List<Sleeper> queue) {
        Sleeper task = pages.current();
        if (task != null) {
            queue.add(task);
            task.sleep(sleep(true, () -> queue.remove(task)));
        }
    }

    private static Sleep sleep(boolean makesCallAgain, Runnable abandon) {
        return new Sleep() {
            @Override
            public boolean makesCallAgain() {
                return makesCallAgain;
            }

            @Override
            public void abandon() {
                abandon.run();
            }
        };
    }

    private static void wakeAll(List<Sleeper> queue) {
        List<Sleeper> woken = List.copyOf(queue);
        queue.clear();
        woken.forEach(Sleeper::wake);
    }

    /** An end is closed; with both closed its pages go: {@code pipe_release()}. */
    void close(boolean isReader) {
        if (isReader) {
            readers--;
        } else {
            writers--;
        }
        if (readers == 0) {
            goOnWriting();
        }
        if (writers == 0) {
            wakeAll(waitingReaders);
        }
        while (readers + writers == 0 && !buffers.isEmpty()) {
            pages.release(buffers.removeFirst());
        }
    }
}
