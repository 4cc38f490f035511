package io.pagewalk.kernel.system;

import static io.pagewalk.kernel.system.TestKernel.PAGE;
import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.SeededRandom;
import io.pagewalk.base.Size;
import io.pagewalk.hardware.mmu.Access;
import io.pagewalk.hardware.paging.PagingMode;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Each allocation of random histories of several processes fails once, whatever call it belongs to: nothing leaks, and the machine is sound. */
class FailNthHistoryTest {
    private static final int STEPS = 40;
    private static final int PAGES = 700;
    private static final long BASE = 0x7000_0000L;
    private static final int MAP_SHARED_ANONYMOUS = TestKernel.MAP_SHARED | TestKernel.MAP_ANONYMOUS;
    private static final int MREMAP_MAYMOVE = 1;
    private static final int WNOHANG = 1;

    /** One step: which call, and numbers that its arguments are made of. */
    private record Call(int kind, int process, long start, long pages, int choice) {}

    private static final class History {
        private final List<Call> calls = new ArrayList<>();
        private final List<Task> processes = new ArrayList<>();
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
    void history_eachAllocationFails_leaksNothing(long seed) {
        int sites = new FailNthSweep<>(
                        "history of seed " + seed,
                        () -> TestKernel.boot(
                                "skylake", PagingMode.X86_64_4LEVEL, 64 * Size.MIB, 2, BootOptions.defaults()),
                        machine -> prepare(machine, seed),
                        FailNthHistoryTest::replay,
                        FailNthHistoryTest::exitAll)
                .run();
        assertThat(sites).isGreaterThan(30);
    }

    private static History prepare(TestKernel machine, long seed) {
        History history = new History();
        history.processes.add(machine.task);
        SeededRandom random = new SeededRandom(seed);
        for (int step = 0; step < STEPS; step++) {
            history.calls.add(new Call(
                    random.nextInt(16),
                    random.nextInt(1 << 20),
                    BASE + random.nextInt(PAGES) * PAGE,
                    1L + random.nextInt(random.nextInt(6) == 0 ? 500 : 16),
                    random.nextInt(4)));
        }
        return history;
    }

    private static void replay(TestKernel machine, History history) {
        for (Call call : history.calls) {
            if (!history.processes.isEmpty()) {
                make(machine, history, call);
            }
        }
    }

    private static void make(TestKernel k, History history, Call call) {
        Task task = history.processes.get(call.process % history.processes.size());
        long bytes = call.pages * PAGE;
        switch (call.kind) {
            case 0, 1, 2 -> {
                int flags = call.choice == 0 ? MAP_SHARED_ANONYMOUS : TestKernel.ANON;
                k.call(task, "mmap", call.start, bytes, TestKernel.RW, flags | TestKernel.MAP_FIXED, -1, 0);
            }
            case 3 -> k.call(task, "munmap", call.start, bytes);
            case 4 -> k.call(task, "mprotect", call.start, bytes, call.choice);
            case 5 -> k.call(task, "mremap", call.start, PAGE * Math.min(call.pages, 4), bytes, MREMAP_MAYMOVE, 0);
            case 6 -> k.call(task, "madvise", call.start, bytes, new int[] {4, 8, 22, 23}[call.choice]);
            case 7 -> k.call(task, call.choice < 3 ? "mlock" : "munlock", call.start, bytes);
            case 8 -> {
                Task child = history.processes.size() < 4 ? k.kernel.fork(task) : null;
                if (child != null) {
                    history.processes.add(child);
                }
            }
            case 9 -> k.call(task, "brk", k.call(task, "brk", 0) + bytes);
            default -> {
                // A store that no memory is found for ends as the kernel ends it; the process may be gone then.
                for (long page = 0; page < Math.min(call.pages, 40); page += 1 + call.choice) {
                    if (!k.kernel.tasks().contains(task)) {
                        history.processes.remove(task);
                        return;
                    }
                    k.kernel.access(task, call.start + page * PAGE, Access.STORE);
                }
            }
        }
    }

    private static void exitAll(TestKernel machine, History history) {
        for (Task task : history.processes.reversed()) {
            if (machine.kernel.tasks().contains(task)) {
                while (machine.call(task, "wait4", -1, 0, WNOHANG, 0) > 0) {
                    // A zombie holds its stack and task_struct until its parent has waited for it.
                }
                machine.kernel.exit(task, 0);
            }
        }
        machine.kernel.vmalloc().purge();
    }
}
