package io.pagewalk.kernel.system;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Files in memory and System V segments: every call is made on the model and on the kernel of this machine. Needs Linux 6.18, root and gcc. */
class SharedMemoryTest extends TwoKernelsTest {
    private static final long PAGE = 4096;
    private static final long A = TwoKernels.ARENA;
    private static final long TEXT = A;
    private static final long DATA = A + 4 * PAGE;
    private static final long AT = A + (1L << 30);
    private static final int RW = 3;
    private static final int SHARED = 1 | 0x10;
    private static final int PRIVATE = 2 | 0x10;
    private static final int SHARED_ANON = SHARED | 0x20;
    private static final long BLOCKS = 16;
    private static final long INODES = 4;

    private static final int F_ADD_SEALS = 1033;
    private static final int F_GET_SEALS = 1034;
    private static final int SEAL_SEAL = 1;
    private static final int SEAL_SHRINK = 2;
    private static final int SEAL_GROW = 4;
    private static final int SEAL_WRITE = 8;
    private static final int SEAL_FUTURE_WRITE = 0x10;
    private static final int SEAL_EXEC = 0x20;

    SharedMemoryTest() {
        super(BLOCKS, INODES);
    }

    @BeforeEach
    void mapArena() {
        call("mmap", A, 16 * PAGE, RW, PRIVATE | 0x20, -1, 0);
    }

    private long memfd(String name, int flags) {
        return call("memfd_create", both().text(0, TEXT, name), flags);
    }

    private long open(String path, int flags) {
        return call("openat", -100, both().text(0, TEXT, path), flags, 0600);
    }

    @Test
    void memfdCreate_flagsAndNames() {
        for (int flags : new int[] {0, 1, 2, 3, 8, 9, 0x10, 0x12, 0x18, 0x1b, 0x20, 0x40, 1 << 26, 0x80000000}) {
            memfd("name", flags);
        }
        memfd("", 0);
        memfd("x".repeat(249), 0);
        memfd("x".repeat(250), 0);
        call("memfd_create", 0x1000, 0);
        call("memfd_create", 0x1000, 0x20);
        memfd("huge", 4 | (20 << 26));
        long fd = memfd("a (deleted)", 2);
        call("ftruncate", fd, PAGE);
        call("mmap", AT, PAGE, RW, SHARED, fd, 0);
        call("mmap", AT + 2 * PAGE, PAGE, 1, PRIVATE, fd, 0);
        both().compareMaps(0);
        call("fcntl", fd, 1, 0);
        call("fcntl", memfd("c", 1), 1, 0);
    }

    @Test
    void seals_ofEachKindOfFile() {
        for (int flags : new int[] {0, 2, 8, 10, 0x10, 0x12}) {
            long fd = memfd("s", flags);
            call("fcntl", fd, F_GET_SEALS, 0);
            call("fcntl", fd, F_ADD_SEALS, 0x40);
            call("fcntl", fd, F_ADD_SEALS, 0x100000002L);
            call("fcntl", fd, F_ADD_SEALS, SEAL_EXEC);
            call("fcntl", fd, F_GET_SEALS, 0);
            call("fcntl", fd, F_ADD_SEALS, SEAL_SHRINK);
            call("fcntl", fd, F_ADD_SEALS, SEAL_SEAL);
            call("fcntl", fd, F_ADD_SEALS, SEAL_GROW);
            call("fcntl", fd, F_GET_SEALS, 0);
            call("fcntl", fd, F_ADD_SEALS, 0x40);
            call("fchmod", fd, 0600);
            call("fchmod", fd, 0711);
            call("fchmod", fd, 0666);
            call("close", fd);
        }
        long file = open("/dev/shm/plain", 0x42);
        call("fcntl", file, F_GET_SEALS, 0);
        call("fcntl", file, F_ADD_SEALS, SEAL_GROW);
        long readOnly = open("/dev/shm/plain", 0);
        call("fcntl", readOnly, F_ADD_SEALS, SEAL_GROW);
        call("fcntl", 99, F_GET_SEALS, 0);
    }

