package io.pagewalk.kernel.system;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pagewalk.kernel.huge.HugePageSettings.ShmemUse;
import java.io.IOException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Calls on areas of a file with huge pages in the model and on this machine: fork, mremap, protection and copies. Needs Linux 6.18, root and gcc. */
class HugeShmemCallsTest extends TwoKernelsTest {
    private static final long PAGE = 4096;
    private static final long HUGE = 2L << 20;
    private static final long AREA = TwoKernels.ARENA + (1L << 30);
    private static final long OTHER = AREA + (1L << 30);
    private static final int SHARED = 0x11;
    private static final int PRIVATE = 0x12;

    private static final int MADV_HUGEPAGE = 14;
    private static final int MADV_COLLAPSE = 25;
    private static final int MPOL_MF_STRICT = 1;
    private static final int MPOL_MF_MOVE = 2;
    private static final int MPOL_MF_MOVE_ALL = 4;

    private long fd;
    private TwoKernels.Pair tablesBefore = new TwoKernels.Pair(0, 0);

    HugeShmemCallsTest() {
        super(4096, 16, ShmemUse.ALWAYS);
    }

    @BeforeEach
    void makeFile() throws IOException {
        assumeTrue(
                PageCacheComparison.hasHugePages(),
                "skipped: this kernel does not use huge pages where programs ask for them");
        call("mmap", AREA, PAGE, 3, 0x32, -1, 0);
        fd = call("open", both().text(0, AREA, "/dev/shm/huge"), 0102, 0600);
        call("ftruncate", fd, 3 * HUGE);
        call("munmap", AREA, PAGE);
        tablesBefore = both().statusBytes(0, "VmPTE");
    }

    /** Compares what is resident, and the tables that came since the file was made. */
    private void compare(int who) {
        both().compareMaps(who);
        both().smaps().compareResidency(who);
        TwoKernels.Pair more = both().statusBytes(who, "VmPTE").minus(tablesBefore);
        assertThat(more.model()).as("VmPTE of %d", who).isEqualTo(more.real());
    }

    @Test
    void fork_ofASharedMapping_leavesTheChildToFaults() {
        call("mmap", AREA, 3 * HUGE, 3, SHARED, fd, 0);
        both().store(0, AREA + 5 * PAGE, 7);
        both().fork(0, 1);
        compare(0);
        assertThat(both().load(1, AREA + 5 * PAGE)).isEqualTo(7);
        both().store(1, AREA + HUGE, 8);
        both().load(0, AREA + HUGE);
        compare(0);
        compare(1);
    }

    @Test
    void fork_ofAPrivateMapping_withACopy_keepsBoth() {
        call("mmap", AREA, 3 * HUGE, 3, PRIVATE, fd, 0);
        both().load(0, AREA);
        both().load(0, AREA + HUGE);
        both().store(0, AREA + HUGE + 3 * PAGE, 9);
        compare(0);
        both().fork(0, 1);
        compare(1);
        both().store(1, AREA + 4 * PAGE, 5);
        assertThat(both().load(1, AREA + HUGE + 3 * PAGE)).isEqualTo(9);
        assertThat(both().load(0, AREA + 4 * PAGE)).isZero();
        compare(0);
        compare(1);
    }

    @Test
    void mremap_toAnAlignedPlace_movesTheEntry_andElsewhereLetsItGo() {
        call("mmap", AREA, 3 * HUGE, 3, SHARED, fd, 0);
        both().store(0, AREA, 7);
        both().store(0, AREA + HUGE, 8);
        call("mremap", AREA, HUGE, HUGE, 3, OTHER);
        compare(0);
        call("mremap", AREA + HUGE, 2 * HUGE, 2 * HUGE, 3, OTHER + 4 * HUGE + PAGE);
        compare(0);
        assertThat(both().load(0, OTHER)).isEqualTo(7);
        assertThat(both().load(0, OTHER + 4 * HUGE + PAGE)).isEqualTo(8);
        compare(0);
    }

