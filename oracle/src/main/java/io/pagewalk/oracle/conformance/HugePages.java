package io.pagewalk.oracle.conformance;

import static io.pagewalk.oracle.conformance.Linux.*;

import io.pagewalk.base.host.HostPool;
import io.pagewalk.base.host.HostSettings;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/**
 * A pool of huge pages for the time of one case. On the running kernel it is a setting of the whole machine: it is taken when nobody uses it, and put back whatever comes of the case.
 */
final class HugePages {
    /** Bytes of a huge page. */
    static final long HUGE = 2 * MIB;

    /** {@code mmap()} flags of private huge pages without a file. */
    static final int PRIVATE_HUGE = PRIVATE_ANON | MAP_HUGETLB;

    /** {@code mmap()} flags of shared huge pages without a file. */
    static final int SHARED_HUGE = SHARED_ANON | MAP_HUGETLB;

    static final int MFD_HUGETLB = 4;
    static final int SHM_HUGETLB = 04000;

    private static final String DIRECTORY = "/sys/kernel/mm/hugepages/hugepages-2048kB/";
    private static final String POOL = "nr_hugepages";
    private static final int TEXT_BYTES = 32;

    private HugePages() {}

    /** Runs a case with a pool of so many pages. */
    static void with(Subject s, int pages, Consumer<Subject> body) {
        if (s.isModel()) {
            resize(s, pages);
            body.accept(s);
            return;
        }
        Map<Path, String> wanted = new LinkedHashMap<>();
        wanted.put(HostPool.OVERCOMMIT, "0");
        wanted.put(HostPool.SIZE, Integer.toString(pages));
        try (HostSettings settings = HostSettings.take(wanted)) {
            if (settings == null) {
                s.needsOnHost(false, "a pool of huge pages that can be set and nobody uses, and memory for it");
                return;
            }
            body.accept(s);
        }
    }

    /** Writes {@code nr_hugepages}. */
    static void resize(Subject s, int pages) {
        write(s, POOL, pages);
    }

    /** Writes {@code nr_overcommit_hugepages}. */
    static void overcommit(Subject s, int pages) {
        write(s, "nr_overcommit_hugepages", pages);
    }

    private static void write(Subject s, String name, long value) {
        int fd = s.open(DIRECTORY + name, O_WRONLY);
        String text = Long.toString(value);
        s.gives(text.length(), "write", fd, s.string(text), text.length());
        s.gives(0, "close", fd);
    }

    /** Returns one figure of the pool. */
    static long figure(Subject s, String name) {
        int fd = s.open(DIRECTORY + name, O_RDONLY);
        long buffer = s.space(TEXT_BYTES);
        long length = s.ok("read", fd, buffer, TEXT_BYTES);
        s.gives(0, "close", fd);
        String text = new String(s.peek(buffer, (int) length), StandardCharsets.US_ASCII);
        return Long.parseUnsignedLong(text.strip());
    }

    /** The pool must have so many pages in all, free, reserved and surplus ones. */
    static void has(Subject s, long total, long free, long reserved, long surplus) {
        List<Long> expected = List.of(total, free, reserved, surplus);
        List<Long> actual = List.of(
                figure(s, POOL),
                figure(s, "free_hugepages"),
                figure(s, "resv_hugepages"),
                figure(s, "surplus_hugepages"));
        s.isTrue(actual.equals(expected), "total, free, reserved, surplus are " + actual + ", not " + expected);
    }

    /** Makes a file of huge pages without a name. */
    static int file(Subject s) {
        return (int) s.ok("memfd_create", s.string("huge"), MFD_HUGETLB);
    }

    /** Maps huge pages of a file, or without one for -1. */
    static long map(Subject s, long pages, int flags, int fd) {
        return s.ok("mmap", 0, pages * HUGE, RW, flags, fd, 0);
    }

    /** Stores a number in every page, and it must be there afterwards. */
    static void fill(Subject s, long addr, long pages, long first) {
        for (long i = 0; i < pages; i++) {
            s.store(addr + i * HUGE, first + i);
            s.store(addr + (i + 1) * HUGE - 8, first + i);
        }
        isFilled(s, addr, pages, first);
    }

    /** Every page must hold its number. */
    static void isFilled(Subject s, long addr, long pages, long first) {
        for (long i = 0; i < pages; i++) {
            s.holds(first + i, addr + i * HUGE);
            s.holds(first + i, addr + (i + 1) * HUGE - 8);
        }
    }
}
