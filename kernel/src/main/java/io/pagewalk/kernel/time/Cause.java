package io.pagewalk.kernel.time;

/** What simulated time is spent on. */
public enum Cause {
    /** The program's own instructions and accesses, charged by whoever replays them. */
    PROGRAM("program"),
    /** Page walks and second-level TLB hits. */
    TRANSLATION("translation"),
    /** Page faults without input: entry, handler, clearing or copying a page. */
    MINOR_FAULT("minor faults"),
    /** The part of a page fault that runs on the CPU when a device is read. */
    MAJOR_FAULT("major faults"),
    /** Waiting for a block device, in faults and in system calls. */
    IO_WAIT("device wait"),
    /** Entering and leaving system calls, and their work. */
    SYSCALL("system calls"),
    /** Copying between files and user memory. */
    COPY("copying"),
    /** Switching between tasks. */
    CONTEXT_SWITCH("context switches"),
    /** Flushing translations on the own CPU. */
    TLB_FLUSH("TLB flushes"),
    /** Interrupting other CPUs to flush theirs. */
    IPI("shootdowns"),
    /** fork(), exec() and exit(): building and tearing down address spaces. */
    PROCESS("fork, exec, exit");

    private final String label;

    Cause(String label) {
        this.label = label;
    }

    /** Returns the words a report uses. */
    public String label() {
        return label;
    }
}
