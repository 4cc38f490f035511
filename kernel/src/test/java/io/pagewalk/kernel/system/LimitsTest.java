package io.pagewalk.kernel.system;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Resource limits, what they refuse, and {@code getrusage}: every call is made on the model and on the kernel of this machine. Needs Linux 6.18, root and gcc. */
class LimitsTest extends TwoKernelsTest {
    private static final long PAGE = 4096;
    private static final long MIB = 1 << 20;
    private static final long TEXT = TwoKernels.ARENA;
    private static final long DATA = TwoKernels.ARENA + 4 * PAGE;
    private static final long AT = TwoKernels.ARENA + (1L << 30);
    private static final int ANON = 0x32;
    private static final int LOCKED = 0x2000;
    private static final int NOBODY = 65534;
    private static final int FSIZE = 1;
    private static final int DATA_LIMIT = 2;
    private static final int STACK = 3;
    private static final int NOFILE = 7;
    private static final int MEMLOCK = 8;
    private static final int ADDRESS_SPACE = 9;

    LimitsTest() {
        super(256, 64);
    }

    @BeforeEach
    void mapArena() {
        call("mmap", TEXT, 16 * PAGE, 3, ANON, -1, 0);
    }

    private long limit(int who, int resource, long soft, long hard) {
        both().store(who, DATA, soft);
        both().store(who, DATA + 8, hard);
        return both().call(who, "setrlimit", resource, DATA);
    }

    private void limit(int who, int resource, TwoKernels.Pair value) {
        both().poke(who, DATA, value);
        both().store(who, DATA + 8, 1L << 40);
        both().call(who, "setrlimit", resource, DATA);
        both().store(who, DATA, 0);
        both().store(who, DATA + 8, 0);
    }

    private void show(int who, int resource) {
        both().call(who, "getrlimit", resource, DATA + 32);
        both().load(who, DATA + 32);
        both().load(who, DATA + 40);
    }

    @Test
    void limits_setAndGet_eachKind() {
        both().matchCapabilities();
        for (int resource = 0; resource < 16; resource++) {
            if (resource != 0) {
                limit(0, resource, 50, 50);
                show(0, resource);
                limit(0, resource, 20, 40);
                show(0, resource);
                limit(0, resource, 41, 40);
                limit(0, resource, -1, 40);
                limit(0, resource, 40, 40);
                limit(0, resource, 20, 41);
                limit(0, resource, 20, -1);
                show(0, resource);
            }
        }
        limit(0, 16, 1, 1);
        limit(0, -1, 1, 1);
        call("getrlimit", 16, DATA);
        call("getrlimit", -1, DATA);
        call("getrlimit", 1, 0);
        call("setrlimit", 1, 0);
        call("setrlimit", 16, 0);
    }

    @Test
    void prlimit_arguments_goodAndBad() {
        both().matchCapabilities();
        limit(0, ADDRESS_SPACE, 1L << 46, 1L << 46);
        both().store(0, DATA, 1L << 45);
        both().store(0, DATA + 8, 1L << 45);
        call("prlimit64", 0, ADDRESS_SPACE, DATA, DATA + 32);
        both().load(0, DATA + 32);
        show(0, ADDRESS_SPACE);
        call("prlimit64", 0, ADDRESS_SPACE, 0, 0);
        call("prlimit64", 0, ADDRESS_SPACE, DATA, 0x1000);
        call("prlimit64", 0, ADDRESS_SPACE, 0x1000, DATA);
        call("prlimit64", 0, 16, 0, DATA);
        call("prlimit64", 0, 16, 0x1000, DATA);
        call("prlimit64", 0x3fffff, 16, 0, DATA);
        call("prlimit64", -1, ADDRESS_SPACE, 0, DATA);
        both().store(0, DATA, 1L << 46);
        both().store(0, DATA + 8, 1L << 46);
        call("prlimit64", 0, ADDRESS_SPACE, DATA, 0);
        both().store(0, DATA, 2 << 20);
        both().store(0, DATA + 8, 2 << 20);
        call("prlimit64", 0, NOFILE, DATA, 0);
    }

