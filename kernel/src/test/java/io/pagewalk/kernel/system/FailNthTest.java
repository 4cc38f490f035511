package io.pagewalk.kernel.system;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.BadInput;
import io.pagewalk.base.Size;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.slub.SlabAllocator;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Each allocation of a scenario fails once: nothing leaks, and the machine is sound. */
class FailNthTest {
    private static final long PAGE = TestKernel.PAGE;

    /** What a scenario made. */
    private static final class Made {
        private final List<Task> tasks = new ArrayList<>();
        private final List<Long> areas = new ArrayList<>();
    }

    @Test
    void fork_eachAllocationFails_leaksNothing() {
        int sites = sweep(
                "fork",
                machine -> {
                    Made made = new Made();
                    for (int i = 0; i < 4; i++) {
                        long area = machine.anonymous(40);
                        made.areas.add(area);
                        for (int page = 0; page < 40; page += 3) {
                            machine.kernel.store(machine.task, area + page * PAGE, page);
                        }
                    }
                    return made;
                },
                (machine, made) -> {
                    Task child = machine.kernel.fork(machine.task);
                    if (child != null) {
                        made.tasks.add(child);
                        for (long area : made.areas) {
                            machine.kernel.store(child, area, 9);
                        }
                    }
                },
                FailNthTest::exitAll);
        assertThat(sites).isGreaterThan(10);
    }

    @Test
    void exec_eachAllocationFails_leaksNothing() {
        int sites = sweep(
                "exec",
                machine -> new Made(),
                (machine, made) -> {
                    try {
                        made.tasks.add(machine.kernel.exec(
                                ExecImage.bare("other", machine.kernel.layout().stackTop())));
                    } catch (BadInput e) {
                        // No memory for it: there is no such process then.
                        assertThat(e).hasMessageMatching("(?s).*(no free memory|ENOMEM).*");
                    }
                },
                FailNthTest::exitAll);
        assertThat(sites).isGreaterThan(5);
    }

    @Test
    void mmapAndFault_eachAllocationFails_leaksNothing() {
        int sites = sweep(
                "mmap and fault",
                machine -> new Made(),
                (machine, made) -> {
                    for (int i = 0; i < 3; i++) {
                        long area = machine.call("mmap", 0, 600 * PAGE, TestKernel.RW, TestKernel.ANON, -1, 0);
                        if (area < 0 && area > -4096) {
                            continue;
                        }
                        made.areas.add(area);
                        for (int page = 0; page < 600; page += 97) {
                            machine.kernel.store(machine.task, area + page * PAGE, page);
                        }
                        machine.call("mprotect", area + 5 * PAGE, 20 * PAGE, TestKernel.PROT_READ);
                    }
                },
                (machine, made) -> made.areas.forEach(area -> machine.call("munmap", area, 600 * PAGE)));
        assertThat(sites).isGreaterThan(20);
    }

    @Test
    void fileFault_eachAllocationFails_leaksNothing() {
        int sites = sweep(
                "file fault",
                machine -> {
                    machine.kernel.files().registerWithContents("/data", new byte[(int) (300 * PAGE)]);
                    return new Made();
                },
                (machine, made) -> {
                    int fd = machine.open("/data", 2);
                    for (int flags : new int[] {TestKernel.MAP_SHARED, TestKernel.MAP_PRIVATE}) {
                        long area = machine.call("mmap", 0, 300 * PAGE, TestKernel.RW, flags, fd, 0);
                        if (area < 0 && area > -4096) {
                            continue;
                        }
                        made.areas.add(area);
                        for (int page = 0; page < 300; page += 60) {
                            machine.kernel.store(machine.task, area + page * PAGE, page);
                        }
                    }
                    machine.call("close", fd);
                },
                (machine, made) -> made.areas.forEach(area -> machine.call("munmap", area, 300 * PAGE)));
        assertThat(sites).isGreaterThan(10);
    }

    @Test
    void threads_eachAllocationFails_leaksNothing() {
        int sites = sweep(
                "threads",
                machine -> new Made(),
                (machine, made) -> {
                    for (int i = 0; i < 4; i++) {
                        Task thread = machine.kernel.cloneThread(machine.task);
                        if (thread != null) {
                            made.tasks.add(thread);
                        }
                    }
                },
                FailNthTest::exitAll);
        assertThat(sites).isGreaterThan(10);
    }

    @Test
    void vmalloc_eachAllocationFails_leaksNothing() {
        int sites = sweep(
                "vmalloc",
                machine -> new Made(),
                (machine, made) -> {
                    for (int pages = 1; pages < 40; pages += 9) {
                        long vaddr = machine.kernel.vmalloc().vmalloc(pages * PAGE, Gfp.GFP_KERNEL, "test");
                        if (vaddr != 0) {
                            made.areas.add(vaddr);
                        }
                    }
                },
                (machine, made) -> {
                    made.areas.forEach(machine.kernel.vmalloc()::vfree);
                    machine.kernel.vmalloc().purge();
                });
        assertThat(sites).isGreaterThan(4);
    }

    @Test
    void kmalloc_eachAllocationFails_leaksNothing() {
        int sites = sweep(
                "kmalloc",
                machine -> new Made(),
                (machine, made) -> {
                    for (int i = 0; i < 200; i++) {
                        long vaddr = machine.kernel.slabs().kmalloc(40L * i, Gfp.GFP_KERNEL);
                        if (Long.compareUnsigned(vaddr, SlabAllocator.ZERO_SIZE_PTR) > 0) {
                            made.areas.add(vaddr);
                        }
                    }
                },
                (machine, made) -> made.areas.forEach(machine.kernel.slabs()::kfree));
        assertThat(sites).isGreaterThan(20);
    }

    @Test
    void pageApi_eachAllocationFails_leaksNothing() {
        int sites = sweep(
                "page API",
                machine -> new Made(),
                (machine, made) -> {
                    PageAllocator allocator = machine.kernel.allocator();
                    long exact = allocator.allocPagesExact(5 * PAGE, Gfp.GFP_KERNEL);
                    if (exact != PageAllocator.NO_PAGE) {
                        allocator.freePagesExact(exact, 5 * PAGE);
                    }
                    long[] pfns = new long[70];
                    int got = allocator.allocPagesBulk(Gfp.GFP_KERNEL, 0, pfns, pfns.length);
                    for (int i = 0; i < got; i++) {
                        allocator.freePages(pfns[i], 0);
                    }
                    long block = allocator.allocPages(Gfp.GFP_KERNEL | Gfp.COMP, 5);
                    if (block != PageAllocator.NO_PAGE) {
                        allocator.freePages(block, 5);
                    }
                    long found = machine.kernel.contiguous().allocatePages(700, 0);
                    if (found != PageAllocator.NO_PAGE) {
                        machine.kernel.contiguous().free(found, 700);
                    }
                },
                (machine, made) -> {});
        assertThat(sites).isBetween(2, 100);
    }

    private static void exitAll(TestKernel machine, Made made) {
        for (Task task : made.tasks.reversed()) {
            machine.kernel.exit(task, 0);
        }
        machine.call("wait4", -1, 0, 1, 0);
        machine.kernel.vmalloc().purge();
    }

    private static int sweep(
            String name,
            FailNthSweep.Prepare<Made> prepare,
            FailNthSweep.Step<Made> scenario,
            FailNthSweep.Step<Made> undo) {
        return new FailNthSweep<>(
                        name,
                        () -> TestKernel.boot(
                                "skylake", PagingMode.X86_64_4LEVEL, 64 * Size.MIB, 1, BootOptions.defaults()),
                        prepare,
                        scenario,
                        undo)
                .run();
    }
}
