package io.pagewalk.kernel.system;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Huge pages of anonymous memory in the model beside those of this machine. Needs Linux 6.18, root and gcc, and huge pages where programs ask for them. */
class HugePagesTest extends TwoKernelsTest {
    private static final long PAGE = 4096;
    private static final long HUGE = 2L << 20;
    private static final long AREA = TwoKernels.ARENA + (1L << 30);
    private static final int ANON = 0x32;
    private static final int MADV_FREE = 8;
    private static final int MADV_HUGEPAGE = 14;
    private static final int MADV_NOHUGEPAGE = 15;
    private static final int MOST_CHILDREN = 5;
    private static final int MADV_POPULATE_READ = 22;
    private static final int MADV_COLLAPSE = 25;
    private static final int MADV_GUARD_INSTALL = 102;
    private static final int MPOL_MF_STRICT = 1;
    private static final int MPOL_MF_MOVE = 2;
    private static final int MPOL_MF_MOVE_ALL = 4;

    private TwoKernels.Pair before = new TwoKernels.Pair(0, 0);
    private TwoKernels.Pair tablesBefore = new TwoKernels.Pair(0, 0);

    /** khugepaged of this machine, which would make huge pages of small ones meanwhile. */
    private Optional<HostKhugepaged> khugepaged = Optional.empty();

    HugePagesTest() {
        super(64, 16);
    }

    @BeforeEach
    void mapTwoHugePages() throws IOException, InterruptedException {
        khugepaged = HostKhugepaged.take(both());
        assumeTrue(khugepaged.isPresent(), "skipped: khugepaged is not there, or does not come to rest");
        call("mmap", AREA, 2 * HUGE, 3, ANON, -1, 0);
        call("madvise", AREA, 2 * HUGE, MADV_HUGEPAGE);
        before = both().statusBytes(0, "RssAnon");
        tablesBefore = both().statusBytes(0, "VmPTE");
    }

    @AfterEach
    void wakeKhugepaged() throws IOException {
        if (khugepaged.isPresent()) {
            khugepaged.get().close();
        }
    }

    /** What huge pages change: memory that is resident and tables, which both kernels must say alike; returns the resident bytes. */
    private long resident(int who) {
        TwoKernels.Pair tables = both().statusBytes(who, "VmPTE");
        TwoKernels.Pair anonymous = both().statusBytes(who, "RssAnon");
        TwoKernels.Pair more = anonymous.minus(before);
        assertThat(more.model()).as("RssAnon of the model").isEqualTo(more.real());
        TwoKernels.Pair moreTables = tables.minus(tablesBefore);
        assertThat(moreTables.model()).as("VmPTE of the model").isEqualTo(moreTables.real());
        return more.model();
    }

    @Test
    void store_whereHugePagesAreWanted_bringsTwoMegabytes() {
        both().store(0, AREA + 5 * PAGE, 7);
        assertThat(resident(0)).isEqualTo(HUGE);
    }

    @Test
    void load_ofUntouchedMemory_mapsTheHugePageOfZeros() {
        both().load(0, AREA + HUGE);
        assertThat(resident(0)).isZero();
        both().store(0, AREA + HUGE + PAGE, 7);
        assertThat(resident(0)).isEqualTo(HUGE);
    }

    @Test
    void munmap_ofAPart_splitsTheEntryAndKeepsTheRest() {
        both().store(0, AREA, 7);
        call("munmap", AREA + HUGE / 2, PAGE);
        assertThat(resident(0)).isEqualTo(HUGE - PAGE);
        both().load(0, AREA + PAGE);
    }

    @Test
    void madviseCold_ofAPart_sharesThePagesThatHoldNothing() {
        both().store(0, AREA + 9 * PAGE, 7);
        call("madvise", AREA, PAGE, 20);
        assertThat(resident(0)).isEqualTo(PAGE);
    }

    @Test
    void fork_thenStoreOfTheChild_copiesOnePage() {
        both().store(0, AREA, 7);
        both().fork(0, 1);
        both().store(1, AREA, 8);
        both().store(0, AREA + PAGE, 9);
        assertThat(resident(0)).isEqualTo(HUGE);
    }

    /** Processors now and then mark pages as used that no instruction has reached: then the next child is looked at. */
    @Test
    void populate_ofAHugePageForReading_leavesItUnused() {
        both().store(0, AREA, 7);
        for (int child = 1; ; child++) {
            both().fork(0, child);
            both().call(child, "madvise", AREA + HUGE - PAGE, PAGE, MADV_POPULATE_READ);
            try {
                assertThat(both().smaps().compareReferenced(child, AREA, AREA + HUGE))
                        .isZero();
                return;
            } catch (AssertionError used) {
                if (child == MOST_CHILDREN) {
                    throw used;
                }
            }
        }
    }

