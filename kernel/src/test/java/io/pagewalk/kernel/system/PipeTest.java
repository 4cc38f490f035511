package io.pagewalk.kernel.system;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Pipes in the model beside those of this machine: sizes, merging of small writes, waiting, pages of programs. Needs Linux 6.18, root and gcc. */
class PipeTest extends TwoKernelsTest {
    private static final long PAGE = 4096;
    private static final long AREA = TwoKernels.ARENA + (1L << 30);
    private static final long BUFFER = AREA + 64 * PAGE;
    private static final long O_NONBLOCK = 0x800;
    private static final long F_SETPIPE_SZ = 1031;
    private static final long F_GETPIPE_SZ = 1032;
    private static final long FIONREAD = 0x541b;
    private static final int NOWAIT = 2;

    private long reader;
    private long writer;

    PipeTest() {
        super(64, 16);
    }

    @BeforeEach
    void mapAndOpen() {
        call("mmap", AREA, 128 * PAGE, 3, 0x32, -1, 0);
        for (int i = 0; i < 24; i++) {
            both().store(0, AREA + i * PAGE, 100 + i);
        }
        open(O_NONBLOCK);
    }

    private void open(long flags) {
        call("pipe2", BUFFER, flags);
        long ends = both().load(0, BUFFER);
        reader = (int) ends;
        writer = ends >>> 32;
    }

    private long vector(long addr, long bytes) {
        both().store(0, BUFFER + 64, addr);
        both().store(0, BUFFER + 72, bytes);
        return BUFFER + 64;
    }

    private void holds() {
        call("ioctl", reader, FIONREAD, BUFFER + 128);
        both().load(0, BUFFER + 128);
    }

    @Test
    void pipe2_withBadArguments_isRefused() {
        call("pipe2", BUFFER, 0x1);
        call("pipe2", 0x10, 0);
        call("write", reader, AREA, 1);
        call("read", writer, AREA, 1);
        call("lseek", reader, 0, 0);
    }

    @Test
    void write_ofManySizes_fillsPagesAsHere() {
        long[] sizes = {100, 3000, 996, 1, 4095, 4096, 5000, 9000, 3192, 8191, 20000, 4096, 30000, 1};
        for (long size : sizes) {
            call("write", writer, AREA + 10, size);
            holds();
        }
        for (long size : new long[] {1, 50, 4096, 10000, 100000, 10}) {
            call("read", reader, BUFFER + PAGE, size);
            both().load(0, BUFFER + PAGE);
            both().load(0, BUFFER + PAGE + size / 16 * 8);
            holds();
            call("write", writer, AREA + 10, 2000);
        }
    }

    @Test
    void size_isAPowerOfTwoPages() {
        call("fcntl", reader, F_GETPIPE_SZ, 0);
        for (long size : new long[] {0, 1, 4096, 4097, 70000, 1 << 20, -1, (1L << 31) + 1}) {
            call("fcntl", writer, F_SETPIPE_SZ, size);
        }
        call("fcntl", writer, F_SETPIPE_SZ, 16384);
        call("write", writer, AREA, 20000);
        call("fcntl", writer, F_SETPIPE_SZ, 8192);
        call("fcntl", writer, F_SETPIPE_SZ, 32768);
        call("write", writer, AREA, 20000);
        call("fcntl", 1000, F_GETPIPE_SZ, 0);
    }

    @Test
    void vmsplice_lendsPages_whichAreNotReusedByWrites() {
        call("vmsplice", writer, vector(AREA + 8, 3 * PAGE), 1, NOWAIT);
        holds();
        both().store(0, AREA + PAGE, 7);
        call("write", writer, AREA + 20 * PAGE, 100);
        call("read", reader, BUFFER + PAGE, 2 * PAGE);
        both().load(0, BUFFER + PAGE + PAGE - 8);
        call("munmap", AREA, 24 * PAGE);
        call("read", reader, BUFFER + PAGE, 2 * PAGE);
        both().load(0, BUFFER + PAGE);
        both().load(0, BUFFER + PAGE + 8);
        holds();
    }

    @Test
    void vmsplice_ofMoreThanFits_givesWhatFits() {
        call("vmsplice", writer, vector(AREA + 8, 24 * PAGE), 1, NOWAIT);
        call("vmsplice", writer, vector(AREA + 8, 24 * PAGE), 1, NOWAIT);
        holds();
        call("vmsplice", reader, vector(BUFFER + PAGE, 3 * PAGE), 1, NOWAIT);
        both().load(0, BUFFER + PAGE);
        call("vmsplice", writer, vector(AREA + 8, 24 * PAGE), 1, NOWAIT);
    }

    @Test
    void vmsplice_withBadArguments_isRefused() {
        call("vmsplice", writer, vector(AREA, PAGE), 1, 16);
        call("vmsplice", 1000, vector(AREA, PAGE), 1, 0);
        call("vmsplice", writer, vector(AREA, PAGE), 1025, 0);
        call("vmsplice", writer, 0x10, 1, 0);
        call("vmsplice", writer, vector(AREA, 0), 1, 0);
        call("vmsplice", writer, vector(0x10000, PAGE), 1, NOWAIT);
        call("vmsplice", writer, vector(AREA + 127 * PAGE, 2 * PAGE), 1, NOWAIT);
        call("vmsplice", reader, vector(BUFFER, 8), 1, NOWAIT);
        call("mmap", AREA, PAGE, 0, 0x32, -1, 0);
        call("vmsplice", writer, vector(AREA, PAGE), 1, NOWAIT);
        long memfd = call("memfd_create", both().text(0, BUFFER + 3000, "m"), 0);
        call("vmsplice", memfd, vector(AREA, PAGE), 1, NOWAIT);
    }

    @Test
    void vmsplice_ofASharedPage_keepsItForTheReader() {
        both().fork(0, 1);
        both().call(1, "vmsplice", writer, vector(AREA, PAGE), 1, NOWAIT);
        call("vmsplice", writer, vector(AREA, PAGE), 1, NOWAIT);
        both().store(0, AREA, 55);
        call("read", reader, BUFFER + PAGE, PAGE);
        both().load(0, BUFFER + PAGE);
        both().load(1, AREA);
    }

    @Test
    void read_ofAnEmptyPipe_waitsForAWrite() {
        open(0);
        assertThat(both().begin(1, 0, "read", reader, BUFFER + PAGE, 100)).isTrue();
        call("write", writer, AREA, 8);
        assertThat(both().isWaiting(1)).isFalse();
        both().load(0, BUFFER + PAGE);
        assertThat(both().begin(2, 0, "read", reader, BUFFER + PAGE, 100)).isTrue();
        call("close", writer);
        assertThat(both().isWaiting(2)).isFalse();
    }

    @Test
    void write_toAFullPipe_waitsUntilAllIsIn() {
        open(0);
        assertThat(both().begin(1, 0, "write", writer, AREA, 18 * PAGE)).isTrue();
        call("read", reader, BUFFER + PAGE, PAGE);
        assertThat(both().isWaiting(1)).isTrue();
        call("read", reader, BUFFER + PAGE, PAGE);
        assertThat(both().isWaiting(1)).isFalse();
        holds();
    }
}
