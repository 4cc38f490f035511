package io.pagewalk.oracle.conformance;

import static io.pagewalk.oracle.conformance.Linux.*;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.function.Consumer;

/**
 * A pool of huge pages for the time of one case. On the running kernel it is a setting of the whole machine: it is taken under a lock when nobody uses it, and put back whatever
 * comes of the case.
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
    private static final long PATIENCE_NANOS = 3_000_000_000L;
    private static final int TEXT_BYTES = 32;

    private HugePages() {}

    /** Runs a case with a pool of so many pages. */
    static void with(Subject s, int pages, Consumer<Subject> body) {
        if (s.isModel()) {
            resize(s, pages);
            body.accept(s);
            return;
        }
        Path file = Path.of(System.getProperty("java.io.tmpdir"), "pagewalk-hugetlb.lock");
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
                FileLock lock = channel.lock()) {
            s.needsOnHost(lock.isValid() && isUnused(), "a pool of huge pages that can be set and nobody uses");
            try {
                resize(s, pages);
                s.needsOnHost(value("nr_hugepages") == pages, "memory for huge pages");
                body.accept(s);
            } finally {
                // Surplus pages that are free become persistent ones, which can go.
                set("nr_overcommit_hugepages", 0);
                set("nr_hugepages", value("nr_hugepages"));
                set("nr_hugepages", 0);
            }
        } catch (IOException e) {
            throw new CaseFailure("the pool of huge pages: " + e.getMessage());
        }
    }

    private static boolean isUnused() throws IOException {
        if (!Files.isWritable(Path.of(DIRECTORY + "nr_hugepages"))) {
            return false;
        }
        // Processes of the case before may be about to end.
        long deadline = System.nanoTime() + PATIENCE_NANOS;
        while (value("nr_hugepages") != 0 || value("resv_hugepages") != 0) {
            if (System.nanoTime() > deadline) {
                return false;
            }
            Thread.onSpinWait();
        }
        return true;
    }

    private static long value(String name) throws IOException {
        return Long.parseUnsignedLong(
                Files.readString(Path.of(DIRECTORY + name)).strip());
    }

    private static void set(String name, long value) throws IOException {
        Files.writeString(Path.of(DIRECTORY + name), Long.toString(value));
    }

    /** Writes {@code nr_hugepages}. */
    static void resize(Subject s, int pages) {
        write(s, "nr_hugepages", pages);
    }

    /** Writes {@code nr_overcommit_hugepages}. */
    static void overcommit(Subject s, int pages) {
        write(s, "nr_overcommit_hugepages", pages);
    }

    private static void write(Subject s, String name, int value) {
        int fd = s.open(DIRECTORY + name, O_WRONLY);
        String text = Integer.toString(value);
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
                figure(s, "nr_hugepages"),
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
