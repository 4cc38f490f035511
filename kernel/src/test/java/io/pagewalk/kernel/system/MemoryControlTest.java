package io.pagewalk.kernel.system;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * {@code process_madvise}, {@code membarrier}, {@code remap_file_pages}, protection keys without CPU support and the memory part of {@code prctl}: every call is made on
 * the model and on the kernel of this machine. Needs Linux 6.18, root and gcc.
 */
class MemoryControlTest extends TwoKernelsTest {
    private static final long PAGE = 4096;
    private static final long TEXT = TwoKernels.ARENA;
    private static final long DATA = TwoKernels.ARENA + 4 * PAGE;
    private static final long AT = TwoKernels.ARENA + (1L << 30);
    private static final int ANON = 0x32;
    private static final int SHARED = 0x11;
    private static final int PRIVATE = 0x12;
    private static final int SELF_THREAD = -10000;
    private static final int SELF = -10001;
    private static final int SET_MM = 35;
    private static final int SET_THP_DISABLE = 41;
    private static final int GET_THP_DISABLE = 42;
    private static final int SET_MDWE = 65;
    private static final int GET_MDWE = 66;
    private static final int NOBODY = 65534;

    MemoryControlTest() {
        super(64, 16);
    }

    @BeforeEach
    void mapArena() {
        call("mmap", TEXT, 16 * PAGE, 3, ANON, -1, 0);
    }

    private void anonymous(int pages) {
        call("munmap", AT - 64 * PAGE, 256 * PAGE);
        call("mmap", AT, pages * PAGE, 3, ANON, -1, 0);
    }

    /** Stores ranges for process_madvise and returns where. */
    private long vector(int who, long... addressesAndLengths) {
        for (int i = 0; i < addressesAndLengths.length; i++) {
            both().store(who, DATA + 8L * i, addressesAndLengths[i]);
        }
        return DATA;
    }

    private void advise(int pidfd, int advice, long... addressesAndLengths) {
        call("process_madvise", pidfd, vector(0, addressesAndLengths), addressesAndLengths.length / 2, advice, 0);
    }

    @Test
    void processMadvise_everyAdvice_onSelf() {
        for (int pidfd : new int[] {SELF, SELF_THREAD}) {
            for (int advice = -1; advice < 30; advice++) {
                if (advice != 25) {
                    anonymous(8);
                    advise(pidfd, advice, AT, 2 * PAGE, AT + 4 * PAGE, PAGE);
                }
            }
            anonymous(8);
            advise(pidfd, 102, AT, 2 * PAGE, AT + 4 * PAGE, PAGE);
            both().store(0, AT + PAGE, 1);
            advise(pidfd, 103, AT, 2 * PAGE, AT + 4 * PAGE, PAGE);
            both().store(0, AT + PAGE, 1);
        }
    }

    @Test
    void processMadvise_partialResults_countBytes() {
        for (int advice : new int[] {4, 8, 10, 20, 21, 22, 102}) {
            anonymous(8);
            call("munmap", AT + 2 * PAGE, PAGE);
            advise(SELF, advice, AT, PAGE, AT + PAGE, 2 * PAGE, AT + 4 * PAGE, PAGE);
            advise(SELF, advice, AT + PAGE, 2 * PAGE, AT + 4 * PAGE, PAGE);
            advise(SELF, advice, AT, 100, AT + PAGE, 1, AT + 1, PAGE);
            advise(SELF, advice, AT + 1, PAGE);
            advise(SELF, advice, AT, 0, AT + PAGE, PAGE, AT + PAGE, 0, AT + 3 * PAGE, PAGE);
        }
        both().compareMaps(0);
    }

