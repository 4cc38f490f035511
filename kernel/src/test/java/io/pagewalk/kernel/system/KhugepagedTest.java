package io.pagewalk.kernel.system;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pagewalk.kernel.gup.Foll;
import java.io.IOException;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Which small pages khugepaged makes huge ones of, in the model and in the kernel of this machine: both look at the same memory, and the same regions must be huge afterwards. Needs Linux 6.18, root, gcc
 * and huge pages where programs ask for them; khugepaged's settings are put back. A test is skipped when this machine's khugepaged does not come to the end of its list in time.
 */
class KhugepagedTest extends TwoKernelsTest {
    private static final long PAGE = 4096;
    private static final long HUGE = 2L << 20;
    private static final int PAGES = 512;
    private static final long TEXT = TwoKernels.ARENA;
    private static final long FIRST = TwoKernels.ARENA + (1L << 30);
    private static final int ANON = 0x32;
    private static final int SHARED = 0x31;
    private static final int SHARED_FILE = 0x11;
    private static final int PRIVATE_FILE = 0x12;
    private static final int MADV_HUGEPAGE = 14;
    private static final int MADV_NOHUGEPAGE = 15;
    private static final int MADV_GUARD_INSTALL = 102;
    private static final int SET_THP_DISABLE = 41;

    private Optional<HostKhugepaged> host = Optional.empty();

    KhugepagedTest() {
        super(64, 16);
    }

    @BeforeEach
    void putBothToSleep() throws IOException, InterruptedException {
        call("mmap", TEXT, PAGE, 3, ANON, -1, 0);
        host = HostKhugepaged.take(both());
        assumeTrue(host.isPresent(), "skipped: khugepaged is not there, or does not come to rest");
        both().model.kernel.khugepaged().scan();
        setModel("khugepaged/scan_sleep_millisecs", "3600000");
        setModel("khugepaged/pages_to_scan", "100000000");
        both().model.kernel.khugepaged().scan();
    }

    @AfterEach
    void wake() throws IOException {
        if (host.isPresent()) {
            host.get().close();
        }
    }

    private void setModel(String name, String value) {
        assertThat(both().model.kernel.hugePageFiles().write(name, value)).isZero();
    }

    private void set(String name, String value) throws IOException {
        setBoth("khugepaged/" + name, value);
    }

    private void setBoth(String name, String value) throws IOException {
        setModel(name, value);
        host.orElseThrow().set(name, value);
    }

    /** Lets both look at everything twice, then compares which areas are resident and huge. */
    private void scanAndCompare(int... processes) throws IOException, InterruptedException {
        assumeTrue(HostHugePages.areAsUsual(), "skipped: somebody else sets which huge pages there are");
        assumeTrue(host.orElseThrow().scan(), "skipped: khugepaged has not finished in time");
        for (int i = 0; i < 2; i++) {
            both().model.kernel.khugepaged().scan();
        }
        for (int who : processes) {
            both().smaps().compareResidency(who);
            both().smaps().compareHugePages(who);
        }
        both().model.verify();
    }

    private long hugePages(int who) {
        return both().smaps().compareHugePages(who);
    }

    /** Maps the n-th area, which has a hole behind it so that it merges with no other. */
    private long map(int n, long bytes) {
        long at = FIRST + 4 * HUGE * n;
        call("mmap", at, bytes, 3, ANON, -1, 0);
        return at;
    }

    private void store(long at, int pages) {
        for (int i = 0; i < pages; i++) {
            both().store(0, at + i * PAGE, i + 1);
        }
    }

    private void load(long at, int pages) {
        for (int i = 0; i < pages; i++) {
            both().load(0, at + i * PAGE);
        }
    }

    /** A child's entries are unused until it uses them, or until the CPU marks some on its own. */
    private void useInChild(int areas) {
        for (int n = 1; n <= areas; n++) {
            both().load(1, FIRST + 4 * HUGE * n);
        }
    }

