package io.pagewalk.observe.proc;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.Size;
import io.pagewalk.hardware.mmu.Access;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.syscall.SyscallArgs;
import io.pagewalk.kernel.system.ExecImage;
import io.pagewalk.kernel.system.LinuxKernel;
import io.pagewalk.kernel.system.Task;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** numa_maps after calls that a C program made on Linux 6.18.44 with one node, against what it read from {@code /proc/self/numa_maps} then. */
class PidNumaMapsTest {
    private static final long PAGE = 4096;
    private static final long BASE = 0x10000000L;
    private static final long SHARED = 0x20000000L;
    private static final long MASK = 0x40000000L;

    private final LinuxKernel kernel = TestKernels.boot(PagingMode.X86_64_4LEVEL, 256 * Size.MIB);
    private final Task task = kernel.exec(ExecImage.bare("test", 0x7fff_ffff_f000L));

    private long call(String name, long... args) {
        return kernel.syscall(
                task, new SyscallArgs().set(kernel.syscallNumbers().number(name), args));
    }

    private void mbind(long addr, long pages, int mode, long mask) {
        kernel.store(task, MASK, mask);
        assertThat(call("mbind", addr, pages * PAGE, mode, mask == 0 ? 0 : MASK, 65, 0))
                .isZero();
    }

    private void map(long addr, long pages, int flags) {
        assertThat(call("mmap", addr, pages * PAGE, 3, flags | 0x30, -1, 0)).isEqualTo(addr);
    }

    private void touch(long addr, long pages) {
        for (long i = 0; i < pages; i++) {
            kernel.access(task, addr + i * PAGE, Access.STORE);
        }
    }

    /** The lines of a range, without the address but for its low digits. */
    private String lines(long start, long end) {
        return lines(task, start, end);
    }

    private String lines(Task who, long start, long end) {
        Map<String, String> files = ProcTree.files(kernel);
        return Objects.requireNonNull(files.get(who.tgid() + "/numa_maps"))
                .lines()
                .filter(line -> {
                    long at = Long.parseLong(line.substring(0, line.indexOf(' ')), 16);
                    return at >= start && at < end;
                })
                .collect(Collectors.joining("\n"));
    }

    @Test
    void print_everyMode_readsAsOnLinux() {
        map(MASK, 1, 2);
        map(BASE, 64, 2);
        touch(BASE, 10);
        kernel.access(task, BASE + 12 * PAGE, Access.LOAD);
        mbind(BASE, 1, 1, 0);
        mbind(BASE + PAGE, 1, 4, 0);
        mbind(BASE + 2 * PAGE, 1, 5, 1);
        mbind(BASE + 3 * PAGE, 1, 6, 1);
        mbind(BASE + 4 * PAGE, 1, 2 | 0x2000, 1);
        mbind(BASE + 5 * PAGE, 1, 5 | 0x6000, 1);
        mbind(BASE + 6 * PAGE, 1, 2 | 0xa000, 1);
        mbind(BASE + 7 * PAGE, 1, 1 | 0x4000, 2);
        assertThat(lines(BASE, SHARED)).isEqualTo("""
                10000000 local anon=2 dirty=2 active=0 N0=2 kernelpagesize_kB=4
                10002000 prefer (many):0 anon=1 dirty=1 active=0 N0=1 kernelpagesize_kB=4
                10003000 weighted interleave:0 anon=1 dirty=1 active=0 N0=1 kernelpagesize_kB=4
                10004000 bind=balancing:0 anon=1 dirty=1 active=0 N0=1 kernelpagesize_kB=4
                10005000 prefer (many)=relative|balancing:0 anon=1 dirty=1 active=0 N0=1 kernelpagesize_kB=4
                10006000 bind=static|balancing:0 anon=1 dirty=1 active=0 N0=1 kernelpagesize_kB=4
                10007000 prefer=relative:0 anon=1 dirty=1 active=0 N0=1 kernelpagesize_kB=4
                10008000 default anon=2 dirty=2 active=0 N0=2 kernelpagesize_kB=4""");
        kernel.store(task, MASK, 1);
        assertThat(call("set_mempolicy", 2, MASK, 65)).isZero();
        assertThat(lines(BASE + 8 * PAGE, SHARED))
                .isEqualTo("10008000 bind:0 anon=2 dirty=2 active=0 N0=2 kernelpagesize_kB=4");
    }

