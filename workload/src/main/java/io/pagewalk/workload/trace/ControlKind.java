package io.pagewalk.workload.trace;

/** What can stand between two spans of a trace. The order is the file's numbering. */
public enum ControlKind {
    /** Another thread goes on. */
    SWITCH_THREAD,
    /** The current thread completed a system call. */
    SYSCALL,
    /** A thread ended. */
    EXIT_THREAD,
    /** The process ended. */
    EXIT_PROCESS
}
