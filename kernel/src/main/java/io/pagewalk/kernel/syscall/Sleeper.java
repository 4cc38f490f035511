package io.pagewalk.kernel.syscall;

import java.util.function.LongSupplier;

/** A task that can wait for something: {@code kernel/sched/wait.c}. */
public interface Sleeper {
    /** Why a task is asleep. */
    interface Sleep {
        /** Returns whether the system call in which it fell asleep is made again, rather than having its result already. */
        boolean makesCallAgain();

        /** The task ends: nobody waits any more. */
        void abandon();
    }

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
