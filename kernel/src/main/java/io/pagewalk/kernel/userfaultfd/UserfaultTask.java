package io.pagewalk.kernel.userfaultfd;

import io.pagewalk.kernel.fault.FaultTask;
import io.pagewalk.kernel.filemap.FdTable;
import io.pagewalk.kernel.vma.Mm;
import java.util.function.LongSupplier;

/** A task that faults, reads messages, or changes areas that somebody watches. */
public interface UserfaultTask extends FaultTask {
    /** Why a task is asleep. */
    interface Sleep {
        /** Returns whether the system call in which it fell asleep is made again, rather than having its result already. */
        boolean makesCallAgain();

        /** The task ends: nobody waits any more. */
        void abandon();
    }

    /** Returns the address space it runs in. */
    Mm mm();

    /** Returns its descriptors. */
    FdTable files();

    /** Returns whether it is asleep. */
    boolean isAsleep();

    /**
     * Lets the task sleep. It must not be asleep.
     *
     * @param why what it waits for
     */
    void sleep(Sleep why);

    /** Wakes the task. */
    void wake();

    /**
     * Wakes the task, whose system call is not over yet.
     *
     * @param rest what is left of the call, done before the task runs again; its value is the call's result
     */
    void wakeAndGoOn(LongSupplier rest);
}
