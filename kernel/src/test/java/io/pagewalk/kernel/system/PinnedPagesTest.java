package io.pagewalk.kernel.system;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.kernel.gup.Foll;
import io.pagewalk.kernel.gup.GetUserPages;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.zone.NodeStat;
import java.util.Objects;
import org.junit.jupiter.api.Test;

/**
 * Pages that kernel code holds on to: {@code mm/gup.c}, {@code mm/memory.c:copy_present_page()}. The kernel of this machine offers no call that pins and tells which page (its
 * {@code CONFIG_GUP_TEST} is off); what is expected here is what {@code tools/testing/selftests/mm/cow.c} expects of it.
 */
class PinnedPagesTest {
    private static final long PAGE = TestKernel.PAGE;

    private final TestKernel test = TestKernel.boot();
    private final GetUserPages gup = test.kernel.gup();
    private final long[] pfns = new long[8];

    private long pin(Task task, long vaddr, int count, int flags) {
        return gup.hold(task, task.mm(), vaddr, count, Foll.PIN | flags, pfns);
    }

    private void writeDevice(long pfn, long value) {
        test.kernel.machine().memory().writeLong(pfn << 12, value);
    }

    private Task fork() {
        return Objects.requireNonNull(test.kernel.fork(test.task));
    }

    @Test
    void fork_ofPinnedPage_copiesItForTheChild() {
        long at = test.anonymous(2);
        test.kernel.store(test.task, at, 1);
        test.kernel.store(test.task, at + PAGE, 2);
        assertThat(pin(test.task, at, 1, Foll.WRITE)).isEqualTo(1);
        Task child = fork();
        test.kernel.store(test.task, at, 3);
        writeDevice(pfns[0] + 0, 4);
        assertThat(test.kernel.load(test.task, at)).isEqualTo(4);
        assertThat(test.kernel.load(child, at)).isEqualTo(1);
        assertThat(test.kernel.load(child, at + PAGE)).isEqualTo(2);
        test.verify();
        gup.unpin(pfns, 1, true);
        test.verify();
    }

    @Test
    void fork_ofReferencedPage_leavesItShared() {
        long at = test.anonymous(1);
        test.kernel.store(test.task, at, 1);
        assertThat(gup.hold(test.task, test.task.mm(), at, 1, Foll.GET | Foll.WRITE, pfns))
                .isEqualTo(1);
        fork();
        test.kernel.store(test.task, at, 3);
        writeDevice(pfns[0], 4);
        assertThat(test.kernel.load(test.task, at)).isEqualTo(3);
        gup.put(pfns, 1);
        test.verify();
    }

    @Test
    void pinForReading_ofSharedPage_makesItTheProgramsOwn() {
        long at = test.anonymous(1);
        test.kernel.store(test.task, at, 1);
        Task child = fork();
        assertThat(pin(test.task, at, 1, 0)).isEqualTo(1);
        test.kernel.store(test.task, at, 2);
        assertThat(test.kernel.machine().memory().readLong(pfns[0] << 12)).isEqualTo(2);
        assertThat(test.kernel.load(child, at)).isEqualTo(1);
        test.verify();
        gup.unpin(pfns, 1, false);
        test.verify();
    }

    @Test
    void pinForLong_ofPageOfZeros_makesAPage() {
        long at = test.anonymous(2);
        test.kernel.access(test.task, at, 0);
        assertThat(pin(test.task, at, 1, 0)).isEqualTo(1);
        assertThat(pfns[0]).isEqualTo(test.kernel.kernelTables().zeroPfn());
        gup.unpin(pfns, 1, false);
        assertThat(pin(test.task, at, 1, Foll.LONGTERM)).isEqualTo(1);
        test.kernel.store(test.task, at, 7);
        assertThat(test.kernel.machine().memory().readLong(pfns[0] << 12)).isEqualTo(7);
        gup.unpin(pfns, 1, false);
        test.verify();
    }

    @Test
    void pinForLong_ofSharedFile_isRefused() {
        test.kernel.files().registerWithContents("/data", new byte[(int) PAGE]);
        long fd = test.open("/data", 2);
        long at = test.mapped(test.call("mmap", 0, PAGE, TestKernel.RW, TestKernel.MAP_SHARED, fd, 0));
        assertThat(pin(test.task, at, 1, Foll.WRITE | Foll.LONGTERM)).isEqualTo(-Errno.EFAULT);
        assertThat(pin(test.task, at, 1, Foll.WRITE)).isEqualTo(1);
        gup.unpin(pfns, 1, true);
        long memory = test.mapped(test.call("mmap", 0, PAGE, TestKernel.RW, 0x21, -1, 0));
        assertThat(pin(test.task, memory, 1, Foll.WRITE | Foll.LONGTERM)).isEqualTo(1);
        gup.unpin(pfns, 1, true);
        test.verify();
    }

    @Test
    void pins_areCountedAndPartial() {
        long at = test.anonymous(2);
        test.call("munmap", at + PAGE, PAGE);
        assertThat(pin(test.task, at, 2, Foll.WRITE)).isEqualTo(1);
        assertThat(test.kernel.memmap().refcount(pfns[0])).isEqualTo(1025);
        assertThat(test.kernel.vmstat().global(NodeStat.NR_FOLL_PIN_ACQUIRED)).isEqualTo(1);
        assertThat(test.kernel.vmstat().global(NodeStat.NR_FOLL_PIN_RELEASED)).isZero();
        test.call("munmap", at, PAGE);
        test.verify();
        gup.unpin(pfns, 1, true);
        assertThat(test.kernel.vmstat().global(NodeStat.NR_FOLL_PIN_RELEASED)).isEqualTo(1);
        assertThat(pin(test.task, at, 1, 0)).isEqualTo(-Errno.EFAULT);
        long other = test.anonymous(1);
        assertThat(pin(test.task, other, 1, Foll.NOFAULT)).isEqualTo(-Errno.EFAULT);
    }
}
