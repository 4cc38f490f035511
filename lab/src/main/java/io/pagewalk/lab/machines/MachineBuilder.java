package io.pagewalk.lab.machines;

import io.pagewalk.base.BadInput;
import io.pagewalk.base.Bits;
import io.pagewalk.base.Size;
import io.pagewalk.hardware.cpu.CpuModel;
import io.pagewalk.hardware.cpu.CpuModels;
import io.pagewalk.hardware.disk.DiskDescription;
import io.pagewalk.hardware.machine.FirmwareMap;
import io.pagewalk.hardware.machine.KernelImage;
import io.pagewalk.hardware.machine.MachineDescription;
import io.pagewalk.hardware.machine.MemoryRange;
import io.pagewalk.hardware.machine.NodeDescription;
import io.pagewalk.hardware.machine.ZoneReservation;
import io.pagewalk.hardware.mmu.Refill;
import io.pagewalk.hardware.paging.PagingMode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/** The step from a {@link MachineSpec} in plain values to the hardware layer's description, with every check on the way. */
public final class MachineBuilder {
    private static final List<String> KERNEL_SECTIONS =
            List.of("Kernel code", "Kernel rodata", "Kernel data", "Kernel bss");

    /** Where x86 kernels lie without address randomization, {@code CONFIG_PHYSICAL_START}. */
    private static final long X86_KERNEL_START = 16 * Size.MIB;

    /** RISC-V kernels lie 2 MiB above the start of RAM. */
    private static final long RISCV_KERNEL_OFFSET = 2 * Size.MIB;

    /** Large enough for the files of every trace; sizes of disks play no part. */
    private static final long DISK_BYTES = Size.TIB;

    /** One access to local DRAM on a server: 80 to 100 ns in published latency tables. */
    private static final int LOCAL_MEMORY_NANOS = 90;

    private MachineBuilder() {}

    /**
     * Returns the machine as the hardware layer takes it.
     *
     * @param spec the machine in plain values
     * @throws BadInput for an unknown CPU model or paging mode (lists the valid ones) and for parts that do not fit together
     */
    public static MachineDescription build(MachineSpec spec) {
        PagingMode paging = PagingMode.byName(spec.paging());
        CpuModel cpu = CpuModels.byName(spec.cpuModel());
        if (!cpu.modes().contains(paging)) {
            String fitting = CpuModels.all().stream()
                    .filter(model -> model.modes().contains(paging))
                    .map(CpuModel::name)
                    .collect(Collectors.joining(", "));
            throw new BadInput(
                    "cpu",
                    "'" + cpu.name() + "' without the paging mode " + spec.paging() + " of machine " + spec.name(),
                    "one of " + fitting);
        }
        Boolean keys = spec.protectionKeys();
        try {
            if (keys != null) {
                cpu = cpu.withProtectionKeys(keys);
            }
            return new MachineDescription(
                    spec.name(),
                    spec.summary(),
                    paging,
                    firmware(spec),
                    nodes(spec),
                    spec.distances(),
                    cpu,
                    spec.cpus(),
                    cpu.clockHz(),
                    spec.softwareRefill() ? Refill.SOFTWARE : Refill.HARDWARE,
                    List.of(new DiskDescription(
                            spec.disk().name(),
                            DISK_BYTES,
                            spec.disk().latencyNanos(),
                            spec.disk().bandwidthBytesPerSecond(),
                            spec.disk().queueDepth(),
                            DiskDescription.Use.FILES)),
                    kernelImage(spec),
                    List.of(),
                    reserved(spec),
                    LOCAL_MEMORY_NANOS,
                    spec.devices());
        } catch (IllegalArgumentException e) {
            throw new BadInput("machine " + spec.name() + ": " + e.getMessage(), e);
        }
    }

    private static FirmwareMap firmware(MachineSpec spec) {
        List<FirmwareMap.Entry> entries = new ArrayList<>();
        for (FirmwareRange range : spec.firmware()) {
            entries.add(new FirmwareMap.Entry(range.start(), range.end(), type(range.type())));
        }
        return new FirmwareMap(entries);
    }

    private static FirmwareMap.Type type(String name) {
        for (FirmwareMap.Type type : FirmwareMap.Type.values()) {
            if (type.resourceName().equalsIgnoreCase(name)) {
                return type;
            }
        }
        return FirmwareMap.Type.RESERVED;
    }

    private static List<NodeDescription> nodes(MachineSpec spec) {
        List<NodeDescription> nodes = new ArrayList<>();
        for (NodeSpec node : spec.nodes()) {
            nodes.add(new NodeDescription(
                    nodes.size(),
                    node.ranges().stream()
                            .map(range -> new MemoryRange(range.start(), range.end()))
                            .toList(),
                    node.cpus()));
        }
        return nodes;
    }

    private static KernelImage kernelImage(MachineSpec spec) {
        KernelImage image = usualImage(spec);
        return spec.split().isEmpty()
                ? image
                : image.withPageOffset(AddressSplit.byName("machine " + spec.name(), spec.split(), spec.paging())
                        .pageOffset());
    }

    private static KernelImage usualImage(MachineSpec spec) {
        List<MemoryRange> sections = new ArrayList<>();
        for (String name : KERNEL_SECTIONS) {
            Optional<FirmwareRange> section = spec.kernelImage().stream()
                    .filter(range -> range.type().equals(name))
                    .findFirst();
            section.ifPresent(range -> sections.add(new MemoryRange(range.start(), range.end())));
        }
        if (sections.size() == KERNEL_SECTIONS.size()) {
            return new KernelImage(sections.get(0), sections.get(1), sections.get(2), sections.get(3), null);
        }
        boolean isRiscV = PagingMode.byName(spec.paging()).architecture() == PagingMode.Architecture.RISCV64;
        long ramStart = spec.firmware().getFirst().start();
        return KernelImage.at(
                isRiscV ? Bits.roundUp(ramStart, RISCV_KERNEL_OFFSET) + RISCV_KERNEL_OFFSET : X86_KERNEL_START);
    }

    private static List<ZoneReservation> reserved(MachineSpec spec) {
        List<ZoneReservation> result = new ArrayList<>();
        for (Map.Entry<String, Long> entry : spec.bootReserved().entrySet()) {
            int colon = entry.getKey().indexOf(':');
            result.add(new ZoneReservation(
                    Integer.parseInt(entry.getKey().substring(0, colon)),
                    entry.getKey().substring(colon + 1),
                    entry.getValue()));
        }
        return result;
    }
}