    /** Seen on Linux 6.18: the child maps all 512 pages by one entry, and the parent no longer has the first of them. */
    @Test
    void print_hugePage_isAsSharedAsItsFirstPage() {
        long huge = 0x3000_0000L;
        map(huge, 512, 2);
        assertThat(call("madvise", huge, 512 * PAGE, 14)).isZero();
        touch(huge + 9 * PAGE, 1);
        Task child = Objects.requireNonNull(kernel.fork(task));
        touch(huge, 1);
        assertThat(lines(task, huge, MASK))
                .isEqualTo("30000000 default anon=512 dirty=512 mapmax=2 active=0 N0=512 kernelpagesize_kB=4");
        assertThat(lines(child, huge, MASK))
                .isEqualTo("30000000 default anon=512 dirty=512 active=0 N0=512 kernelpagesize_kB=4");
    }

    /** Seen on Linux 6.18: nothing cleans a page of a pool that a private area let go. */
    @Test
    void print_pageFromAPool_staysDirtyForTheNextUser() {
        long huge = 0x3000_0000L;
        kernel.writeSysctl("nr_hugepages", "1");
        map(huge, 512, 0x40002);
        kernel.access(task, huge, Access.LOAD);
        String line = "30000000 default file=/anon_hugepage\\040(deleted) huge anon=1%s N0=1 kernelpagesize_kB=2048";
        assertThat(lines(huge, MASK)).isEqualTo(line.formatted(""));
        touch(huge, 1);
        map(huge, 512, 0x40002);
        kernel.access(task, huge, Access.LOAD);
        assertThat(lines(huge, MASK)).isEqualTo(line.formatted(" dirty=1"));
    }

    @Test
    void print_sharedMemory_showsThePolicyOfTheFirstPageAndEscapesThePath() {
        map(MASK, 1, 2);
        map(SHARED, 16, 1);
        touch(SHARED, 2);
        mbind(SHARED, 4, 2, 1);
        mbind(SHARED + 8 * PAGE, 4, 3, 1);
        mbind(SHARED + PAGE, 1, 0, 0);
        assertThat(lines(SHARED, MASK)).isEqualTo("""
                20000000 bind:0 file=/dev/zero\\040(deleted) dirty=1 active=0 N0=1 kernelpagesize_kB=4
                20001000 default file=/dev/zero\\040(deleted) dirty=1 active=0 N0=1 kernelpagesize_kB=4
                20002000 bind:0 file=/dev/zero\\040(deleted)
                20004000 default file=/dev/zero\\040(deleted)
                20008000 interleave:0 file=/dev/zero\\040(deleted)
                2000c000 default file=/dev/zero\\040(deleted)""");
    }

    @Test
    void numaStat_firstNode_countsRequests() {
        map(BASE, 8, 2);
        long before = hits();
        touch(BASE, 8);
        assertThat(hits() - before).isGreaterThanOrEqualTo(8);
        assertThat(NodeNumaStat.print(
                        kernel.allocator(), kernel.allocator().nodes().getFirst()))
                .matches(
                        "numa_hit \\d+\nnuma_miss 0\nnuma_foreign 0\ninterleave_hit 0\nlocal_node \\d+\nother_node 0\n");
    }

    private long hits() {
        String text = NodeNumaStat.print(
                kernel.allocator(), kernel.allocator().nodes().getFirst());
        return Long.parseLong(text.substring("numa_hit ".length(), text.indexOf('\n')));
    }
}
