package io.pagewalk.kernel.system;

import static io.pagewalk.kernel.system.TestKernel.PAGE;
import static io.pagewalk.kernel.system.TestKernel.RW;
import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.hardware.mmu.Access;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.vma.RssCounter;
import io.pagewalk.kernel.zone.NodeStat;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What files in memory commit and count for. The rules of commitment were seen on Linux 6.18 in steps of 3 GiB, in {@code Committed_AS}. */
class SharedMemoryAccountingTest {
    private static final int SHARED_ANONYMOUS = 0x21;
    private static final int NORESERVE = 0x4000;

    private final TestKernel k = TestKernel.boot();
    private final long committedAtStart = k.kernel.overcommit().committedPages();

    @AfterEach
    void verify() {
        k.verify();
    }

    private long committed() {
        return k.kernel.overcommit().committedPages() - committedAtStart;
    }

    private long map(long pages, int flags, long fd) {
        return k.mapped(k.call("mmap", 0, pages * PAGE, RW, flags, fd, 0));
    }

    private void touch(long start, long pages) {
        for (long i = 0; i < pages; i++) {
            assertThat(k.kernel.access(k.task, start + i * PAGE, Access.STORE)).isEqualTo(UserAccess.OK);
        }
    }

    @Test
    void sharedAnonymous_ofTenPages_commitsItsLengthUntilItsLastPieceGoes() {
        long start = map(10, SHARED_ANONYMOUS, -1);
        assertThat(committed()).isEqualTo(10);
        touch(start, 3);
        assertThat(committed()).isEqualTo(10);
        assertThat(k.call("munmap", start, 5 * PAGE)).isZero();
        assertThat(committed()).isEqualTo(10);
        assertThat(k.call("munmap", start, 10 * PAGE)).isZero();
        assertThat(committed()).isZero();
    }

    @Test
    void sharedAnonymous_withoutReserve_commitsEachPage() {
        long start = map(10, SHARED_ANONYMOUS | NORESERVE, -1);
        assertThat(committed()).isZero();
        touch(start, 3);
        assertThat(committed()).isEqualTo(3);
        assertThat(k.call("munmap", start, 10 * PAGE)).isZero();
        assertThat(committed()).isZero();
    }

    @Test
    void memoryFile_allocatedAndCut_commitsEachPage() {
        long page = k.anonymous(1);
        k.kernel.store(k.task, page, 'x');
        long before = committed();
        long fd = k.call("memfd_create", page, 0);
        assertThat(k.call("ftruncate", fd, 100 * PAGE)).isZero();
        assertThat(committed() - before).isZero();
        assertThat(k.call("fallocate", fd, 0, 0, 20 * PAGE)).isZero();
        assertThat(committed() - before).isEqualTo(20);
        assertThat(k.kernel.vmstat().global(NodeStat.NR_SHMEM)).isEqualTo(20);
        assertThat(k.call("ftruncate", fd, PAGE + 1)).isZero();
        assertThat(committed() - before).isEqualTo(2);
        assertThat(k.call("close", fd)).isZero();
        assertThat(committed() - before).isZero();
        assertThat(k.kernel.vmstat().global(NodeStat.NR_SHMEM)).isZero();
    }

    /** The same was seen in a PID namespace of its own, where 2 gave EACCES and seals 0x20. */
    @Test
    void memoryFile_underMemfdNoexec_isSealedOrRefused() {
        long page = k.anonymous(1);
        k.kernel.store(k.task, page, 'x');
        k.kernel.writeSysctl("memfd_noexec", "2");
        assertThat(k.call("memfd_create", page, 0x10)).isEqualTo(-Errno.EACCES);
        long fd = k.call("memfd_create", page, 0);
        assertThat(k.call("fcntl", fd, 1034, 0)).isEqualTo(0x20);
        k.kernel.writeSysctl("memfd_noexec", "1");
        assertThat(k.call("memfd_create", page, 0x10)).isEqualTo(fd + 1);
    }

    @Test
    void segment_madeAndRemoved_commitsItsLength() {
        long id = k.call("shmget", 0, 10 * PAGE, 01600);
        assertThat(committed()).isEqualTo(10);
        long start = k.mapped(k.call("shmat", id, 0, 0));
        touch(start, 4);
        assertThat(committed()).isEqualTo(10);
        assertThat(k.task.mm().rss(RssCounter.SHMEM)).isEqualTo(4);
        assertThat(k.call("shmctl", id, 0, 0)).isZero();
        assertThat(committed()).isEqualTo(10);
        assertThat(k.call("shmdt", start)).isZero();
        assertThat(committed()).isZero();
        long other = k.call("shmget", 0, 10 * PAGE, 011600);
        assertThat(committed()).isZero();
        assertThat(k.call("shmctl", other, 0, 0)).isZero();
    }

    @Test
    void lockedSegment_newPages_standOnTheUnevictableList() {
        long id = k.call("shmget", 0, 10 * PAGE, 01600);
        long start = k.mapped(k.call("shmat", id, 0, 0));
        assertThat(k.call("shmctl", id, 11, 0)).isZero();
        touch(start, 4);
        assertThat(k.kernel.vmstat().global(NodeStat.NR_UNEVICTABLE)).isEqualTo(4);
        assertThat(k.call("shmctl", id, 12, 0)).isZero();
        assertThat(k.kernel.vmstat().global(NodeStat.NR_UNEVICTABLE)).isZero();
        assertThat(k.call("shmdt", start)).isZero();
    }
}