    @Test
    void processMadvise_vectors_goodAndBad() {
        anonymous(8);
        for (int advice : new int[] {4, 99}) {
            advise(SELF, advice, AT, 0);
            advise(SELF, advice, AT + 1, 0);
            advise(SELF, advice);
            advise(SELF, advice, AT, -1);
            advise(SELF, advice, AT, PAGE, AT, -PAGE);
            advise(SELF, advice, AT, Long.MAX_VALUE);
            advise(SELF, advice, AT, Long.MAX_VALUE, AT, PAGE);
            advise(SELF, advice, AT, 0x80000000L);
            advise(SELF, advice, AT, 0x70000000L, AT, 0x70000000L, AT, PAGE);
            advise(SELF, advice, 0x7ffffffff000L, 0);
            advise(SELF, advice, 0x7ffffffff000L, 1);
            advise(SELF, advice, AT, PAGE, 0x7ffffffff000L, PAGE);
            advise(SELF, advice, 0xffff800000000000L, PAGE);
            advise(SELF, advice, 0xffff800000000000L, 0);
            advise(SELF, advice, -PAGE, 2 * PAGE);
            call("process_madvise", SELF, 0x1000, 1, advice, 0);
            call("process_madvise", SELF, 0x1000, 0, advice, 0);
            call("process_madvise", SELF, DATA, 1024, advice, 0);
            call("process_madvise", SELF, DATA, 1025, advice, 0);
            call("process_madvise", SELF, DATA, -1, advice, 0);
            call("process_madvise", SELF, DATA, 1, advice, 1);
            call("process_madvise", SELF, DATA, 1, advice, 1L << 32);
        }
    }

    @Test
    void processMadvise_descriptors_goodAndBad() {
        anonymous(8);
        int memfd = (int) call("memfd_create", both().text(0, TEXT, "m"), 0);
        for (int fd : new int[] {-1, 63, memfd, -10002, -10003}) {
            advise(fd, 20, AT, PAGE);
            advise(fd, 99, AT, PAGE);
        }
        call("process_madvise", -1, DATA, 1025, 20, 0);
        both().fork(0, 1);
        int pidfd = both().openPid(0, 1, 0);
        for (int advice = 0; advice < 27; advice++) {
            if (advice != 25) {
                advise(pidfd, advice, AT, PAGE);
            }
        }
        advise(pidfd, 20, AT + 7 * PAGE, 2 * PAGE);
        advise(pidfd, 20, AT + 7 * PAGE, PAGE, AT + 7 * PAGE, 2 * PAGE);
        advise(pidfd, 102, AT, PAGE);
        call("fcntl", pidfd, 1, 0);
        both().exit(1, 0);
        advise(pidfd, 20, AT, PAGE);
        advise(pidfd, 4, AT, PAGE);
        call("close", pidfd);
        advise(pidfd, 20, AT, PAGE);
    }

    @Test
    void processMadvise_ofNobody_isRefused() {
        anonymous(8);
        both().fork(0, 1);
        both().fork(0, 2);
        int parent = both().openPid(1, 0, 0);
        int sibling = both().openPid(1, 2, 0);
        int self = both().openPid(1, 1, 0);
        both().call(1, "setresuid", NOBODY, NOBODY, NOBODY);
        for (int fd : new int[] {parent, sibling, self, SELF}) {
            for (int advice : new int[] {20, 4, 99}) {
                both().call(1, "process_madvise", fd, vector(1, AT, PAGE), 1, advice, 0);
            }
        }
        both().call(2, "setresuid", NOBODY, NOBODY, NOBODY);
        both().call(2, "prctl", 3);
        both().call(1, "process_madvise", sibling, DATA, 1, 20, 0);
        both().call(2, "prctl", 4, 1);
        both().call(1, "process_madvise", sibling, DATA, 1, 20, 0);
        both().call(1, "process_madvise", sibling, DATA, 1, 4, 0);
        both().call(1, "setresuid", 0, -1, -1);
        both().call(1, "getuid");
        both().call(1, "geteuid");
        both().exit(2, 0);
        both().exit(1, 0);
    }

    @Test
    void pidfdOpen_badArguments_areRefused() {
        for (int flags : new int[] {1, 2, 0x80000, -1}) {
            call("pidfd_open", 0x3fffff, flags);
        }
        call("pidfd_open", 0, 0);
        call("pidfd_open", -1, 0);
        call("pidfd_open", 0x3fffff, 0);
        for (int flags : new int[] {0, 0x80, 0x800, 0x880, 1}) {
            both().openPid(0, 0, flags);
        }
    }

    @Test
    void membarrier_commands_needRegistration() {
        allCommands(0);
        for (int register : new int[] {4, 16, 64, 256}) {
            call("membarrier", register, 0, 0);
            call("membarrier", register, 1, 0);
            allCommands(0);
        }
        both().fork(0, 1);
        allCommands(1);
        both().exit(1, 0);
    }

    private void allCommands(int who) {
        for (int command : new int[] {0, 1, 2, 8, 32, 128, 512, 3, 1024, -1}) {
            both().call(who, "membarrier", command, 0, 0);
            both().call(who, "membarrier", command, 1, 0);
            both().call(who, "membarrier", command, 2, 0);
        }
        both().call(who, "membarrier", 128, 1, 100000);
        both().call(who, "membarrier", 128, 1, -5);
    }

