package io.pagewalk.kernel.system;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.Bits;
import io.pagewalk.base.Size;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.ksm.KsmFiles;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import io.pagewalk.kernel.zone.NodeStat;
import io.pagewalk.kernel.zone.VmEvent;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Merging of equal pages where time, settings and other parts of the kernel matter; {@link KsmHistoryTest} holds what is merged against a real kernel. */
class KsmTest {
    private static final long PAGE = TestKernel.PAGE;
    private static final int MERGEABLE = 12;
    private static final int HUGEPAGE = 14;
    private static final int UNMERGEABLE = 13;
    private static final int PR_SET_MEMORY_MERGE = 67;
    private static final int PR_GET_MEMORY_MERGE = 68;
    private static final long MILLI = 1_000_000;

    private final TestKernel k =
            TestKernel.boot("skylake", PagingMode.X86_64_4LEVEL, 256 * Size.MIB, 2, BootOptions.defaults());
    private final KsmFiles files = k.kernel.ksmFiles();

    @AfterEach
    void machineHolds() {
        k.verify();
    }

    private long equalPages(int pages, long value) {
        long area = k.anonymous(pages);
        for (int i = 0; i < pages; i++) {
            assertThat(k.kernel.store(k.task, area + i * PAGE, value)).isZero();
        }
        return area;
    }

    private void scans(int times) {
        for (int i = 0; i < times; i++) {
            k.kernel.ksm().scan(Long.MAX_VALUE);
        }
    }

    private boolean isMergeable(Task who, long vaddr) {
        Vma vma = who.mm().vmas().find(vaddr);
        return vma != null && vma.has(VmaFlags.VM_MERGEABLE);
    }

    @Test
    void scan_ofAHugePage_splitsItAndMergesItsPages() {
        long huge = 2 * Size.MIB;
        long area = Bits.roundUp(k.anonymous(1024), huge);
        assertThat(k.call("madvise", area, huge, HUGEPAGE)).isZero();
        for (int i = 0; i < 10; i++) {
            assertThat(k.kernel.store(k.task, area + i * PAGE, 7)).isZero();
        }
        assertThat(k.kernel.vmstat().global(NodeStat.NR_ANON_TRANSPARENT_HUGEPAGES))
                .isEqualTo(512);
        assertThat(k.call("madvise", area, huge, MERGEABLE)).isZero();
        scans(4);
        assertThat(k.kernel.vmstat().global(NodeStat.NR_ANON_TRANSPARENT_HUGEPAGES))
                .isZero();
        assertThat(k.kernel.vmstat().get(VmEvent.THP_SPLIT_PAGE)).isEqualTo(1);
        assertThat(files.value("pages_sharing")).isEqualTo(9);
        k.call("madvise", area, huge, UNMERGEABLE);
    }

    @Test
    void ksmd_started_mergesWhileTimePasses() {
        long area = equalPages(250, 7);
        assertThat(k.call("madvise", area, 250 * PAGE, MERGEABLE)).isZero();
        long anonymous = k.kernel.vmstat().global(NodeStat.NR_ANON_PAGES);
        k.kernel.clock().advance(1000 * MILLI);
        k.call("getpid");
        assertThat(files.value("pages_scanned")).isZero();
        assertThat(files.write("run", "1\n")).isZero();
        k.call("getpid");
        assertThat(files.value("pages_scanned")).isEqualTo(100);
        k.kernel.clock().advance(19 * MILLI);
        k.call("getpid");
        assertThat(files.value("pages_scanned")).isEqualTo(100);
        k.kernel.clock().advance(2 * MILLI);
        k.call("getpid");
        assertThat(files.value("pages_scanned")).isEqualTo(200);
        k.kernel.clock().advance(200 * MILLI);
        k.call("getpid");
        assertThat(files.value("full_scans")).isGreaterThanOrEqualTo(2);
        assertThat(files.value("pages_shared")).isEqualTo(1);
        assertThat(files.value("pages_sharing")).isEqualTo(249);
        assertThat(files.value("general_profit")).isEqualTo(249 * 4096 - 250 * 64);
        assertThat(k.kernel.vmstat().global(NodeStat.NR_ANON_PAGES)).isEqualTo(anonymous - 249);
    }

    @Test
    void mergedPage_written_isCopiedForOneOnly() {
        long area = equalPages(3, 9);
        k.call("madvise", area, 3 * PAGE, MERGEABLE);
        scans(3);
        assertThat(files.value("pages_sharing")).isEqualTo(2);
        assertThat(k.kernel.store(k.task, area + PAGE, 10)).isZero();
        assertThat(k.event(VmEvent.COW_KSM)).isEqualTo(1);
        assertThat(k.kernel.load(k.task, area)).isEqualTo(9);
        assertThat(k.kernel.load(k.task, area + PAGE)).isEqualTo(10);
        scans(1);
        assertThat(files.value("pages_sharing")).isEqualTo(1);
    }

    @Test
    void unmergeable_mergedPages_becomeTheirOwnAgain() {
        long area = equalPages(4, 9);
        k.call("madvise", area, 4 * PAGE, MERGEABLE);
        scans(3);
        long faults = k.minor();
        assertThat(k.call("madvise", area, 2 * PAGE, UNMERGEABLE)).isZero();
        assertThat(k.minor() - faults).isEqualTo(2);
        assertThat(isMergeable(k.task, area)).isFalse();
        assertThat(isMergeable(k.task, area + 2 * PAGE)).isTrue();
        scans(1);
        assertThat(files.value("pages_shared")).isEqualTo(1);
        assertThat(files.value("pages_sharing")).isEqualTo(1);
        assertThat(files.write("run", "2")).isZero();
        assertThat(files.value("pages_shared")).isZero();
        assertThat(files.value("full_scans")).isZero();
    }

