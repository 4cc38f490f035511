package io.pagewalk.kernel.system;

import static io.pagewalk.kernel.system.TestKernel.PAGE;
import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.SeededRandom;
import io.pagewalk.base.Size;
import io.pagewalk.hardware.mmu.Access;
import io.pagewalk.hardware.paging.PagingMode;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Random histories of several processes, each beside a naive model: a map from page to what was last stored there. Private memory only, so that the model of a
 * child is a copy of its parent's.
 */
class RandomHistoryTest {
    private static final long BASE = 0x7000_0000L;
    private static final int PAGES = 1100;
    private static final int STEPS = 2500;
    private static final int MAX_PROCESSES = 5;

    /** What a process must see: per page its rights and its value. Absent: not mapped. */
    private record Page(int prot, long value) {}

    private final Map<Task, Map<Long, Page>> models = new HashMap<>();
    private final List<Task> processes = new ArrayList<>();

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6})
    void steps_random_keepEveryProcesssContents(long seed) {
        SeededRandom random = new SeededRandom(seed);
        String cpu = seed % 2 == 0 ? "core2" : "skylake";
        TestKernel k = TestKernel.boot(cpu, PagingMode.X86_64_4LEVEL, 128 * Size.MIB, 2, BootOptions.defaults());
        processes.add(k.task);
        models.put(k.task, new HashMap<>());
        for (int step = 0; step < STEPS; step++) {
            Task task = processes.get(random.nextInt(processes.size()));
            long start = BASE + random.nextInt(PAGES) * PAGE;
            long pages = 1L + random.nextInt(random.nextInt(8) == 0 ? 600 : 12);
            switch (random.nextInt(14)) {
                case 0, 1 -> map(k, task, start, pages);
                case 2 -> unmap(k, task, start, pages);
                case 3 -> protect(k, task, start, pages, random.nextInt(4));
                case 4 -> discard(k, task, start, pages);
                case 5 -> fork(k, task);
                case 6 -> exit(k, task);
                case 7 -> move(k, task, start, random);
                default -> touch(k, task, random);
            }
            if (step % 500 == 0) {
                k.verify();
            }
        }
        k.verify();
    }

    private void map(TestKernel k, Task task, long start, long pages) {
        assertThat(k.call(task, "mmap", start, pages * PAGE, TestKernel.RW, TestKernel.ANON | 0x10, -1, 0))
                .isEqualTo(start);
        for (long i = 0; i < pages; i++) {
            model(task).put(start + i * PAGE, new Page(TestKernel.RW, 0));
        }
    }

    private void unmap(TestKernel k, Task task, long start, long pages) {
        assertThat(k.call(task, "munmap", start, pages * PAGE)).isZero();
        for (long i = 0; i < pages; i++) {
            model(task).remove(start + i * PAGE);
        }
    }

    private void protect(TestKernel k, Task task, long start, long pages, int prot) {
        long result = k.call(task, "mprotect", start, pages * PAGE, prot);
        for (long i = 0; i < pages; i++) {
            Page page = model(task).get(start + i * PAGE);
            if (page == null) {
                assertThat(result).isEqualTo(-12);
                return;
            }
            model(task).put(start + i * PAGE, new Page(prot, page.value));
        }
        assertThat(result).isZero();
    }

    private void discard(TestKernel k, Task task, long start, long pages) {
        k.call(task, "madvise", start, pages * PAGE, 4);
        for (long i = 0; i < pages; i++) {
            model(task).computeIfPresent(start + i * PAGE, (vaddr, page) -> new Page(page.prot, 0));
        }
    }

    private void fork(TestKernel k, Task task) {
        Task child = processes.size() < MAX_PROCESSES ? k.kernel.fork(task) : null;
        if (child != null) {
            processes.add(child);
            models.put(child, new HashMap<>(model(task)));
        }
    }

    private void exit(TestKernel k, Task task) {
        if (processes.size() > 1) {
            processes.remove(task);
            models.remove(task);
            k.kernel.exitGroup(task, 0);
        }
    }

    private void move(TestKernel k, Task task, long start, SeededRandom random) {
        long target = BASE + (PAGES + 700 + random.nextInt(PAGES)) * PAGE;
        Page page = model(task).get(start);
        long result = k.call(task, "mremap", start, PAGE, PAGE, 3, target);
        if (page == null) {
            assertThat(result).isEqualTo(-14);
        } else {
            assertThat(result).isEqualTo(target);
            model(task).remove(start);
            model(task).put(target, page);
        }
    }

    private void touch(TestKernel k, Task task, SeededRandom random) {
        for (int i = 0; i < 8; i++) {
            long vaddr = BASE + random.nextInt(2 * PAGES + 700) * PAGE;
            Page page = model(task).get(vaddr);
            int prot = page == null ? 0 : page.prot;
            if (random.nextBoolean()) {
                long value = random.nextLong() | 1;
                int outcome = k.kernel.store(task, vaddr, value);
                assertThat(outcome).isEqualTo(expected(page, (prot & 2) != 0));
                if (outcome == UserAccess.OK) {
                    model(task).put(vaddr, new Page(prot, value));
                }
            } else {
                int outcome = k.kernel.access(task, vaddr, Access.LOAD);
                assertThat(outcome).isEqualTo(expected(page, prot != 0));
                if (page != null && outcome == UserAccess.OK) {
                    assertThat(k.kernel.load(task, vaddr)).isEqualTo(page.value);
                }
            }
        }
    }

    private static int expected(@Nullable Page page, boolean isAllowed) {
        if (page == null) {
            return UserAccess.SEGV_MAPERR;
        }
        return isAllowed ? UserAccess.OK : UserAccess.SEGV_ACCERR;
    }

    private Map<Long, Page> model(Task task) {
        return models.computeIfAbsent(task, unknown -> new HashMap<>());
    }
}