    private void advise(int areas) {
        for (int n = 1; n <= areas; n++) {
            both().callAnyResult(0, "madvise", FIRST + 4 * HUGE * n, HUGE, MADV_HUGEPAGE);
        }
    }

    @Test
    void scan_ofPagesTouchedBeforeTheAdvice_takesWhatHasOnePageAtLeast() throws IOException, InterruptedException {
        store(map(1, HUGE), 1);
        store(map(2, HUGE), PAGES);
        load(map(3, HUGE), PAGES);
        long zeroes = map(4, HUGE);
        load(zeroes, PAGES - 1);
        store(zeroes + HUGE - PAGE, 1);
        store(map(5, HUGE), 3);
        call("mlock", FIRST + 5 * 4 * HUGE, HUGE);
        store(map(6, HUGE), 3);
        call("mprotect", FIRST + 6 * 4 * HUGE, HUGE, 1);
        store(map(7, HUGE), 3);
        call("mprotect", FIRST + 7 * 4 * HUGE, HUGE, 0);
        advise(7);
        store(map(8, HUGE), 3);
        store(map(9, HUGE - PAGE), 3);
        call("madvise", FIRST + 9 * 4 * HUGE, HUGE - PAGE, MADV_HUGEPAGE);
        scanAndCompare(0);
        assertThat(hugePages(0)).isGreaterThanOrEqualTo(4);
    }

    @Test
    void scan_ofGuardPagesAndOfRefusedAreas_leavesThem() throws IOException, InterruptedException {
        store(map(1, HUGE), PAGES);
        call("madvise", FIRST + 4 * HUGE, PAGE, MADV_GUARD_INSTALL);
        store(map(2, HUGE), 3);
        call("madvise", FIRST + 8 * HUGE + PAGE, PAGE, MADV_GUARD_INSTALL);
        store(map(3, HUGE), 3);
        advise(3);
        call("madvise", FIRST + 12 * HUGE, HUGE, MADV_NOHUGEPAGE);
        scanAndCompare(0);
        assertThat(hugePages(0)).isZero();
    }

    @Test
    void scan_ofPagesSharedByFork_countsThem() throws IOException, InterruptedException {
        for (int n = 1; n <= 4; n++) {
            store(map(n, HUGE), PAGES);
        }
        advise(4);
        both().fork(0, 1);
        store(FIRST + 2 * 4 * HUGE, 255);
        store(FIRST + 3 * 4 * HUGE, 256);
        store(FIRST + 4 * 4 * HUGE, PAGES);
        useInChild(4);
        scanAndCompare(0, 1);
        assertThat(hugePages(0)).isEqualTo(2);
        both().exitAny(1);
        scanAndCompare(0);
        assertThat(hugePages(0)).isEqualTo(4);
    }

    @Test
    void scan_withStricterLimits_followsThem() throws IOException, InterruptedException {
        set("max_ptes_none", "100");
        set("max_ptes_shared", "0");
        store(map(1, HUGE), PAGES - 100);
        store(map(2, HUGE), PAGES - 101);
        store(map(3, HUGE), PAGES);
        store(map(4, HUGE), PAGES);
        advise(4);
        both().fork(0, 1);
        store(FIRST + 4 * HUGE, PAGES);
        store(FIRST + 8 * HUGE, PAGES - 101);
        store(FIRST + 12 * HUGE, PAGES - 1);
        store(FIRST + 16 * HUGE, PAGES);
        useInChild(4);
        scanAndCompare(0, 1);
        assertThat(hugePages(0)).isEqualTo(2);
        both().exitAny(1);
    }

