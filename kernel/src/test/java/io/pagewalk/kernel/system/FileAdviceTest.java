package io.pagewalk.kernel.system;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.kernel.filemap.Inode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * {@code fadvise64}, {@code readahead}, {@code cachestat} and {@code sync_file_range}: every call is made on the model and on the kernel of this machine. Needs Linux 6.18,
 * root and gcc.
 */
class FileAdviceTest extends TwoKernelsTest {
    private static final long PAGE = 4096;
    private static final long FILE_BYTES = 512 * PAGE + 100;
    private static final long TEXT = TwoKernels.ARENA;
    private static final long DATA = TwoKernels.ARENA + 4 * PAGE;
    private static final long BUFFER = TwoKernels.ARENA + 8 * PAGE;
    private static final long AT = TwoKernels.ARENA + (1L << 30);
    private static final int ANON = 0x32;
    private static final int NOBODY = 65534;
    private static final int WILLNEED = 3;
    private static final int DONTNEED = 4;

    FileAdviceTest() {
        super(4096, 16);
    }

    @BeforeEach
    void mapArena() {
        call("mmap", TEXT, 1024 * PAGE, 3, ANON, -1, 0);
    }

    /** Opens a file on disk whose pages are clean and not cached. */
    private long openUncached(int flags) throws IOException {
        Path path = directory.resolve("file");
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.allocate((int) FILE_BYTES));
            channel.force(true);
        }
        both().model.kernel.files().register(path.toString(), FILE_BYTES, 0, 0, 0);
        long fd = call("openat", -100, both().text(0, TEXT, path.toString()), flags, 0);
        call("fadvise64", fd, 0, 0, DONTNEED);
        return fd;
    }

    /** Compares what is cached of a part of a file. */
    private void cached(long fd, long offset, long length) {
        both().store(0, DATA, offset);
        both().store(0, DATA + 8, length);
        call("cachestat", fd, DATA, DATA + 64, 0);
        for (int field = 0; field < 5; field++) {
            both().load(0, DATA + 64 + 8L * field);
        }
    }

    @Test
    void fadvise_arguments_goodAndBad() throws IOException {
        long file = openUncached(2);
        long memfd = call("memfd_create", both().text(0, TEXT, "m"), 0);
        call("ftruncate", memfd, 4 * PAGE);
        call("pipe2", DATA, 0);
        long pipe = both().load(0, DATA) & 0xffffffffL;
        long event = call("eventfd2", 0, 0);
        long zero = call("openat", -100, both().text(0, TEXT, "/dev/zero"), 2, 0);
        long root = call("openat", -100, both().text(0, TEXT, "/"), 0x10000, 0);
        for (long fd : new long[] {file, memfd, pipe, event, zero, root, 63, -1}) {
            for (int advice = -1; advice < 8; advice++) {
                call("fadvise64", fd, 0, PAGE, advice);
                call("fadvise64", fd, 0, -1, advice);
                call("fadvise64", fd, -1, PAGE, advice);
                call("fadvise64", fd, Long.MAX_VALUE, Long.MAX_VALUE, advice);
            }
            for (long[] args : new long[][] {{0, PAGE}, {-1, PAGE}, {0, -1}, {1L << 60, PAGE}, {0, 0}}) {
                call("readahead", fd, args[0], args[1]);
            }
            for (long[] args : new long[][] {
                {0, 0, 0},
                {0, 0, 7},
                {0, 0, 8},
                {0, 0, -1},
                {-1, 0, 0},
                {0, -1, 0},
                {10, -5, 0},
                {Long.MAX_VALUE, 1, 0},
                {PAGE, PAGE, 2}
            }) {
                call("sync_file_range", fd, args[0], args[1], args[2]);
            }
        }
    }

    @Test
    void willNeed_andReadahead_fillTheCache() throws IOException {
        long fd = openUncached(2);
        cached(fd, 0, 0);
        call("fadvise64", fd, 3 * PAGE + 5, 2 * PAGE, WILLNEED);
        cached(fd, 0, 0);
        call("readahead", fd, 100 * PAGE, 50 * PAGE + 1);
        cached(fd, 0, 0);
        cached(fd, 100 * PAGE, 60 * PAGE);
        cached(fd, 110 * PAGE + 1, 1);
        call("readahead", fd, 500 * PAGE, 100 * PAGE);
        cached(fd, 0, 0);
        call("fadvise64", fd, 505 * PAGE, 0, WILLNEED);
        cached(fd, 0, 0);
        both().model.kernel.files().cache().drain();
        call("fadvise64", fd, 0, 0, DONTNEED);
        cached(fd, 0, 0);
    }

    @Test
    void dontNeed_keepsPartialPages() throws IOException {
        long fd = openUncached(2);
        for (long[] range : new long[][] {
            {100, PAGE},
            {100, 2 * PAGE},
            {PAGE, PAGE},
            {2 * PAGE, PAGE - 1},
            {0, 1},
            {0, PAGE},
            {511 * PAGE, PAGE},
            {512 * PAGE, 99},
            {512 * PAGE, 100},
            {4 * PAGE, -PAGE},
            {300 * PAGE, 1L << 40},
            {1, 0}
        }) {
            call("readahead", fd, 0, FILE_BYTES);
            call("pread64", fd, BUFFER, FILE_BYTES, 0);
            call("fadvise64", fd, range[0], range[1], DONTNEED);
            cached(fd, 0, 0);
        }
    }

    @Test
    void advice_aboutOrder_changesReadahead() throws IOException {
        long fd = openUncached(2);
        call("pread64", fd, BUFFER, 1, 0);
        cached(fd, 0, 0);
        call("fadvise64", fd, 0, 0, 1);
        call("fadvise64", fd, 0, 0, DONTNEED);
        call("pread64", fd, BUFFER, 1, 100 * PAGE);
        call("pread64", fd, BUFFER, 3 * PAGE, 200 * PAGE + 17);
        cached(fd, 0, 0);
        call("fadvise64", fd, 0, 0, 2);
        call("fadvise64", fd, 0, 0, DONTNEED);
        call("pread64", fd, BUFFER, 40 * PAGE, 0);
        // How far Linux reads ahead depends on read_ahead_kb of this machine's disk; the model has the default.
        Inode inode = requireNonNull(
                both().model.kernel.files().lookup(directory.resolve("file").toString()));
        assertThat(inode.cachedPages()).isEqualTo(64);
    }

    @Test
    void cachestat_arguments_goodAndBad() throws IOException {
        long fd = openUncached(0);
        call("readahead", fd, 0, 10 * PAGE);
        for (long[] range :
                new long[][] {{0, 1}, {PAGE - 1, 2}, {-1, 1}, {0, -1}, {5 * PAGE, -1}, {-PAGE, 2 * PAGE}, {PAGE, 0}}) {
            cached(fd, range[0], range[1]);
        }
        call("cachestat", fd, 0x1000, DATA, 0);
        call("cachestat", fd, DATA, 0x1000, 0);
        call("cachestat", fd, DATA, DATA, 1);
        call("cachestat", fd, 0x1000, DATA, 1);
        call("cachestat", 63, 0x1000, DATA, 1);
        both().store(0, DATA, 0);
        both().store(0, DATA + 8, 0);
        both().fork(0, 1);
        both().call(1, "setresuid", NOBODY, NOBODY, NOBODY);
        both().call(1, "cachestat", fd, DATA, DATA + 64, 0);
        both().call(1, "cachestat", fd, DATA, DATA + 64, 1);
        both().exit(1, 0);
    }

    @Test
    void cachestat_writtenPages_areDirtyOnDiskOnly() throws IOException {
        long fd = openUncached(2);
        call("pwrite64", fd, BUFFER, 3 * PAGE, 20 * PAGE);
        cached(fd, 0, 0);
        call("mmap", AT, 8 * PAGE, 3, 0x11, fd, 40 * PAGE);
        both().store(0, AT, 1);
        both().store(0, AT + 2 * PAGE, 1);
        cached(fd, 40 * PAGE, PAGE);
        cached(fd, 42 * PAGE, PAGE);
        long memfd = call("memfd_create", both().text(0, TEXT, "m"), 0);
        call("ftruncate", memfd, 64 * PAGE);
        cached(memfd, 0, 0);
        call("pwrite64", memfd, BUFFER, 3 * PAGE, 20 * PAGE);
        call("readahead", memfd, 0, 64 * PAGE);
        call("fadvise64", memfd, 0, 0, DONTNEED);
        cached(memfd, 0, 0);
        cached(memfd, 21 * PAGE, PAGE);
    }

    private TwoKernels.Pair blocksRead() {
        call("getrusage", 0, DATA + 512);
        return both().peek(0, DATA + 512 + 88);
    }

    @Test
    void getrusage_readsFromDisk_countAsBlocks() throws IOException {
        long fd = openUncached(2);
        call("fadvise64", fd, 0, 0, 1);
        TwoKernels.Pair before = blocksRead();
        call("pread64", fd, BUFFER, 3 * PAGE, 200 * PAGE);
        call("pread64", fd, BUFFER, 3 * PAGE, 201 * PAGE);
        TwoKernels.Pair difference = blocksRead().minus(before);
        assertThat(difference.model()).isEqualTo(difference.real());
    }
}
