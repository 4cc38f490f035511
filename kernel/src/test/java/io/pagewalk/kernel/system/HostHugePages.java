package io.pagewalk.kernel.system;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** The pool of huge pages of this machine's kernel, for one test at a time; it is put back to what it was. */
final class HostHugePages implements AutoCloseable {
    private static final Path PAGES = Path.of("/proc/sys/vm/nr_hugepages");
    private static final Path OVERCOMMIT = Path.of("/proc/sys/vm/nr_overcommit_hugepages");

    private static final long PATIENCE_NANOS = 3_000_000_000L;

    private final FileChannel channel;
    private final FileLock lock;
    private final String pagesBefore;
    private final String overcommitBefore;

    private HostHugePages(FileChannel channel, FileLock lock) throws IOException {
        this.channel = channel;
        this.lock = lock;
        this.pagesBefore = Files.readString(PAGES).strip();
        this.overcommitBefore = Files.readString(OVERCOMMIT).strip();
    }

    /** Takes the pool; empty where that is impossible or somebody else uses it. */
    static Optional<HostHugePages> take() throws IOException {
        if (!Files.isWritable(PAGES) || !Files.isWritable(OVERCOMMIT)) {
            return Optional.empty();
        }
        Path file = Path.of(System.getProperty("java.io.tmpdir"), "pagewalk-hugetlb.lock");
        FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        HostHugePages pool = new HostHugePages(channel, channel.lock());
        // Processes of a test that failed may be about to end.
        long deadline = System.nanoTime() + PATIENCE_NANOS;
        while (!pool.counts().equals(List.of(0L, 0L, 0L, 0L))) {
            if (System.nanoTime() > deadline) {
                pool.close();
                return Optional.empty();
            }
            Thread.onSpinWait();
        }
        return Optional.of(pool);
    }

    /** Changes the size; returns whether the kernel has so many now. */
    boolean resize(long pages) throws IOException {
        Files.writeString(PAGES, Long.toString(pages));
        return Files.readString(PAGES).strip().equals(Long.toString(pages));
    }

    void setOvercommit(long pages) throws IOException {
        Files.writeString(OVERCOMMIT, Long.toString(pages));
    }

    /** Returns HugePages_Total, Free, Rsvd and Surp. */
    List<Long> counts() throws IOException {
        List<String> lines = Files.readAllLines(Path.of("/proc/meminfo"));
        return Stream.of("Total", "Free", "Rsvd", "Surp")
                .map(name -> lines.stream()
                        .filter(line -> line.startsWith("HugePages_" + name + ":"))
                        .findFirst()
                        .orElse("0"))
                .map(line -> Long.parseUnsignedLong(line.replaceAll("[^0-9]", "")))
                .toList();
    }

    @Override
    public void close() throws IOException {
        try (channel) {
            // Surplus pages that nobody uses any more become persistent ones, which can go.
            Files.writeString(PAGES, counts().getFirst().toString());
            Files.writeString(PAGES, pagesBefore);
            Files.writeString(OVERCOMMIT, overcommitBefore);
            lock.release();
        }
    }
}