    @Test
    void compaction_mergedPages_movesThemWithAllTheirPlaces() {
        int pages = 8192;
        long area = k.anonymous(pages);
        for (int i = 0; i < pages; i++) {
            assertThat(k.kernel.store(k.task, area + i * PAGE, i / 2)).isZero();
        }
        k.call("madvise", area, pages * PAGE, MERGEABLE);
        Task child = Objects.requireNonNull(k.kernel.fork(k.task));
        scans(3);
        assertThat(files.value("pages_shared")).isEqualTo(pages / 2);
        long merged = files.value("pages_sharing");
        k.kernel.writeSysctl("vm.compact_memory", "1");
        assertThat(k.event(VmEvent.PGMIGRATE_SUCCESS)).isGreaterThan(500);
        k.verify();
        for (int i = 0; i < pages; i += 7) {
            assertThat(k.kernel.load(k.task, area + i * PAGE)).isEqualTo(i / 2);
            assertThat(k.kernel.load(child, area + i * PAGE)).isEqualTo(i / 2);
        }
        scans(1);
        assertThat(files.value("pages_sharing")).isEqualTo(merged);
    }

    @Test
    void prctlMemoryMerge_coversAreasNowAndLaterAndIsInherited() {
        long area = equalPages(2, 5);
        assertThat(k.call("prctl", PR_SET_MEMORY_MERGE, 1, 1)).isEqualTo(-Errno.EINVAL);
        assertThat(k.call("prctl", PR_GET_MEMORY_MERGE, 1)).isEqualTo(-Errno.EINVAL);
        assertThat(k.call("prctl", PR_GET_MEMORY_MERGE)).isZero();
        assertThat(k.call("prctl", PR_SET_MEMORY_MERGE, 1)).isZero();
        assertThat(k.call("prctl", PR_GET_MEMORY_MERGE)).isEqualTo(1);
        assertThat(isMergeable(k.task, area)).isTrue();
        assertThat(isMergeable(k.task, k.anonymous(1))).isTrue();
        long shared = k.mapped(k.call("mmap", 0, PAGE, TestKernel.RW, 0x21, -1, 0));
        assertThat(isMergeable(k.task, shared)).isFalse();
        Task child = Objects.requireNonNull(k.kernel.fork(k.task));
        assertThat(k.call(child, "prctl", PR_GET_MEMORY_MERGE)).isEqualTo(1);
        k.kernel.execve(child, ExecImage.bare("next", k.kernel.layout().stackTop()));
        assertThat(k.call(child, "prctl", PR_GET_MEMORY_MERGE)).isEqualTo(1);
        scans(3);
        assertThat(files.value("pages_sharing")).isPositive();
        assertThat(k.call("prctl", PR_SET_MEMORY_MERGE, 0)).isZero();
        assertThat(isMergeable(k.task, area)).isFalse();
        scans(1);
        assertThat(k.task.mm().ksm().mergingPages()).isZero();
    }

    @Test
    void settings_badValues_areRefused() {
        assertThat(files.write("run", "3")).isEqualTo(-Errno.EINVAL);
        assertThat(files.write("run", "x")).isEqualTo(-Errno.EINVAL);
        assertThat(files.write("max_page_sharing", "1")).isEqualTo(-Errno.EINVAL);
        assertThat(files.write("merge_across_nodes", "2")).isEqualTo(-Errno.EINVAL);
        assertThat(files.write("sleep_millisecs", "-1")).isEqualTo(-Errno.EINVAL);
        assertThat(files.write("pages_shared", "1")).isEqualTo(-Errno.EACCES);
        assertThat(files.write("nothing", "1")).isEqualTo(-Errno.ENOENT);
        assertThat(files.write("advisor_mode", "often")).isEqualTo(-Errno.EINVAL);
        assertThat(files.write("advisor_target_scan_time", "0")).isEqualTo(-Errno.EINVAL);
        long area = equalPages(2, 3);
        k.call("madvise", area, 2 * PAGE, MERGEABLE);
        scans(3);
        assertThat(files.write("max_page_sharing", "256")).isZero();
        assertThat(files.write("max_page_sharing", "8")).isEqualTo(-Errno.EBUSY);
        assertThat(files.write("merge_across_nodes", "0")).isEqualTo(-Errno.EBUSY);
        assertThat(files.write("run", "2")).isZero();
        assertThat(files.write("max_page_sharing", "8")).isZero();
        assertThat(files.write("merge_across_nodes", "0")).isZero();
        assertThat(files.texts()).containsEntry("max_page_sharing", "8\n").containsEntry("merge_across_nodes", "0\n");
    }

    @Test
    void advisor_scanTime_choosesTheBatch() {
        assertThat(files.write("advisor_mode", "scan-time")).isZero();
        assertThat(files.texts()).containsEntry("advisor_mode", "none [scan-time]\n");
        assertThat(files.value("pages_to_scan")).isEqualTo(500);
        assertThat(files.write("pages_to_scan", "100")).isEqualTo(-Errno.EINVAL);
        long area = equalPages(2, 3);
        k.call("madvise", area, 2 * PAGE, MERGEABLE);
        scans(1);
        // A scan of a second against a target of 200, weighted by 30 percent, but not below ten percent of a processor.
        assertThat(files.value("pages_to_scan")).isEqualTo(5000);
        assertThat(files.write("advisor_mode", "none")).isZero();
        assertThat(files.value("pages_to_scan")).isEqualTo(100);
    }
}
