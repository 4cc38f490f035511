package io.pagewalk.kernel.slub;

/** What slab caches ask the kernel around them: the log, and who is running. Wired by the kernel; all methods have a quiet default. */
public interface SlabEnvironment {
    /** A kernel that nobody runs on and that logs nothing. */
    SlabEnvironment NONE = new SlabEnvironment() {};

    /**
     * Prints a line to the kernel's log: {@code printk()}.
     *
     * @param line without time stamp
     */
    default void log(String line) {}

    /** Returns the running task's number, 0 for none. */
    default int pid() {
        return 0;
    }

    /** Returns the running task's name. */
    default String comm() {
        return "swapper/0";
    }

    /** Returns the ticks since boot at {@code HZ=1000}. */
    default long jiffies() {
        return 0;
    }
}
