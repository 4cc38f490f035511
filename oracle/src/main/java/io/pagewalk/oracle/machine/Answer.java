package io.pagewalk.oracle.machine;

import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.system.UserAccess;

/**
 * What came of a step.
 *
 * @param result of a system call: a value, or a negated errno
 * @param signal 0, or signal and si_code as {@link UserAccess} packs them
 * @param minor minor faults of the calling thread meanwhile
 * @param major major faults of the calling thread meanwhile
 * @param value what was loaded
 */
public record Answer(long result, int signal, long minor, long major, long value) {
    /** Returns the answer as text for people. */
    public String describe() {
        StringBuilder text = new StringBuilder();
        if (Errno.isError(result)) {
            text.append('-').append(Errno.name((int) -result));
        } else {
            text.append("0x").append(Long.toHexString(result));
        }
        if (signal != 0) {
            text.append(", ").append(UserAccess.describe(signal));
        }
        text.append(", minor ").append(minor).append(", major ").append(major);
        return text.append(", value 0x").append(Long.toHexString(value)).toString();
    }
}
