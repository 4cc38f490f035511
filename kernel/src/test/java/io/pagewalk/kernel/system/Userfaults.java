package io.pagewalk.kernel.system;

/** Calls of userfaultfd in both kernels, with structures that lie in a page of process 0. */
final class Userfaults {
    static final long PAGE = 4096;

    static final int API = 0xc018aa3f;
    static final int REGISTER = 0xc020aa00;
    static final int UNREGISTER = 0x8010aa01;
    static final int WAKE = 0x8010aa02;
    static final int COPY = 0xc028aa03;
    static final int ZEROPAGE = 0xc020aa04;
    static final int MOVE = 0xc028aa05;
    static final int WRITEPROTECT = 0xc018aa06;
    static final int CONTINUE = 0xc020aa07;
    static final int POISON = 0xc020aa08;

    static final long MISSING = 1;
    static final long WP = 2;
    static final long MINOR = 4;

    static final long FEATURE_FORK = 1 << 1;
    static final long FEATURE_REMAP = 1 << 2;
    static final long FEATURE_REMOVE = 1 << 3;
    static final long FEATURE_UNMAP = 1 << 6;
    static final long FEATURE_SIGBUS = 1 << 7;
    static final long FEATURE_THREAD_ID = 1 << 8;
    static final long FEATURE_EXACT_ADDRESS = 1 << 11;
    static final long FEATURE_WP_UNPOPULATED = 1 << 13;
    static final long FEATURE_WP_ASYNC = 1 << 15;

    static final int NONBLOCK = 0x800;
    static final int USER_MODE_ONLY = 1;

    private final TwoKernels both;
    private final long buffer;

    /** The page at {@code buffer} must be writable in process 0. */
    Userfaults(TwoKernels both, long buffer) {
        this.both = both;
        this.buffer = buffer;
    }

    /** Opens one that is ready to be used. */
    long open(int flags, long features) {
        long fd = both.call(0, "userfaultfd", flags);
        command(fd, API, 3, 0xaa, features, 0);
        return fd;
    }

    /** Stores words, makes the command, and compares the first words of the structure afterwards. */
    long command(long fd, int command, int wordsAfter, long... words) {
        for (int i = 0; i < words.length; i++) {
            both.store(0, buffer + 8L * i, words[i]);
        }
        long result = both.call(0, "ioctl", fd, command, buffer);
        for (int i = 0; i < wordsAfter; i++) {
            both.load(0, buffer + 8L * i);
        }
        return result;
    }

    long register(long fd, long start, long pages, long modes) {
        return command(fd, REGISTER, 4, start, pages * PAGE, modes, 0x55);
    }

    long unregister(long fd, long start, long pages) {
        return command(fd, UNREGISTER, 0, start, pages * PAGE);
    }

    long copy(long fd, long target, long source, long pages, long modes) {
        return command(fd, COPY, 5, target, source, pages * PAGE, modes, 0x55);
    }

    long move(long fd, long target, long source, long pages, long modes) {
        return command(fd, MOVE, 5, target, source, pages * PAGE, modes, 0x55);
    }

    long zero(long fd, long start, long pages, long modes) {
        return command(fd, ZEROPAGE, 4, start, pages * PAGE, modes, 0x55);
    }

    long proceed(long fd, long start, long pages, long modes) {
        return command(fd, CONTINUE, 4, start, pages * PAGE, modes, 0x55);
    }

    long poison(long fd, long start, long pages, long modes) {
        return command(fd, POISON, 4, start, pages * PAGE, modes, 0x55);
    }

    long protect(long fd, long start, long pages, long modes) {
        return command(fd, WRITEPROTECT, 0, start, pages * PAGE, modes);
    }

    /** Reads one message without waiting; all but the thread number must be equal. Returns the event, 0 when there is none. */
    int read(long fd) {
        for (int i = 0; i < 4; i++) {
            both.store(0, buffer + 1024 + 8L * i, 0);
        }
        long result = both.call(0, "read", fd, buffer + 1024, 32);
        if (result != 32) {
            return 0;
        }
        int event = (int) both.load(0, buffer + 1024);
        both.load(0, buffer + 1032);
        both.load(0, buffer + 1040);
        if (event != 0x12) {
            both.load(0, buffer + 1048);
        }
        return event;
    }

    /** Returns the address of the message that was read last. */
    long address() {
        return both.load(0, buffer + 1040);
    }

    /** Makes PAGEMAP_SCAN and compares what it tells. */
    void scan(long pagemap, long start, long pages, long flags, int regions, long mask, long anyOf, long returned) {
        long vec = regions == 0 ? 0 : buffer + 1536;
        long[] words = {96, flags, start, start + pages * PAGE, 7, vec, regions, 0, 0, mask, anyOf, returned};
        for (int i = 0; i < words.length; i++) {
            both.store(0, buffer + 8L * i, words[i]);
        }
        long found = both.call(0, "ioctl", pagemap, 0xffffffffc0606610L, buffer);
        both.load(0, buffer + 32);
        for (int i = 0; i < 3 * found; i++) {
            both.load(0, buffer + 1536 + 8L * i);
        }
    }

    /** Compares the marks of pages in pagemap, but not their frames. */
    void marks(long pagemap, long start, int pages) {
        both.call(0, "pread64", pagemap, buffer + 1024, 8L * pages, (start >>> 12) * 8);
        for (int i = 0; i < pages; i++) {
            both.loadBits(0, buffer + 1024 + 8L * i, -1L << 56);
        }
    }

    /** Asks poll() about a descriptor. */
    void poll(long fd) {
        both.store(0, buffer + 2048, fd | 0x1L << 32);
        both.call(0, "poll", buffer + 2048, 1, 0);
        both.load(0, buffer + 2048);
    }
}