    @Test
    void scan_ofMemoryNotUsedLately_leavesIt() throws IOException, InterruptedException {
        store(map(1, HUGE), PAGES);
        store(map(2, HUGE), PAGES);
        advise(2);
        long fd = call("openat", -100, both().text(0, TEXT, "/proc/self/clear_refs"), 1, 0);
        call("write", fd, both().text(0, TEXT, "1"), 1);
        // Translations that TLBs know would not mark their entries again.
        call("mprotect", FIRST + 8 * HUGE, HUGE, 1);
        both().load(0, FIRST + 8 * HUGE + 7 * PAGE);
        TwoKernels.Pair referenced = both().smaps().referencedPages(0, FIRST, FIRST + 64 * HUGE);
        assumeTrue(
                referenced.real() == referenced.model(),
                "skipped: this CPU marks entries as used that no instruction used: " + referenced);
        scanAndCompare(0);
        assertThat(hugePages(0)).isEqualTo(1);
    }

    @Test
    void scan_ofAProgramThatRefusesHugePages_passesItOver() throws IOException, InterruptedException {
        store(map(1, HUGE), PAGES);
        advise(1);
        call("prctl", SET_THP_DISABLE, 1, 0, 0, 0);
        scanAndCompare(0);
        assertThat(hugePages(0)).isZero();
        call("prctl", SET_THP_DISABLE, 0, 0, 0, 0);
        call("prctl", SET_THP_DISABLE, 1, 2, 0, 0);
        scanAndCompare(0);
        assertThat(hugePages(0)).isEqualTo(1);
    }

    @Test
    void scan_ofAPageThatTheKernelHolds_waitsUntilItIsLetGo() throws IOException, InterruptedException {
        long at = map(1, HUGE);
        store(at, PAGES);
        advise(1);
        both().hostOnly(0, "pipe2", TEXT, 0);
        long ends = both().peek(0, TEXT).real();
        long writing = ends >>> 32;
        both().store(0, TEXT + 64, at + 9 * PAGE);
        both().store(0, TEXT + 72, PAGE);
        assertThat(both().hostOnly(0, "vmsplice", writing, TEXT + 64, 1, 0)).isEqualTo(PAGE);
        long[] held = new long[1];
        Task task = both().task(0);
        assertThat(both().model.kernel.gup().hold(task, task.mm(), at + 9 * PAGE, 1, Foll.PIN | Foll.WRITE, held))
                .isEqualTo(1);
        scanAndCompare(0);
        assertThat(hugePages(0)).isZero();
        both().hostOnly(0, "close", ends & 0xffff_ffffL);
        both().hostOnly(0, "close", writing);
        both().model.kernel.gup().unpin(held, 1, false);
        scanAndCompare(0);
        assertThat(hugePages(0)).isEqualTo(1);
    }

    /** Maps the n-th area, of memory that is shared or of a file. */
    private long mapShared(int n, long bytes, int flags, long fd) {
        long at = FIRST + 4 * HUGE * n;
        call("mmap", at, bytes, 3, flags, fd, 0);
        return at;
    }

    @Test
    void scan_ofSharedMemory_makesHugePagesThatFaultsMap() throws IOException, InterruptedException {
        setBoth("shmem_enabled", "advise");
        store(mapShared(1, HUGE, SHARED, -1), 1);
        store(mapShared(2, HUGE, SHARED, -1), PAGES);
        mapShared(3, HUGE, SHARED, -1);
        load(mapShared(4, HUGE, SHARED, -1), 7);
        call("mlock", FIRST + 4 * 4 * HUGE, HUGE);
        store(mapShared(5, HUGE - PAGE, SHARED, -1), 7);
        store(mapShared(6, 2 * HUGE, SHARED, -1), 7);
        advise(6);
        store(mapShared(7, HUGE, SHARED, -1), 7);
        both().fork(0, 1);
        useInChild(2);
        scanAndCompare(0, 1);
        useInChild(7);
        for (int n = 1; n <= 7; n++) {
            both().load(0, FIRST + 4 * HUGE * n + PAGE);
        }
        scanAndCompare(0, 1);
        assertThat(hugePages(0)).isEqualTo(5);
        both().exitAny(1);
    }

