package io.pagewalk.hardware.machine;

import io.pagewalk.hardware.bus.Uart16550;
import io.pagewalk.hardware.cpu.CpuModel;
import io.pagewalk.hardware.disk.DiskDescription;
import io.pagewalk.hardware.mmu.Refill;
import io.pagewalk.hardware.numa.NumaTopology;
import io.pagewalk.hardware.paging.PagingMode;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Everything a machine is made of. The constructor refuses what cannot be with an {@link IllegalArgumentException} that says why.
 *
 * @param name what {@code --machine} takes
 * @param description the machine in words
 * @param mode the paging mode its kernel uses; one that the CPU model has
 * @param firmware what the firmware says about physical memory
 * @param nodes the NUMA nodes, numbered from 0 without gaps; every usable byte belongs to exactly one
 * @param distances one row per node, as in an ACPI SLIT
 * @param cpu the part; all CPUs are the same
 * @param cpus how many CPUs, numbered from 0; each belongs to exactly one node
 * @param clockHz the clock of the CPUs
 * @param refill who refills the TLBs
 * @param disks files and swap; the first with a use is the one the kernel takes first
 * @param kernel where the kernel image lies, inside usable memory
 * @param reservations what else is taken before the page allocator starts
 * @param bootReservedPages known numbers of pages that boot keeps, by zone; empty where they are not known
 * @param localMemoryNanos what one access to local memory takes; remote memory takes it in proportion to the distance
 * @param devices what else is on the buses; a PCI card brings the PCI bus with it
 */