    @Test
    void seals_ofSize() {
        long fd = memfd("s", 2);
        call("ftruncate", fd, 2 * PAGE);
        call("fcntl", fd, F_ADD_SEALS, SEAL_SHRINK);
        call("ftruncate", fd, PAGE);
        call("ftruncate", fd, 2 * PAGE);
        call("ftruncate", fd, 3 * PAGE);
        call("fcntl", fd, F_ADD_SEALS, SEAL_GROW);
        call("ftruncate", fd, 4 * PAGE);
        call("ftruncate", fd, 3 * PAGE);
        call("pwrite64", fd, DATA, 100, 3 * PAGE - 50);
        call("pwrite64", fd, DATA, 2 * PAGE, 2 * PAGE);
        call("pwrite64", fd, DATA, 2 * PAGE, 2 * PAGE + 8);
        call("pwrite64", fd, DATA, 100, 4 * PAGE);
        call("pwrite64", fd, DATA, 0, 4 * PAGE);
        call("fallocate", fd, 0, 0, 4 * PAGE);
        call("fallocate", fd, 1, 0, 4 * PAGE);
        call("fallocate", fd, 0, 0, 3 * PAGE);
        call("fallocate", fd, 3, 0, PAGE);
    }

    @Test
    void seals_ofWriting() {
        for (int seal : new int[] {SEAL_WRITE, SEAL_FUTURE_WRITE, SEAL_WRITE | SEAL_FUTURE_WRITE}) {
            long fd = memfd("w", 2);
            call("ftruncate", fd, 4 * PAGE);
            call("mmap", AT, 4 * PAGE, RW, SHARED, fd, 0);
            call("fcntl", fd, F_ADD_SEALS, seal);
            call("fcntl", fd, F_GET_SEALS, 0);
            call("mprotect", AT, 4 * PAGE, 1);
            call("fcntl", fd, F_ADD_SEALS, seal);
            call("mprotect", AT, 4 * PAGE, RW);
            both().store(0, AT, 1);
            call("madvise", AT, PAGE, 9);
            call("munmap", AT, 4 * PAGE);
            call("mmap", AT, 4 * PAGE, RW, PRIVATE, fd, 0);
            call("fcntl", fd, F_ADD_SEALS, seal);
            both().store(0, AT, 1);
            call("write", fd, DATA, 10);
            call("pwrite64", fd, 0x1000, 10, 0);
            call("fallocate", fd, 3, 0, PAGE);
            call("fallocate", fd, 0, 0, PAGE);
            call("ftruncate", fd, 2 * PAGE);
            call("ftruncate", fd, 5 * PAGE);
            call("mmap", AT, PAGE, RW, SHARED, fd, 0);
            call("mmap", AT, PAGE, 1, SHARED, fd, 0);
            call("mprotect", AT, PAGE, RW);
            both().load(0, AT);
            both().compareMaps(0);
            call("close", fd);
        }
    }

    @Test
    void sharedMapping_sizeAndSignals() {
        long fd = memfd("f", 0);
        call("mmap", AT, 4 * PAGE, RW, SHARED, fd, 0);
        both().load(0, AT);
        call("ftruncate", fd, PAGE + 100);
        both().store(0, AT + 8, 7);
        both().store(0, AT + 2 * PAGE - 8, 9);
        both().load(0, AT + 2 * PAGE);
        call("pread64", fd, DATA, 3 * PAGE, 0);
        both().load(0, DATA + 8);
        call("ftruncate", fd, 3 * PAGE);
        both().load(0, AT + 2 * PAGE - 8);
        both().store(0, AT + 2 * PAGE, 5);
        call("ftruncate", fd, PAGE + 104);
        both().load(0, AT + 2 * PAGE);
        call("ftruncate", fd, 3 * PAGE);
        both().load(0, AT + 2 * PAGE);
        both().load(0, AT + 2 * PAGE - 8);
        both().load(0, AT + 8);
        call("mmap", AT + 8 * PAGE, 3 * PAGE, RW, PRIVATE, fd, 0);
        both().store(0, AT + 8 * PAGE, 77);
        both().store(0, AT + 16, 78);
        both().load(0, AT + 8 * PAGE + 16);
        both().load(0, AT + 9 * PAGE);
        both().store(0, AT + PAGE, 79);
        both().load(0, AT + 9 * PAGE);
        call("fallocate", fd, 3, 0, 2 * PAGE);
        both().load(0, AT + 8 * PAGE);
        both().load(0, AT + 9 * PAGE);
        call("ftruncate", fd, 0);
        both().load(0, AT + 8 * PAGE);
        both().compareMaps(0);
    }

