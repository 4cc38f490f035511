package io.pagewalk.kernel.system;

import static io.pagewalk.kernel.system.TestKernel.PAGE;
import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.Size;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.zone.VmEvent;
import java.util.Map;
import org.junit.jupiter.api.Test;

class OutOfMemoryTest {
    private static TestKernel small(BootOptions options) {
        return TestKernel.boot("skylake", PagingMode.X86_64_4LEVEL, 96 * Size.MIB, 1, options);
    }

    private static int fill(TestKernel k, Task task, long base, long pages) {
        for (long i = 0; i < pages; i++) {
            int outcome = k.kernel.store(task, base + i * PAGE, i + 1);
            if (outcome != UserAccess.OK) {
                return outcome;
            }
        }
        return UserAccess.OK;
    }

    @Test
    void outOfMemory_biggestIsAnother_dies() {
        TestKernel k = small(TestKernel.sysctl("overcommit_memory", "1"));
        Task big = k.kernel.exec(ExecImage.bare("big", k.kernel.layout().stackTop()));
        long base = k.mapped(k.call(big, "mmap", 0, 4000 * PAGE, TestKernel.RW, TestKernel.ANON, -1, 0));
        assertThat(fill(k, big, base, 4000)).isEqualTo(UserAccess.OK);
        long own = k.anonymous(12_000);
        big.group().setOomScoreAdj(500);
        assertThat(fill(k, k.task, own, 12_000)).isEqualTo(UserAccess.OK);
        assertThat(big.mmOrNull()).isNull();
        assertThat(big.exitCode()).isEqualTo(9);
        assertThat(k.event(VmEvent.OOM_KILL)).isEqualTo(1);
        assertThat(k.kernel.log().lines())
                .anyMatch(line -> line.contains("test invoked oom-killer: gfp_mask=0x"))
                .anyMatch(line -> line.contains("Mem-Info:"))
                .anyMatch(line -> line.contains("Out of memory: Killed process " + big.tid() + " (big) total-vm:"));
        k.verify();
    }

    @Test
    void outOfMemory_currentIsBiggest_diesAndGivesAllBack() {
        TestKernel k = small(TestKernel.sysctl("overcommit_memory", "1"));
        Task other = k.kernel.exec(ExecImage.bare("other", k.kernel.layout().stackTop()));
        long own = k.anonymous(100_000);
        assertThat(fill(k, k.task, own, 100_000)).isEqualTo(UserAccess.OOM_KILLED);
        assertThat(k.task.mmOrNull()).isNull();
        assertThat(other.mmOrNull()).isNotNull();
        assertThat(k.kernel.panicMessage()).isNull();
        k.verify();
    }

    @Test
    void outOfMemory_everybodyExempt_panics() {
        TestKernel k = small(TestKernel.sysctl("overcommit_memory", "1"));
        k.task.group().setOomScoreAdj(-1000);
        long own = k.anonymous(100_000);
        assertThat(fill(k, k.task, own, 100_000)).isEqualTo(UserAccess.OOM_KILLED);
        assertThat(k.kernel.panicMessage()).isEqualTo("System is deadlocked on memory");
    }

    @Test
    void outOfMemory_panicOnOom_panics() {
        TestKernel k = small(BootOptions.defaults().withSysctls(Map.of("panic_on_oom", "1", "overcommit_memory", "1")));
        long own = k.anonymous(100_000);
        fill(k, k.task, own, 100_000);
        assertThat(k.kernel.panicMessage()).contains("panic_on_oom is enabled");
    }

    @Test
    void outOfMemory_killAllocatingTask_killsTheCaller() {
        TestKernel k = small(
                BootOptions.defaults().withSysctls(Map.of("oom_kill_allocating_task", "1", "overcommit_memory", "1")));
        Task big = k.kernel.exec(ExecImage.bare("big", k.kernel.layout().stackTop()));
        big.group().setOomScoreAdj(900);
        long own = k.anonymous(100_000);
        assertThat(fill(k, k.task, own, 100_000)).isEqualTo(UserAccess.OOM_KILLED);
        assertThat(big.mmOrNull()).isNotNull();
        k.verify();
    }
}