public record MachineDescription(
        String name,
        String description,
        PagingMode mode,
        FirmwareMap firmware,
        List<NodeDescription> nodes,
        List<List<Integer>> distances,
        CpuModel cpu,
        int cpus,
        long clockHz,
        Refill refill,
        List<DiskDescription> disks,
        KernelImage kernel,
        List<Reservation> reservations,
        List<ZoneReservation> bootReservedPages,
        int localMemoryNanos,
        List<DeviceDescription> devices) {
    private static final int MAX_CPUS = 8192;

    /** Copies the lists and refuses what cannot be. */
    public MachineDescription {
        nodes = List.copyOf(nodes);
        distances = distances.stream().map(List::copyOf).toList();
        disks = List.copyOf(disks);
        reservations = List.copyOf(reservations);
        bootReservedPages = List.copyOf(bootReservedPages);
        devices = List.copyOf(devices);
        check(!name.isBlank(), "a machine without a name");
        check(cpus >= 1 && cpus <= MAX_CPUS, cpus + " CPUs");
        check(clockHz >= 1_000_000, "a clock of " + clockHz + " Hz");
        check(localMemoryNanos >= 1, "memory with a latency of " + localMemoryNanos + " ns");
        check(cpu.modes().contains(mode), "CPU " + cpu.name() + " has no paging mode " + mode.modeName());
        checkNodes(nodes, cpus);
        check(
                distances.size() == nodes.size(),
                nodes.size() + " nodes with " + distances.size() + " rows of distances");
        topology(nodes, distances, cpus);
        checkMemory(firmware, nodes, Math.min(cpu.mmu().physicalBits(), mode.maxPhysicalBits()));
        for (MemoryRange section : kernel.sections()) {
            check(
                    firmware.usable().stream().anyMatch(usable -> usable.contains(section)),
                    "the kernel's section " + section + " is not in usable memory");
        }
        Set<String> names = new HashSet<>();
        for (DiskDescription disk : disks) {
            check(names.add(disk.name()), "two disks named " + disk.name());
        }
        for (ZoneReservation kept : bootReservedPages) {
            check(kept.node() < nodes.size(), "reserved pages on node " + kept.node());
        }
        checkDevices(devices, mode);
    }

    /**
     * Describes a machine without devices.
     *
     * @param name what {@code --machine} takes
     * @param description the machine in words
     * @param mode the paging mode
     * @param firmware the memory map
     * @param nodes the NUMA nodes
     * @param distances one row per node
     * @param cpu the part
     * @param cpus how many CPUs
     * @param clockHz the clock
     * @param refill who refills the TLBs
     * @param disks files and swap
     * @param kernel where the kernel image lies
     * @param reservations what else is taken
     * @param bootReservedPages pages that boot keeps
     * @param localMemoryNanos what one access to local memory takes
     */
    public MachineDescription(
            String name,
            String description,
            PagingMode mode,
            FirmwareMap firmware,
            List<NodeDescription> nodes,
            List<List<Integer>> distances,
            CpuModel cpu,
            int cpus,
            long clockHz,
            Refill refill,
            List<DiskDescription> disks,
            KernelImage kernel,
            List<Reservation> reservations,
            List<ZoneReservation> bootReservedPages,
            int localMemoryNanos) {
        this(
                name,
                description,
                mode,
                firmware,
                nodes,
                distances,
                cpu,
                cpus,
                clockHz,
                refill,
                disks,
                kernel,
                reservations,
                bootReservedPages,
                localMemoryNanos,
                List.of());
    }

    /**
     * Returns the same machine with other devices.
     *
     * @param others what is on its buses
     */
    public MachineDescription withDevices(List<DeviceDescription> others) {
        return new MachineDescription(
                name,
                description,
                mode,
                firmware,
                nodes,
                distances,
                cpu,
                cpus,
                clockHz,
                refill,
                disks,
                kernel,
                reservations,
                bootReservedPages,
                localMemoryNanos,
                others);
    }

    /** Returns whether the machine has a PCI bus. */
    public boolean hasPci() {
        return devices.stream().anyMatch(device -> device instanceof DeviceDescription.Framebuffer);
    }

    /** Returns where the PCI bus may have its windows. */
    public PciWindows pciWindows() {
        return PciWindows.of(firmware, Math.min(cpu.mmu().physicalBits(), mode.maxPhysicalBits()));
    }

    private static void checkDevices(List<DeviceDescription> devices, PagingMode mode) {
        check(
                devices.isEmpty() || mode.architecture() != PagingMode.Architecture.RISCV64,
                "devices on ports or PCI on a machine that is no PC");
        Set<Integer> slots = new HashSet<>();
        Set<Integer> ports = new HashSet<>();
        for (DeviceDescription device : devices) {
            switch (device) {
                case DeviceDescription.Uart uart ->
                    check(
                            ports.add(uart.port() / Uart16550.PORTS),
                            "two devices at port 0x" + Integer.toHexString(uart.port()));
                case DeviceDescription.Framebuffer card ->
                    check(slots.add(card.slot()), "two cards in PCI slot " + card.slot());
            }
        }
    }

    /** Returns the machine's NUMA topology. */
    public NumaTopology topology() {
        return topology(nodes, distances, cpus);
    }

    /** Returns the usable RAM in bytes. */
    public long ramBytes() {
        return firmware.usableBytes();
    }

    private static NumaTopology topology(List<NodeDescription> nodes, List<List<Integer>> distances, int cpus) {
        int[][] table = new int[distances.size()][];
        for (int i = 0; i < table.length; i++) {
            table[i] = distances.get(i).stream().mapToInt(Integer::intValue).toArray();
        }
        int[] nodeOfCpu = new int[cpus];
        for (NodeDescription node : nodes) {
            for (int cpu : node.cpus()) {
                nodeOfCpu[cpu] = node.id();
            }
        }
        return new NumaTopology(table, nodeOfCpu);
    }

    private static void checkNodes(List<NodeDescription> nodes, int cpus) {
        check(!nodes.isEmpty(), "a machine without a node");
        Set<Integer> seen = new HashSet<>();
        for (int i = 0; i < nodes.size(); i++) {
            check(nodes.get(i).id() == i, "node " + nodes.get(i).id() + " at place " + i);
            for (int cpu : nodes.get(i).cpus()) {
                check(cpu >= 0 && cpu < cpus, "node " + i + " has CPU " + cpu + " of " + cpus);
                check(seen.add(cpu), "CPU " + cpu + " is on two nodes");
            }
        }
        check(seen.size() == cpus, cpus + " CPUs, of which " + seen.size() + " are on a node");
    }

    private static void checkMemory(FirmwareMap firmware, List<NodeDescription> nodes, int physicalBits) {
        for (MemoryRange usable : firmware.usable()) {
            check(
                    (usable.end() - 1) >>> physicalBits == 0,
                    usable + " is beyond " + physicalBits + " physical address bits");
            long covered = 0;
            for (NodeDescription node : nodes) {
                for (MemoryRange range : node.ranges()) {
                    covered +=
                            Math.max(0, Math.min(range.end(), usable.end()) - Math.max(range.start(), usable.start()));
                }
            }
            check(covered == usable.sizeBytes(), usable + " has " + covered + " bytes on nodes");
        }
        List<MemoryRange> all =
                nodes.stream().flatMap(node -> node.ranges().stream()).toList();
        for (int i = 0; i < all.size(); i++) {
            for (int j = i + 1; j < all.size(); j++) {
                check(!all.get(i).overlaps(all.get(j)), "memory of nodes overlaps at " + all.get(j));
            }
        }
    }

    private static void check(boolean condition, String message) {
        if (!condition) {
            throw new IllegalArgumentException(message);
        }
    }
}
