package io.pagewalk.kernel.system;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Page tables above leaf tables that are made although nothing comes to lie in them: VmPTE of the model beside that of this machine. Needs Linux 6.18, root and gcc. */
class UpperTablesTest extends TwoKernelsTest {
    private static final long PAGE = 4096;
    private static final long TABLE = 2L << 20;
    private static final long TEXT = TwoKernels.ARENA;
    private static final long FAR = TwoKernels.ARENA + (1L << 40);
    private static final int ANON = 0x32;
    private static final int SHARED = 0x11;
    private static final int MAYMOVE_FIXED = 3;
    private static final int DONTUNMAP = 4;

    UpperTablesTest() {
        super(64, 16);
    }

    @BeforeEach
    void mapText() {
        call("mmap", TEXT, PAGE, 3, ANON, -1, 0);
    }

    /** Returns by how many tables an address space is larger than another, which both kernels must say. */
    private long tables(TwoKernels.Pair before, TwoKernels.Pair after) {
        TwoKernels.Pair more = after.minus(before);
        assertThat(more.model()).isEqualTo(more.real());
        return more.model() / PAGE;
    }

    private TwoKernels.Pair size(int who) {
        return both().statusBytes(who, "VmPTE");
    }

    /** Two areas, of which the upper one alone is left, with an anon_vma and tables that the lower one needed. */
    private void leaveUpperTables() {
        call("mmap", FAR, 2 * TABLE, 3, ANON, -1, 0);
        both().store(0, FAR, 1);
        call("munmap", FAR, TABLE);
    }

    @Test
    void fault_thatFails_makesTheTablesAboveTheLeaf() {
        long fd = call("memfd_create", both().text(0, TEXT, "empty"), 0);
        call("mmap", FAR, PAGE, 3, SHARED, fd, 0);
        TwoKernels.Pair before = size(0);
        both().load(0, FAR);
        assertThat(tables(before, size(0))).isEqualTo(2);
    }

    @Test
    void fork_ofEmptyUpperTables_makesThemForTheChild() {
        both().fork(0, 1);
        leaveUpperTables();
        both().fork(0, 2);
        assertThat(tables(size(1), size(2))).isEqualTo(2);
        both().exitAny(2);
        both().exitAny(1);
    }

    @Test
    void mremap_ofEmptyUpperTables_makesTheUppermostAtTheNewPlace() {
        leaveUpperTables();
        TwoKernels.Pair before = size(0);
        call("mremap", FAR + TABLE, TABLE, TABLE, MAYMOVE_FIXED, FAR + (1L << 39));
        assertThat(tables(before, size(0))).isEqualTo(-1);
        call("munmap", FAR + (1L << 39), TABLE);
        assertThat(tables(before, size(0))).isEqualTo(-2);
    }

    @Test
    void mremap_thatKeepsTheSource_takesAWholeTableAlongFromBehindItsBeginning() {
        for (long offset : new long[] {0, PAGE, TABLE - PAGE}) {
            for (long other : new long[] {0, PAGE}) {
                for (long neighbour : new long[] {0, -PAGE, -TABLE}) {
                    call("munmap", FAR, 64 * TABLE);
                    long from = FAR + 4 * TABLE + offset;
                    long to = FAR + 40 * TABLE + offset + other;
                    if (neighbour != 0) {
                        call("mmap", from + neighbour, PAGE, 3, SHARED | 0x20, -1, 0);
                    }
                    call("mmap", from, 2 * TABLE, 3, ANON, -1, 0);
                    both().store(0, from, 1);
                    both().store(0, from + TABLE, 2);
                    TwoKernels.Pair before = size(0);
                    call("mremap", from, 2 * TABLE, 2 * TABLE, MAYMOVE_FIXED | DONTUNMAP, to);
                    tables(before, size(0));
                    both().load(0, to);
                    both().load(0, to + TABLE);
                    both().load(0, from);
                }
            }
        }
    }
}
