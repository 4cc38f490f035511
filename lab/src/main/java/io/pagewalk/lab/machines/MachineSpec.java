package io.pagewalk.lab.machines;

import io.pagewalk.hardware.machine.DeviceDescription;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * A machine in plain values, before its CPU model is looked up and its hardware is built.
 *
 * @param name short name, such as {@code laptop}
 * @param summary one line for people
 * @param cpuModel name of a CPU model of the hardware layer
 * @param protectionKeys whether the CPU has protection keys for user pages; null where its model says so
 * @param paging name of a paging mode, such as {@code x86-64-4level}
 * @param cpus number of CPUs, at least 1
 * @param firmware the memory map in ascending order without overlaps
 * @param nodes NUMA nodes, at least one
 * @param distances {@code distances.get(from).get(to)} as the SLIT table gives them, 10 is local
 * @param kernelImage where the kernel's own sections lie, named as {@code /proc/iomem} names them
 * @param split how i386 divides its 4 GiB between programs and the kernel, as {@link AddressSplit} names it; empty for the usual 3G/1G
 * @param bootReserved pages that boot takes from each zone before the buddy allocator gets the rest, keyed {@code node:Zone}; empty when the
 *     model shall derive them
 * @param disk the block device
 * @param softwareRefill whether a TLB miss is an exception that the kernel serves
 * @param sysctls settings that this machine boots with, by their Linux names
 * @param commandLine the kernel's command line, such as {@code cma=64M}; empty for none
 * @param devices serial ports and cards
 */
public record MachineSpec(
        String name,
        String summary,
        String cpuModel,
        @Nullable Boolean protectionKeys,
        String paging,
        int cpus,
        List<FirmwareRange> firmware,
        List<NodeSpec> nodes,
        List<List<Integer>> distances,
        List<FirmwareRange> kernelImage,
        String split,
        SortedMap<String, Long> bootReserved,
        DiskSpec disk,
        boolean softwareRefill,
        SortedMap<String, String> sysctls,
        String commandLine,
        List<DeviceDescription> devices) {
    /** Copies the collections. */
    public MachineSpec {
        firmware = List.copyOf(firmware);
        nodes = List.copyOf(nodes);
        distances = List.copyOf(distances);
        kernelImage = List.copyOf(kernelImage);
        bootReserved = new TreeMap<>(bootReserved);
        sysctls = new TreeMap<>(sysctls);
        devices = List.copyOf(devices);
    }

    /** Returns the bytes of usable memory in the firmware's map. */
    public long usableBytes() {
        return firmware.stream()
                .filter(FirmwareRange::isUsable)
                .mapToLong(FirmwareRange::sizeBytes)
                .sum();
    }

    /**
     * Returns a copy with more on the kernel's command line.
     *
     * @param more parameters that follow those of the machine
     */
    public MachineSpec withCommandLine(String more) {
        return new MachineSpec(
                name,
                summary,
                cpuModel,
                protectionKeys,
                paging,
                cpus,
                firmware,
                nodes,
                distances,
                kernelImage,
                split,
                bootReserved,
                disk,
                softwareRefill,
                sysctls,
                (commandLine + " " + more).strip(),
                devices);
    }

    /** Returns a copy with another CPU model, as that model is. */
    MachineSpec withCpuModel(String model) {
        return new MachineSpec(
                name,
                summary,
                model,
                null,
                paging,
                cpus,
                firmware,
                nodes,
                distances,
                kernelImage,
                split,
                bootReserved,
                disk,
                softwareRefill,
                sysctls,
                commandLine,
                devices);
    }

    /** Returns a copy with another memory layout, whose boot reservations are derived anew. */
    MachineSpec withMemory(List<FirmwareRange> map, List<NodeSpec> newNodes, List<List<Integer>> newDistances) {
        return new MachineSpec(
                name,
                summary,
                cpuModel,
                protectionKeys,
                paging,
                cpus,
                map,
                newNodes,
                newDistances,
                kernelImage,
                split,
                new TreeMap<>(),
                disk,
                softwareRefill,
                sysctls,
                commandLine,
                devices);
    }
}
