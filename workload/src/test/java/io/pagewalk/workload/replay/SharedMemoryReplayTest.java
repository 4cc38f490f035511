package io.pagewalk.workload.replay;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.Size;
import io.pagewalk.hardware.mmu.Refill;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.system.BootOptions;
import io.pagewalk.kernel.system.ExecImage;
import io.pagewalk.kernel.system.LinuxKernel;
import io.pagewalk.kernel.system.Task;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.workload.trace.SyscallEvent;
import org.junit.jupiter.api.Test;

/** Calls on shared memory are made again with the model's identifiers, at the recorded addresses. */
class SharedMemoryReplayTest {
    private static final long AT = 0x7f12_3450_0000L;
    private static final long RECORDED_ID = 98765;
    private static final long RECORDED_FD = 7;

    private final LinuxKernel kernel =
            LinuxKernel.boot(Machines.pc("skylake", 256 * Size.MIB, Refill.HARDWARE), BootOptions.defaults());
    private final Task task = kernel.exec(ExecImage.bare("test", 0x7fff_ffff_f000L));
    private final SyscallReplay replay = replay();

    private SyscallReplay replay() {
        MappedRanges ranges = new MappedRanges();
        ranges.add(AT, 1 << 20);
        return new SyscallReplay(
                kernel, task, AddressMap.of("t", ranges, PagingMode.X86_64_4LEVEL), ReplayOptions.Placement.RECORDED);
    }

    private void perform(String name, long a0, long a1, long a2, long a3, long a4, long a5, long result) {
        int number = kernel.syscallNumbers().number(name);
        assertThat(replay.perform(task, new SyscallEvent(number, a0, a1, a2, a3, a4, a5, result, null)))
                .isTrue();
    }

    private Vma area(long vaddr) {
        return requireNonNull(task.mm().vmas().find(vaddr));
    }

    @Test
    void segment_ofAnotherProgram_isMadeAndLiesAtTheRecordedAddress() {
        perform("shmget", 0x1234, 8192, 0, 0, 0, 0, RECORDED_ID);
        perform("shmat", RECORDED_ID, 0, 0, 0, 0, 0, AT);
        assertThat(area(AT).mapsName()).isEqualTo("/SYSV00001234 (deleted)");
        assertThat(area(AT).sizeBytes()).isEqualTo(8192);
        perform("shmctl", RECORDED_ID, 0, 0, 0, 0, 0, 0);
        assertThat(kernel.sharedMemory().segments().segments()).hasSize(1);
        perform("shmdt", AT, 0, 0, 0, 0, 0, 0);
        assertThat(kernel.sharedMemory().segments().segments()).isEmpty();
        assertThat(task.mm().vmas().find(AT)).isNull();
        assertThat(replay.firstDivergences()).isEmpty();
    }

    @Test
    void memoryFile_mappedByItsRecordedDescriptor_isThatFile() {
        perform("memfd_create", AT, 0, 0, 0, 0, 0, RECORDED_FD);
        perform("ftruncate", RECORDED_FD, 4096, 0, 0, 0, 0, 0);
        perform("mmap", 0, 4096, 3, 1, RECORDED_FD, 0, AT);
        assertThat(area(AT).mapsName()).isEqualTo("/memfd: (deleted)");
        assertThat(replay.firstDivergences()).isEmpty();
    }
}
