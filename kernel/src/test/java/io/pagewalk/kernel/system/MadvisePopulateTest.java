package io.pagewalk.kernel.system;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** {@code MADV_POPULATE_READ} and {@code MADV_POPULATE_WRITE}: every call is made on the model and on the kernel of this machine. Needs Linux 6.18, root and gcc. */
class MadvisePopulateTest extends TwoKernelsTest {
    private static final long PAGE = 4096;
    private static final long TEXT = TwoKernels.ARENA;
    private static final long AT = TwoKernels.ARENA + (1L << 30);
    private static final long VECTOR = TwoKernels.ARENA + 8 * PAGE;
    private static final int ANON = 0x32;
    private static final int SHARED = 0x11;
    private static final int PRIVATE = 0x12;
    private static final int[] ADVICE = {22, 23};

    MadvisePopulateTest() {
        super(64, 16);
    }

    @BeforeEach
    void mapArena() {
        call("mmap", TEXT, 16 * PAGE, 3, ANON, -1, 0);
    }

    private void fresh(int prot, int flags, long fd) {
        call("munmap", AT - 4 * PAGE, 32 * PAGE);
        call("mmap", AT, 8 * PAGE, prot, flags, fd, 0);
    }

    /** Advises, and compares which pages are in memory afterwards. */
    private void advise(int from, int pages, int advice) {
        call("madvise", AT + from * PAGE, pages * PAGE, advice);
        for (int page = 0; page < 8; page++) {
            call("mincore", AT + page * PAGE, PAGE, VECTOR + page);
        }
        both().load(0, VECTOR);
    }

    @Test
    void holes_areNoMemory() {
        for (int advice : ADVICE) {
            fresh(3, ANON, -1);
            call("munmap", AT + 3 * PAGE, PAGE);
            advise(0, 8, advice);
            advise(3, 4, advice);
            advise(0, 4, advice);
            advise(3, 1, advice);
            call("madvise", AT + PAGE, 0, advice);
            call("madvise", AT + 3 * PAGE, 0, advice);
        }
    }

    @Test
    void protections_thatForbidTheAccess() {
        for (int advice : ADVICE) {
            for (int prot : new int[] {0, 1, 2, 4, 5}) {
                for (boolean isTouched : new boolean[] {false, true}) {
                    fresh(3, ANON, -1);
                    for (int page = 0; isTouched && page < 8; page++) {
                        both().store(0, AT + page * PAGE, page);
                    }
                    call("mprotect", AT + 3 * PAGE, PAGE, prot);
                    advise(0, 8, advice);
                    advise(3, 2, advice);
                }
            }
        }
    }

    @Test
    void guardPages_areBadAddresses() {
        for (int advice : ADVICE) {
            fresh(3, ANON, -1);
            call("madvise", AT + 3 * PAGE, PAGE, 102);
            advise(0, 8, advice);
            advise(3, 1, advice);
            advise(4, 4, advice);
        }
    }

    @Test
    void files_pastTheEnd_areBadAddresses() {
        for (int advice : ADVICE) {
            long fd = call("memfd_create", both().text(0, TEXT, "m"), 0);
            call("ftruncate", fd, 3 * PAGE + 100);
            for (int prot : new int[] {1, 3}) {
                for (int type : new int[] {SHARED, PRIVATE}) {
                    fresh(prot, type, fd);
                    advise(0, 8, advice);
                    advise(5, 1, advice);
                }
            }
            call("close", fd);
        }
    }

    @Test
    void areas_lockedOrGrowing_arePopulated() {
        for (int advice : ADVICE) {
            fresh(3, ANON | 0x2000, -1);
            call("madvise", AT, PAGE, 24);
            advise(0, 8, advice);
            call("munlock", AT, 8 * PAGE);
            fresh(3, ANON | 0x100, -1);
            advise(0, 8, advice);
            call("madvise", AT - 2 * PAGE, 2 * PAGE, advice);
        }
    }

    @Test
    void ranges_outOfBounds_areRefused() {
        for (int advice : ADVICE) {
            fresh(3, ANON, -1);
            call("madvise", AT + 1, PAGE, advice);
            call("madvise", AT, -1, advice);
            call("madvise", AT, -2 * PAGE, advice);
            call("madvise", -2 * PAGE, 4 * PAGE, advice);
            call("madvise", 0xffff800000000000L, PAGE, advice);
            call("madvise", 0x7ffffffff000L, PAGE, advice);
            call("madvise", 0x7fffffffe000L, 2 * PAGE, advice);
            call("madvise", 0, PAGE, advice);
            call("madvise", AT + 1, PAGE, 26);
        }
    }
}
