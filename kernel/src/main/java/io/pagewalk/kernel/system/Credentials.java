package io.pagewalk.kernel.system;

import io.pagewalk.kernel.syscall.Errno;

/**
 * Who a process is and what it may do: {@code struct cred}, and whether others of its user may look into it ({@code MMF_DUMPABLE}). Group numbers and file permissions are
 * not modelled.
 *
 * @param real the real user number
 * @param effective the effective user number
 * @param saved the saved user number
 * @param permitted the capabilities it may take, bit N for number N
 * @param capabilities the capabilities it has now
 * @param isDumpable whether a process of the same user may read its memory
 */
public record Credentials(int real, int effective, int saved, long permitted, long capabilities, boolean isDumpable) {
    /** Number of {@code CAP_SETUID}: any user number may be taken. */
    public static final int CAP_SETUID = 7;

    /** Number of {@code CAP_IPC_LOCK}: memory may be locked without limit. */
    public static final int CAP_IPC_LOCK = 14;

    /** Number of {@code CAP_SYS_PTRACE}: other processes may be looked into. */
    public static final int CAP_SYS_PTRACE = 19;

    /** Number of {@code CAP_SYS_NICE}: other processes may be slowed down. */
    public static final int CAP_SYS_NICE = 23;

    /** Number of {@code CAP_SYS_RESOURCE}: hard limits may be raised. */
    public static final int CAP_SYS_RESOURCE = 24;

    /** Number of {@code CAP_CHECKPOINT_RESTORE}: the program file of a process may be replaced. */
    public static final int CAP_CHECKPOINT_RESTORE = 40;

    /** The capabilities of Linux 6.18. */
    public static final long ALL = (1L << 41) - 1;

    /** Root with all capabilities. */
    public static final Credentials ROOT = new Credentials(0, 0, 0, ALL, ALL, true);

    private static final int CAP_SYS_ADMIN = 21;

    /**
     * Returns whether it has a capability: {@code capable()}.
     *
     * @param number one of the constants
     */
    public boolean has(int number) {
        return (capabilities & 1L << number) != 0 || (number == CAP_CHECKPOINT_RESTORE && has(CAP_SYS_ADMIN));
    }

    /**
     * Returns the same user with other capabilities.
     *
     * @param bits bit N for number N
     */
    public Credentials withCapabilities(long bits) {
        return new Credentials(real, effective, saved, bits, bits, isDumpable);
    }

    /**
     * Returns the same user, whose memory others of that user may or may not read.
     *
     * @param value whether they may
     */
    Credentials withDumpable(boolean value) {
        return new Credentials(real, effective, saved, permitted, capabilities, value);
    }

    /** Returns whether the caller may take these user numbers, -1 leaving one alone: the checks of {@code kernel/sys.c:__sys_setresuid()}. */
    long check(int newReal, int newEffective, int newSaved) {
        boolean isOwn = isOwn(newReal) && isOwn(newEffective) && isOwn(newSaved);
        return isOwn || has(CAP_SETUID) ? 0 : -Errno.EPERM;
    }

    private boolean isOwn(int number) {
        return number == -1 || number == real || number == effective || number == saved;
    }

    /** {@code __sys_setresuid()} and {@code security/commoncap.c:cap_emulate_setxuid()}: leaving user 0 costs the capabilities. */
    Credentials withUsers(int newReal, int newEffective, int newSaved) {
        int r = newReal == -1 ? real : newReal;
        int e = newEffective == -1 ? effective : newEffective;
        int s = newSaved == -1 ? saved : newSaved;
        boolean wasRoot = real == 0 || effective == 0 || saved == 0;
        boolean isNobody = wasRoot && r != 0 && e != 0 && s != 0;
        long mayTake = isNobody ? 0 : permitted;
        long has = capabilities;
        if (isNobody || (effective == 0 && e != 0)) {
            has = 0;
        } else if (effective != 0 && e == 0) {
            has = mayTake;
        }
        return new Credentials(r, e, s, mayTake, has, isDumpable && e == effective && (mayTake & ~permitted) == 0);
    }
}
