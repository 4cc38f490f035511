package io.pagewalk.oracle.conformance;

import static io.pagewalk.oracle.conformance.Linux.*;

import java.util.List;

/** What gVisor's {@code test/syscalls/linux/mmap.cc} asserts about mappings of files; its file has half a page of zeros. */
final class GvisorMmapFileCases {
    private static final long HALF = PAGE / 2;

    private GvisorMmapFileCases() {}

    static List<ConformanceCase> cases() {
        CaseTable t = new CaseTable("gVisor mmap.cc");
        for (int prot : new int[] {PROT_READ, PROT_WRITE, RW}) {
            for (int type : new int[] {MAP_SHARED, MAP_PRIVATE}) {
                eachKind(t, prot, type);
            }
        }
        offsets(t);
        permissions(t);
        overwriting(t);
        storing(t);
        truncating(t);
        kernelAccess(t);
        others(t);
        return t.cases();
    }

    private static int halfPage(Subject s) {
        return s.open(s.newFile(new byte[(int) HALF]), O_RDWR);
    }

    /** An empty file that can be read and written. */
    private static int empty(Subject s) {
        return s.open(s.newFile(new byte[0]), O_RDWR);
    }

    private static long shared(Subject s, int fd, long bytes, int prot) {
        return s.ok("mmap", 0, bytes, prot, MAP_SHARED, fd, 0);
    }

    private static void write(Subject s, int fd, long offset, long bytes, int value) {
        long buffer = s.space(bytes);
        s.fill(buffer, bytes, value);
        s.gives(bytes, "pwrite64", fd, buffer, bytes, offset);
    }

    private static void fileHolds(Subject s, int fd, long offset, long bytes, int value) {
        long buffer = s.space(bytes);
        s.gives(bytes, "pread64", fd, buffer, bytes, offset);
        s.isFilled(buffer, bytes, value);
    }

    private static void eachKind(CaseTable t, int prot, int type) {
        String kind = (type == MAP_SHARED ? "shared" : "private")
                + (prot == PROT_READ ? ", read" : prot == PROT_WRITE ? ", write" : ", read and write");
        boolean isWritten = (prot & PROT_WRITE) != 0;
        t.add("MMapFileParamTest.MapPopulate", "MAP_POPULATE of a file is taken: " + kind, s -> {
            s.ok("mmap", 0, PAGE, prot, type | MAP_POPULATE, halfPage(s), 0);
        });
        t.add("MMapFileParamTest.MapPopulateShort", "MAP_POPULATE past the end of a file is taken: " + kind, s -> {
            s.ok("mmap", 0, 2 * PAGE, prot, type | MAP_POPULATE, halfPage(s), 0);
        });
        t.add("MMapFileParamTest.WriteOnlyFd", "a descriptor that cannot be read cannot be mapped: " + kind, s -> {
            int fd = s.open(s.newFile(new byte[(int) HALF]), O_WRONLY);
            s.fails(EACCES, "mmap", 0, PAGE, prot, type, fd, 0);
        });
        t.add("MMapFileParamTest.SigBusDeath", "a page behind the end of the file raises SIGBUS: " + kind, s -> {
            long addr = s.ok("mmap", 0, 2 * PAGE, prot, type, halfPage(s), 0);
            if (isWritten) {
                s.storeRaises(BUS_ADRERR, addr + PAGE);
            } else {
                s.loadRaises(BUS_ADRERR, addr + PAGE);
            }
        });
        t.add("MMapFileParamTest.NoSigBusOnPagesBeforeEOF", "bytes before the end raise no signal: " + kind, s -> {
            long addr = s.ok("mmap", 0, 2 * PAGE, prot, type, halfPage(s), 0);
            if (isWritten) {
                s.storeRaises(0, addr);
            } else {
                s.loadRaises(0, addr);
            }
        });
        t.add(
                "MMapFileParamTest.NoSigBusOnPageContainingEOF",
                "bytes behind the end in its page do not: " + kind,
                s -> {
                    long addr = s.ok("mmap", 0, 2 * PAGE, prot, type, halfPage(s), 0);
                    if (isWritten) {
                        s.storeRaises(0, addr + HALF + 8);
                    } else {
                        s.loadRaises(0, addr + HALF + 8);
                    }
                });
    }

