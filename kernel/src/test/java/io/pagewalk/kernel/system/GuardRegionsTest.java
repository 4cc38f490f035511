package io.pagewalk.kernel.system;

import static io.pagewalk.kernel.system.TestKernel.PAGE;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.hardware.mmu.Access;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.vma.RssCounter;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Guard pages. Each expectation is what a C program with the same calls got as Linux 6.18 answered. */
class GuardRegionsTest {
    private static final int INSTALL = 102;
    private static final int REMOVE = 103;

    private final TestKernel k = TestKernel.boot();
    private long base;

    @BeforeEach
    void guardPagesOneToThree() {
        base = k.anonymous(10);
        k.kernel.store(k.task, base + PAGE, 7);
        assertThat(advise(base + PAGE, 3, INSTALL)).isZero();
    }

    @AfterEach
    void wholeMachineIsSound() {
        k.verify();
    }

    private long advise(long vaddr, long pages, int advice) {
        return k.call("madvise", vaddr, pages * PAGE, advice);
    }

    private int touch(Task who, long vaddr) {
        return k.kernel.access(who, vaddr, Access.LOAD);
    }

    @Test
    void touch_guardPage_isFaultOutsideOfMappings() {
        assertThat(touch(k.task, base + PAGE)).isEqualTo(UserAccess.SEGV_MAPERR);
        assertThat(k.kernel.store(k.task, base + 2 * PAGE, 1)).isEqualTo(UserAccess.SEGV_MAPERR);
        assertThat(k.kernel.store(k.task, base + 5 * PAGE, 1)).isEqualTo(UserAccess.OK);
        long resident = k.task.mm().rss(RssCounter.ANON);
        assertThat(advise(base + 5 * PAGE, 1, INSTALL)).isZero();
        assertThat(k.task.mm().rss(RssCounter.ANON))
                .as("the page that lay there is gone")
                .isEqualTo(resident - 1);
    }

    @Test
    void populate_overGuards_isBadAddress() {
        assertThat(advise(base, 10, 22)).isEqualTo(-Errno.EFAULT);
        assertThat(advise(base, 10, 23)).isEqualTo(-Errno.EFAULT);
    }

    @Test
    void otherAdvice_overGuards_leavesThem() {
        for (int advice : new int[] {4, 8, 20, 21, INSTALL}) {
            assertThat(advise(base, 1, advice)).as("advice %d", advice).isZero();
            assertThat(advise(base + PAGE, 9, advice)).as("advice %d", advice).isZero();
            assertThat(touch(k.task, base + PAGE)).as("advice %d", advice).isEqualTo(UserAccess.SEGV_MAPERR);
        }
    }

    @Test
    void mprotect_andBack_leavesGuards() {
        assertThat(k.call("mprotect", base, 10 * PAGE, 1)).isZero();
        assertThat(touch(k.task, base + PAGE)).isEqualTo(UserAccess.SEGV_MAPERR);
        assertThat(touch(k.task, base + 5 * PAGE)).isEqualTo(UserAccess.OK);
        assertThat(k.call("mprotect", base, 10 * PAGE, 3)).isZero();
        assertThat(touch(k.task, base + PAGE)).isEqualTo(UserAccess.SEGV_MAPERR);
    }

    @Test
    void mlock_overGuards_failsAndRefusesNewOnes() {
        assertThat(k.call("mlock", base, 10 * PAGE)).isEqualTo(-Errno.ENOMEM);
        assertThat(advise(base + 5 * PAGE, 1, INSTALL)).isEqualTo(-Errno.EINVAL);
        assertThat(advise(base + PAGE, 3, REMOVE)).isZero();
        assertThat(touch(k.task, base + PAGE)).isEqualTo(UserAccess.OK);
    }

    @Test
    void fork_guards_areTheChildsToo() {
        Task child = requireNonNull(k.kernel.fork(k.task));
        assertThat(touch(child, base + PAGE)).isEqualTo(UserAccess.SEGV_MAPERR);
        assertThat(advise(base, 10, 18)).isZero();
        Task wiped = requireNonNull(k.kernel.fork(k.task));
        assertThat(touch(wiped, base + PAGE)).isEqualTo(UserAccess.OK);
    }

    @Test
    void mremap_movesGuards_andDontUnmapLeavesNone() {
        long target = 0x30_0000_0000L;
        assertThat(k.call("mremap", base, 10 * PAGE, 10 * PAGE, 3, target)).isEqualTo(target);
        assertThat(touch(k.task, target + PAGE)).isEqualTo(UserAccess.SEGV_MAPERR);
        assertThat(touch(k.task, target + 5 * PAGE)).isEqualTo(UserAccess.OK);
        long copy = k.mapped(k.call("mremap", target, 10 * PAGE, 10 * PAGE, 5, 0));
        assertThat(touch(k.task, copy + PAGE)).isEqualTo(UserAccess.SEGV_MAPERR);
        assertThat(touch(k.task, target + PAGE)).isEqualTo(UserAccess.OK);
    }

    @Test
    void remove_guards_givesZeroPages() {
        assertThat(advise(base, 10, REMOVE)).isZero();
        assertThat(touch(k.task, base + PAGE)).isEqualTo(UserAccess.OK);
        assertThat(k.kernel.load(k.task, base + PAGE)).isZero();
    }

    @Test
    void install_overHole_guardsTheRestAndReportsIt() {
        long range = k.anonymous(4);
        assertThat(k.call("munmap", range + PAGE, PAGE)).isZero();
        assertThat(advise(range, 4, INSTALL)).isEqualTo(-Errno.ENOMEM);
        assertThat(touch(k.task, range)).isEqualTo(UserAccess.SEGV_MAPERR);
        assertThat(touch(k.task, range + 2 * PAGE)).isEqualTo(UserAccess.SEGV_MAPERR);
        assertThat(advise(range + 1, 1, INSTALL)).isEqualTo(-Errno.EINVAL);
        assertThat(advise(range, 0, INSTALL)).isZero();
    }

    @Test
    void install_sharedMemory_guardsOneMappingOnly() {
        long shared = k.mapped(k.call("mmap", 0, 4 * PAGE, 3, 0x21, -1, 0));
        assertThat(advise(shared + PAGE, 1, INSTALL)).isZero();
        assertThat(touch(k.task, shared)).isEqualTo(UserAccess.OK);
        assertThat(k.kernel.store(k.task, shared + PAGE, 1)).isEqualTo(UserAccess.SEGV_MAPERR);
        assertThat(advise(shared + PAGE, 1, REMOVE)).isZero();
        assertThat(k.kernel.store(k.task, shared + PAGE, 1)).isEqualTo(UserAccess.OK);
    }

    @Test
    void mincore_guardPages_areNotInMemory() {
        k.kernel.store(k.task, base, 1);
        long vector = k.anonymous(1);
        assertThat(k.call("mincore", base, 3 * PAGE, vector)).isZero();
        assertThat(k.kernel.load(k.task, vector, 4)).isEqualTo(1);
    }
}
