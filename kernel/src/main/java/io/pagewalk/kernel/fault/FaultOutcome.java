package io.pagewalk.kernel.fault;

/** What the fault handler answers, packed in an int: {@code vm_fault_t} after the architecture's part has looked at it. */
public final class FaultOutcome {
    /** The access can be made again. */
    public static final int DONE = 0;

    /** No area at the address: {@code SEGV_MAPERR}. */
    public static final int NO_AREA = 1;

    /** The area does not allow the access: {@code SEGV_ACCERR}. */
    public static final int NO_RIGHT = 2;

    /** Behind the end of the file: {@code SIGBUS} with {@code BUS_ADRERR}. */
    public static final int BEYOND_END = 3;

    /** The task was killed while it waited for memory. */
    public static final int KILLED = 4;

    /** No memory, and nobody was killed: the machine is dead. */
    public static final int NO_MEMORY = 5;

    /** A place that userfaultfd has poisoned: {@code SIGBUS}. */
    public static final int POISONED = 6;

    /** The task waits for a userfaultfd; the access is made again when it is woken. */
    public static final int WAITS = 7;

    /** The same, and the next attempt counts as a major fault: this one held the lock of the whole address space ({@code FAULT_FLAG_TRIED}). */
    public static final int WAITS_AND_TRIED = 8;

    /** The area's protection key refuses the access: {@code SEGV_PKUERR}. */
    public static final int NO_KEY = 9;

    private FaultOutcome() {}
}
