package io.pagewalk.kernel.system;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.hardware.mmu.Access;
import io.pagewalk.kernel.huge.HugePageFiles;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.rmap.Folios;
import io.pagewalk.kernel.zone.VmEvent;
import java.util.Objects;
import org.junit.jupiter.api.Test;

/**
 * When khugepaged works. That an address space which comes onto an empty list is looked at within a millisecond, and one that comes while the thread sleeps between rounds only after
 * {@code scan_sleep_millisecs}, was seen on Linux 6.18; the rest is its source.
 */
class KhugepagedThreadTest {
    private static final long PAGE = TestKernel.PAGE;
    private static final long HUGE = 2L << 20;
    private static final long AREA = 1L << 32;
    private static final int MADV_HUGEPAGE = 14;

    private final TestKernel k = TestKernel.boot();
    private final HugePageFiles files = k.kernel.hugePageFiles();

    private void touch(Task task, long at, int pages) {
        for (int i = 0; i < pages; i++) {
            assertThat(k.kernel.access(task, at + i * PAGE, Access.STORE)).isEqualTo(UserAccess.OK);
        }
    }

    private void smallPages(Task task, long at, int areas) {
        k.call(task, "mmap", at, areas * HUGE, TestKernel.RW, 0x32, -1, 0);
        for (int i = 0; i < areas; i++) {
            touch(task, at + i * HUGE, 1);
        }
        assertThat(k.call(task, "madvise", at, areas * HUGE, MADV_HUGEPAGE)).isZero();
    }

    private void passSeconds(long seconds) {
        k.kernel.machine().clock().advance(seconds * 1_000_000_000L);
        k.call(k.task, "getpid");
    }

    private long collapsed() {
        return files.value("khugepaged/pages_collapsed");
    }

    @Test
    void adviceOfTheFirstAddressSpace_wakesIt() {
        smallPages(k.task, AREA, 2);
        assertThat(collapsed()).isZero();
        k.call(k.task, "getpid");
        assertThat(collapsed()).isEqualTo(2);
        assertThat(k.event(VmEvent.THP_COLLAPSE_ALLOC)).isEqualTo(2);
        k.verify();
    }

    @Test
    void adviceWhileItSleeps_waitsForTheNextRound() {
        smallPages(k.task, AREA, 1);
        k.call(k.task, "getpid");
        smallPages(k.task, AREA + 8 * HUGE, 1);
        passSeconds(9);
        assertThat(collapsed()).isEqualTo(1);
        passSeconds(2);
        assertThat(collapsed()).isEqualTo(2);
        long scans = files.value("khugepaged/full_scans");
        passSeconds(30);
        assertThat(files.value("khugepaged/full_scans")).isEqualTo(scans + 3);
        files.write("khugepaged/scan_sleep_millisecs", "1000");
        k.call(k.task, "getpid");
        assertThat(files.value("khugepaged/full_scans")).isEqualTo(scans + 4);
    }

    @Test
    void pagesToScan_endARound_andTheNextGoesOnThere() {
        files.write("khugepaged/pages_to_scan", "1024");
        smallPages(k.task, AREA, 5);
        k.call(k.task, "getpid");
        assertThat(collapsed()).isEqualTo(2);
        assertThat(files.value("khugepaged/full_scans")).isZero();
        passSeconds(20);
        assertThat(collapsed()).isGreaterThanOrEqualTo(4);
        passSeconds(20);
        assertThat(collapsed()).isEqualTo(5);
        k.verify();
    }

    @Test
    void exit_ofTheAddressSpaceUnderTheCursor_isNoticedByTheNextRound() {
        files.write("khugepaged/pages_to_scan", "512");
        Task child = Objects.requireNonNull(k.kernel.fork(k.task));
        smallPages(child, AREA, 3);
        k.call(k.task, "getpid");
        assertThat(collapsed()).isEqualTo(1);
        k.kernel.exitGroup(child, 0);
        k.verify();
        passSeconds(60);
        assertThat(collapsed()).isEqualTo(1);
        k.verify();
    }

    @Test
    void fork_putsTheChildOnTheList() {
        smallPages(k.task, AREA, 1);
        Task child = Objects.requireNonNull(k.kernel.fork(k.task));
        assertThat(child.mm().attributes().isScannedForHugePages()).isTrue();
        k.verify();
        k.kernel.exitGroup(child, 0);
        k.verify();
    }

    @Test
    void enabled_switchedOff_stopsIt_andOnAgainItGoesOn() {
        files.write("enabled", "never");
        smallPages(k.task, AREA, 1);
        passSeconds(60);
        assertThat(collapsed()).isZero();
        files.write("enabled", "madvise");
        // The area was advised when nobody listened.
        passSeconds(60);
        assertThat(collapsed()).isZero();
        k.call(k.task, "madvise", AREA, HUGE, MADV_HUGEPAGE);
        k.call(k.task, "getpid");
        assertThat(collapsed()).isEqualTo(1);
        k.verify();
    }

    @Test
    void noHugePage_letsItSleepLonger() {
        smallPages(k.task, AREA, 2);
        while (k.kernel.allocator().allocPages(Gfp.GFP_TRANSHUGE | Gfp.NOWARN, Folios.HUGE_ORDER) >= 0) {
            // Until none is left.
        }
        k.call(k.task, "getpid");
        long failed = k.event(VmEvent.THP_COLLAPSE_ALLOC_FAILED);
        assertThat(failed).isPositive();
        passSeconds(59);
        assertThat(k.event(VmEvent.THP_COLLAPSE_ALLOC_FAILED)).isEqualTo(failed);
        passSeconds(1);
        assertThat(k.event(VmEvent.THP_COLLAPSE_ALLOC_FAILED)).isEqualTo(failed + 1);
    }
}
