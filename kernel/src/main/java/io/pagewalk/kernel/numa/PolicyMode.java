package io.pagewalk.kernel.numa;

import org.jspecify.annotations.Nullable;

/** How a policy uses its nodes: {@code enum} of {@code include/uapi/linux/mempolicy.h}, in the order of the numbers that calls pass. */
public enum PolicyMode {
    /** No policy: that of the task, or the local node ({@code MPOL_DEFAULT}). */
    DEFAULT("default"),
    /** One node first ({@code MPOL_PREFERRED}). */
    PREFERRED("prefer"),
    /** These nodes only ({@code MPOL_BIND}). */
    BIND("bind"),
    /** One node after another ({@code MPOL_INTERLEAVE}). */
    INTERLEAVE("interleave"),
    /** The node of the CPU ({@code MPOL_LOCAL}). */
    LOCAL("local"),
    /** These nodes first ({@code MPOL_PREFERRED_MANY}). */
    PREFERRED_MANY("prefer (many)"),
    /** One node after another, several pages each ({@code MPOL_WEIGHTED_INTERLEAVE}). */
    WEIGHTED_INTERLEAVE("weighted interleave");

    private final String label;

    PolicyMode(String label) {
        this.label = label;
    }

    /** Returns the word in {@code /proc/PID/numa_maps}. */
    public String label() {
        return label;
    }

    /** Returns whether pages go to nodes in turn. */
    public boolean isInterleaved() {
        return this == INTERLEAVE || this == WEIGHTED_INTERLEAVE;
    }

    /**
     * Returns the mode with a number.
     *
     * @param number as calls pass it, without flags
     * @return the mode, or null for numbers that mean nothing
     */
    public static @Nullable PolicyMode of(int number) {
        PolicyMode[] modes = values();
        return number >= 0 && number < modes.length ? modes[number] : null;
    }
}