    @Test
    void remapFilePages_splitsIntoMappings() {
        long fd = call("memfd_create", both().text(0, TEXT, "m"), 0);
        call("ftruncate", fd, 16 * PAGE);
        for (int page = 0; page < 16; page++) {
            both().store(0, DATA, 100 + page);
            call("pwrite64", fd, DATA, 8, page * PAGE);
        }
        call("mmap", AT, 8 * PAGE, 3, SHARED, fd, 0);
        call("remap_file_pages", AT, PAGE, 0, 5, 0);
        call("remap_file_pages", AT + 2 * PAGE + 5, 2 * PAGE + 7, 0, 9, 0x10000);
        call("remap_file_pages", AT + 5 * PAGE, PAGE, 0, 40, 0);
        for (int page = 0; page < 8; page++) {
            both().load(0, AT + page * PAGE);
        }
        both().compareMaps(0);
        call("remap_file_pages", AT, 8 * PAGE, 0, 1, 0);
        both().compareMaps(0);
        call("mlock", AT, 2 * PAGE);
        call("remap_file_pages", AT, PAGE, 0, 3, 0);
        call("remap_file_pages", AT, 3 * PAGE, 0, 3, 0);
        call("mprotect", AT + 4 * PAGE, PAGE, 1);
        call("remap_file_pages", AT + 4 * PAGE, PAGE, 0, 3, 0);
        call("remap_file_pages", AT + 3 * PAGE, 2 * PAGE, 0, 3, 0);
        call("remap_file_pages", AT, PAGE, 1, 0, 0);
        call("remap_file_pages", AT, 100, 0, 0, 0);
        call("remap_file_pages", AT, 0, 0, 0, 0);
        call("remap_file_pages", AT, PAGE, 0, -1, 0);
        call("remap_file_pages", AT, PAGE, 0, 1L << 52, 0);
        call("remap_file_pages", AT, -PAGE, 0, 0, 0);
        call("remap_file_pages", AT, 9 * PAGE, 0, 0, 0);
        call("remap_file_pages", AT + 20 * PAGE, PAGE, 0, 0, 0);
        call("remap_file_pages", 0xffff800000000000L, PAGE, 0, 0, 0);
        both().compareMaps(0);
    }

    @Test
    void remapFilePages_otherMappings() {
        anonymous(4);
        call("remap_file_pages", AT, PAGE, 0, 1, 0);
        call("mmap", AT, 4 * PAGE, 3, SHARED | 0x20, -1, 0);
        both().store(0, AT + PAGE, 77);
        call("remap_file_pages", AT, PAGE, 0, 1, 0);
        both().load(0, AT);
        long fd = call("memfd_create", both().text(0, TEXT, "m"), 0);
        call("ftruncate", fd, 4 * PAGE);
        call("mmap", AT, 4 * PAGE, 3, PRIVATE, fd, 0);
        call("remap_file_pages", AT, PAGE, 0, 1, 0);
        call("mmap", AT, 2 * PAGE, 3, SHARED, fd, 0);
        call("mmap", AT + 2 * PAGE, 2 * PAGE, 3, SHARED, fd, PAGE);
        call("remap_file_pages", AT + PAGE, 2 * PAGE, 0, 0, 0);
        both().compareMaps(0);
        call("mseal", AT, PAGE, 0);
        call("remap_file_pages", AT, PAGE, 0, 3, 0);
        both().compareMaps(0);
    }

    @Test
    void protectionKeys_withoutCpuSupport() {
        anonymous(4);
        call("pkey_alloc", 1, 0);
        call("pkey_alloc", 0, 4);
        call("pkey_free", 0);
        call("pkey_alloc", 0, 3);
        call("pkey_alloc", 0, 0);
        call("pkey_alloc", 0, 4);
        for (int key : new int[] {0, 1, 15, 16, -1, -2}) {
            call("pkey_free", key);
            call("pkey_mprotect", AT, PAGE, 1, key);
            call("pkey_mprotect", AT, 0, 1, key);
            call("pkey_mprotect", AT + 1, PAGE, 1, key);
            call("pkey_mprotect", AT, -1, 1, key);
            call("pkey_mprotect", AT, PAGE, 0x100, key);
            call("pkey_mprotect", AT, PAGE, 0x3000000, key);
            call("pkey_mprotect", AT + 10 * PAGE, PAGE, 1, key);
        }
        both().fork(0, 1);
        both().call(1, "pkey_alloc", 0, 0);
        both().exit(1, 0);
    }

