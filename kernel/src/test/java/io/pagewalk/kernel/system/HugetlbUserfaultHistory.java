package io.pagewalk.kernel.system;

import io.pagewalk.base.SeededRandom;
import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.kernel.fault.PteMarkers;
import io.pagewalk.kernel.hugetlb.HugePool;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;

/**
 * Random commands of two userfaultfds on huge pages of a pool, private, shared and of a file, beside small pages, with calls on areas and accesses by process 0, and by a thread that waits and
 * is served. Areas are not moved: that loses promises of the pool on the kernel of this machine.
 */
final class HugetlbUserfaultHistory {
    private static final long PAGE = 4096;
    private static final int SMALL = 512;
    private static final long HUGE = SMALL * PAGE;
    private static final long BUFFER = TwoKernels.ARENA;
    private static final long SOURCE = BUFFER + 8 * HUGE;
    private static final long AREA = TwoKernels.ARENA + (1L << 30);
    private static final int PLACES = 10;
    private static final int THREAD = 0;
    private static final int COMPARE_EVERY = Integer.getInteger("pagewalk.userfault.compare", 8);

    private final SeededRandom random;
    private final TwoKernels both;
    private final Userfaults u;
    private final boolean withThread;
    private final long[] fds = new long[2];
    private final long memfd;
    private final long pagemap;
    private boolean waits;

    HugetlbUserfaultHistory(TwoKernels both, SeededRandom random, boolean withThread) {
        this.both = both;
        this.random = random;
        this.withThread = withThread;
        both.call(0, "mmap", BUFFER, 4 * PAGE, 3, 0x32, -1, 0);
        // One page that is there, and one of which there is little.
        both.call(0, "mmap", SOURCE, 2 * HUGE + PAGE, 3, 0x32, -1, 0);
        both.call(0, "madvise", SOURCE, HUGE + PAGE, 23);
        for (int i = 0; i < 2; i++) {
            both.store(0, SOURCE + i * HUGE, 0x1000 + i);
            both.store(0, SOURCE + i * HUGE + 100 * PAGE, 0x2000 + i);
        }
        u = new Userfaults(both, BUFFER);
        long features = withThread ? 0 : Userfaults.FEATURE_SIGBUS;
        features |= random.nextBoolean() ? Userfaults.FEATURE_WP_ASYNC : 0;
        fds[0] = u.open(Userfaults.NONBLOCK, features | (random.nextBoolean() ? Userfaults.FEATURE_WP_UNPOPULATED : 0));
        fds[1] = u.open(Userfaults.NONBLOCK, features | Userfaults.FEATURE_EXACT_ADDRESS);
        memfd = both.call(0, "memfd_create", both.text(0, BUFFER + 3000, "m"), 4);
        both.call(0, "ftruncate", memfd, 4 * HUGE);
        pagemap = both.call(0, "openat", -100, both.text(0, BUFFER + 3000, "/proc/self/pagemap"), 0);
    }

    void run(int operations) {
        for (int step = 0; step < operations; step++) {
            if (withThread && random.nextInt(3) == 0) {
                threadStep();
            } else {
                step();
            }
            if (waits) {
                waits = both.isWaiting(THREAD);
            }
            comparePool();
            if (step % COMPARE_EVERY == 0) {
                both.compareMaps(0);
                both.smaps().compareResidency(0);
                for (int place = 0; place < PLACES; place++) {
                    u.marks(pagemap, AREA + place * HUGE + (place % 2 == 0 ? 0 : 7 * PAGE), 1);
                }
            }
            if (step % 40 == 0) {
                both.model.verify();
            }
        }
        both.call(0, "munmap", AREA, PLACES * HUGE);
        both.call(0, "close", memfd);
        comparePool();
    }

    private void comparePool() {
        HugePool pool = both.model.kernel.hugetlb().pools().defaultPool();
        long[] actual = {pool.pages(), pool.free(), pool.reserved(), pool.surplus()};
        both.expectEqual("the pool", actual, HostHugePages.poolOnceEqual(actual));
    }

    private void threadStep() {
        if (waits) {
            serve();
            return;
        }
        long vaddr = place() + 8L * random.nextInt(4096);
        long populated = place();
        if (isEndless(vaddr) || isEndless(populated)) {
            return;
        }
        waits = switch (random.nextInt(5)) {
            case 0, 1 -> both.begin(THREAD, 1, "", vaddr);
            case 2, 3 -> both.begin(THREAD, 2, "", vaddr, random.nextInt(1000));
            default -> both.begin(THREAD, 0, "madvise", populated, PAGE, pick(22, 23));
        };
    }

    /** Reads a message and does what a monitor does. */
    private void serve() {
        int which = random.nextInt(2);
        if (u.read(fds[which]) == 0) {
            u.command(fds[random.nextInt(2)], Userfaults.WAKE, 0, AREA, PLACES * HUGE);
            return;
        }
        long place = u.address() & -HUGE;
        switch (random.nextInt(6)) {
            case 0 -> u.poison(fds[which], place, SMALL, pick(0, 0, 1));
            case 1 -> u.protect(fds[which], place, SMALL, pick(0, 0, 2));
            case 2 -> u.proceed(fds[which], place, SMALL, pick(0, 0, 1, 2));
            case 3 -> u.command(fds[which], Userfaults.WAKE, 0, place, PAGE);
            default -> u.copy(fds[which], place, source(), SMALL, pick(0, 0, 0, 1, 2));
        }
    }