    @Test
    void setrlimit_ofNobody_onlyLowers() {
        limit(0, STACK, 1 << 24, 1 << 25);
        both().fork(0, 1);
        both().call(1, "setresuid", NOBODY, NOBODY, NOBODY);
        limit(1, STACK, 1 << 25, 1 << 25);
        limit(1, STACK, 1 << 25, 1 << 26);
        limit(1, STACK, 1 << 23, 1 << 24);
        limit(1, STACK, 1 << 25, 1 << 25);
        show(1, STACK);
        show(0, STACK);
        both().exit(1, 0);
    }

    @Test
    void addressSpace_limit_refusesGrowth() {
        call("mmap", AT, 4 * PAGE, 3, ANON, -1, 0);
        limit(0, ADDRESS_SPACE, both().statusBytes(0, "VmSize").plus(4 * PAGE));
        call("mmap", AT + 8 * PAGE, 5 * PAGE, 3, ANON, -1, 0);
        call("mmap", AT + 8 * PAGE, 5 * PAGE, 0, ANON, -1, 0);
        call("mmap", AT, 8 * PAGE, 3, ANON, -1, 0);
        call("mmap", AT, 9 * PAGE, 3, ANON, -1, 0);
        call("mmap", AT + 8 * PAGE, PAGE, 3, ANON, -1, 0);
        call("mmap", AT + 2 * PAGE, 3 * PAGE, 1, ANON, -1, 0);
        call("mremap", AT, 2 * PAGE, 3 * PAGE, 3, AT + 64 * PAGE);
        call("mremap", AT, 2 * PAGE, 2 * PAGE, 7, AT + 64 * PAGE);
        call("munmap", AT + 7 * PAGE, PAGE);
        call("mremap", AT, 2 * PAGE, 2 * PAGE, 3, AT + 16 * PAGE);
        call("mremap", AT + 2 * PAGE, PAGE, 4 * PAGE, 3, AT + 24 * PAGE);
        call("mremap", AT + 2 * PAGE, PAGE, PAGE, 7, AT + 32 * PAGE);
        both().compareMaps(0);
        both().fork(0, 1);
        both().call(1, "mmap", AT + 32 * PAGE, 8 * PAGE, 3, ANON, -1, 0);
        both().exit(1, 0);
    }

    @Test
    void data_limit_refusesPrivateWritableMemory() {
        call("mmap", AT, 4 * PAGE, 1, ANON, -1, 0);
        limit(0, DATA_LIMIT, both().statusBytes(0, "VmData").plus(2 * PAGE));
        call("mmap", AT + 8 * PAGE, 3 * PAGE, 3, ANON, -1, 0);
        call("mmap", AT + 8 * PAGE, 3 * PAGE, 3, 0x31, -1, 0);
        call("mmap", AT + 16 * PAGE, 3 * PAGE, 1, ANON, -1, 0);
        call("mprotect", AT, 4 * PAGE, 3);
        call("mprotect", AT, 2 * PAGE, 3);
        call("mprotect", AT + 2 * PAGE, PAGE, 3);
        call("mprotect", AT, 2 * PAGE, 7);
        call("mremap", AT, 2 * PAGE, 3 * PAGE, 3, AT + 64 * PAGE);
        call("mmap", AT + 8 * PAGE, PAGE, 3, ANON, -1, 0);
        both().compareMaps(0);
        limit(0, DATA_LIMIT, 0, 1L << 40);
        call("mmap", AT + 32 * PAGE, 4 * PAGE, 3, ANON, -1, 0);
        call("mremap", AT, 2 * PAGE, 4 * PAGE, 3, AT + 80 * PAGE);
        both().compareMaps(0);
    }

    @Test
    void heap_limits_leaveTheOldEnd() {
        call("mmap", AT, 3 * PAGE, 3, ANON, -1, 0);
        heapAt(AT);
        call("brk", AT + 5 * PAGE);
        limit(0, DATA_LIMIT, 6 * PAGE, 6 * PAGE);
        call("brk", AT + 8 * PAGE);
        both().fork(0, 1);
        limit(1, ADDRESS_SPACE, both().statusBytes(1, "VmSize").plus(PAGE));
        both().call(1, "brk", AT + 5 * PAGE + 1);
        both().call(1, "brk", AT + 7 * PAGE);
        both().call(1, "brk", AT + 6 * PAGE);
        both().exit(1, 0);
        both().compareMaps(0);
    }

