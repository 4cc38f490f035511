package io.pagewalk.kernel.system;

import static io.pagewalk.kernel.system.TestKernel.PAGE;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.Size;
import io.pagewalk.hardware.mmu.Access;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.vma.RssCounter;
import io.pagewalk.kernel.zone.VmEvent;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class ForkTest {
    private TestKernel k = TestKernel.boot();

    @AfterEach
    void wholeMachineIsSound() {
        k.verify();
    }

    private long frame(Task task, long vaddr) {
        k.kernel.access(task, vaddr, Access.LOAD);
        return k.kernel.mmuOf(task).physicalAddress(vaddr, Access.LOAD) >>> 12;
    }

    @Test
    void exec_twoProcesses_useOneAddressForTwoFrames() {
        Task other = k.kernel.exec(ExecImage.bare("other", k.kernel.layout().stackTop()));
        long vaddr = 0x402000;
        k.kernel.store(k.task, vaddr, 1);
        k.kernel.store(other, vaddr, 2);
        assertThat(k.kernel.load(k.task, vaddr)).isEqualTo(1);
        assertThat(k.kernel.load(other, vaddr)).isEqualTo(2);
        assertThat(frame(k.task, vaddr)).isNotEqualTo(frame(other, vaddr));
    }

    @Test
    void fork_sharedAnonymous_isOneFrameAtTwoAddresses() {
        long base = k.mapped(k.call("mmap", 0, PAGE, TestKernel.RW, 0x21, -1, 0));
        k.kernel.store(k.task, base, 11);
        Task child = requireNonNull(k.kernel.fork(k.task));
        long moved = 0x30_0000_0000L;
        assertThat(k.call(child, "mremap", base, PAGE, PAGE, 3, moved)).isEqualTo(moved);
        k.kernel.store(child, moved, 12);
        assertThat(k.kernel.load(k.task, base)).isEqualTo(12);
        assertThat(frame(child, moved)).isEqualTo(frame(k.task, base));
        assertThat(k.task.mm().rss(RssCounter.SHMEM)).isEqualTo(1);
    }

    @Test
    void store_afterFork_copiesOnceAndReusesAfterwards() {
        long base = k.anonymous(2);
        k.kernel.store(k.task, base, 1);
        Task child = requireNonNull(k.kernel.fork(k.task));
        assertThat(frame(child, base)).isEqualTo(frame(k.task, base));
        long reused = k.event(VmEvent.PGREUSE);
        k.kernel.store(child, base, 2);
        assertThat(k.event(VmEvent.PGREUSE)).as("the child copies").isEqualTo(reused);
        assertThat(k.kernel.load(k.task, base)).isEqualTo(1);
        k.kernel.store(k.task, base, 3);
        assertThat(k.event(VmEvent.PGREUSE)).as("the parent is alone now").isEqualTo(reused + 1);
        assertThat(k.kernel.load(child, base)).isEqualTo(2);
        k.verify();
        k.kernel.exitGroup(child, 3);
        assertThat(k.call("wait4", child.tgid(), 0, 0, 0)).isEqualTo(child.tgid());
        assertThat(k.call("wait4", -1, 0, 0, 0)).isEqualTo(-10);
    }

    @Test
    void store_childIsGone_parentReusesItsPage() {
        long base = k.anonymous(1);
        k.kernel.store(k.task, base, 1);
        long frame = frame(k.task, base);
        Task child = requireNonNull(k.kernel.fork(k.task));
        k.kernel.exitGroup(child, 0);
        long faults = k.minor();
        k.kernel.store(k.task, base, 2);
        assertThat(k.minor() - faults).isEqualTo(1);
        assertThat(frame(k.task, base)).isEqualTo(frame);
    }

    @Test
    void cloneThread_sharesTheAddressSpace() {
        long base = k.anonymous(1);
        Task thread = requireNonNull(k.kernel.cloneThread(k.task));
        k.kernel.store(thread, base, 21);
        assertThat(k.kernel.load(k.task, base)).isEqualTo(21);
        k.kernel.exit(thread, 0);
        assertThat(k.kernel.load(k.task, base)).isEqualTo(21);
        assertThat(k.task.mm().users()).isEqualTo(1);
    }

    @Test
    void munmap_otherCpuRunsTheSameMm_isShotDown() {
        long base = k.anonymous(1);
        Task thread = requireNonNull(k.kernel.cloneThread(k.task));
        assertThat(thread.cpu()).isNotEqualTo(k.task.cpu());
        k.kernel.store(k.task, base, 1);
        k.kernel.load(thread, base);
        long before = k.kernel.shootdowns();
        k.call("munmap", base, PAGE);
        assertThat(k.kernel.shootdowns() - before).isEqualTo(1);
        assertThat(k.kernel.access(thread, base, Access.LOAD)).isEqualTo(UserAccess.SEGV_MAPERR);
    }

    @Test
    void schedule_withPcid_keepsTranslationsAndWithoutLosesThem() {
        assertThat(missesAfterSwitch("skylake")).isZero();
        assertThat(missesAfterSwitch("core2")).isPositive();
    }

    private long missesAfterSwitch(String cpu) {
        TestKernel one = TestKernel.boot(cpu, PagingMode.X86_64_4LEVEL, 64 * Size.MIB, 1, BootOptions.defaults());
        Task other = one.kernel.exec(ExecImage.bare("other", one.kernel.layout().stackTop()));
        long base = one.anonymous(4);
        for (int i = 0; i < 4; i++) {
            one.kernel.store(one.task, base + i * PAGE, 1);
        }
        one.kernel.schedule(other);
        one.kernel.schedule(one.task);
        long before = one.kernel.mmuOf(one.task).stats().l1dMisses();
        for (int i = 0; i < 4; i++) {
            one.kernel.load(one.task, base + i * PAGE);
        }
        one.verify();
        return one.kernel.mmuOf(one.task).stats().l1dMisses() - before;
    }

    @Test
    void exit_lastProcess_givesEverythingBack() {
        long free = k.kernel.memmap().ownerFrames(FrameOwner.FREE)
                + k.kernel.memmap().ownerFrames(FrameOwner.PCP)
                + k.kernel.memmap().ownerFrames(FrameOwner.SLAB);
        Task other = k.kernel.exec(ExecImage.bare("other", k.kernel.layout().stackTop()));
        long base = 0x10_0000_0000L;
        k.call(other, "mmap", base, 700 * PAGE, TestKernel.RW, 0x32, -1, 0);
        for (int i = 0; i < 700; i++) {
            k.kernel.store(other, base + i * PAGE, 1);
        }
        requireNonNull(k.kernel.fork(other));
        k.kernel.exitGroup(other, 0);
        for (Task task : k.kernel.tasks()) {
            if (task != k.task && task.mmOrNull() != null) {
                k.kernel.exitGroup(task, 0);
            }
        }
        // CPUs keep up to two kernel stacks of ended threads; caches keep slabs, and the zombies theirs.
        assertThat(k.kernel.memmap().ownerFrames(FrameOwner.FREE)
                        + k.kernel.memmap().ownerFrames(FrameOwner.PCP)
                        + k.kernel.memmap().ownerFrames(FrameOwner.SLAB)
                        + k.kernel.kernelStacks().cached() * 4L)
                .isEqualTo(free);
    }

    @Test
    void run_twice_givesTheSameDigest() {
        String first = history(TestKernel.boot());
        assertThat(history(TestKernel.boot())).isEqualTo(first);
    }

    private static String history(TestKernel one) {
        long base = one.anonymous(50);
        for (int i = 0; i < 50; i++) {
            one.kernel.store(one.task, base + i * PAGE, i);
        }
        Task child = requireNonNull(one.kernel.fork(one.task));
        one.kernel.store(child, base, 1);
        return one.digest();
    }
}
