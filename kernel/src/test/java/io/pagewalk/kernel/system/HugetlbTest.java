package io.pagewalk.kernel.system;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.Size;
import io.pagewalk.hardware.mmu.Access;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.hugetlb.HugePool;
import io.pagewalk.kernel.hugetlb.HugetlbMount;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.zone.VmEvent;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.Test;

/** Huge pages from pools where this machine's kernel cannot be asked: sizes of other machines, the command line, mounts. */
class HugetlbTest {
    private static final long PAGE = 4096;
    private static final long HUGE = 2 * Size.MIB;
    private static final int HUGETLB = 0x40022;
    private static final int SHARED_HUGETLB = 0x40021;
    private static final int RW = 3;
    private static final int SHIFT_AT = 26;
    private static final int ENOMEM = -Errno.ENOMEM;

    private static TestKernel boot(String cpu, PagingMode mode, long ram, String commandLine) {
        return TestKernel.boot(cpu, mode, ram, 1, BootOptions.defaults().withCommandLine(commandLine));
    }

    private static TestKernel boot(String commandLine) {
        return boot("skylake", PagingMode.X86_64_4LEVEL, 512 * Size.MIB, commandLine);
    }

    private static HugePool pool(TestKernel k, int shift) {
        return requireNonNull(k.kernel.hugetlb().pools().ofShift(shift));
    }

    private static long[] counts(HugePool pool) {
        return new long[] {pool.pages(), pool.free(), pool.reserved(), pool.surplus()};
    }

    @Test
    void commandLine_fillsThePool() {
        TestKernel k = boot("hugepages=12");
        assertThat(counts(pool(k, 0))).containsExactly(12, 12, 0, 0);
        assertThat(k.kernel.overcommit().commitLimitPages())
                .isEqualTo((k.kernel.bootMemory().totalRamPages() - 12 * 512) / 2);
        k.verify();
    }

    @Test
    void commandLine_sizesInOrder() {
        String line = "hugepages=3 hugepagesz=1G hugepages=1 hugepagesz=7M hugepages=5 hugepagesz=2M hugepages=9";
        TestKernel k = boot("skylake", PagingMode.X86_64_4LEVEL, 3 * Size.GIB, line);
        assertThat(pool(k, 21).pages()).isEqualTo(9);
        assertThat(pool(k, 30).pages()).isEqualTo(1);
        assertThat(k.logged("HugeTLB: unsupported hugepagesz=7M")).isTrue();
        assertThat(k.logged("HugeTLB: hugepages=5 does not follow a valid hugepagesz, ignoring"))
                .isTrue();
        assertThat(k.kernel.hugetlb().pools().defaultPool()).isSameAs(pool(k, 21));
        k.verify();
    }

    @Test
    void commandLine_otherDefault() {
        TestKernel k = boot("skylake", PagingMode.X86_64_4LEVEL, 3 * Size.GIB, "default_hugepagesz=1G hugepages=1");
        assertThat(k.kernel.hugetlb().pools().defaultPool().pageBytes()).isEqualTo(Size.GIB);
        assertThat(pool(k, 0).pages()).isEqualTo(1);
        assertThat(pool(k, 21).pages()).isZero();
    }

    @Test
    void gigabytePage_isMappedByOneEntry() {
        TestKernel k = boot("skylake", PagingMode.X86_64_4LEVEL, 3 * Size.GIB, "hugepagesz=1G hugepages=1");
        long at = k.call("mmap", 0, PAGE, RW, HUGETLB | 30 << SHIFT_AT, -1, 0);
        assertThat(at % Size.GIB).isZero();
        long before = k.minor();
        k.kernel.store(k.task, at + 900 * Size.MIB, 77);
        assertThat(k.kernel.load(k.task, at + 900 * Size.MIB)).isEqualTo(77);
        assertThat(k.minor() - before).isEqualTo(1);
        assertThat(counts(pool(k, 30))).containsExactly(1, 0, 0, 0);
        assertThat(k.kernel.hugetlb().mappedPages(k.task.mm())).isEqualTo(1L << 18);
        assertThat(k.call("mmap", 0, PAGE, RW, HUGETLB | 30 << SHIFT_AT, -1, 0)).isEqualTo(ENOMEM);
        Task child = requireNonNull(k.kernel.fork(k.task));
        assertThat(k.kernel.load(child, at + 900 * Size.MIB)).isEqualTo(77);
        k.verify();
        // The pool has no other page: the one who was promised it takes it, and the child loses it.
        assertThat(k.kernel.store(k.task, at, 5)).isEqualTo(UserAccess.OK);
        assertThat(UserAccess.signal(k.kernel.store(child, at, 6))).isEqualTo(7);
        k.verify();
        k.kernel.exitGroup(child, 0);
        assertThat(k.call("munmap", at, HUGE)).isEqualTo(-Errno.EINVAL);
        assertThat(k.call("munmap", at, Size.GIB)).isZero();
        assertThat(counts(pool(k, 30))).containsExactly(1, 1, 0, 0);
        long free = k.kernel.bootMemory().totalRamPages();
        assertThat(k.kernel.hugetlb().pools().write("/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages", "0"))
                .isTrue();
        assertThat(pool(k, 30).pages()).isZero();
        assertThat(free).isEqualTo(k.kernel.bootMemory().totalRamPages());
        k.verify();
    }