    /** Lets the heap begin at an address and hold one page. */
    private void heapAt(long vaddr) {
        long[] fields = {
            vaddr,
            vaddr + 1,
            vaddr,
            vaddr,
            vaddr + 2 * PAGE,
            vaddr + 3 * PAGE,
            vaddr,
            vaddr,
            vaddr,
            vaddr,
            vaddr,
            0,
            -1L << 32
        };
        for (int i = 0; i < fields.length; i++) {
            both().store(0, DATA + 8L * i, fields[i]);
        }
        call("prctl", 35, 14, DATA, 104, 0);
    }

    @Test
    void stack_limit_stopsGrowth() {
        limit(0, STACK, 8 * PAGE, 1L << 40);
        call("mmap", AT, 4 * PAGE, 3, ANON | 0x100, -1, 0);
        for (int pages = 1; pages < 8; pages++) {
            both().store(0, AT - pages * PAGE, pages);
        }
        both().compareMaps(0);
        limit(0, STACK, 16 * PAGE, 1L << 40);
        both().store(0, AT - 12 * PAGE, 1);
        both().store(0, AT - 13 * PAGE, 1);
        limit(0, ADDRESS_SPACE, both().statusBytes(0, "VmSize").plus(PAGE));
        limit(0, STACK, 1L << 30, 1L << 40);
        both().store(0, AT - 14 * PAGE, 1);
        both().store(0, AT - 13 * PAGE, 1);
        both().store(0, AT - 14 * PAGE, 1);
        both().compareMaps(0);
    }

    @Test
    void memlock_limit_countsForNobodyOnly() {
        call("mmap", AT, 16 * PAGE, 3, ANON, -1, 0);
        limit(0, MEMLOCK, 4 * PAGE, 4 * PAGE);
        call("mlock", AT, 8 * PAGE);
        call("munlock", AT, 8 * PAGE);
        both().fork(0, 1);
        both().call(1, "setresuid", NOBODY, NOBODY, NOBODY);
        both().call(1, "mlock", AT, 5 * PAGE);
        both().call(1, "mlock", AT, 4 * PAGE);
        both().call(1, "mlock", AT + 4 * PAGE, PAGE);
        both().call(1, "mlock", AT, 5 * PAGE);
        both().call(1, "mlock2", AT, 4 * PAGE, 1);
        both().call(1, "mmap", AT + 32 * PAGE, PAGE, 3, ANON | LOCKED, -1, 0);
        both().call(1, "munlock", AT, PAGE);
        both().call(1, "mmap", AT + 32 * PAGE, PAGE, 3, ANON | LOCKED, -1, 0);
        both().call(1, "mremap", AT + 32 * PAGE, PAGE, 2 * PAGE, 1, 0);
        both().call(1, "mlockall", 1);
        both().call(1, "mlockall", 2);
        both().call(1, "mmap", AT + 40 * PAGE, PAGE, 3, ANON, -1, 0);
        both().call(1, "munlockall");
        limit(1, MEMLOCK, 0, 0);
        both().call(1, "mlock", AT, PAGE);
        both().call(1, "mlockall", 1);
        both().call(1, "mlockall", 4);
        both().call(1, "mmap", AT + 40 * PAGE, PAGE, 3, ANON | LOCKED, -1, 0);
        both().call(1, "munlock", AT, PAGE);
        both().compareMaps(1);
        both().exit(1, 0);
    }