    @Test
    void holes_readWriteAndSeek() {
        long fd = memfd("h", 0);
        call("ftruncate", fd, 10 * PAGE + 5);
        for (int round = 0; round < 2; round++) {
            for (long offset : new long[] {0, 1, PAGE, 3 * PAGE, 3 * PAGE + 7, 4 * PAGE, 10 * PAGE, 10 * PAGE + 4}) {
                call("lseek", fd, offset, 3);
                call("lseek", fd, offset, 4);
            }
            for (long offset : new long[] {-1, 10 * PAGE + 5, 11 * PAGE, Long.MIN_VALUE, Long.MAX_VALUE}) {
                call("lseek", fd, offset, 3);
                call("lseek", fd, offset, 4);
                call("lseek", fd, offset, 0);
                call("lseek", fd, offset, 5);
            }
            call("pwrite64", fd, DATA, 10, 3 * PAGE);
            call("pwrite64", fd, DATA, 2 * PAGE, 5 * PAGE + 100);
            call("fallocate", fd, 0, 8 * PAGE, PAGE);
        }
        call("read", fd, DATA, 4 * PAGE);
        call("write", fd, DATA, 4 * PAGE);
        call("lseek", fd, 0, 0);
        call("read", fd, DATA, 4 * PAGE);
        call("lseek", fd, 0, 1);
        call("pread64", fd, DATA, 100, 8 * PAGE);
        call("pread64", fd, DATA, 100, 11 * PAGE);
        call("pread64", fd, DATA, 100, -1);
        call("pwrite64", fd, DATA, 100, -1);
        call("mmap", AT, 12 * PAGE, RW, SHARED, fd, 0);
        call("mincore", AT, 11 * PAGE, DATA);
        both().load(0, DATA);
        both().load(0, DATA + 8);
        both().load(0, AT + 8 * PAGE);
        call("lseek", fd, 8 * PAGE, 3);
        call("pwrite64", fd, 0x1000, 10, 0);
        call("lseek", fd, 0, 3);
        call("pwrite64", fd, A + 16 * PAGE - 10, 20, 20 * PAGE);
        call("lseek", fd, 0, 2);
    }

    @Test
    void fallocate_modesAndErrors() {
        long fd = memfd("f", 0);
        for (int mode = 0; mode < 0x200; mode += mode < 0x20 ? 1 : 0x1f) {
            call("fallocate", fd, mode, 0, 2 * PAGE);
        }
        call("fallocate", fd, 0x40, 0, PAGE);
        call("fallocate", fd, 0x80, 0, PAGE);
        call("fallocate", fd, 0x100, 0, PAGE);
        call("fallocate", fd, 0, -1, PAGE);
        call("fallocate", fd, 0, 0, 0);
        call("fallocate", fd, 0, 0, -1);
        call("fallocate", fd, 0, Long.MAX_VALUE, 1);
        call("fallocate", fd, 3, Long.MAX_VALUE - 1, 1);
        call("fallocate", 99, 0, 0, PAGE);
        call("fallocate", 0, 0, 0, PAGE);
        long file = open("/dev/shm/f", 0x42);
        call("fallocate", open("/dev/shm/f", 0), 0, 0, PAGE);
        call("fallocate", file, 1, 0, 2 * PAGE);
        call("lseek", file, 0, 2);
        call("fallocate", file, 0, 100, PAGE);
        call("lseek", file, 0, 2);
        call("mmap", AT, 2 * PAGE, RW, SHARED, file, 0);
        both().store(0, AT + 8, 5);
        both().store(0, AT + PAGE + 16, 5);
        call("fallocate", file, 3, 12, PAGE);
        both().load(0, AT + 8);
        both().load(0, AT + PAGE);
        both().load(0, AT + PAGE + 16);
    }

