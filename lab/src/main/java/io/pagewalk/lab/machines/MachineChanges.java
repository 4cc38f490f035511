package io.pagewalk.lab.machines;

import io.pagewalk.base.BadInput;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a user changes on a described machine: the options {@code --ram}, {@code --nodes} and {@code --cpu}.
 *
 * @param ram installed memory such as {@code 4G}, or null to keep it
 * @param nodes number of NUMA nodes, or null to keep them
 * @param cpu name of a CPU model, or null to keep it
 */
public record MachineChanges(
        @Nullable String ram,
        @Nullable Integer nodes,
        @Nullable String cpu) {
    private static final int MOST_NODES = 64;

    /** Nothing changed. */
    public static final MachineChanges NONE = new MachineChanges(null, null, null);

    /**
     * Returns a machine with these changes. When the memory or the nodes change, the firmware's map is laid out anew, with the PCI hole below 4 GiB.
     *
     * @param machine the machine as described
     * @throws BadInput for a size or a number of nodes that this machine cannot have
     */
    public MachineSpec applyTo(MachineSpec machine) {
        MachineSpec result = cpu == null ? machine : machine.withCpuModel(cpu);
        if (ram == null && nodes == null) {
            return result;
        }
        List<FirmwareRange> firmware = ram == null
                ? result.firmware()
                : MemoryLayout.firmware(result.paging(), MemoryLayout.ramBytes("--ram", ram, result.paging()));
        int count = nodes == null ? result.nodes().size() : nodes;
        if (count < 1 || count > MOST_NODES) {
            throw new BadInput("--nodes", Integer.toString(count), "a number from 1 to " + MOST_NODES);
        }
        List<List<Integer>> distances =
                count == result.nodes().size() ? result.distances() : MemoryLayout.distances(count);
        return result.withMemory(firmware, MemoryLayout.nodes(firmware, count, result.cpus()), distances);
    }
}