    private void step() {
        long fd = fds[random.nextInt(2)];
        switch (random.nextInt(24)) {
            case 0, 1 -> map();
            case 2, 3, 4 -> u.register(fd, address(), pages(5), pick(1, 1, 2, 3, 3, 4, 5, 6, 7));
            case 5 -> u.unregister(fd, address(), pages(5));
            case 6, 7 -> u.copy(fd, address(), source(), pages(2), pick(0, 0, 0, 2, 2, 1, 4));
            case 8 -> u.zero(fd, address(), pages(2), pick(0, 0, 1, 2));
            case 9, 10 -> u.proceed(fd, address(), pages(3), pick(0, 0, 2, 4));
            case 11 -> u.poison(fd, address(), pages(2), pick(0, 0, 1, 2));
            case 12, 13 -> u.protect(fd, address(), pages(4), pick(0, 1, 1, 2, 3));
            case 14 -> u.move(fd, address(), address(), pages(1), pick(0, 2));
            case 15 -> both.call(0, "munmap", address(), pages(2) * PAGE);
            case 16 -> both.call(0, "mprotect", address(), pages(3) * PAGE, pick(0, 1, 3, 3, 3));
            case 17, 18 -> both.call(0, "madvise", address(), pages(3) * PAGE, pick(4, 4, 8, 9, 24));
            case 19 -> both.call(0, "ftruncate", memfd, random.nextInt(5) * HUGE);
            case 20 -> both.call(0, "fallocate", memfd, pick(0, 1, 3), random.nextInt(4) * HUGE, HUGE);
            case 21, 22 -> scan();
            default -> u.poll(fd);
        }
        if (!withThread) {
            access();
        }
    }

    private void scan() {
        long written = 2;
        u.scan(
                pagemap,
                address() & -PAGE,
                pages(4),
                pick(0, 1, 1, 1, 3, 2),
                random.nextInt(4),
                pick(0, written, written, 1, written | 8),
                pick(0, 0, 8, 4, written | 8, 0x40),
                pick(written, written, 0x13f, 0x7f));
    }

    private void access() {
        long vaddr = place() + 8L * random.nextInt(4096);
        if (isEndless(vaddr)) {
            return;
        }
        if (random.nextBoolean()) {
            both.load(0, vaddr);
        } else {
            both.store(0, vaddr, random.nextInt(1000));
        }
    }

    /** Returns whether a place is write-protected but nobody is told of stores any more: the kernel tries for ever. */
    private boolean isEndless(long vaddr) {
        Vma vma = both.task(0).mm().vmas().find(vaddr);
        if (vma == null || !vma.has(VmaFlags.VM_HUGETLB) || vma.has(VmaFlags.VM_UFFD_WP)) {
            return false;
        }
        LinuxKernel kernel = both.model.kernel;
        long entry = kernel.pageTables().entryAt(vma.mm(), vaddr);
        int flags = kernel.machine().description().mode().flags(entry, 1);
        return PteMarkers.is(entry)
                ? (PteMarkers.marks(entry) & PteMarkers.UFFD_WP) != 0
                : entry != 0 && (flags & PteFlags.UFFD_WP) != 0;
    }

    private void map() {
        long bytes = (1L + random.nextInt(4)) * HUGE;
        long offset = random.nextInt(3) * HUGE;
        long noReserve = random.nextInt(4) == 0 ? 0x4000 : 0;
        switch (random.nextInt(5)) {
            case 0 -> both.call(0, "mmap", place(), bytes, 3, 0x31 | 0x40000 | noReserve, -1, 0);
            case 1, 2 ->
                both.call(0, "mmap", place(), bytes, pick(1, 3, 3), pick(0x11, 0x11, 0x12) | noReserve, memfd, offset);
            case 3 -> both.call(0, "mmap", place(), bytes, pick(1, 3, 3), 0x32 | 0x40000 | noReserve, -1, 0);
            default -> both.call(0, "mmap", place(), bytes, 3, 0x32, -1, 0);
        }
    }

    /** Returns a place, now and then one inside a huge page. */
    private long address() {
        return place() + (random.nextInt(12) == 0 ? PAGE : 0);
    }

    private long place() {
        return AREA + random.nextInt(PLACES) * HUGE;
    }

    private long source() {
        if (!withThread && random.nextInt(6) == 0) {
            return address();
        }
        return SOURCE + pick(0, 0, HUGE, 8, PAGE + 16);
    }

    /** Returns small pages that make up huge ones, now and then not. */
    private long pages(int most) {
        return (1L + random.nextInt(most)) * SMALL - (random.nextInt(12) == 0 ? 1 : 0);
    }

    private long pick(long... values) {
        return values[random.nextInt(values.length)];
    }
}