    @Test
    void sizes_ofOtherMachines() {
        TestKernel old = boot("core2", PagingMode.X86_64_4LEVEL, 256 * Size.MIB, "");
        assertThat(old.kernel.hugetlb().pools().ofShift(30)).isNull();
        assertThat(old.call("mmap", 0, PAGE, RW, HUGETLB | 30 << SHIFT_AT, -1, 0))
                .isEqualTo(-Errno.EINVAL);
        TestKernel sv39 = boot("sifive-u74", PagingMode.SV39, 256 * Size.MIB, "hugepages=4");
        assertThat(pool(sv39, 21).pages()).isEqualTo(4);
        assertThat(pool(sv39, 30).pages()).isZero();
        touchTwo(sv39, HUGE);
        TestKernel pae = boot("pentium-m", PagingMode.I386_PAE, 256 * Size.MIB, "hugepages=4");
        touchTwo(pae, HUGE);
        TestKernel i386 = boot("pentium-m", PagingMode.I386, 256 * Size.MIB, "hugepages=4");
        assertThat(i386.kernel.hugetlb().pools().defaultPool().pageBytes()).isEqualTo(4 * Size.MIB);
        touchTwo(i386, 4 * Size.MIB);
    }

    private static void touchTwo(TestKernel k, long bytes) {
        long at = k.call("mmap", 0, 2 * bytes, RW, SHARED_HUGETLB, -1, 0);
        assertThat(at % bytes).isZero();
        k.kernel.store(k.task, at + bytes + 8, 4, 3);
        assertThat(k.kernel.load(k.task, at + bytes + 8, 4)).isEqualTo(3);
        assertThat(counts(pool(k, 0))).containsExactly(4, 3, 1, 0);
        assertThat(k.call("mprotect", at, 2 * bytes, 1)).isZero();
        assertThat(UserAccess.signal(k.kernel.store(k.task, at + bytes, 4, 3))).isEqualTo(11);
        k.verify();
        assertThat(k.call("munmap", at, 2 * bytes)).isZero();
        assertThat(counts(pool(k, 0))).containsExactly(4, 4, 0, 0);
        k.verify();
    }

    @Test
    void store_whenAMovedChildHasTheOnlyPage_endsInSigbus() {
        TestKernel k = boot("hugepages=1");
        long huge = 2 * Size.MIB;
        long addr = k.mapped(k.call("mmap", 0, huge, 3, 0x40022, -1, 0));
        assertThat(k.kernel.access(k.task, addr, Access.STORE)).isEqualTo(UserAccess.OK);
        Task child = requireNonNull(k.kernel.fork(k.task));
        long other = 0x20_0000_0000L;
        assertThat(k.call(child, "mremap", addr, huge, huge, 3, other)).isEqualTo(other);
        assertThat(k.kernel.access(k.task, addr, Access.STORE)).isNotEqualTo(UserAccess.OK);
        assertThat(k.kernel.access(child, other, Access.LOAD)).isEqualTo(UserAccess.OK);
        k.verify();
    }

