package io.pagewalk.kernel.system;

import io.pagewalk.base.SeededRandom;

/**
 * Random commands of two userfaultfds, calls on areas and accesses by process 0, and by a thread that waits and is served. It is one thread, because who of two that are woken
 * together faults first is chance, and its calls are for one page, because the model makes a call again from its beginning.
 */
final class UserfaultHistory {
    private static final long PAGE = 4096;
    private static final long BUFFER = TwoKernels.ARENA;
    private static final long SOURCE = BUFFER + 8 * PAGE;
    private static final long AREA = TwoKernels.ARENA + (1L << 30);
    private static final int PAGES = 32;
    private static final int THREADS = 1;
    private static final int COMPARE_EVERY = Integer.getInteger("pagewalk.userfault.compare", 8);

    private final SeededRandom random;
    private final TwoKernels both;
    private final Userfaults u;
    private final boolean withThreads;
    private final long[] fds = new long[2];
    private final long memfd;
    private final long pagemap;
    private final boolean[] waits = new boolean[THREADS];

    UserfaultHistory(TwoKernels both, SeededRandom random, boolean withThreads) {
        this.both = both;
        this.random = random;
        this.withThreads = withThreads;
        both.call(0, "mmap", BUFFER, 4 * PAGE, 3, 0x32, -1, 0);
        both.call(0, "mmap", SOURCE, 8 * PAGE, 3, 0x32, -1, 0);
        for (int i = 0; i < 8; i++) {
            both.store(0, SOURCE + i * PAGE, 0x1000 + i);
        }
        u = new Userfaults(both, BUFFER);
        long features = withThreads ? 0 : Userfaults.FEATURE_SIGBUS;
        features |= random.nextBoolean() ? Userfaults.FEATURE_WP_ASYNC : 0;
        fds[0] = u.open(Userfaults.NONBLOCK, features | (random.nextBoolean() ? Userfaults.FEATURE_WP_UNPOPULATED : 0));
        fds[1] = u.open(Userfaults.NONBLOCK, features | Userfaults.FEATURE_EXACT_ADDRESS);
        memfd = both.call(0, "memfd_create", both.text(0, BUFFER + 3000, "m"), 2);
        both.call(0, "ftruncate", memfd, 12 * PAGE);
        pagemap = both.call(0, "openat", -100, both.text(0, BUFFER + 3000, "/proc/self/pagemap"), 0);
    }

    void run(int operations) {
        for (int step = 0; step < operations; step++) {
            if (withThreads && random.nextInt(3) == 0) {
                threadStep();
            } else {
                step();
            }
            askThreads();
            if (step % COMPARE_EVERY == 0) {
                both.compareMaps(0);
                both.smaps().compareResidency(0);
            }
            if (step % 40 == 0) {
                both.model.verify();
            }
        }
    }

    private void threadStep() {
        int number = random.nextInt(THREADS);
        if (!waits[number]) {
            long vaddr = address() + 8L * random.nextInt(512);
            waits[number] = switch (random.nextInt(5)) {
                case 0, 1 -> both.begin(number, 1, "", vaddr);
                case 2, 3 -> both.begin(number, 2, "", vaddr, random.nextInt(1000));
                default -> both.begin(number, 0, "madvise", address(), PAGE, pick(22, 23));
            };
        } else {
            serve();
        }
    }

    private void askThreads() {
        for (int number = 0; number < THREADS; number++) {
            if (waits[number]) {
                waits[number] = both.isWaiting(number);
            }
        }
    }

    /** Reads a message and does what a monitor does. */
    private void serve() {
        int which = random.nextInt(2);
        if (u.read(fds[which]) == 0) {
            u.command(fds[random.nextInt(2)], Userfaults.WAKE, 0, AREA, PAGES * PAGE);
            return;
        }
        long place = u.address() & -PAGE;
        switch (random.nextInt(6)) {
            case 0 -> u.zero(fds[which], place, 1, pick(0, 0, 1));
            case 1 -> u.protect(fds[which], place, 1, pick(0, 0, 2));
            case 2 -> u.proceed(fds[which], place, 1, pick(0, 0, 1, 2));
            case 3 -> u.command(fds[which], Userfaults.WAKE, 0, place, PAGE);
            default -> u.copy(fds[which], place, source(), 1, pick(0, 0, 0, 1, 2));
        }
    }

    private void step() {
        long fd = fds[random.nextInt(2)];
        switch (random.nextInt(26)) {
            case 0, 1 -> map();
            case 2, 3, 4 -> u.register(fd, address(), random.nextInt(12), pick(1, 1, 2, 3, 3, 4, 5, 6, 7));
            case 5 -> u.unregister(fd, address(), random.nextInt(10));
            case 6, 7 -> u.copy(fd, address(), source(), random.nextInt(4), pick(0, 0, 0, 2, 2, 1, 4));
            case 8 -> u.zero(fd, address(), random.nextInt(4), pick(0, 0, 1, 2));
            case 9 -> u.proceed(fd, address(), random.nextInt(4), pick(0, 0, 2, 4));
            case 10 -> u.poison(fd, address(), random.nextInt(3), pick(0, 1, 2));
            case 11, 12 -> u.protect(fd, address(), random.nextInt(8), pick(0, 1, 1, 2, 3, 4));
            case 13, 14 -> u.move(fd, address(), address(), random.nextInt(4), pick(0, 0, 2, 2, 1, 4));
            case 15 -> both.call(0, "munmap", address(), pages(4));
            case 16 -> both.call(0, "mprotect", address(), pages(6), pick(0, 1, 3, 3, 3));
            case 17 -> both.call(0, "mremap", address(), pages(5), pages(5), 3, address());
            case 18, 19 -> both.call(0, "madvise", address(), pages(6), pick(4, 4, 8, 9, 10, 11));
            case 21 -> u.marks(pagemap, address(), 1 + random.nextInt(8));
            case 22, 23 -> scan();
            case 20 -> both.call(0, "ftruncate", memfd, pages(13));
            default -> {
                if (!withThreads) {
                    access();
                } else if (random.nextBoolean()) {
                    u.poll(fd);
                }
            }
        }
        if (!withThreads) {
            access();
        }
    }

    private void scan() {
        long written = 2;
        u.scan(
                pagemap,
                address(),
                1 + random.nextInt(16),
                pick(0, 1, 1, 1, 3, 2),
                random.nextInt(4),
                pick(0, written, written, 1, written | 8),
                pick(0, 0, 8, 4, written | 8),
                pick(written, written, 0x13f));
    }

    private void access() {
        long vaddr = address() + 8L * random.nextInt(512);
        if (random.nextBoolean()) {
            both.load(0, vaddr);
        } else {
            both.store(0, vaddr, random.nextInt(1000));
        }
    }

    private void map() {
        long offset = random.nextInt(8) * PAGE;
        switch (random.nextInt(4)) {
            case 0 -> both.call(0, "mmap", address(), pages(8), 3, 0x31, -1, 0);
            case 1 -> both.call(0, "mmap", address(), pages(8), pick(1, 3), pick(0x11, 0x12), memfd, offset);
            default -> both.call(0, "mmap", address(), pages(12), pick(1, 3, 3), 0x32, -1, 0);
        }
    }

    private long address() {
        return AREA + random.nextInt(PAGES) * PAGE;
    }

    private long source() {
        return !withThreads && random.nextInt(6) == 0 ? address() : SOURCE + random.nextInt(4) * PAGE + pick(0, 0, 8);
    }

    private long pages(int most) {
        return (1L + random.nextInt(most)) * PAGE;
    }

    private long pick(long... values) {
        return values[random.nextInt(values.length)];
    }
}