    @Test
    void parts_unmappedProtectedOrLocked_leaveTheRestToFaults() {
        call("mmap", AREA, 3 * HUGE, 3, SHARED, fd, 0);
        both().store(0, AREA, 7);
        both().store(0, AREA + HUGE, 8);
        both().store(0, AREA + 2 * HUGE, 9);
        call("munmap", AREA + HUGE / 2, PAGE);
        compare(0);
        call("mprotect", AREA + HUGE + PAGE, PAGE, 1);
        compare(0);
        both().load(0, AREA + HUGE + PAGE);
        both().load(0, AREA + HUGE);
        compare(0);
        call("mlock", AREA + 2 * HUGE + PAGE, PAGE);
        compare(0);
        call("ftruncate", fd, HUGE + 5 * PAGE);
        compare(0);
        both().load(0, AREA + HUGE + 5 * PAGE);
        assertThat(both().load(0, AREA + HUGE)).isEqualTo(8);
    }

    @Test
    void full_mount_givesSmallPages_thenNone() {
        call("ftruncate", fd, 12 * HUGE);
        call("mmap", AREA, 12 * HUGE, 3, SHARED, fd, 0);
        for (int i = 0; i < 9; i++) {
            both().store(0, AREA + i * HUGE, i);
        }
        compare(0);
        call("madvise", AREA + HUGE, 3 * PAGE, 9);
        both().store(0, AREA + 9 * HUGE, 1);
        both().store(0, AREA + 9 * HUGE + PAGE, 1);
        compare(0);
    }

    @Test
    void mbind_ofMappedHugePages_movesThemAsAWhole() {
        call("mmap", AREA, 3 * HUGE, 3, SHARED, fd, 0);
        both().store(0, AREA + 5 * PAGE, 7);
        both().store(0, AREA + HUGE + 5 * PAGE, 8);
        call("mprotect", AREA + HUGE + PAGE, PAGE, 1);
        both().load(0, AREA + HUGE + 5 * PAGE);
        call("mbind", AREA, 3 * HUGE, 0, 0, 0, MPOL_MF_STRICT | MPOL_MF_MOVE);
        compare(0);
        both().fork(0, 1);
        both().load(1, AREA + 6 * PAGE);
        call("mbind", AREA, 3 * HUGE, 0, 0, 0, MPOL_MF_STRICT | MPOL_MF_MOVE);
        call("mbind", AREA, 3 * HUGE, 0, 0, 0, MPOL_MF_STRICT | MPOL_MF_MOVE_ALL);
        assertThat(both().load(1, AREA + 5 * PAGE)).isEqualTo(7);
        assertThat(both().load(0, AREA + HUGE + 5 * PAGE)).isEqualTo(8);
        compare(0);
        compare(1);
    }

    @Test
    void segment_whenProgramsAsk_isHuge() throws IOException, InterruptedException {
        HostHugePages.during("shmem_enabled", "advise", () -> {
            both().model.kernel.hugePages().policy().settings().setShmemEnabled(ShmemUse.ADVISE);
            long segment = call("shmget", 0, 3 * HUGE, 0600);
            call("shmat", segment, AREA, 0);
            both().store(0, AREA + 5 * PAGE, 7);
            call("madvise", AREA, 3 * HUGE, MADV_HUGEPAGE);
            both().store(0, AREA + 6 * PAGE, 7);
            both().store(0, AREA + HUGE + 5 * PAGE, 8);
            both().load(0, AREA + 2 * HUGE + 9 * PAGE);
            compare(0);
            call("shmat", segment, OTHER, 010000);
            both().load(0, OTHER + HUGE);
            both().load(0, OTHER);
            call("madvise", OTHER, HUGE, MADV_COLLAPSE);
            compare(0);
            assertThat(both().load(0, AREA + 5 * PAGE)).isEqualTo(7);
            call("shmdt", AREA);
            compare(0);
            call("shmctl", segment, 0, 0);
        });
    }
}
