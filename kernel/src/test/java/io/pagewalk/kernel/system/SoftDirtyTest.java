package io.pagewalk.kernel.system;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.Size;
import io.pagewalk.hardware.mmu.Access;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.vma.VmaFlags;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/**
 * The soft-dirty tracker of a kernel with {@code CONFIG_MEM_SOFT_DIRTY}. The kernel that other tests are compared with is built without it; what is asserted was read in
 * {@code fs/proc/task_mmu.c}, {@code mm/memory.c}, {@code mm/mprotect.c}, {@code mm/mremap.c} and {@code Documentation/admin-guide/mm/soft-dirty.rst}.
 */
class SoftDirtyTest {
    private static final long PAGE = TestKernel.PAGE;
    private static final long SOFT_DIRTY = 1L << 55;
    private static final long PRESENT = 1L << 63;

    private final TestKernel k = TestKernel.boot(
            "skylake",
            PagingMode.X86_64_4LEVEL,
            256 * Size.MIB,
            2,
            BootOptions.defaults().withSoftDirty());

    private final long buffer = k.anonymous(1);
    private final int pagemap = open(k, k.task, "/proc/self/pagemap", 0);
    private final int clearRefs = open(k, k.task, "/proc/self/clear_refs", 1);

    @AfterEach
    void machineHolds() {
        k.verify();
    }

    private static int open(TestKernel kernel, Task who, String path, int flags) {
        long fd = kernel.open(who, path, flags);
        assertThat(fd).isNotNegative();
        return (int) fd;
    }

    private static long word(TestKernel kernel, Task who, long fd, long at, long vaddr) {
        assertThat(kernel.call(who, "pread64", fd, at, 8, (vaddr >>> 12) * 8)).isEqualTo(8);
        return kernel.kernel.load(who, at);
    }

    private boolean isDirty(long vaddr) {
        return (word(k, k.task, pagemap, buffer, vaddr) & SOFT_DIRTY) != 0;
    }

    private void clear() {
        assertThat(k.kernel.store(k.task, buffer, '4')).isZero();
        assertThat(k.call("write", clearRefs, buffer, 1)).isEqualTo(1);
    }

    private void write(long vaddr) {
        assertThat(k.kernel.store(k.task, vaddr, 1)).isZero();
    }

    private void read(long vaddr) {
        assertThat(k.kernel.access(k.task, vaddr, Access.LOAD)).isZero();
    }

    @Test
    void newMemory_beforeAnyAccess_isDirty() {
        long area = k.anonymous(4);
        assertThat(isDirty(area)).isTrue();
        clear();
        assertThat(isDirty(area)).isFalse();
    }

    @Test
    void write_afterClearing_marksItsPageAndFaultsOnce() {
        long area = k.anonymous(4);
        for (int i = 0; i < 3; i++) {
            write(area + i * PAGE);
        }
        clear();
        long faults = k.minor();
        write(area + PAGE);
        read(area + 2 * PAGE);
        read(area + 3 * PAGE);
        assertThat(k.minor() - faults).isEqualTo(2);
        write(area + PAGE);
        assertThat(k.minor() - faults).isEqualTo(2);
        assertThat(isDirty(area)).isFalse();
        assertThat(isDirty(area + PAGE)).isTrue();
        assertThat(isDirty(area + 2 * PAGE)).isFalse();
        assertThat(isDirty(area + 3 * PAGE)).isFalse();
    }

    @Test
    void newArea_mergedWithACleanOne_makesAllOfItDirty() {
        long area = k.anonymous(8);
        assertThat(k.call("munmap", area, 4 * PAGE)).isZero();
        write(area + 4 * PAGE);
        clear();
        assertThat(k.call("mmap", area, 4 * PAGE, TestKernel.RW, TestKernel.ANON | TestKernel.MAP_FIXED, -1, 0))
                .isEqualTo(area);
        assertThat(Objects.requireNonNull(k.task.mm().vmas().find(area)).end()).isGreaterThanOrEqualTo(area + 8 * PAGE);
        assertThat(isDirty(area)).isTrue();
        assertThat(isDirty(area + 5 * PAGE)).isTrue();
    }

    @Test
    void fork_afterClearing_carriesTheBits() {
        long area = k.anonymous(2);
        write(area);
        write(area + PAGE);
        clear();
        write(area);
        Task child = Objects.requireNonNull(k.kernel.fork(k.task));
        long fd = open(k, child, "/proc/self/pagemap", 0);
        assertThat(word(k, child, fd, buffer, area) & SOFT_DIRTY).isNotZero();
        assertThat(word(k, child, fd, buffer, area + PAGE) & (SOFT_DIRTY | PRESENT))
                .isEqualTo(PRESENT);
        assertThat(k.kernel.store(child, area + PAGE, 3)).isZero();
        assertThat(word(k, child, fd, buffer, area + PAGE) & SOFT_DIRTY).isNotZero();
        assertThat(isDirty(area + PAGE)).isFalse();
        k.kernel.exitGroup(child, 0);
        write(area + PAGE);
        assertThat(isDirty(area + PAGE)).isTrue();
    }

