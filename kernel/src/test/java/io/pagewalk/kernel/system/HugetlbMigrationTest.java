package io.pagewalk.kernel.system;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.Size;
import io.pagewalk.kernel.hugetlb.HugePool;
import io.pagewalk.kernel.syscall.Errno;
import org.junit.jupiter.api.Test;

/**
 * Pages of pools that calls move between nodes, which the computer that runs the tests has not: expectations follow {@code mm/migrate.c}, {@code mm/mempolicy.c} and {@code mm/hugetlb.c} of Linux
 * 6.12.
 */
class HugetlbMigrationTest {
    private static final long HUGE = 2 * Size.MIB;
    private static final long NORESERVE = 0x4000;
    private static final long PRIVATE = 0x40022 | NORESERVE;
    private static final long SHARED = 0x40021 | NORESERVE;
    private static final int BIND = 2;
    private static final int INTERLEAVE = 3;
    private static final int STRICT = 1;
    private static final int MOVE = 2;
    private static final int MOVE_ALL = 4;

    private final TestKernel k = TestKernel.bootNodes(2, 256 * Size.MIB);
    private final long scratch = k.anonymous(1);
    private final HugePool pool;

    HugetlbMigrationTest() {
        k.kernel.writeSysctl("nr_hugepages", "8");
        pool = k.kernel.hugetlb().pools().defaultPool();
        assertThat(k.kernel.store(k.task, scratch, 0)).isZero();
    }

    /** Maps pages, whose numbers they hold. */
    private long filled(long pages, long kind) {
        long at = k.call("mmap", 0, pages * HUGE, TestKernel.RW, kind, -1, 0);
        for (long i = 0; i < pages; i++) {
            assertThat(k.kernel.store(k.task, at + i * HUGE, i + 1)).isZero();
            assertThat(k.kernel.store(k.task, at + (i + 1) * HUGE - 8, i + 1)).isZero();
        }
        return at;
    }

    private void isFilled(long at, long pages) {
        for (long i = 0; i < pages; i++) {
            assertThat(k.kernel.load(k.task, at + i * HUGE)).isEqualTo(i + 1);
            assertThat(k.kernel.load(k.task, at + (i + 1) * HUGE - 8)).isEqualTo(i + 1);
        }
        k.verify();
    }

    /** Asks for the status of one place, or moves its page to a node. */
    private long move(long vaddr, int node, int flags) {
        k.kernel.store(k.task, scratch, vaddr);
        k.kernel.store(k.task, scratch + 8, node);
        k.kernel.store(k.task, scratch + 16, -1);
        assertThat(k.call("move_pages", 0, 1, scratch, node < 0 ? 0 : scratch + 8, scratch + 16, flags))
                .isZero();
        return (int) k.kernel.load(k.task, scratch + 16);
    }

    private long nodeOf(long vaddr) {
        return move(vaddr, -1, 0);
    }

    private long mbind(long at, long bytes, int mode, long nodes, int flags) {
        k.kernel.store(k.task, scratch, nodes);
        return k.call("mbind", at, bytes, mode, scratch, 65, flags);
    }

    private void has(long onFirst, long freeOnFirst, long onSecond, long freeOnSecond) {
        assertThat(new long[] {pool.pages(0), pool.free(0), pool.pages(1), pool.free(1)})
                .containsExactly(onFirst, freeOnFirst, onSecond, freeOnSecond);
        assertThat(new long[] {pool.reserved(), pool.surplus()}).containsExactly(0, 0);
        k.verify();
    }

    @Test
    void movePages_takesAPageOfTheOtherNodesPool() {
        for (long kind : new long[] {PRIVATE, SHARED}) {
            long at = filled(2, kind);
            assertThat(nodeOf(at)).isZero();
            has(4, 2, 4, 4);
            assertThat(move(at + 5000, 1, MOVE)).isEqualTo(1);
            assertThat(nodeOf(at)).isEqualTo(1);
            assertThat(nodeOf(at + HUGE)).isZero();
            has(4, 3, 4, 3);
            isFilled(at, 2);
            assertThat(k.kernel.store(k.task, at + 8, 5)).isZero();
            assertThat(k.call("munmap", at, 2 * HUGE)).isZero();
            has(4, 4, 4, 4);
        }
    }

    @Test
    void movePages_toANodeWithoutFreePages_takesThePageAlong() {
        long at = filled(3, PRIVATE);
        assertThat(k.kernel
                        .hugetlb()
                        .pools()
                        .write("/sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages", "0"))
                .isTrue();
        has(4, 1, 0, 0);
        assertThat(move(at, 1, MOVE)).isEqualTo(1);
        has(3, 1, 1, 0);
        isFilled(at, 3);
        assertThat(k.call("munmap", at, 3 * HUGE)).isZero();
        has(3, 3, 1, 1);
    }

    @Test
    void movePages_ofAPageThatAChildMapsToo_needsMoveAll() {
        long at = filled(1, PRIVATE);
        Task child = requireNonNull(k.kernel.fork(k.task));
        assertThat(move(at, 1, MOVE)).isEqualTo(-Errno.EACCES);
        assertThat(move(at, 1, MOVE_ALL)).isEqualTo(1);
        has(4, 4, 4, 3);
        assertThat(k.kernel.load(child, at)).isEqualTo(1);
        assertThat(k.kernel.store(k.task, at, 9)).isZero();
        assertThat(k.kernel.load(child, at)).isEqualTo(1);
        k.verify();
    }

    @Test
    void mbind_movesAndTellsWhatIsWrong() {
        long at = filled(4, SHARED);
        assertThat(mbind(at, 4 * HUGE, BIND, 2, STRICT)).isEqualTo(-Errno.EIO);
        assertThat(mbind(at, 4 * HUGE, BIND, 2, STRICT | MOVE)).isZero();
        has(4, 4, 4, 0);
        isFilled(at, 4);
        assertThat(mbind(at, 4 * HUGE, INTERLEAVE, 3, STRICT | MOVE_ALL)).isZero();
        isFilled(at, 4);
    }

    @Test
    void migratePages_movesAllOfAProcess() {
        long at = filled(3, PRIVATE);
        k.kernel.store(k.task, scratch, 1);
        k.kernel.store(k.task, scratch + 8, 2);
        assertThat(k.call("migrate_pages", 0, 65, scratch, scratch + 8)).isZero();
        has(4, 4, 4, 1);
        isFilled(at, 3);
    }

    @Test
    void protectedPages_stayProtectedWhenTheyMove() {
        long at = filled(2, SHARED);
        long fd = k.call("userfaultfd", 0x800);
        command(fd, Userfaults.API, 0xaa, Userfaults.FEATURE_SIGBUS, 0);
        command(fd, Userfaults.REGISTER, at, 2 * HUGE, Userfaults.WP, 0);
        command(fd, Userfaults.WRITEPROTECT, at, HUGE, 1);
        assertThat(move(at, 1, MOVE)).isEqualTo(1);
        assertThat(k.kernel.store(k.task, at, 3)).isEqualTo(UserAccess.BUS_ADRERR);
        isFilled(at, 2);
    }

    private void command(long fd, int command, long... words) {
        for (int i = 0; i < words.length; i++) {
            k.kernel.store(k.task, scratch + 8L * i, words[i]);
        }
        assertThat(k.call("ioctl", fd, command, scratch)).isZero();
    }
}
