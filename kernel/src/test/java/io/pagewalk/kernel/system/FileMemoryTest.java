package io.pagewalk.kernel.system;

import static io.pagewalk.kernel.system.TestKernel.MAP_PRIVATE;
import static io.pagewalk.kernel.system.TestKernel.MAP_SHARED;
import static io.pagewalk.kernel.system.TestKernel.PAGE;
import static io.pagewalk.kernel.system.TestKernel.PROT_READ;
import static io.pagewalk.kernel.system.TestKernel.RW;
import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.Size;
import io.pagewalk.hardware.mmu.Access;
import io.pagewalk.kernel.filemap.Inode;
import io.pagewalk.kernel.time.Cause;
import io.pagewalk.kernel.vma.RssCounter;
import io.pagewalk.kernel.zone.NodeStat;
import io.pagewalk.kernel.zone.VmEvent;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class FileMemoryTest {
    private final TestKernel k = TestKernel.boot();
    private final Inode file = k.kernel.files().register("/data", 100 * PAGE + 10, 77, 8, 1);

    @AfterEach
    void wholeMachineIsSound() {
        k.kernel.files().cache().drain();
        k.verify();
        if (k.task.mmOrNull() != null) {
            k.kernel.exitGroup(k.task, 0);
        }
        k.verify();
    }

    private long map(int prot, int flags, long pages) {
        return k.mapped(k.call("mmap", 0, pages * PAGE, prot, flags, k.open("/data", 2), 0));
    }

    @Test
    void load_cachedFile_mapsSixteenPagesPerFault() {
        k.kernel.files().warm("/data");
        long base = map(PROT_READ, MAP_PRIVATE, 100);
        long faults = k.minor();
        for (int i = 0; i < 100; i++) {
            k.kernel.load(k.task, base + i * PAGE);
        }
        long first = (16 - ((base >>> 12) & 15)) & 15;
        long windows = (100 - first + 15) / 16 + (first > 0 ? 1 : 0);
        assertThat(k.minor() - faults).isEqualTo(windows);
        assertThat(k.major()).isZero();
        assertThat(k.task.mm().rss(RssCounter.FILE)).isEqualTo(100);
    }

    @Test
    void load_coldFile_isMajorAndTakesTheDisksTime() {
        long base = map(PROT_READ, MAP_PRIVATE, 100);
        k.kernel.load(k.task, base + 50 * PAGE);
        assertThat(k.major()).isEqualTo(1);
        assertThat(k.event(VmEvent.PGMAJFAULT)).isEqualTo(1);
        assertThat(k.kernel.time().nanos(Cause.IO_WAIT)).isBetween(100_000L, 300_000L);
        assertThat(file.cachedPages()).as("read-around of 32 pages").isEqualTo(32);
        assertThat(file.cachedPfn(34)).isNotNegative();
        assertThat(file.cachedPfn(33)).isNegative();
    }

    @Test
    void read_inSequence_readsAhead() {
        int fd = k.open("/data", 0);
        long buffer = k.anonymous(1);
        assertThat(k.call("read", fd, buffer, PAGE)).isEqualTo(PAGE);
        assertThat(file.cachedPages()).as("first window of a one page request").isEqualTo(4);
        assertThat(k.call("read", fd, buffer, PAGE)).isEqualTo(PAGE);
        assertThat(file.cachedPages())
                .as("the marked page starts the next window")
                .isEqualTo(12);
        long total = 2 * PAGE;
        for (long n = k.call("read", fd, buffer, PAGE); n > 0; n = k.call("read", fd, buffer, PAGE)) {
            total += n;
        }
        assertThat(total).isEqualTo(100 * PAGE + 10);
        assertThat(k.major()).isZero();
    }

    @Test
    void load_behindEnd_isSigbus() {
        long base = map(PROT_READ, MAP_PRIVATE, 103);
        assertThat(k.kernel.access(k.task, base + 100 * PAGE, Access.LOAD)).isEqualTo(UserAccess.OK);
        assertThat(k.kernel.access(k.task, base + 101 * PAGE, Access.LOAD)).isEqualTo(UserAccess.BUS_ADRERR);
    }

    @Test
    void store_privateFile_copiesAndLeavesTheFile() {
        k.kernel.files().warm("/data");
        long base = map(RW, MAP_PRIVATE, 10);
        k.kernel.load(k.task, base);
        long faults = k.minor();
        k.kernel.store(k.task, base, 5);
        k.kernel.store(k.task, base + 9 * PAGE, 6);
        assertThat(k.minor() - faults).isEqualTo(2);
        assertThat(k.kernel.memmap().flags(file.cachedPfn(0)) & 16)
                .as("PG_dirty")
                .isZero();
        long other = map(PROT_READ, MAP_SHARED, 10);
        assertThat(k.kernel.load(k.task, other)).isZero();
    }

    @Test
    void store_sharedFile_isSeenByReadAndMarksDirty() {
        long base = map(RW, MAP_SHARED, 10);
        k.kernel.load(k.task, base);
        long faults = k.minor();
        k.kernel.store(k.task, base, 99);
        assertThat(k.minor() - faults).as("write-notify").isEqualTo(1);
        assertThat(k.kernel.vmstat().global(NodeStat.NR_DIRTY)).isEqualTo(1);
        long buffer = k.anonymous(1);
        assertThat(k.call("pread64", k.open("/data", 0), buffer, 8, 0)).isEqualTo(8);
        assertThat(k.kernel.load(k.task, buffer)).isEqualTo(99);
    }

    @Test
    void ftruncate_mappedPages_areUnmapped() {
        int fd = k.open("/data", 2);
        long base = k.mapped(k.call("mmap", 0, 10 * PAGE, RW, MAP_SHARED, fd, 0));
        k.kernel.store(k.task, base + 5 * PAGE, 1);
        assertThat(k.call("ftruncate", fd, 2 * PAGE)).isZero();
        assertThat(k.kernel.access(k.task, base + 5 * PAGE, Access.LOAD)).isEqualTo(UserAccess.BUS_ADRERR);
        assertThat(k.kernel.vmstat().global(NodeStat.NR_DIRTY)).isZero();
    }

    @Test
    void write_thenRead_givesTheBytesBack() {
        int fd = k.open("/new", OpenFlags.CREATE);
        long buffer = k.anonymous(3);
        for (int i = 0; i < 3; i++) {
            k.kernel.store(k.task, buffer + i * PAGE, 100 + i);
        }
        assertThat(k.call("write", fd, buffer, 3 * PAGE)).isEqualTo(3 * PAGE);
        long target = k.anonymous(3);
        assertThat(k.call("pread64", fd, target, 3 * PAGE, 0)).isEqualTo(3 * PAGE);
        assertThat(k.kernel.load(k.task, target + 2 * PAGE)).isEqualTo(102);
        assertThat(k.call("read", fd, 0x1000, 10)).isZero();
        assertThat(k.call("pread64", fd, 0x1000, 10, 0)).isEqualTo(-14);
    }

    @Test
    void mmap_contentsOnDisk_areRead() {
        byte[] bytes = new byte[(int) (2 * PAGE)];
        bytes[(int) PAGE] = 42;
        k.kernel.files().registerWithContents("/bytes", bytes);
        long base = k.mapped(k.call("mmap", 0, 2 * PAGE, PROT_READ, MAP_PRIVATE, k.open("/bytes", 0), 0));
        assertThat(k.kernel.load(k.task, base + PAGE)).isEqualTo(42);
    }

    @Test
    void dup_takesLowestFreeDescriptor() {
        assertThat(k.call("dup", 0)).isEqualTo(3);
        assertThat(k.call("dup", 1)).isEqualTo(4);
        assertThat(k.call("close", 3)).isZero();
        assertThat(k.call("dup", 2)).isEqualTo(3);
        assertThat(k.call("dup2", 0, 9)).isEqualTo(9);
        assertThat(k.call("close", 77)).isEqualTo(-9);
    }

    @Test
    void dropCaches_unmapped_emptiesTheCache() {
        k.kernel.files().warm("/data");
        assertThat(k.kernel.files().dropCaches()).isEqualTo(101);
        assertThat(k.kernel.vmstat().global(NodeStat.NR_FILE_PAGES)).isZero();
    }

    @Test
    void memfd_sharedTwice_isOneFrame() {
        int fd = k.open("/dev/shm/x", OpenFlags.CREATE);
        k.call("ftruncate", fd, 4 * PAGE);
        long first = k.mapped(k.call("mmap", 0, 4 * PAGE, RW, MAP_SHARED, fd, 0));
        long second = k.mapped(k.call("mmap", 0, 4 * PAGE, RW, MAP_SHARED, fd, 0));
        k.kernel.store(k.task, first + PAGE, 8);
        assertThat(k.kernel.load(k.task, second + PAGE)).isEqualTo(8);
        assertThat(k.kernel.vmstat().global(NodeStat.NR_SHMEM)).isEqualTo(1);
        assertThat(k.kernel.clock().nanos()).isLessThan(Size.GIB);
    }

    /** Flags of open(). */
    private static final class OpenFlags {
        private static final int CREATE = 0x42;

        private OpenFlags() {}
    }
}
