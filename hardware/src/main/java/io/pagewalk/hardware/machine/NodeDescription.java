package io.pagewalk.hardware.machine;

import java.util.List;

/**
 * One NUMA node, as an ACPI SRAT describes it.
 *
 * @param id its number, from 0
 * @param ranges the physical addresses whose RAM belongs to it; holes may be inside; empty for a node without memory
 * @param cpus the numbers of its CPUs; empty for a node that is memory only
 */
public record NodeDescription(int id, List<MemoryRange> ranges, List<Integer> cpus) {
    /** Copies the lists and refuses a negative number. */
    public NodeDescription {
        ranges = List.copyOf(ranges);
        cpus = List.copyOf(cpus);
        if (id < 0 || id > 1023) {
            throw new IllegalArgumentException("node " + id);
        }
    }
}