    @Test
    void scan_ofSharedMemory_countsOnlyMissingPages() throws IOException, InterruptedException {
        setBoth("shmem_enabled", "advise");
        set("max_ptes_none", "100");
        set("max_ptes_shared", "0");
        store(mapShared(1, HUGE, SHARED, -1), PAGES - 100);
        store(mapShared(2, HUGE, SHARED, -1), PAGES - 101);
        advise(2);
        both().fork(0, 1);
        useInChild(2);
        scanAndCompare(0, 1);
        useInChild(2);
        load(FIRST + 4 * HUGE, 1);
        load(FIRST + 8 * HUGE, 1);
        scanAndCompare(0, 1);
        assertThat(hugePages(0)).isEqualTo(1);
        both().exitAny(1);
    }

    @Test
    void scan_ofAFileMappedSeveralTimes_leavesPrivateCopies() throws IOException, InterruptedException {
        setBoth("shmem_enabled", "advise");
        long fd = call("memfd_create", both().text(0, TEXT, "some"), 0);
        call("ftruncate", fd, 2 * HUGE);
        load(mapShared(1, HUGE, SHARED_FILE, fd), 20);
        load(mapShared(2, HUGE, PRIVATE_FILE, fd), 20);
        load(mapShared(3, HUGE, PRIVATE_FILE, fd), 20);
        store(FIRST + 12 * HUGE, 3);
        load(mapShared(4, HUGE + PAGE, SHARED_FILE, fd), 20);
        call("madvise", FIRST + 16 * HUGE, HUGE + PAGE, MADV_NOHUGEPAGE);
        advise(1);
        scanAndCompare(0);
        for (int n = 1; n <= 4; n++) {
            load(FIRST + 4 * HUGE * n, 30);
        }
        scanAndCompare(0);
        assertThat(hugePages(0)).isEqualTo(2);
        call("madvise", FIRST + 16 * HUGE, HUGE + PAGE, MADV_HUGEPAGE);
        advise(3);
        scanAndCompare(0);
        load(FIRST + 12 * HUGE, 30);
        load(FIRST + 16 * HUGE, 30);
        scanAndCompare(0);
        assertThat(hugePages(0)).isEqualTo(3);
    }

    @Test
    void scan_ofSharedMemoryThatMayHaveSmallerSizesOnly_leavesIt() throws IOException, InterruptedException {
        setBoth("hugepages-64kB/shmem_enabled", "advise");
        load(mapShared(1, HUGE, SHARED, -1), 7);
        advise(1);
        scanAndCompare(0);
        load(FIRST + 4 * HUGE, 8);
        assertThat(hugePages(0)).isZero();
    }

    @Test
    void scan_ofSharedMemoryThatTheKernelHolds_leavesIt() throws IOException, InterruptedException {
        setBoth("shmem_enabled", "advise");
        long at = mapShared(1, HUGE, SHARED, -1);
        store(at, PAGES);
        advise(1);
        both().hostOnly(0, "pipe2", TEXT, 0);
        long ends = both().peek(0, TEXT).real();
        long writing = ends >>> 32;
        both().store(0, TEXT + 64, at + 9 * PAGE);
        both().store(0, TEXT + 72, PAGE);
        assertThat(both().hostOnly(0, "vmsplice", writing, TEXT + 64, 1, 0)).isEqualTo(PAGE);
        long[] held = new long[1];
        Task task = both().task(0);
        assertThat(both().model.kernel.gup().hold(task, task.mm(), at + 9 * PAGE, 1, Foll.PIN | Foll.WRITE, held))
                .isEqualTo(1);
        scanAndCompare(0);
        both().load(0, at);
        assertThat(hugePages(0)).isZero();
        both().hostOnly(0, "close", ends & 0xffff_ffffL);
        both().hostOnly(0, "close", writing);
        both().model.kernel.gup().unpin(held, 1, false);
        scanAndCompare(0);
        both().load(0, at);
        assertThat(hugePages(0)).isEqualTo(1);
    }
}