    private static void offsets(CaseTable t) {
        t.add("MMapFileTest.Read", "a mapping shows what was written to the file", s -> {
            int fd = halfPage(s);
            write(s, fd, 0, 12, 'H');
            long addr = s.ok("mmap", 0, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
            s.isFilled(addr, 12, 'H');
            s.isFilled(addr + 12, HALF - 12, 0);
        });
        t.add("MMapFileTest.MapOffset", "a mapping begins at its offset in the file", s -> {
            int fd = halfPage(s);
            write(s, fd, PAGE, 12, 'H');
            long addr = s.ok("mmap", 0, PAGE, PROT_READ, MAP_PRIVATE, fd, PAGE);
            s.isFilled(addr, 12, 'H');
        });
        t.add("MMapFileTest.MapOffsetBeyondEnd", "a mapping far behind the end can be made and raises SIGBUS", s -> {
            long addr = s.ok("mmap", 0, PAGE, RW, MAP_PRIVATE, halfPage(s), 10 * PAGE);
            s.storeRaises(BUS_ADRERR, addr);
        });
        t.add("MMapFileTest.MapSecondToLastPositivePage", "the last page but one of a file can be mapped", s -> {
            s.ok("mmap", 0, PAGE, PROT_READ, MAP_SHARED, halfPage(s), (Long.MAX_VALUE - PAGE) & -PAGE);
        });
        overflows(t, "MMapFileTest.MapLastPositivePage", "the last page of a file", Long.MAX_VALUE & -PAGE);
        overflows(t, "MMapFileTest.MapFirstNegativePage", "the smallest negative offset", Long.MIN_VALUE);
        overflows(t, "MMapFileTest.MapSecondToLastNegativePage", "offset -2 pages", -2 * PAGE);
        overflows(t, "MMapFileTest.MapLastNegativePage", "offset -1 page", -PAGE);
    }

    private static void overflows(CaseTable t, String origin, String what, long offset) {
        t.add(origin, what + " cannot be mapped: EOVERFLOW", s -> {
            s.fails(EOVERFLOW, "mmap", 0, PAGE, PROT_READ, MAP_SHARED, halfPage(s), offset);
        });
    }

    private static void permissions(CaseTable t) {
        t.add("MMapFileTest.WritePrivateOnReadOnlyFd", "a private mapping of a read-only file can be written", s -> {
            int fd = s.open(s.newFile(new byte[(int) HALF]), O_RDONLY);
            s.store(s.ok("mmap", 0, PAGE, RW, MAP_PRIVATE, fd, 0), 1);
        });
        t.add("MMapFileTest.WriteSharedOnReadOnlyFd", "a shared mapping to write needs a writable file", s -> {
            int fd = s.open(s.newFile(new byte[(int) HALF]), O_RDONLY);
            s.fails(EACCES, "mmap", 0, PAGE, RW, MAP_SHARED, fd, 0);
        });
        t.add("MMapFileTest.MmapFileWithOpath", "a descriptor opened with O_PATH cannot be mapped", s -> {
            int fd = s.open(s.newFile(new byte[(int) HALF]), O_PATH);
            s.fails(EBADF, "mmap", 0, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
        });
        t.add("MMapNoFixtureTest.MapReadOnlyAfterCreateWriteOnly", "a writable descriptor is no hindrance", s -> {
            String path = s.newPath();
            int readable = s.open(path, O_RDONLY | O_CREAT | O_EXCL);
            int writable = s.open(path, O_WRONLY);
            s.gives(0, "ftruncate", writable, PAGE);
            s.isFilled(shared(s, readable, PAGE, PROT_READ), PAGE, 0);
        });
    }

    private static void overwriting(CaseTable t) {
        t.add("MMapFileTest.ReadSharedConsistentWithOverwrite", "writing both pages anew shows in the mapping", s -> {
            int fd = empty(s);
            write(s, fd, 0, PAGE, 'a');
            write(s, fd, PAGE, PAGE, 'b');
            long addr = shared(s, fd, 2 * PAGE, PROT_READ);
            s.isFilled(addr, PAGE, 'a');
            s.isFilled(addr + PAGE, PAGE, 'b');
            write(s, fd, 0, PAGE, 'b');
            write(s, fd, PAGE, PAGE, 'a');
            s.isFilled(addr, PAGE, 'b');
            s.isFilled(addr + PAGE, PAGE, 'a');
        });
        t.add("MMapFileTest.ReadSharedConsistentWithPartialOverwrite", "writing one page and a half shows", s -> {
            int fd = empty(s);
            write(s, fd, 0, PAGE, 'a');
            write(s, fd, PAGE, PAGE, 'b');
            long addr = shared(s, fd, 2 * PAGE, PROT_READ);
            s.isFilled(addr, PAGE, 'a');
            write(s, fd, 0, PAGE + HALF, 'c');
            s.isFilled(addr, PAGE + HALF, 'c');
            s.isFilled(addr + PAGE + HALF, HALF, 'b');
        });
        t.add("MMapFileTest.ReadSharedConsistentWithWriteAndFile", "writing more than is mapped reaches all", s -> {
            int fd = empty(s);
            write(s, fd, 0, 2 * PAGE, 'a');
            long addr = shared(s, fd, PAGE, PROT_READ);
            write(s, fd, 0, 2 * PAGE, 'b');
            s.isFilled(addr, PAGE, 'b');
            fileHolds(s, fd, 0, 2 * PAGE, 'b');
        });
    }

    private static void storing(CaseTable t) {
        t.add("MMapFileTest.WriteShared", "a store to a shared mapping reaches the file", s -> {
            int fd = halfPage(s);
            long addr = shared(s, fd, PAGE, RW);
            s.fill(addr, 16, 'H');
            s.unmap(addr, PAGE);
            fileHolds(s, fd, 0, 16, 'H');
        });
        t.add("MMapFileTest.WriteSharedBeyondEnd", "stores behind the end do not make the file longer", s -> {
            int fd = halfPage(s);
            long addr = shared(s, fd, PAGE, RW);
            s.fill(addr, HALF, 'A');
            s.fill(addr + HALF, HALF, 'B');
            s.unmap(addr, PAGE);
            long buffer = s.space(PAGE);
            s.gives(HALF, "pread64", fd, buffer, PAGE, 0);
            s.isFilled(buffer, HALF, 'A');
        });
        t.add("MMapFileTest.WritePrivate", "a store to a private mapping does not reach the file", s -> {
            int fd = halfPage(s);
            long addr = s.ok("mmap", 0, PAGE, RW, MAP_PRIVATE, fd, 0);
            s.fill(addr, 16, 'H');
            s.unmap(addr, PAGE);
            fileHolds(s, fd, 0, 16, 0);
        });
        t.add("MMapFileTest.ReadingWritableSharedFilePageSucceeds", "a writable shared page can be read first", s -> {
            s.isFilled(shared(s, halfPage(s), 2 * PAGE, RW), 16, 0);
        });
        t.add("MMapFileTest.Bug38498194", "stores to 4 MiB of a shared mapping reach the file", s -> {
            int fd = halfPage(s);
            long bytes = 4 * MIB;
            s.gives(0, "ftruncate", fd, bytes);
            long addr = shared(s, fd, bytes, RW);
            s.storeInPages(addr, bytes, 0x6161);
            s.unmap(addr, bytes);
            long buffer = s.map(bytes, RW);
            s.gives(bytes, "pread64", fd, buffer, bytes, 0);
            s.pagesHold(0x6161, buffer, bytes);
        });
    }

    private static void truncating(CaseTable t) {
        t.add("MMapFileTest.WriteSharedTruncateUp", "what is stored behind the old end after ftruncate is kept", s -> {
            int fd = halfPage(s);
            long addr = shared(s, fd, PAGE, RW);
            s.fill(addr, HALF, 'A');
            s.gives(0, "ftruncate", fd, PAGE);
            s.fill(addr + HALF, HALF, 'B');
            s.unmap(addr, PAGE);
            fileHolds(s, fd, 0, HALF, 'A');
            fileHolds(s, fd, HALF, HALF, 'B');
        });
        t.add("MMapFileTest.ReadSharedTruncateDownThenUp", "a file cut to nothing and made longer reads zeros", s -> {
            int fd = empty(s);
            write(s, fd, 0, PAGE, 'a');
            long addr = shared(s, fd, PAGE, PROT_READ);
            s.isFilled(addr, PAGE, 'a');
            s.gives(0, "ftruncate", fd, 0);
            s.gives(0, "ftruncate", fd, PAGE);
            s.isFilled(addr, PAGE, 0);
            s.gives(0, "msync", addr, PAGE, MS_SYNC);
            fileHolds(s, fd, 0, PAGE, 0);
        });
        t.add("MMapFileTest.WriteSharedTruncateDownThenUp", "stores before the cut are gone", s -> {
            int fd = halfPage(s);
            long addr = shared(s, fd, PAGE, RW);
            s.fill(addr, HALF, 'A');
            s.gives(0, "ftruncate", fd, 0);
            s.gives(0, "ftruncate", fd, PAGE);
            s.isFilled(addr, PAGE, 0);
            s.unmap(addr, PAGE);
            fileHolds(s, fd, 0, PAGE, 0);
        });
        t.add("MMapFileTest.ReadSharedTruncateSIGBUS", "a load of a page that was cut off raises SIGBUS", s -> {
            int fd = empty(s);
            write(s, fd, 0, PAGE, 'a');
            long addr = shared(s, fd, PAGE, PROT_READ);
            s.isFilled(addr, PAGE, 'a');
            s.gives(0, "ftruncate", fd, 0);
            s.loadRaises(BUS_ADRERR, addr);
        });
        t.add("MMapFileTest.WriteSharedTruncateSIGBUS", "a store to a page that was cut off raises SIGBUS", s -> {
            int fd = halfPage(s);
            long addr = shared(s, fd, PAGE, RW);
            s.store(addr, 1);
            s.gives(0, "ftruncate", fd, 0);
            s.storeRaises(BUS_ADRERR, addr);
        });
        t.add("MMapFileTest.ReadSharedTruncatePartialPage", "a cut inside a page clears its rest", s -> {
            int fd = empty(s);
            write(s, fd, 0, PAGE, 'a');
            long addr = shared(s, fd, PAGE, PROT_READ);
            s.gives(0, "ftruncate", fd, HALF);
            s.isFilled(addr, HALF, 'a');
            s.isFilled(addr + HALF, HALF, 0);
        });
        t.add("MMapFileTest.WriteSharedTruncatePartialPage", "a cut inside a page clears stores behind it", s -> {
            int fd = halfPage(s);
            s.gives(0, "ftruncate", fd, PAGE);
            long addr = shared(s, fd, PAGE, RW);
            s.fill(addr, PAGE, 'A');
            s.gives(0, "ftruncate", fd, HALF);
            s.isFilled(addr, HALF, 'A');
            s.isFilled(addr + HALF, HALF, 0);
        });
        t.add("MMapDeathTest.TruncateAfterCOWBreak", "truncation takes private copies away too", s -> {
            int fd = empty(s);
            s.gives(0, "ftruncate", fd, PAGE);
            long addr = s.ok("mmap", 0, PAGE, RW, MAP_PRIVATE, fd, 0);
            s.fill(addr, PAGE, 'a');
            s.gives(0, "ftruncate", fd, 0);
            s.loadRaises(BUS_ADRERR, addr);
        });
    }

    private static void kernelAccess(CaseTable t) {
        t.add("MMapFileTest.InternalSigBus", "a call that reads past the end of a mapped file gives EFAULT", s -> {
            long addr = s.ok("mmap", 0, 2 * PAGE, RW, MAP_PRIVATE, halfPage(s), 0);
            long pair = s.space(8);
            s.gives(0, "pipe", pair);
            s.fails(EFAULT, "write", s.load32(pair + 4), addr + PAGE, PAGE);
        });
        t.add("MMapFileTest.InternalSigBusZeroing", "a call that writes past the end gives EFAULT", s -> {
            long addr = shared(s, halfPage(s), 2 * PAGE, RW);
            s.fails(EFAULT, "read", s.open("/dev/zero", O_RDONLY), addr + PAGE, PAGE);
        });
        t.add("MMapFileTest.SelfRead", "a file can be read into a mapping of itself", s -> {
            int fd = halfPage(s);
            s.gives(HALF, "read", fd, shared(s, fd, PAGE, RW), HALF);
        });
        t.add("MMapFileTest.SelfWrite", "a file can be written from a mapping of itself", s -> {
            int fd = halfPage(s);
            s.gives(HALF, "write", fd, shared(s, fd, PAGE, PROT_READ), HALF);
        });
        t.add("MMapTest.AccessCOWInvalidatesCachedSegments", "a call that stores breaks sharing after fork", s -> {
            int fd = empty(s);
            int zeros = s.open("/dev/zero", O_RDONLY);
            long addr = s.map(2 * PAGE, RW);
            s.fill(addr, 2 * PAGE, 1);
            Subject child = s.fork();
            s.gives(PAGE, "pwrite64", fd, addr, PAGE, 0);
            s.gives(2 * PAGE, "pread64", zeros, addr, 2 * PAGE, 0);
            s.gives(PAGE, "pwrite64", fd, addr, PAGE, 0);
            fileHolds(s, fd, 0, PAGE, 0);
            child.isFilled(addr, 2 * PAGE, 1);
        });
    }

    private static void others(CaseTable t) {
        t.add("MMapTest.HugeLength", "a length that rounds up to 0 gives ENOMEM", s -> {
            s.fails(ENOMEM, "mmap", 0, -PAGE + 1, PROT_NONE, PRIVATE_ANON, -1, 0);
        });
        t.add("MMapTest.NoReserve", "each page of 10 MiB with MAP_NORESERVE can be used", s -> {
            long addr = s.ok("mmap", 0, 10 * MIB, RW, PRIVATE_ANON | MAP_NORESERVE, -1, 0);
            s.pagesHold(0, addr, 10 * MIB);
            s.storeInPages(addr, 10 * MIB, 7);
            s.pagesHold(7, addr, 10 * MIB);
        });
        t.add("MMapNoFixtureTest.Map32Bit", "MAP_32BIT gives an address below 4 GiB", s -> {
            long addr = s.ok("mmap", 0, PAGE, PROT_NONE, PRIVATE_ANON | MAP_32BIT, -1, 0);
            s.isTrue(addr + PAGE <= 1L << 32, "the address is above 4 GiB");
        });
    }
}
