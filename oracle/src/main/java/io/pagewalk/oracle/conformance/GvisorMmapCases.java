package io.pagewalk.oracle.conformance;

import static io.pagewalk.oracle.conformance.Linux.*;

import java.util.List;

/** What gVisor's {@code test/syscalls/linux/mmap.cc} asserts about mmap and mprotect of anonymous memory and devices. */
final class GvisorMmapCases {
    private static final long FIXED = 0x30000000L;
    private static final long HUGE_LIMIT = 20 * MIB;

    private GvisorMmapCases() {}

    static List<ConformanceCase> cases() {
        CaseTable t = new CaseTable("gVisor mmap.cc");
        devices(t);
        addresses(t);
        flags(t);
        protection(t);
        limits(t);
        return t.cases();
    }

    private static int devZero(Subject s) {
        return s.open("/dev/zero", O_RDWR);
    }

    private static void devices(CaseTable t) {
        t.add("MMapTest.MapPipe", "neither end of a pipe can be mapped", s -> {
            long pair = s.space(8);
            s.gives(0, "pipe", pair);
            s.fails(ENODEV, "mmap", 0, PAGE, PROT_READ, MAP_PRIVATE, s.load32(pair), 0);
            s.fails(EACCES, "mmap", 0, PAGE, PROT_READ, MAP_PRIVATE, s.load32(pair + 4), 0);
        });
        t.add("MMapTest.MapDevZeroShared", "/dev/zero can be mapped shared", s -> {
            long addr = s.ok("mmap", 0, PAGE, RW, MAP_SHARED, devZero(s), 0);
            s.store(addr, 1);
        });
        t.add("MMapTest.MapDevZeroPrivate", "/dev/zero can be mapped privately", s -> {
            long addr = s.ok("mmap", 0, PAGE, RW, MAP_PRIVATE, devZero(s), 0);
            s.store(addr, 1);
        });
        t.add("MMapTest.MapDevZeroNoPersistence", "shared mappings of two openings of /dev/zero share nothing", s -> {
            long first = s.ok("mmap", 0, PAGE, RW, MAP_SHARED, devZero(s), 0);
            long second = s.ok("mmap", 0, PAGE, RW, MAP_SHARED, devZero(s), 0);
            s.isFilled(first, PAGE, 0);
            s.fill(first, PAGE, 0xff);
            s.isFilled(first, PAGE, 0xff);
            s.isFilled(second, PAGE, 0);
        });
        t.add("MMapTest.MapDevZeroSharedMultiplePages", "two pages of /dev/zero begin as zeros and keep stores", s -> {
            long addr = s.ok("mmap", 0, 2 * PAGE, RW, MAP_PRIVATE, devZero(s), 0);
            s.isFilled(addr, 2 * PAGE, 0);
            s.fill(addr, 2 * PAGE, 0xff);
            s.isFilled(addr, 2 * PAGE, 0xff);
        });
        t.add("MMapTest.MapDevZeroSharedFdNoPersistence", "two shared mappings of one opening share nothing", s -> {
            int fd = devZero(s);
            long first = s.ok("mmap", 0, PAGE, RW, MAP_SHARED, fd, 0);
            long second = s.ok("mmap", 0, PAGE, RW, MAP_SHARED, fd, 0);
            s.fill(first, PAGE, 0xff);
            s.isFilled(second, PAGE, 0);
        });
        t.add("MMapTest.MapDevZeroSegfaultAfterUnmap", "after munmap of /dev/zero a store raises SIGSEGV", s -> {
            long addr = s.ok("mmap", 0, PAGE, RW, MAP_SHARED, devZero(s), 0);
            s.unmap(addr, PAGE);
            s.storeRaises(SEGV_MAPERR, addr);
        });
        t.add("MMapTest.MapDevZeroUnaligned", "a length that is no multiple of a page maps whole pages", s -> {
            int fd = devZero(s);
            long shared = s.ok("mmap", 0, PAGE + PAGE / 2, RW, MAP_SHARED, fd, 0);
            s.isFilled(shared, 2 * PAGE, 0);
            s.unmap(shared, PAGE + PAGE / 2);
            s.isUnmapped(shared + PAGE);
            long own = s.ok("mmap", 0, PAGE + PAGE / 2, RW, MAP_PRIVATE, fd, 0);
            s.isFilled(own, 2 * PAGE, 0);
        });
        t.add(
                "MMapTest.MapCharDevice",
                "/dev/random cannot be mapped",
                s -> s.fails(ENODEV, "mmap", 0, PAGE, PROT_READ, MAP_PRIVATE, s.open("/dev/random", O_RDONLY), 0));
        t.add("MMapTest.MapDirectory", "a directory cannot be mapped", s -> {
            int fd = s.open("/", O_RDONLY);
            s.fails(ENODEV, "mmap", 0, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
        });
    }

    private static void addresses(CaseTable t) {
        t.add("MMapTest.MapAnything", "anonymous memory can be mapped", s -> {
            long addr = s.map(PAGE, PROT_NONE);
            s.isTrue(addr > 0, "the address is 0");
        });
        t.add("MMapTest.SmallMap", "128 bytes take one page", s -> {
            long addr = s.ok("mmap", 0, 128, PROT_NONE, PRIVATE_ANON, -1, 0);
            s.isOneMapping(addr, PAGE);
        });
        t.add("MMapTest.HintAddress", "a free hint is taken", s -> {
            s.gives(FIXED, "mmap", FIXED, PAGE, PROT_NONE, PRIVATE_ANON, -1, 0);
        });
        t.add("MMapTest.MapFixed", "MAP_FIXED gives the address", s -> {
            s.gives(FIXED, "mmap", FIXED, PAGE, PROT_NONE, PRIVATE_ANON | MAP_FIXED, -1, 0);
        });
        t.add("MMapTest.MapFixed64", "MAP_FIXED gives an address above 4 GiB", s -> {
            long addr = 0x300000000000L;
            s.gives(addr, "mmap", addr, PAGE, PROT_NONE, PRIVATE_ANON | MAP_FIXED, -1, 0);
        });
        t.add("MMapTest.MapFixedNoReplaceEmpty", "NOREPLACE gives a free address", s -> {
            s.gives(FIXED, "mmap", FIXED, PAGE, PROT_NONE, PRIVATE_ANON | MAP_FIXED_NOREPLACE, -1, 0);
        });
        t.add("MMapTest.MapFixedNoReplaceExisting", "NOREPLACE refuses a taken address and leaves it alone", s -> {
            s.gives(FIXED, "mmap", FIXED, PAGE, RW, PRIVATE_ANON | MAP_FIXED, -1, 0);
            s.store(FIXED, 0xdeadbeefL);
            s.fails(EEXIST, "mmap", FIXED, PAGE, PROT_NONE, PRIVATE_ANON | MAP_FIXED_NOREPLACE, -1, 0);
            s.holds(0xdeadbeefL, FIXED);
        });
        t.add("MMapTest.MapFixedNoReplacePartialOverlap", "NOREPLACE refuses a range of which a part is taken", s -> {
            s.gives(FIXED + PAGE, "mmap", FIXED + PAGE, PAGE, PROT_NONE, PRIVATE_ANON | MAP_FIXED, -1, 0);
            s.fails(EEXIST, "mmap", FIXED, 2 * PAGE, PROT_NONE, PRIVATE_ANON | MAP_FIXED_NOREPLACE, -1, 0);
        });
        t.add("MMapTest.MapFixedNoReplaceWithMapFixed", "NOREPLACE wins over MAP_FIXED", s -> {
            s.gives(FIXED, "mmap", FIXED, PAGE, PROT_NONE, PRIVATE_ANON | MAP_FIXED, -1, 0);
            int both = PRIVATE_ANON | MAP_FIXED | MAP_FIXED_NOREPLACE;
            s.fails(EEXIST, "mmap", FIXED, PAGE, PROT_NONE, both, -1, 0);
        });
        t.add("MMapTest.MapFixedNoReplaceAlignment", "NOREPLACE needs an aligned address", s -> {
            s.fails(EINVAL, "mmap", FIXED + 1, PAGE, PROT_NONE, PRIVATE_ANON | MAP_FIXED_NOREPLACE, -1, 0);
        });
        t.add("MMapTest.FixedAlignment", "MAP_FIXED needs an aligned address", s -> {
            s.fails(EINVAL, "mmap", FIXED + 1, PAGE, PROT_NONE, PRIVATE_ANON | MAP_FIXED, -1, 0);
        });
        t.add("MMapTest.NonFixedAlignment", "a hint need not be aligned", s -> {
            long addr = s.ok("mmap", FIXED + 1, PAGE, PROT_NONE, PRIVATE_ANON, -1, 0);
            s.equal(0, addr % PAGE, "the offset in the page");
        });
        t.add("MMapTest.InvalidLength", "no length is refused", s -> {
            s.fails(EINVAL, "mmap", 0, 0, PROT_NONE, PRIVATE_ANON, -1, 0);
        });
    }

    private static void flags(CaseTable t) {
        t.add("MMapTest.MapStack", "MAP_STACK is taken", s -> {
            s.ok("mmap", 0, PAGE, PROT_NONE, PRIVATE_ANON | MAP_STACK, -1, 0);
        });
        t.add("MMapTest.MapLocked", "MAP_LOCKED is taken", s -> {
            s.ok("mmap", 0, PAGE, PROT_NONE, PRIVATE_ANON | MAP_LOCKED, -1, 0);
        });
        t.add("MMapTest.NotPrivateOrShared", "neither private nor shared is refused", s -> {
            s.fails(EINVAL, "mmap", 0, PAGE, PROT_NONE, MAP_ANONYMOUS, -1, 0);
        });
        t.add("MMapTest.PrivateAndShared", "anonymous memory both private and shared is refused", s -> {
            s.fails(EINVAL, "mmap", 0, PAGE, PROT_NONE, MAP_PRIVATE | MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        });
        t.add("MMapTest.BadFd", "a descriptor that is not open is refused", s -> {
            s.fails(EBADF, "mmap", 0, PAGE, PROT_NONE, MAP_PRIVATE, 999, 0);
        });
    }

    private static void protection(CaseTable t) {
        t.add("MMapTest.ProtWrite", "memory to read and write keeps what is stored", s -> {
            long addr = s.map(PAGE, RW);
            s.fill(addr, PAGE, 42);
            s.isFilled(addr, PAGE, 42);
        });
        t.add("MMapTest.ProtWriteOnly", "memory to write alone can be read after a store", s -> {
            long addr = s.map(PAGE, PROT_WRITE);
            s.fill(addr, PAGE, 42);
            s.isFilled(addr, PAGE, 42);
        });
        t.add("MMapTest.ProtWriteOnlyReadable", "memory to write alone can be read first", s -> {
            s.holds(0, s.map(PAGE, PROT_WRITE));
        });
        t.add("MMapTest.ProtectProtWrite", "mprotect from nothing to read and write allows stores", s -> {
            long addr = s.map(PAGE, PROT_NONE);
            s.gives(0, "mprotect", addr, PAGE, RW);
            s.fill(addr, PAGE, 42);
            s.isFilled(addr, PAGE, 42);
        });
        t.add("MMapTest.ProtNoneDeath", "a load of PROT_NONE memory raises SIGSEGV", s -> {
            s.loadRaises(SEGV_ACCERR, s.map(PAGE, PROT_NONE));
        });
        t.add("MMapTest.ReadOnlyDeath", "a store to read-only memory raises SIGSEGV", s -> {
            s.storeRaises(SEGV_ACCERR, s.map(PAGE, PROT_READ));
        });
        t.add("MMapTest.MprotectReadOnlyDeath", "after mprotect to read-only a present page refuses stores", s -> {
            long addr = s.map(PAGE, RW);
            s.store(addr, 42);
            s.gives(0, "mprotect", addr, PAGE, PROT_READ);
            s.storeRaises(SEGV_ACCERR, addr);
            s.holds(42, addr);
        });
        t.add("MMapTest.MprotectNotPageAligned", "mprotect needs an aligned address", s -> {
            s.fails(EINVAL, "mprotect", s.map(PAGE, RW) + 1, PAGE - 1, PROT_READ);
        });
        t.add("MMapTest.MprotectProtNone", "a present page behind PROT_NONE raises SEGV_ACCERR", s -> {
            long addr = s.map(PAGE, RW);
            s.store(addr, 1);
            s.gives(0, "mprotect", addr, PAGE, PROT_NONE);
            s.loadRaises(SEGV_ACCERR, addr);
        });
        t.add("MMapTest.MprotectHugeLength", "mprotect of all addresses fails with ENOMEM", s -> {
            s.fails(ENOMEM, "mprotect", s.map(PAGE, RW), -1, PROT_READ);
        });
        t.add("MMapTest.ProtExec", "code in executable memory runs", s -> {
            long addr = s.map(PAGE, RWX);
            s.store(addr, Subject.RETURN);
            s.fetchRaises(0, addr);
        });
        t.add("MMapTest.NoProtExecDeath", "code in memory that is not executable raises SIGSEGV", s -> {
            long addr = s.map(PAGE, RW);
            s.store(addr, Subject.RETURN);
            s.fetchRaises(SEGV_ACCERR, addr);
        });
        t.add("MMapTest.SettingProtNoneDoesntFreeMemory", "PROT_NONE and back keeps the contents", s -> {
            long addr = s.map(PAGE, RW);
            s.fill(addr, PAGE, 42);
            s.gives(0, "mprotect", addr, PAGE, PROT_NONE);
            s.gives(0, "mprotect", addr, PAGE, RW);
            s.isFilled(addr, PAGE, 42);
        });
    }

    private static void limits(CaseTable t) {
        t.add("MMapTest.NoExceedLimitData", "the heap grows by a byte when RLIMIT_DATA is infinite", s -> {
            long end = s.ok("brk", 0);
            s.setLimit(RLIMIT_DATA, RLIM_INFINITY, RLIM_INFINITY);
            s.gives(end + 1, "brk", end + 1);
        });
        t.add("MMapTest.ExceedLimitData", "the heap does not grow past RLIMIT_DATA", s -> {
            long end = s.ok("brk", 0);
            s.setLimit(RLIMIT_DATA, 0, RLIM_INFINITY);
            s.gives(end, "brk", end + 2 * PAGE);
            s.setLimit(RLIMIT_DATA, RLIM_INFINITY, RLIM_INFINITY);
            s.gives(end + 2 * PAGE, "brk", end + 2 * PAGE);
        });
        t.add("MMapTest.ExceedLimitDataPrlimit", "prlimit of oneself sets RLIMIT_DATA", s -> {
            long end = s.ok("brk", 0);
            s.gives(0, "prlimit64", 0, RLIMIT_DATA, s.words(0, RLIM_INFINITY), 0);
            s.gives(end, "brk", end + 2 * PAGE);
        });
        t.add("MMapTest.ExceedLimitDataPrlimitPID", "prlimit by thread number sets RLIMIT_DATA", s -> {
            long end = s.ok("brk", 0);
            s.gives(0, "prlimit64", s.ok("gettid"), RLIMIT_DATA, s.words(0, RLIM_INFINITY), 0);
            s.gives(end, "brk", end + 2 * PAGE);
        });
        t.add("MMapTest.NoExceedLimitAS", "mmap below RLIMIT_AS succeeds", s -> {
            long size = s.status("VmSize") * KIB;
            s.setLimit(RLIMIT_AS, size + 200 * MIB + HUGE_LIMIT, RLIM_INFINITY);
            s.map(200 * MIB, PROT_NONE);
        });
        t.add("MMapTest.ExceedLimitAS", "mmap past RLIMIT_AS fails with ENOMEM", s -> {
            long size = s.status("VmSize") * KIB;
            s.setLimit(RLIMIT_AS, size + HUGE_LIMIT, RLIM_INFINITY);
            s.fails(ENOMEM, "mmap", 0, 200 * MIB, PROT_NONE, PRIVATE_ANON, -1, 0);
        });
    }
}