    @Test
    void mount_limits() {
        TestKernel k = boot("hugepages=8");
        assertThat(k.kernel.hugetlb().mount("/huge", HUGE, 2 * HUGE, 3 * HUGE, -1))
                .isNull();
        assertThat(k.kernel.hugetlb().mount("/huge", 3 * HUGE, -1, -1, -1)).isNull();
        HugetlbMount mount = requireNonNull(k.kernel.hugetlb().mount("/huge", HUGE, 3 * HUGE, 2 * HUGE, 3));
        assertThat(counts(pool(k, 0))).containsExactly(8, 8, 2, 0);
        int fd = k.open("/huge/a", 0x42);
        assertThat(k.open(k.task, "/huge/b", 0x42)).isPositive();
        assertThat(k.open(k.task, "/huge/c", 0x42)).isEqualTo(-Errno.ENOSPC);
        assertThat(k.call("mmap", 0, 4 * HUGE, RW, 1, fd, 0)).isEqualTo(ENOMEM);
        long at = k.call("mmap", 0, 3 * HUGE, RW, 1, fd, 0);
        assertThat(counts(pool(k, 0))).containsExactly(8, 8, 3, 0);
        assertThat(mount.freeBlocks()).isZero();
        k.kernel.store(k.task, at, 1);
        assertThat(counts(pool(k, 0))).containsExactly(8, 7, 2, 0);
        assertThat(k.call("munmap", at, 3 * HUGE)).isZero();
        assertThat(k.call("ftruncate", fd, 0)).isZero();
        assertThat(counts(pool(k, 0))).containsExactly(8, 8, 2, 0);
        k.verify();
        k.kernel.files().unlink("/huge/a");
        k.kernel.files().unlink("/huge/b");
        k.call("close", fd);
        k.call("close", fd + 1);
        k.kernel.hugetlb().unmount(mount);
        assertThat(counts(pool(k, 0))).containsExactly(8, 8, 0, 0);
    }

    @Test
    void segments_needACapabilityOrTheGroup() {
        TestKernel k = boot("hugepages=4");
        ThreadGroup group = k.task.group();
        group.setCredentials(group.credentials().withCapabilities(0));
        assertThat(k.call("shmget", 0, HUGE, 04600)).isNotNegative();
        k.kernel.writeSysctl("hugetlb_shm_group", "5");
        assertThat(k.call("shmget", 0, HUGE, 04600)).isEqualTo(-Errno.EPERM);
    }

    @Test
    void kernelCode_readsAndHoldsHugePages() {
        TestKernel k = boot("hugepages=4");
        long small = k.mapped(k.anonymous(1));
        long at = k.call("mmap", 0, 2 * HUGE, RW, HUGETLB, -1, 0);
        k.kernel.store(k.task, at + HUGE - 8, 42);
        ByteBuffer vectors = ByteBuffer.allocate(32).order(ByteOrder.LITTLE_ENDIAN);
        vectors.putLong(small + 512).putLong(16).putLong(at + HUGE - 8).putLong(16);
        for (int i = 0; i < 4; i++) {
            k.kernel.store(k.task, small + 8L * i, vectors.getLong(8 * i));
        }
        assertThat(k.call("process_vm_readv", k.task.tgid(), small, 1, small + 16, 1, 0))
                .isEqualTo(16);
        assertThat(k.kernel.load(k.task, small + 512)).isEqualTo(42);
        assertThat(k.kernel.load(k.task, small + 520)).isZero();
        assertThat(counts(pool(k, 0))).containsExactly(4, 2, 0, 0);
        k.verify();
    }

    @Test
    void machineWithoutMemory_givesWhatThereIs() {
        TestKernel k = boot("");
        k.kernel.writeSysctl("nr_hugepages", "1000");
        long pages = pool(k, 0).pages();
        assertThat(pages).isBetween(100L, 250L);
        assertThat(k.kernel.sysctls().get("nr_hugepages")).isEqualTo(pages);
        assertThat(k.event(VmEvent.HTLB_BUDDY_ALLOC_SUCCESS)).isEqualTo(pages);
        assertThat(k.event(VmEvent.HTLB_BUDDY_ALLOC_FAIL)).isEqualTo(1);
        k.kernel.writeSysctl("nr_hugepages", "2");
        assertThat(pool(k, 0).pages()).isEqualTo(2);
        k.verify();
    }

    @Test
    void twoNodes_shareThePool() {
        TestKernel k = TestKernel.bootNodes(2, 256 * Size.MIB);
        k.kernel.writeSysctl("nr_hugepages", "6");
        HugePool pool = pool(k, 0);
        assertThat(pool.pages(0)).isEqualTo(3);
        assertThat(pool.pages(1)).isEqualTo(3);
        String node = "/sys/devices/system/node/node1/hugepages/hugepages-2048kB/";
        assertThat(k.kernel.hugetlb().pools().write(node + "nr_hugepages", "1")).isTrue();
        assertThat(k.kernel.hugetlb().pools().read(node + "free_hugepages")).isEqualTo("1\n");
        assertThat(counts(pool)).containsExactly(4, 4, 0, 0);
        k.verify();
    }
}