    @Test
    void fileSize_limit_cutsWrites() {
        long fd = call("memfd_create", both().text(0, TEXT, "m"), 0);
        call("ftruncate", fd, 8 * PAGE);
        limit(0, FSIZE, 4 * PAGE + 100, 8 * PAGE);
        call("pwrite64", fd, DATA, PAGE, 3 * PAGE + 200);
        call("pwrite64", fd, DATA, PAGE, 4 * PAGE + 100);
        call("pwrite64", fd, DATA, PAGE, 4 * PAGE + 99);
        call("pwrite64", fd, DATA, 0, 8 * PAGE);
        call("pwrite64", fd, DATA, PAGE, 8 * PAGE);
        call("ftruncate", fd, 9 * PAGE);
        call("ftruncate", fd, 7 * PAGE);
        call("ftruncate", fd, 2 * PAGE);
        call("ftruncate", fd, 4 * PAGE + 101);
        call("ftruncate", fd, 4 * PAGE + 100);
        call("fallocate", fd, 0, 0, 5 * PAGE);
        call("fallocate", fd, 1, 0, 5 * PAGE);
        call("fallocate", fd, 3, 0, 8 * PAGE);
        call("fallocate", fd, 0, 0, 4 * PAGE);
        call("mmap", AT, 8 * PAGE, 3, 0x11, fd, 0);
        limit(0, FSIZE, 0, 8 * PAGE);
        call("pwrite64", fd, DATA, 1, 0);
        call("ftruncate", fd, 0);
        call("ftruncate", fd, 1);
    }

    @Test
    void fileSize_limitAboveSignedNumbers_refusesWrites() {
        long fd = call("memfd_create", both().text(0, TEXT, "m"), 0);
        limit(0, FSIZE, 1L << 63, 1L << 63);
        show(0, FSIZE);
        call("pwrite64", fd, DATA, 8, 0);
        call("ftruncate", fd, PAGE);
    }

    private static final int MAXRSS = 32;
    private static final int MINFLT = 64;
    private static final int MAJFLT = 72;

    private TwoKernels.Pair usage(int who, int whose, int field) {
        both().call(who, "getrusage", whose, DATA + 512);
        return both().peek(who, DATA + 512 + field);
    }

    private static void assertEqual(TwoKernels.Pair pair) {
        assertThat(pair.model()).isEqualTo(pair.real());
    }

    @Test
    void getrusage_minorFaults_ofSelfThreadAndChildren() {
        call("mmap", AT, 64 * PAGE, 3, ANON, -1, 0);
        for (int whose : new int[] {0, 1}) {
            usage(0, whose, MINFLT);
            TwoKernels.Pair before = usage(0, whose, MINFLT);
            for (int page = 0; page < 10; page++) {
                both().store(0, AT + (page + 20L * whose) * PAGE, 1);
            }
            assertEqual(usage(0, whose, MINFLT).minus(before));
            assertEqual(usage(0, whose, MAJFLT));
        }
        assertEqual(usage(0, -1, MINFLT));
        assertEqual(usage(0, -1, MAXRSS));
        call("getrusage", 2, DATA);
        call("getrusage", -2, DATA);
        call("getrusage", 0, 0x1000);
        call("getrusage", 5, 0x1000);
    }

    @Test
    void getrusage_maxrss_keepsTheLargest() {
        call("mmap", AT, 4 * MIB, 3, ANON, -1, 0);
        for (long vaddr = AT; vaddr < AT + 4 * MIB; vaddr += PAGE) {
            both().store(0, vaddr, 1);
        }
        usage(0, 0, MAXRSS);
        TwoKernels.Pair high = usage(0, 0, MAXRSS);
        call("munmap", AT, 4 * MIB);
        // The kernel counts in batches for each CPU.
        assertThat(usage(0, 0, MAXRSS).minus(high).real()).isBetween(0L, 1024L);
        assertThat(usage(0, 0, MAXRSS).minus(high).model()).isZero();
        assertThat(high.real()).isGreaterThan(4 << 10);
        assertThat(high.model()).isGreaterThan(4 << 10);
    }

    @Test
    void getrusage_children_countWhenWaitedFor() {
        both().fork(0, 1);
        both().call(1, "mmap", AT, 4 * MIB, 3, ANON, -1, 0);
        for (long vaddr = AT; vaddr < AT + 4 * MIB; vaddr += PAGE) {
            both().store(1, vaddr, 1);
        }
        assertEqual(usage(0, -1, MINFLT));
        both().exit(1, 0);
        TwoKernels.Pair faults = usage(0, -1, MINFLT);
        assertThat(faults.model()).isBetween(1024L, 1100L);
        assertThat(faults.real()).isBetween(1024L, 1100L);
        TwoKernels.Pair size = usage(0, -1, MAXRSS);
        assertThat(size.model()).isGreaterThan(4 << 10);
        assertThat(size.real()).isGreaterThan(4 << 10);
    }
}
