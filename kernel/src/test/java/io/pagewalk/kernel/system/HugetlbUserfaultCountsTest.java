package io.pagewalk.kernel.system;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.Size;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.hugetlb.HugePool;
import io.pagewalk.kernel.syscall.Errno;
import org.junit.jupiter.api.Test;

/** userfaultfd on huge pages of a pool, and what the pool counts meanwhile, on the model alone. {@code HugetlbUserfaultTest} asks this machine's kernel where it can have a pool. */
class HugetlbUserfaultCountsTest {
    private static final long HUGE = 2 * Size.MIB;
    private static final int SIGBUS_FEATURE = 1 << 7;
    private static final int PRIVATE_HUGETLB = 0x40022;
    private static final int SHARED_HUGETLB = 0x40021;
    private static final int NORESERVE = 0x4000;
    private static final int SHIFT_AT = 26;

    private final TestKernel k = TestKernel.boot(
            "skylake",
            PagingMode.X86_64_4LEVEL,
            3 * Size.GIB,
            1,
            BootOptions.defaults().withCommandLine("hugepagesz=1G hugepages=1 hugepagesz=2M hugepages=4"));
    private final long buffer = k.call("mmap", 0, 4096, TestKernel.RW, TestKernel.ANON, -1, 0);
    private final long source = k.call("mmap", 0, HUGE, TestKernel.RW, TestKernel.ANON | 0x8000, -1, 0);
    private final long sparse = k.call("mmap", 0, HUGE, TestKernel.RW, TestKernel.ANON, -1, 0);
    private final long fd = open();

    HugetlbUserfaultCountsTest() {}

    private long open() {
        long result = k.call("userfaultfd", 0x800);
        assertThat(command(result, Userfaults.API, 0xaa, SIGBUS_FEATURE | Userfaults.FEATURE_WP_UNPOPULATED, 0))
                .isZero();
        return result;
    }

    private long command(long file, int command, long... words) {
        for (int i = 0; i < words.length; i++) {
            k.kernel.store(k.task, buffer + 8L * i, words[i]);
        }
        return k.call("ioctl", file, command, buffer);
    }

    private long map(long bytes, long flags, long modes) {
        long at = k.call("mmap", 0, bytes, TestKernel.RW, flags, -1, 0);
        assertThat(command(fd, Userfaults.REGISTER, at, bytes, modes, 0)).isZero();
        return at;
    }

    private long copy(long to, long from, long mode) {
        return command(fd, Userfaults.COPY, to, from, HUGE, mode, 0);
    }

    private void has(long pages, long free, long reserved) {
        HugePool pool = k.kernel.hugetlb().pools().defaultPool();
        assertThat(new long[] {pool.pages(), pool.free(), pool.reserved(), pool.surplus()})
                .containsExactly(pages, free, reserved, 0);
        k.verify();
    }

    @Test
    void copy_usesUpAPromise_andGivesItBackWhenItFails() {
        for (int kind : new int[] {PRIVATE_HUGETLB, SHARED_HUGETLB}) {
            long at = map(2 * HUGE, kind, Userfaults.MISSING);
            has(4, 4, 2);
            assertThat(copy(at, 0x1000, 0)).isEqualTo(-Errno.EFAULT);
            has(4, 4, 2);
            assertThat(copy(at, source, 0)).isZero();
            has(4, 3, 1);
            assertThat(copy(at, source, 0)).isEqualTo(-Errno.EEXIST);
            assertThat(copy(at + HUGE, sparse, 0)).isZero();
            has(4, 2, 0);
            k.call("munmap", at, 2 * HUGE);
            k.call("munmap", sparse, HUGE);
            k.call("mmap", sparse, HUGE, TestKernel.RW, TestKernel.ANON | TestKernel.MAP_FIXED, -1, 0);
            has(4, 4, 0);
        }
    }

    @Test
    void copy_withoutPageInThePool_isRefusedAsLinuxDoes() {
        long all = k.call("mmap", 0, 3 * HUGE, TestKernel.RW, PRIVATE_HUGETLB, -1, 0);
        long at = map(2 * HUGE, PRIVATE_HUGETLB | NORESERVE, Userfaults.MISSING);
        // The page for the time being is the last one that nobody was promised.
        assertThat(copy(at, sparse, 0)).isEqualTo(-Errno.ENOMEM);
        has(4, 4, 3);
        assertThat(copy(at, source, 0)).isZero();
        assertThat(copy(at + HUGE, source, 0)).isEqualTo(-Errno.EEXIST);
        has(4, 3, 3);
        k.call("munmap", all, 3 * HUGE);
        has(4, 3, 0);
    }

    @Test
    void protectedPlace_staysSoWithoutItsPage() {
        long at = map(2 * HUGE, SHARED_HUGETLB, Userfaults.MISSING | Userfaults.WP);
        assertThat(copy(at, source, 2)).isZero();
        assertThat(k.kernel.store(k.task, at, 1)).isEqualTo(UserAccess.BUS_ADRERR);
        assertThat(k.call("madvise", at, HUGE, 4)).isZero();
        k.verify();
        assertThat(command(fd, Userfaults.REGISTER, at, HUGE, Userfaults.WP, 0)).isZero();
        assertThat(k.kernel.store(k.task, at, 1)).isEqualTo(UserAccess.BUS_ADRERR);
        assertThat(command(fd, Userfaults.WRITEPROTECT, at, HUGE, 0)).isZero();
        assertThat(k.kernel.store(k.task, at, 1)).isZero();
        has(4, 3, 1);
    }

    @Test
    void gigabytePlaces_haveMarkersToo() {
        long at = map(Size.GIB, PRIVATE_HUGETLB | 30L << SHIFT_AT, Userfaults.MISSING | Userfaults.WP);
        assertThat(command(fd, Userfaults.POISON, at, HUGE, 0, 0)).isEqualTo(-Errno.EINVAL);
        assertThat(command(fd, Userfaults.WRITEPROTECT, at, Size.GIB, 1)).isZero();
        assertThat(command(fd, Userfaults.POISON, at, Size.GIB, 0, 0)).isEqualTo(-Errno.EEXIST);
        assertThat(command(fd, Userfaults.WRITEPROTECT, at, Size.GIB, 0)).isZero();
        assertThat(command(fd, Userfaults.POISON, at, Size.GIB, 0, 0)).isZero();
        assertThat(k.kernel.store(k.task, at + 900 * Size.MIB, 1)).isEqualTo(UserAccess.BUS_ADRERR);
        k.verify();
        assertThat(k.call("madvise", at, Size.GIB, 4)).isZero();
        assertThat(command(fd, Userfaults.UNREGISTER, at, Size.GIB)).isZero();
        assertThat(k.kernel.store(k.task, at + 900 * Size.MIB, 1)).isZero();
        k.verify();
        k.call("munmap", at, Size.GIB);
        k.verify();
    }
}
