package io.pagewalk.kernel.system;

import static io.pagewalk.kernel.system.TestKernel.ANON;
import static io.pagewalk.kernel.system.TestKernel.MAP_FIXED;
import static io.pagewalk.kernel.system.TestKernel.RW;
import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.hardware.mmu.Access;
import org.junit.jupiter.api.Test;

/** Page tables that MADV_DONTNEED leaves empty go; the sizes were compared with VmPTE of Linux 6.18.44. */
class PageTableReclaimTest {
    private static final int MADV_DONTNEED = 4;
    private static final long TABLE_SPAN = 2L << 20;
    private static final long START = 0x100000000000L;

    private final TestKernel k = TestKernel.boot();

    @Test
    void madvise_dontneedOfAWholeTable_freesIt() {
        k.mapped(k.call("mmap", START, 2 * TABLE_SPAN, RW, ANON | MAP_FIXED, -1, 0));
        k.kernel.access(k.task, START, Access.STORE);
        k.kernel.access(k.task, START + TABLE_SPAN, Access.STORE);
        long before = k.task.mm().pgtablesBytes();
        assertThat(k.call("madvise", START, TABLE_SPAN - 4096, MADV_DONTNEED)).isZero();
        assertThat(k.task.mm().pgtablesBytes()).isEqualTo(before);
        assertThat(k.call("madvise", START, TABLE_SPAN, MADV_DONTNEED)).isZero();
        assertThat(k.task.mm().pgtablesBytes()).isEqualTo(before - 4096);
        assertThat(k.kernel.access(k.task, START, Access.LOAD)).isEqualTo(UserAccess.OK);
        k.verify();
    }
}