    @Test
    void mremap_ofAWholeHugePage_keepsIt() {
        both().store(0, AREA, 7);
        call("mremap", AREA, HUGE, HUGE, 3, AREA + 4 * HUGE);
        assertThat(resident(0)).isEqualTo(HUGE);
        assertThat(both().load(0, AREA + 4 * HUGE)).isEqualTo(7);
    }

    @Test
    void mbind_ofAHugePage_movesItAsAWhole() {
        both().store(0, AREA + 5 * PAGE, 7);
        call("mbind", AREA, HUGE, 0, 0, 0, MPOL_MF_MOVE | MPOL_MF_STRICT);
        both().load(0, AREA + 5 * PAGE);
        assertThat(resident(0)).isEqualTo(HUGE);
        both().fork(0, 1);
        call("mbind", AREA, HUGE, 0, 0, 0, MPOL_MF_MOVE | MPOL_MF_STRICT);
        call("mbind", AREA, HUGE, 0, 0, 0, MPOL_MF_MOVE_ALL | MPOL_MF_STRICT);
        both().store(0, AREA + 5 * PAGE, 8);
        both().load(1, AREA + 5 * PAGE);
        both().compareMaps(0);
    }

    @Test
    void mbind_ofAHugePageThatIsMappedInPart_splitsItAndSharesItsZeroes() {
        both().store(0, AREA + 5 * PAGE, 7);
        call("munmap", AREA + HUGE / 2, PAGE);
        call("mbind", AREA, PAGE, 0, 0, 0, MPOL_MF_MOVE);
        both().load(0, AREA + 5 * PAGE);
        assertThat(resident(0)).isEqualTo(PAGE);
    }

    @Test
    void mbind_ofAHugePageThatIsMappedPageByPage_movesItOnce() {
        both().store(0, AREA + 5 * PAGE, 7);
        call("mprotect", AREA + PAGE, PAGE, 1);
        call("mbind", AREA, HUGE, 0, 0, 0, MPOL_MF_MOVE);
        both().load(0, AREA + 5 * PAGE);
        resident(0);
        call("mbind", AREA, HUGE, 0, 0, 0, MPOL_MF_MOVE);
        both().load(0, AREA + 5 * PAGE);
        resident(0);
    }

    @Test
    void lazyFree_ofAPartThatAChildHasAlone_splitsTheHugePage() {
        call("madvise", AREA, 2 * HUGE, MADV_NOHUGEPAGE);
        both().store(0, AREA + HUGE + 128 * PAGE, 7);
        call("madvise", AREA, 2 * HUGE, MADV_HUGEPAGE);
        call("madvise", AREA + HUGE, HUGE, MADV_COLLAPSE);
        call("madvise", AREA + PAGE, HUGE, MADV_NOHUGEPAGE);
        both().fork(0, 1);
        call("mmap", AREA + PAGE, 2 * HUGE - PAGE, 3, ANON | 0x10, -1, 0);
        TwoKernels.Pair whole = both().statusBytes(1, "RssAnon");
        both().store(1, AREA + HUGE + 8, 9);
        both().call(1, "madvise", AREA + HUGE - PAGE, 16 * PAGE, MADV_FREE);
        TwoKernels.Pair gone = whole.minus(both().statusBytes(1, "RssAnon"));
        assertThat(gone.model()).isEqualTo(gone.real()).isPositive();
    }

    @Test
    void collapse_atAGuardPage_fails_andEndsThere() {
        call("madvise", AREA, 2 * HUGE, MADV_NOHUGEPAGE);
        both().store(0, AREA + 5 * PAGE, 7);
        both().store(0, AREA + HUGE + 5 * PAGE, 7);
        call("madvise", AREA, PAGE, MADV_GUARD_INSTALL);
        call("madvise", AREA, 2 * HUGE, MADV_HUGEPAGE);
        call("madvise", AREA, 2 * HUGE, MADV_COLLAPSE);
        assertThat(resident(0)).isEqualTo(2 * PAGE);
    }

    @Test
    void collapse_ofSmallPages_makesOneOfThem() {
        call("madvise", AREA, 2 * HUGE, MADV_NOHUGEPAGE);
        both().store(0, AREA + 3 * PAGE, 7);
        call("madvise", AREA, 2 * HUGE, MADV_COLLAPSE);
        call("madvise", AREA, 2 * HUGE, MADV_HUGEPAGE);
        call("madvise", AREA, HUGE, MADV_COLLAPSE);
        assertThat(resident(0)).isEqualTo(HUGE);
        assertThat(both().load(0, AREA + 3 * PAGE)).isEqualTo(7);
    }
}