    @Test
    void prctl_hugePages_flags() {
        for (long[] args : new long[][] {
            {0}, {1}, {1, 2}, {1, 1}, {1, 4}, {1, 3}, {0, 2}, {0, 1}, {5}, {-1}, {1, 0, 1}, {1, 0, 0, 1}, {0}
        }) {
            long[] all = new long[5];
            all[0] = SET_THP_DISABLE;
            System.arraycopy(args, 0, all, 1, args.length);
            call("prctl", all);
            call("prctl", GET_THP_DISABLE, 0, 0, 0, 0);
        }
        call("prctl", GET_THP_DISABLE, 1, 0, 0, 0);
        call("prctl", GET_THP_DISABLE, 0, 1, 0, 0);
        call("prctl", GET_THP_DISABLE, 0, 0, 0, 1);
        call("prctl", SET_THP_DISABLE, 1, 2, 0, 0);
        both().fork(0, 1);
        both().call(1, "prctl", GET_THP_DISABLE, 0, 0, 0, 0);
        both().exit(1, 0);
    }

    @Test
    void prctl_denyWriteExec_refusesNewCode() {
        call("mmap", AT, 8 * PAGE, 5, ANON, -1, 0);
        call("mmap", AT + 8 * PAGE, 8 * PAGE, 3, ANON, -1, 0);
        for (long[] args : new long[][] {{0}, {2}, {4}, {-1}, {1, 1}, {1, 0, 1}, {1, 0, 0, 1}, {1}, {0}, {3}, {1}}) {
            long[] all = new long[5];
            all[0] = SET_MDWE;
            System.arraycopy(args, 0, all, 1, args.length);
            call("prctl", all);
            call("prctl", GET_MDWE, 0, 0, 0, 0);
        }
        call("prctl", GET_MDWE, 1, 0, 0, 0);
        call("prctl", GET_MDWE, 0, 0, 0, 1);
        both().fork(0, 1);
        for (int who : new int[] {0, 1}) {
            both().call(who, "prctl", GET_MDWE, 0, 0, 0, 0);
            for (int prot : new int[] {0, 1, 2, 3, 4, 5, 6, 7}) {
                both().call(who, "mmap", AT + 32 * PAGE, PAGE, prot, ANON, -1, 0);
                both().call(who, "mprotect", AT + 8 * PAGE, PAGE, prot);
                both().call(who, "mprotect", AT, PAGE, prot);
                both().call(who, "mmap", AT, PAGE, 5, ANON, -1, 0);
            }
            both().call(who, "mprotect", AT + 4 * PAGE, 8 * PAGE, 5);
            both().compareMaps(who);
        }
        both().exit(1, 0);
    }

    @Test
    void prctl_denyWriteExec_withoutInheritance() {
        call("prctl", SET_MDWE, 3, 0, 0, 0);
        both().fork(0, 1);
        both().call(1, "prctl", GET_MDWE, 0, 0, 0, 0);
        both().call(1, "mmap", AT, PAGE, 7, ANON, -1, 0);
        both().call(1, "prctl", SET_MDWE, 1, 0, 0, 0);
        both().exit(1, 0);
        call("prctl", SET_MDWE, 1, 0, 0, 0);
        call("prctl", SET_MDWE, 3, 0, 0, 0);
    }

    /** Stores a struct prctl_mm_map that is correct but for one field. */
    private void borders(int field, long value) {
        long[] fields = {
            AT,
            AT + PAGE,
            AT,
            AT + PAGE,
            AT + 2 * PAGE,
            AT + 3 * PAGE,
            AT,
            AT,
            AT + 8,
            AT + 8,
            AT + 16,
            0,
            0xffffffffL << 32
        };
        if (field >= 0) {
            fields[field] = value;
        }
        for (int i = 0; i < fields.length; i++) {
            both().store(0, DATA + 8L * i, fields[i]);
        }
    }