    @Test
    void limitsOfAMount_spaceAndInodes() {
        long first = open("/dev/shm/a", 0x42);
        call("ftruncate", first, 100 * PAGE);
        call("mmap", AT, 100 * PAGE, RW, SHARED, first, 0);
        for (int page = 0; page < BLOCKS + 2; page++) {
            both().store(0, AT + page * PAGE, page);
        }
        both().load(0, AT + 50 * PAGE);
        call("pwrite64", first, DATA, PAGE, 60 * PAGE);
        call("pread64", first, DATA, PAGE, 60 * PAGE);
        call("fallocate", first, 3, 0, 2 * PAGE);
        call("pwrite64", first, DATA, 4 * PAGE, 60 * PAGE);
        call("fallocate", first, 0, 0, PAGE);
        call("fallocate", first, 0, 0, 200 * PAGE);
        call("ftruncate", first, 4 * PAGE);
        long second = open("/dev/shm/b", 0xc2);
        call("openat", -100, TEXT, 0xc2, 0600);
        call("openat", -100, both().text(0, TEXT, "/dev/shm/none"), 2, 0);
        call("fallocate", second, 0, 0, 17 * PAGE);
        call("fallocate", second, 0, 0, 15 * PAGE);
        call("lseek", second, 0, 2);
        call("lseek", second, 0, 3);
        call("fallocate", second, 0, 0, 10 * PAGE);
        long third = open("/dev/shm/c", 0x42);
        open("/dev/shm/d", 0x42);
        call("unlink", both().text(0, TEXT, "/dev/shm/c"));
        open("/dev/shm/d", 0x42);
        call("close", third);
        long again = open("/dev/shm/d", 0x42);
        call("mmap", AT + 200 * PAGE, PAGE, RW, PRIVATE, again, 0);
        call("ftruncate", again, PAGE);
        both().compareMaps(0);
        call("unlink", both().text(0, TEXT, "/dev/shm/d"));
        both().compareMaps(0);
        call("unlink", TEXT);
    }

    @Test
    void sharedAnonymous_acrossFork() {
        call("mmap", AT, 4 * PAGE, RW, SHARED_ANON, -1, 0);
        both().store(0, AT, 1);
        both().fork(0, 1);
        both().store(1, AT, 2);
        both().store(1, AT + PAGE, 3);
        both().load(0, AT);
        both().load(0, AT + PAGE);
        call("mremap", AT, 4 * PAGE, 6 * PAGE, 1, 0);
        both().load(0, AT + 5 * PAGE);
        both().compareMaps(0);
        both().compareMaps(1);
        both().exit(1, 0);
        both().load(0, AT + PAGE);
    }

    @Test
    void devZero_sharedAndPrivate() {
        long fd = open("/dev/zero", 2);
        long readOnly = open("/dev/zero", 0);
        call("mmap", AT, 4 * PAGE, RW, SHARED, fd, 0);
        call("mmap", AT + 4 * PAGE, 4 * PAGE, RW, SHARED, fd, 4 * PAGE);
        call("mmap", AT + 10 * PAGE, 4 * PAGE, RW, PRIVATE, fd, 0);
        call("mmap", AT + 14 * PAGE, 4 * PAGE, RW, PRIVATE, fd, 4 * PAGE);
        call("mmap", AT + 20 * PAGE, 4 * PAGE, 1, SHARED, readOnly, 0);
        call("mmap", AT + 30 * PAGE, 4 * PAGE, RW, SHARED, readOnly, 0);
        both().compareMaps(0);
        both().store(0, AT, 5);
        both().store(0, AT + 4 * PAGE, 6);
        both().load(0, AT + 10 * PAGE);
        both().store(0, AT + 10 * PAGE, 7);
        both().store(0, AT + 14 * PAGE, 7);
        both().load(0, AT + 20 * PAGE);
        both().store(0, AT + 20 * PAGE, 7);
        both().fork(0, 1);
        both().store(1, AT, 8);
        both().store(1, AT + 10 * PAGE, 9);
        both().load(0, AT);
        both().load(0, AT + 10 * PAGE);
        call("mremap", AT + 10 * PAGE, 4 * PAGE, 4 * PAGE, 3, AT + 40 * PAGE);
        call("madvise", AT + 40 * PAGE, PAGE, 4);
        both().load(0, AT + 40 * PAGE);
        call("read", fd, AT + 41 * PAGE, 100);
        call("write", fd, AT + 41 * PAGE, 100);
        both().compareMaps(0);
        both().compareMaps(1);
        both().exit(1, 0);
    }

