package io.pagewalk.observe.proc;

/**
 * One line of {@code /proc/iomem}.
 *
 * @param start first physical address
 * @param last last physical address
 * @param name such as {@code System RAM} or {@code Kernel code}
 */
public record IoRange(long start, long last, String name) {
    /** Returns whether another range lies in this one. */
    boolean contains(IoRange other) {
        return !other.equals(this) && start <= other.start && other.last <= last;
    }
}
