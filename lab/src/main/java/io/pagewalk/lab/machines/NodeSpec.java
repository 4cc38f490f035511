package io.pagewalk.lab.machines;

import java.util.List;

/**
 * One NUMA node: the physical ranges that are near to its CPUs.
 *
 * @param ranges physical ranges in ascending order; they may cover holes of the memory map
 * @param cpus numbers of its CPUs in ascending order, maybe none
 */
public record NodeSpec(List<FirmwareRange> ranges, List<Integer> cpus) {
    /** Copies the lists. */
    public NodeSpec {
        ranges = List.copyOf(ranges);
        cpus = List.copyOf(cpus);
    }
}