    @Test
    void prctl_setMm_borders() {
        anonymous(3);
        both().matchCapabilities();
        for (int option = 0; option < 18; option++) {
            if (option != 14 && option != 15) {
                for (long value : new long[] {0, AT, 0x7ffffffff000L, -1}) {
                    call("prctl", SET_MM, option, value, 0, 0);
                    call("prctl", SET_MM, option, value, 8, 0);
                    call("prctl", SET_MM, option, value, 0, 1);
                }
            }
        }
        call("prctl", SET_MM, 15, DATA, 0, 0);
        both().load(0, DATA);
        call("prctl", SET_MM, 15, 0, 0, 0);
        call("prctl", SET_MM, 14, 0, 104, 0);
        borders(-1, 0);
        call("prctl", SET_MM, 14, DATA, 103, 0);
        call("prctl", SET_MM, 14, DATA, 0, 0);
        call("prctl", SET_MM, 14, DATA, 104, 1);
        for (int field = 0; field < 11; field++) {
            for (long value :
                    new long[] {0, 65535, 65536, AT - PAGE, AT + 8, AT + 8 * PAGE, 0x7fffffffefffL, 0x7ffffffff000L, -1
                    }) {
                borders(field, value);
                call("prctl", SET_MM, 14, DATA, 104, 0);
            }
        }
        for (long size : new long[] {8, 416, 417, 424}) {
            borders(12, (0xffffffffL << 32) | size);
            call("prctl", SET_MM, 14, DATA, 104, 0);
        }
        borders(12, (0xffffffffL << 32) | 16);
        both().store(0, DATA + 88, AT);
        call("prctl", SET_MM, 14, DATA, 104, 0);
        both().store(0, DATA + 88, 0x1000);
        call("prctl", SET_MM, 14, DATA, 104, 0);
    }

    @Test
    void prctl_setMm_moveTheHeap() {
        anonymous(3);
        borders(-1, 0);
        call("prctl", SET_MM, 14, DATA, 104, 0);
        call("brk", 0);
        call("brk", AT + 6 * PAGE);
        both().compareMaps(0);
        call("brk", AT + 2 * PAGE);
        call("brk", AT + 2 * PAGE - 1);
        both().compareMaps(0);
    }

    @Test
    void prctl_setMm_programFile() {
        anonymous(3);
        long memfd = call("memfd_create", both().text(0, TEXT, "m"), 8);
        long exec = call("memfd_create", both().text(0, TEXT, "m"), 0);
        // The program of the native helper is still mapped, so only what is refused before that can be compared.
        for (long fd : new long[] {63, memfd}) {
            borders(12, fd << 32);
            call("prctl", SET_MM, 14, DATA, 104, 0);
        }
        borders(12, exec << 32);
        both().fork(0, 1);
        both().call(1, "setresuid", NOBODY, NOBODY, NOBODY);
        both().call(1, "prctl", SET_MM, 14, DATA, 104, 0);
        both().call(1, "prctl", SET_MM, 13, exec, 0, 0);
        both().exit(1, 0);
    }

    @Test
    void prctl_names_withoutKernelSupport() {
        anonymous(3);
        call("prctl", 0x53564d41, 0, AT, PAGE, both().text(0, TEXT, "name"));
        call("prctl", 0x53564d41, 1, AT, PAGE, TEXT);
        call("prctl", 0x53564d41, 0, AT, PAGE, 0);
    }

    /** What a C program saw that set all these and called execve: MDWE without inheritance, registrations and keys are gone, memory may be read again. */
    @Test
    void execve_keepsFlagsOfTheAddressSpace() {
        LinuxKernel kernel = both().model.kernel;
        Task task = both().model.task;
        for (int bits : new int[] {1, 3}) {
            Task child = requireNonNull(kernel.fork(task));
            both().model.call(child, "prctl", SET_MDWE, bits, 0, 0, 0);
            both().model.call(child, "prctl", SET_THP_DISABLE, 1, 2, 0, 0);
            both().model.call(child, "membarrier", 16, 0, 0);
            both().model.call(child, "prctl", 4, 0);
            kernel.execve(child, ExecImage.bare("next", kernel.layout().stackTop()));
            assertThat(both().model.call(child, "prctl", GET_MDWE, 0, 0, 0, 0)).isEqualTo(bits == 1 ? 1 : 0);
            assertThat(both().model.call(child, "prctl", GET_THP_DISABLE, 0, 0, 0, 0))
                    .isEqualTo(3);
            assertThat(both().model.call(child, "membarrier", 512, 0, 0)).isZero();
            assertThat(both().model.call(child, "prctl", 3)).isEqualTo(1);
            kernel.exitGroup(child, 0);
        }
    }
}
