package io.pagewalk.oracle.conformance;

/** A userfaultfd of a case and its ioctls. */
final class UserfaultCalls {
    static final int MISSING = 1;
    static final int WP = 2;
    static final int MINOR = 4;

    static final long PAGEFAULT_FLAG_WP = 1;
    static final long EVENT_FORK = 1 << 1;
    static final long SIGBUS = 1 << 7;
    static final long MINOR_SHMEM = 1 << 10;
    static final long WP_HUGETLBFS_SHMEM = 1 << 12;
    static final long WP_UNPOPULATED = 1 << 13;
    static final long POISON = 1 << 14;
    static final long WP_ASYNC = 1 << 15;
    static final long MOVE = 1 << 16;

    static final long IOCTL_API = 0xc018aa3fL;
    static final long IOCTL_REGISTER = 0xc020aa00L;
    static final long IOCTL_UNREGISTER = 0x8010aa01L;
    static final long IOCTL_WAKE = 0x8010aa02L;
    static final long IOCTL_COPY = 0xc028aa03L;
    static final long IOCTL_ZEROPAGE = 0xc020aa04L;
    static final long IOCTL_MOVE = 0xc028aa05L;
    static final long IOCTL_WRITEPROTECT = 0xc018aa06L;
    static final long IOCTL_CONTINUE = 0xc020aa07L;
    static final long IOCTL_POISON = 0xc020aa08L;

    static final long API = 0xaa;

    /** {@code O_CLOEXEC | O_NONBLOCK}. */
    static final int OPEN_FLAGS = 0x80000 | 0x800;

    private final Subject s;
    private final long fd;
    private final long words;

    private UserfaultCalls(Subject s, long fd) {
        this.s = s;
        this.fd = fd;
        this.words = s.space(5 * 8);
    }

    /** Opens one without asking for features yet. */
    static UserfaultCalls fresh(Subject s) {
        return new UserfaultCalls(s, s.ok("userfaultfd", OPEN_FLAGS));
    }

    /** Opens one through {@code /dev/userfaultfd}. */
    static UserfaultCalls ofDevice(Subject s) {
        long device = s.call("open", s.string("/dev/userfaultfd"), 0x80000, 0);
        s.needsOnHost(device >= 0, "needs /dev/userfaultfd");
        return new UserfaultCalls(s, s.ok("ioctl", device, 0xaa00, OPEN_FLAGS));
    }

    /** Opens one and asks for features. */
    static UserfaultCalls open(Subject s, long features) {
        UserfaultCalls uffd = fresh(s);
        uffd.gives(0, IOCTL_API, API, features, 0);
        return uffd;
    }

    /** An ioctl with a structure of words must give a result. */
    void gives(long expected, long ioctl, long... values) {
        for (int i = 0; i < values.length; i++) {
            s.store(words + i * 8L, values[i]);
        }
        s.gives(expected, "ioctl", fd, ioctl, words);
    }

    /** Returns a word of the structure of the last ioctl. */
    long word(int index) {
        return s.load(words + index * 8L);
    }

    /** Registers a range and returns the set of ioctls that it can have. */
    long register(long addr, long bytes, int mode) {
        gives(0, IOCTL_REGISTER, addr, bytes, mode, 0);
        return word(3);
    }

    void unregister(long addr, long bytes) {
        gives(0, IOCTL_UNREGISTER, addr, bytes);
    }

    void writeProtect(long addr, long bytes, boolean isProtected) {
        gives(0, IOCTL_WRITEPROTECT, addr, bytes, isProtected ? 1 : 0);
    }

    /** Copies; with {@code mode} 2 the new pages are write-protected. */
    void copy(long to, long from, long bytes, int mode) {
        gives(0, IOCTL_COPY, to, from, bytes, mode, 0);
        s.equal(bytes, word(4), "the number of bytes copied");
    }

    void close() {
        s.gives(0, "close", fd);
    }
}
