package io.pagewalk.kernel.system;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Processes that share their memory, and the arguments of {@code clone} and {@code clone3}: on the model and on the kernel of this machine. Needs Linux 6.18, root and gcc. */
class CloneTest extends TwoKernelsTest {
    private static final long PAGE = 4096;
    private static final long DATA = TwoKernels.ARENA + 4 * PAGE;
    private static final long AT = TwoKernels.ARENA + (1L << 30);
    private static final int ANON = 0x32;
    private static final long VM = 0x100;
    private static final long FS = 0x200;
    private static final long SIGHAND = 0x800;
    private static final long PIDFD = 0x1000;
    private static final long VFORK = 0x4000;
    private static final long PARENT = 0x8000;
    private static final long THREAD = 0x10000;
    private static final long NEWNS = 0x20000;
    private static final long PARENT_SETTID = 0x100000;
    private static final long DETACHED = 0x400000;
    private static final long NEWUSER = 0x10000000;
    private static final long NEWPID = 0x20000000;
    private static final long CLEAR_SIGHAND = 1L << 32;
    private static final long INTO_CGROUP = 1L << 33;

    CloneTest() {
        super(64, 16);
    }

    @BeforeEach
    void mapArena() {
        call("mmap", TwoKernels.ARENA, 16 * PAGE, 3, ANON, -1, 0);
    }

    private void bothSee(int... processes) {
        for (int who : processes) {
            both().compareMaps(who);
            for (int page = 0; page < 8; page++) {
                both().load(who, AT + page * PAGE);
            }
        }
    }

    @Test
    void child_withSharedMemory_isOneAddressSpace() {
        call("mmap", AT, 8 * PAGE, 3, ANON, -1, 0);
        both().store(0, AT, 1);
        both().share(0, 1, VM);
        both().store(1, AT, 2);
        both().store(1, AT + PAGE, 3);
        bothSee(0, 1);
        both().call(1, "munmap", AT + 3 * PAGE, PAGE);
        both().call(1, "mprotect", AT + 5 * PAGE, PAGE, 1);
        both().store(0, AT + 5 * PAGE, 1);
        bothSee(0, 1);
        call("madvise", AT, PAGE, 4);
        both().call(1, "mmap", AT + 3 * PAGE, PAGE, 3, ANON, -1, 0);
        both().call(1, "mlock", AT, 2 * PAGE);
        bothSee(0, 1);
        both().exit(1, 0);
        bothSee(0);
    }

    @Test
    void child_withSharedMemory_forksAndOutlivesNothing() {
        call("mmap", AT, 8 * PAGE, 3, ANON, -1, 0);
        both().store(0, AT, 1);
        both().share(0, 1, VM | FS);
        both().fork(1, 2);
        both().store(1, AT, 2);
        both().store(2, AT + PAGE, 9);
        bothSee(0, 1, 2);
        both().fork(0, 3);
        both().store(3, AT, 5);
        bothSee(0, 1, 2, 3);
        both().exit(2, 1);
        both().exit(1, 0);
        both().store(0, AT, 6);
        bothSee(0, 3);
        both().exit(3, 0);
        bothSee(0);
    }

    @Test
    void child_ofVfork_leavesItsChanges() {
        call("mmap", AT, 8 * PAGE, 3, ANON, -1, 0);
        both().share(0, 1, VM | VFORK);
        both().store(1, AT, 7);
        both().call(1, "munmap", AT + PAGE, PAGE);
        both().call(1, "mmap", AT + 16 * PAGE, PAGE, 3, ANON, -1, 0);
        both().exit(1, 0);
        bothSee(0);
    }

    @Test
    void child_ofVforkWithoutSharing_hasItsOwnMemory() {
        call("mmap", AT, 8 * PAGE, 3, ANON, -1, 0);
        both().share(0, 1, VFORK);
        both().store(1, AT, 7);
        both().call(1, "munmap", AT + PAGE, PAGE);
        both().exit(1, 0);
        bothSee(0);
    }

    @Test
    void limits_ofSharedMemory_areThoseOfTheCaller() {
        both().share(0, 1, VM);
        both().store(1, DATA, 16 * PAGE);
        both().store(1, DATA + 8, 1L << 40);
        both().call(1, "setrlimit", 9, DATA);
        both().call(1, "mmap", AT, PAGE, 3, ANON, -1, 0);
        call("mmap", AT, PAGE, 3, ANON, -1, 0);
        both().exit(1, 0);
    }

    @Test
    void clone_badFlags_areRefused() {
        for (long flags : new long[] {
            THREAD,
            SIGHAND,
            THREAD | SIGHAND,
            NEWNS | FS,
            NEWUSER | FS,
            THREAD | SIGHAND | VM | NEWUSER,
            THREAD | SIGHAND | VM | NEWPID,
            PIDFD | DETACHED,
            PIDFD | PARENT_SETTID
        }) {
            call("clone", flags | 17, 0, DATA, 0, 0);
        }
        call("clone", PIDFD | 17, 0, 0x1000, 0, 0);
    }

    /** Stores a struct clone_args with one field changed, and calls. */
    private void clone3(long bytes, long flags, int field, long value) {
        for (int i = 0; i < 13; i++) {
            both().store(0, DATA + 8L * i, i == 0 ? flags : 0);
        }
        both().store(0, DATA + 8L * field, value);
        call("clone3", DATA, bytes);
    }

    @Test
    void clone3_badStructures_areRefused() {
        call("clone3", 0x1000, 88);
        call("clone3", 0x1000, 63);
        call("clone3", 0x1000, 4097);
        call("clone3", 0x1000, -1);
        clone3(96, 0, 11, 1);
        clone3(95, 0, 11, 1L << 48);
        for (long flags : new long[] {
            1, 0xff, DETACHED, 1L << 34, SIGHAND | VM | CLEAR_SIGHAND, THREAD, SIGHAND, NEWNS | FS, NEWUSER | FS
        }) {
            clone3(88, flags, 12, 0);
        }
        clone3(88, PIDFD | PARENT_SETTID, 12, 0);
        for (long signal : new long[] {65, 255, 256, -1, 1L << 32}) {
            clone3(88, 0, 4, signal);
        }
        clone3(88, THREAD | SIGHAND | VM, 4, 17);
        clone3(88, PARENT, 4, 17);
        clone3(88, 0, 5, AT);
        clone3(88, 0, 6, PAGE);
        clone3(88, 0, 8, AT);
        clone3(88, 0, 9, 1);
        clone3(88, 0, 9, 33);
        clone3(80, INTO_CGROUP, 12, 0);
        clone3(88, INTO_CGROUP, 10, 1L << 31);
        for (int i = 0; i < 11; i++) {
            both().store(0, DATA + 8L * i, 0);
        }
        both().store(0, DATA + 40, -PAGE);
        both().store(0, DATA + 48, PAGE);
        call("clone3", DATA, 88);
        both().store(0, DATA + 40, 0x7fffffffe000L);
        both().store(0, DATA + 48, PAGE + 1);
        call("clone3", DATA, 88);
        both().store(0, DATA + 40, 0);
        both().store(0, DATA + 48, 0);
        both().store(0, DATA + 64, 0x1000);
        both().store(0, DATA + 72, 1);
        call("clone3", DATA, 88);
        both().store(0, DATA + 64, 0);
        both().store(0, DATA + 72, 0);
        both().store(0, DATA, PIDFD);
        both().store(0, DATA + 8, 0x1000);
        call("clone3", DATA, 88);
    }
}