    @Test
    void shmget_keysSizesAndIdentifiers() {
        call("shmget", 1, PAGE, 0600);
        long first = call("shmget", 1, 5000, 01600);
        call("shmget", 1, 0, 0);
        call("shmget", 1, 5000, 0);
        call("shmget", 1, 5001, 0);
        call("shmget", 1, 8192, 01600);
        call("shmget", 1, 1, 03600);
        call("shmget", 1, PAGE, 02600);
        call("shmget", 2, 0, 01600);
        call("shmget", 0, 0, 01600);
        call("shmget", 0, PAGE, 0);
        call("shmget", 0, -1, 0600);
        call("shmget", 0, -(1L << 24), 0600);
        call("shmget", 0, Long.MIN_VALUE, 0600);
        call("shmget", 0, -(1L << 25), 0600);
        call("shmget", 0x80000001L, 100, 01777);
        call("shmget", 3, PAGE, 01600 | 04000 | (20 << 26));
        both().compareSegments();
        call("shmctl", first, 0, 0);
        both().compareSegments();
        for (int i = 0; i < 150; i++) {
            long id = call("shmget", 0, PAGE, 0640);
            if (i % 7 != 0) {
                call("shmctl", id, 0, 0);
            }
        }
        both().compareSegments();
    }

    @Test
    void shmat_addressesAndFlags() {
        long id = call("shmget", 0, 3 * PAGE - 1, 0600);
        call("shmat", id, AT, 0);
        both().store(0, AT, 11);
        call("shmat", id, AT, 0);
        call("shmat", id, AT + PAGE, 0);
        call("shmat", id, AT + PAGE, 040000);
        both().compareMaps(0);
        both().compareSegments();
        both().load(0, AT + PAGE);
        call("shmat", id, AT + 10 * PAGE + 1, 0);
        call("shmat", id, AT + 10 * PAGE + 1, 020000);
        call("shmat", id, 0, 040000);
        call("shmat", id, 1, 020000 | 040000);
        call("shmat", id, 1, 020000);
        call("shmat", id, AT + 20 * PAGE, 010000);
        both().store(0, AT + 20 * PAGE, 1);
        both().load(0, AT + 20 * PAGE);
        call("mprotect", AT + 20 * PAGE, PAGE, RW);
        call("shmat", id, AT + 30 * PAGE, 0100000);
        call("shmat", id, AT + 33 * PAGE, 0100000 | 010000);
        call("shmat", -1, AT, 0);
        call("shmat", id + 1, AT, 0);
        call("shmat", id + (1 << 15), AT, 0);
        call("shmat", id, 0x7ffffffff000L, 0);
        call("shmat", id, -PAGE, 0);
        long chosen = both().callAnyResult(0, "shmat", id, 0, 0);
        both().compareMaps(0);
        both().compareSegments();
        assertThat(chosen & (PAGE - 1)).isZero();
        call("shmdt", AT + 1);
        call("shmdt", AT + 5 * PAGE);
        call("shmdt", AT);
        both().compareMaps(0);
        call("shmdt", AT + PAGE);
        call("shmdt", AT + 10 * PAGE);
        call("shmdt", AT + 10 * PAGE);
        call("shmdt", -PAGE);
        both().compareMaps(0);
        both().compareSegments();
    }

    @Test
    void pieces_countAndDetach() {
        long id = call("shmget", 7, 8 * PAGE, 01600);
        call("shmat", id, AT, 0);
        call("mprotect", AT + 2 * PAGE, 2 * PAGE, 1);
        both().compareMaps(0);
        both().compareSegments();
        call("mprotect", AT + 2 * PAGE, 2 * PAGE, RW);
        both().compareMaps(0);
        both().compareSegments();
        call("mprotect", AT, PAGE, 1);
        call("mprotect", AT + PAGE, PAGE, 1);
        both().compareMaps(0);
        both().compareSegments();
        call("munmap", AT + 4 * PAGE, PAGE);
        both().compareMaps(0);
        call("mremap", AT + 6 * PAGE, 2 * PAGE, 2 * PAGE, 3, AT + 100 * PAGE);
        both().compareMaps(0);
        both().compareSegments();
        call("mremap", AT + 100 * PAGE, 2 * PAGE, 4 * PAGE, 1, 0);
        both().load(0, AT + 101 * PAGE);
        both().load(0, AT + 103 * PAGE);
        call("mremap", AT + 100 * PAGE, 0, 2 * PAGE, 3, AT + 200 * PAGE);
        both().compareMaps(0);
        both().compareSegments();
        call("shmctl", id, 0, 0);
        both().compareSegments();
        call("shmat", id, AT + 300 * PAGE, 0);
        call("shmget", 7, PAGE, 0);
        call("shmdt", AT);
        both().compareMaps(0);
        both().compareSegments();
        call("munmap", AT, 400 * PAGE);
        both().compareSegments();
        call("shmctl", id, 2, DATA);
    }

