package io.pagewalk.kernel.system;

import io.pagewalk.base.KernelBug;
import io.pagewalk.kernel.syscall.Sleeper.Sleep;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/** Why a task does not run, and what it goes on with: the state of a task in {@code schedule()}. */
final class TaskSleep {
    private @Nullable Sleep why;
    private long callResult;
    private @Nullable LongSupplier rest;
    private boolean hasFault;
    private long vaddr;
    private int fault;
    private boolean isUser;
    private boolean isTried;

    TaskSleep() {}

    boolean isAsleep() {
        return why != null;
    }

    void begin(Sleep reason) {
        KernelBug.on(why != null, "a sleeping task falls asleep");
        why = reason;
        hasFault = false;
    }

    /** A system call begins. */
    void callBegins() {
        callResult = LinuxKernel.WAITS;
    }

    /** Ends the sleep; returns whether a fault must be handled once more. */
    boolean end() {
        why = null;
        return hasFault;
    }

    /** The task itself ends. */
    void abandon() {
        Sleep reason = why;
        why = null;
        hasFault = false;
        if (reason != null) {
            reason.abandon();
        }
    }

    /** Keeps what the call returns when the sleep is over, unless it is made again then. */
    void callEnds(long result) {
        if (why != null && !why.makesCallAgain()) {
            callResult = result;
        }
    }

    long callResult() {
        return callResult;
    }

    void setCallResult(long result) {
        callResult = result;
    }

    /** Keeps what is left of the call until the task runs. */
    void goOnWith(LongSupplier restOfCall) {
        rest = restOfCall;
    }

    /** Takes what is left of the call, null when nothing is. */
    @Nullable
    LongSupplier takeRest() {
        LongSupplier result = rest;
        rest = null;
        return result;
    }

    /** Notes the fault in which the task fell asleep. */
    void noteFault(long faultAddress, int packedFault, boolean isUserAccess, boolean countsAsTried) {
        if (why != null && why.makesCallAgain()) {
            hasFault = true;
            vaddr = faultAddress;
            fault = packedFault;
            isUser = isUserAccess;
            isTried = countsAsTried;
        }
    }

    long vaddr() {
        return vaddr;
    }

    int fault() {
        return fault;
    }

    boolean isUser() {
        return isUser;
    }

    boolean isTried() {
        return isTried;
    }
}
