package io.pagewalk.oracle.machine;

/**
 * One thing that a process or thread of a history does. Addresses are concrete, so that a history still makes sense when other steps are left out.
 *
 * @param slot who does it: 0 is the first process, {@link Kind#FORK} makes others
 * @param kind what it is
 * @param number number of the system call for {@link Kind#CALL}
 * @param a0 first argument, or the address; the new slot for {@link Kind#FORK}
 * @param a1 second argument, or the value to store; the flags of clone for {@link Kind#FORK}
 * @param a2 third argument
 * @param a3 fourth argument
 * @param a4 fifth argument
 * @param a5 sixth argument
 */
public record Step(int slot, Kind kind, int number, long a0, long a1, long a2, long a3, long a4, long a5) {
    /** What is done; the helper knows the same numbers. */
    public enum Kind {
        /** A system call. */
        CALL,
        /** A load of eight bytes. */
        LOAD,
        /** A store of eight bytes. */
        STORE,
        /** mincore, with the vector in memory of the helper. */
        MINCORE,
        /** Loads of a whole range, reported as one number. */
        SUM,
        /** A new process or thread. */
        FORK,
        /** The end of one. */
        EXIT,
        /** The parent learns of the end; the helper's part of EXIT. */
        WAIT,
        /** A call of the code at an address, which must be a return instruction. */
        FETCH,
        /** prlimit64 of the process in slot {@code a0}: resource, soft and hard limit; the old limits are the value. */
        LIMIT,
        /** A number written to {@code clear_refs} of the process in slot {@code a0}; behind 1, 2 and 3 its translations are flushed, so that pages are marked again when they are used. */
        CLEAR,
        /** The helper executes itself anew, without limits of address space and data: only the first thread of a process. */
        EXEC,
        /** The size of the pool of huge pages becomes {@code a1}, or how many there may be beyond it when {@code a0} is 1. */
        POOL
    }

    /** The flag of clone that tells a thread from a process. */
    public static final int CLONE_THREAD = 0x10000;

    /** CLONE_VM | FS | FILES | SIGHAND | THREAD | SYSVSEM, and CLEARTID for the helper. */
    public static final int THREAD_FLAGS = 0x100 | 0x200 | 0x400 | 0x800 | CLONE_THREAD | 0x40000 | 0x200000;

    /** SIGCHLD. */
    public static final int FORK_FLAGS = 17;

    /** CLONE_VM | SIGCHLD: a process of its own in the address space of its maker. */
    public static final int SHARING_FLAGS = 0x100 | 17;

    /** CLONE_VM | CLONE_VFORK | SIGCHLD: the maker waits until the process ends or executes a program. */
    public static final int VFORK_FLAGS = 0x4000 | SHARING_FLAGS;

    /** Returns a step that is no system call. */
    public static Step of(int slot, Kind kind, long a0, long a1) {
        return new Step(slot, kind, 0, a0, a1, 0, 0, 0, 0);
    }

    /** Returns a system call; arguments left out are 0. */
    public static Step call(int slot, int number, long... args) {
        return new Step(
                slot, Kind.CALL, number, at(args, 0), at(args, 1), at(args, 2), at(args, 3), at(args, 4), at(args, 5));
    }

    /**
     * Returns a change of limits.
     *
     * @param slot who makes it
     * @param target whose limits change
     * @param resource which
     * @param soft the new soft limit
     * @param hard the new hard limit
     */
    public static Step limit(int slot, int target, int resource, long soft, long hard) {
        return new Step(slot, Kind.LIMIT, 0, target, resource, soft, hard, 0, 0);
    }

    private static long at(long[] args, int index) {
        return index < args.length ? args[index] : 0;
    }

    /** The same done by another. */
    public Step in(int other) {
        return new Step(other, kind, number, a0, a1, a2, a3, a4, a5);
    }

    /** Whether this makes a thread. */
    public boolean isThread() {
        return kind == Kind.FORK && (a1 & CLONE_THREAD) != 0;
    }

    /** Whether this makes a process in the address space of its maker. */
    public boolean isSharing() {
        return kind == Kind.FORK && a1 == SHARING_FLAGS;
    }

    /** Whether the maker of this process waits for it. */
    public boolean isVfork() {
        return kind == Kind.FORK && a1 == VFORK_FLAGS;
    }

    /** Returns the arguments as an array of six. */
    public long[] args() {
        return new long[] {a0, a1, a2, a3, a4, a5};
    }
}