    @Test
    void attachments_throughForkAndExit() {
        long id = call("shmget", 9, 2 * PAGE, 01644);
        call("shmat", id, AT, 0);
        both().store(0, AT + 8, 5);
        both().fork(0, 1);
        both().compareSegments();
        both().load(1, AT + 8);
        both().store(1, AT + PAGE, 6);
        both().load(0, AT + PAGE);
        both().call(1, "shmat", id, AT + 10 * PAGE, 0);
        both().compareSegments();
        both().call(0, "shmctl", id, 0, 0);
        both().call(0, "shmdt", AT);
        both().compareSegments();
        both().call(0, "shmctl", id, 2, DATA);
        both().exit(1, 0);
        both().compareSegments();
        both().call(0, "shmctl", id, 2, DATA);
        both().call(0, "shmat", id, AT, 0);
    }

    @Test
    void shmctl_structuresAndErrors() {
        long gone = call("shmget", 0, PAGE, 0600);
        long id = call("shmget", 5, 10000, 01640);
        call("shmctl", gone, 0, 0);
        call("shmat", id, AT, 0);
        both().store(0, AT, 1);
        for (int command = -1; command < 18; command++) {
            if (command > 1) {
                call("shmctl", gone, command, DATA);
                call("shmctl", id, command, DATA + 512);
                call("shmctl", id, command, 0x1000);
            }
        }
        call("shmctl", -1, 3, DATA);
        call("shmctl", 0, -5, DATA);
        call("shmctl", id, 2, DATA);
        for (int word : new int[] {0, 1, 2, 3, 4, 5, 6, 11, 12, 13}) {
            both().load(0, DATA + 8L * word);
        }
        call("shmctl", 0, 3, DATA);
        for (int word = 0; word < 9; word++) {
            both().load(0, DATA + 8L * word);
        }
        call("shmctl", 0, 14, DATA);
        for (int word = 0; word < 6; word++) {
            both().load(0, DATA + 8L * word);
        }
        call("shmctl", id, 2, DATA);
        both().store(0, DATA, (12L << 32) | 99);
        both().store(0, DATA + 8, 34);
        both().store(0, DATA + 16, 0xffffffffL << 32 | 7);
        call("shmctl", id, 1, DATA);
        call("shmctl", id, 1, 0x1000);
        call("shmctl", gone, 1, DATA);
        both().compareSegments();
        both().store(0, DATA + 8, -1);
        call("shmctl", id, 1, DATA);
        call("shmctl", id, 11, 0);
        call("shmctl", id, 11, 0);
        both().compareSegments();
        call("shmctl", id, 12, 0);
        both().compareSegments();
    }

    @Test
    void limits_ofSegments() {
        both().setLimit(TwoKernels.SHMMAX, 10 * PAGE);
        call("shmget", 0, 10 * PAGE + 1, 0600);
        call("shmget", 0, 10 * PAGE, 0600);
        both().setLimit(TwoKernels.SHMALL, 15);
        call("shmget", 0, 5 * PAGE + 1, 0600);
        call("shmget", 0, 5 * PAGE, 0600);
        call("shmget", 0, 1, 0600);
        both().setLimit(TwoKernels.SHMALL, 20);
        both().setLimit(TwoKernels.SHMMNI, 3);
        call("shmget", 0, 1, 0600);
        call("shmget", 0, 1, 0600);
        call("shmctl", 0, 3, DATA);
        for (int word = 0; word < 5; word++) {
            both().load(0, DATA + 8L * word);
        }
        both().compareSegments();
    }

    @Test
    void forcedRemoval_endsWithMakerOrLastAttachment() {
        long kept = call("shmget", 0, PAGE, 0600);
        both().fork(0, 1);
        both().call(1, "shmget", 0, PAGE, 0600);
        long attached = both().call(1, "shmget", 0, PAGE, 0600);
        call("shmat", attached, AT, 0);
        both().compareSegments();
        both().exit(1, 0);
        both().compareSegments();
        both().setLimit(TwoKernels.RMID_FORCED, 1);
        both().compareSegments();
        call("shmdt", AT);
        both().compareSegments();
        both().fork(0, 2);
        both().call(2, "shmget", 0, PAGE, 0600);
        both().exit(2, 0);
        both().compareSegments();
        call("shmat", kept, AT, 0);
        call("shmdt", AT);
        both().compareSegments();
    }
}