    @Test
    void mremap_toAnotherPlace_marksWhatItMoves() {
        long area = k.anonymous(2);
        long target = k.anonymous(2);
        write(area);
        clear();
        assertThat(isDirty(area)).isFalse();
        assertThat(k.call("mremap", area, 2 * PAGE, 2 * PAGE, 3, target)).isEqualTo(target);
        assertThat(isDirty(target)).isTrue();
        assertThat(isDirty(target + PAGE)).isFalse();
    }

    @Test
    void mprotect_backToWritable_stillSeesTheNextWrite() {
        long area = k.anonymous(1);
        write(area);
        clear();
        assertThat(k.call("mprotect", area, PAGE, 1)).isZero();
        assertThat(k.call("mprotect", area, PAGE, 3)).isZero();
        assertThat(isDirty(area)).isFalse();
        write(area);
        assertThat(isDirty(area)).isTrue();
    }

    @Test
    void sharedMemory_afterClearing_seesTheNextWrite() {
        long area = k.mapped(k.call("mmap", 0, 2 * PAGE, TestKernel.RW, 0x21, -1, 0));
        write(area);
        write(area + PAGE);
        assertThat(k.call("madvise", area + PAGE, PAGE, 4)).isZero();
        clear();
        read(area + PAGE);
        assertThat(isDirty(area)).isFalse();
        assertThat(isDirty(area + PAGE)).isFalse();
        write(area);
        write(area + PAGE);
        assertThat(isDirty(area)).isTrue();
        assertThat(isDirty(area + PAGE)).isTrue();
    }

    @Test
    void heap_grownAfterClearing_isDirty() {
        long start = k.call("brk", 0);
        assertThat(k.call("brk", start + 2 * PAGE)).isEqualTo(start + 2 * PAGE);
        clear();
        assertThat(isDirty(start)).isFalse();
        assertThat(k.call("brk", start + 3 * PAGE)).isEqualTo(start + 3 * PAGE);
        assertThat(isDirty(start + 2 * PAGE)).isTrue();
    }

    @Test
    void kernelWithoutTheTracker_hasNoSuchBit() {
        TestKernel plain = TestKernel.boot();
        long at = plain.anonymous(1);
        long fd = open(plain, plain.task, "/proc/self/pagemap", 0);
        assertThat(plain.kernel.store(plain.task, at, 1)).isZero();
        assertThat(word(plain, plain.task, fd, at, at) & (SOFT_DIRTY | PRESENT)).isEqualTo(PRESENT);
        plain.task
                .mm()
                .vmas()
                .forEach(vma -> assertThat(vma.has(VmaFlags.VM_SOFTDIRTY)).isFalse());
    }

    @Test
    void procFiles_ofATaskThatHasEnded_areEmptyOrGone() {
        Task child = Objects.requireNonNull(k.kernel.fork(k.task));
        String directory = "/proc/" + child.tgid() + "/";
        int itsPagemap = open(k, k.task, directory + "pagemap", 0);
        int itsRefs = open(k, k.task, directory + "clear_refs", 1);
        int itsMaps = open(k, k.task, directory + "maps", 0);
        k.kernel.exitGroup(child, 0);
        write(buffer);
        assertThat(k.call("pread64", itsPagemap, buffer, 8, 0)).isZero();
        assertThat(k.kernel.store(k.task, buffer, '1')).isZero();
        assertThat(k.call("write", itsRefs, buffer, 1)).isEqualTo(1);
        assertThat(k.kernel.store(k.task, buffer, 96)).isZero();
        assertThat(k.call("ioctl", itsPagemap, 0xc0606610L, buffer)).isEqualTo(-Errno.ESRCH);
        assertThat(k.kernel.store(k.task, buffer, 24)).isZero();
        assertThat(k.call("ioctl", itsMaps, 0xc0686611L, buffer)).isEqualTo(-Errno.ESRCH);
        assertThat(k.open(k.task, directory + "pagemap", 0)).isEqualTo(-Errno.ESRCH);
        assertThat(k.open(k.task, directory + "maps", 0)).isNotNegative();
        assertThat(k.call("wait4", -1, 0, 0, 0)).isEqualTo(child.tgid());
        assertThat(k.kernel.store(k.task, buffer, '1')).isZero();
        assertThat(k.call("write", itsRefs, buffer, 1)).isEqualTo(-Errno.ESRCH);
        assertThat(k.open(k.task, directory + "pagemap", 0)).isEqualTo(-Errno.ENOENT);
    }
}
