package io.pagewalk.kernel.memblock;

import io.pagewalk.base.BadInput;
import io.pagewalk.hardware.machine.KernelImage;
import io.pagewalk.hardware.machine.Machine;
import io.pagewalk.hardware.machine.MachineDescription;
import io.pagewalk.hardware.machine.MemoryRange;
import io.pagewalk.hardware.machine.NodeDescription;
import io.pagewalk.hardware.machine.Reservation;
import io.pagewalk.hardware.machine.ZoneReservation;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.memblock.BootPlan.Kept;
import io.pagewalk.kernel.memblock.BootPlan.NodeMemory;
import io.pagewalk.kernel.memblock.BootPlan.Taken;
import io.pagewalk.kernel.page.AddressConversion;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.sysctl.Sysctls;
import io.pagewalk.kernel.zone.ZoneLayout;
import io.pagewalk.kernel.zone.ZoneType;
import java.util.ArrayList;
import java.util.List;

/** Reads a machine's description into a {@link BootPlan}: {@code arch/x86/kernel/setup.c:setup_arch()} and its RISC-V counterpart. */
public final class MachineBoot {
    private static final long PAGE = 4096;
    private static final long MIB = 1 << 20;
    private static final long ISA_HOLE = 0xa0000;
    private static final int I386_STRUCT_PAGE_BYTES = 32;
    private static final int STRUCT_PAGE_BYTES = 64;

    private MachineBoot() {}

    /**
     * Boots the memory of a machine.
     *
     * @param machine a machine that was just switched on
     * @param sysctls settings; derived ones are stored back
     * @return its memory, with every free frame in the buddy allocator
     * @throws BadInput when the machine has too little memory to boot
     */
    public static BootMemory boot(Machine machine, Sysctls sysctls) {
        return boot(machine, sysctls, BootParameters.NONE);
    }

    /**
     * Boots the memory of a machine with a command line.
     *
     * @param machine a machine that was just switched on
     * @param sysctls settings; derived ones are stored back
     * @param parameters the command line
     * @return its memory, with every free frame in the buddy allocator
     * @throws BadInput when the machine has too little memory to boot
     */
    public static BootMemory boot(Machine machine, Sysctls sysctls, BootParameters parameters) {
        return BootMemory.boot(
                plan(machine.description()).withParameters(parameters), sysctls, machine.memory()::clearFrame);
    }

    /**
     * Returns the plan of a described machine.
     *
     * @param machine its description
     * @return what boot needs to know
     * @throws BadInput for a zone that this kind of machine does not have
     */
    public static BootPlan plan(MachineDescription machine) {
        boolean isPc = isPc(machine.mode());
        List<NodeMemory> memory = new ArrayList<>();
        for (MemoryRange usable : machine.firmware().usable()) {
            for (NodeDescription node : machine.nodes()) {
                for (MemoryRange range : node.ranges()) {
                    long start = Math.max(usable.start(), range.start());
                    long end = Math.min(usable.end(), range.end());
                    if (isPc) {
                        // The first frame and the hole for video and ROM are never RAM for the kernel.
                        addRange(memory, Math.max(start, PAGE), Math.min(end, ISA_HOLE), node.id());
                        start = Math.max(start, MIB);
                    }
                    addRange(memory, start, end, node.id());
                }
            }
        }
        long frames =
                memory.stream().mapToLong(range -> range.end() / PAGE).max().orElse(0);
        int[] nodeOfCpu = new int[machine.cpus()];
        machine.nodes().forEach(node -> node.cpus().forEach(cpu -> nodeOfCpu[cpu] = node.id()));
        List<Integer> cpuToNode = new ArrayList<>();
        for (int node : nodeOfCpu) {
            cpuToNode.add(node);
        }
        return new BootPlan(
                layout(machine),
                memory,
                taken(machine, isPc),
                kept(machine),
                cpuToNode,
                machine.distances(),
                conversion(machine, frames),
                layout(machine).indexOf(ZoneType.HIGHMEM) >= 0 ? I386_STRUCT_PAGE_BYTES : STRUCT_PAGE_BYTES,
                BootPlan.PER_CPU_PAGES);
    }

    private static ZoneLayout layout(MachineDescription machine) {
        return switch (machine.mode()) {
            case X86_64_4LEVEL, X86_64_5LEVEL -> ZoneLayout.x8664();
            case I386, I386_PAE ->
                ZoneLayout.i386(AddressConversion.i386(Long.MAX_VALUE, i386PageOffset(machine))
                        .lowmemFrames());
            case SV39, SV48, SV57 -> ZoneLayout.riscv64();
        };
    }

    private static long i386PageOffset(MachineDescription machine) {
        long built = machine.kernel().pageOffset();
        return built == KernelImage.USUAL_PAGE_OFFSET ? AddressConversion.I386_PAGE_OFFSET : built;
    }

    private static boolean isPc(PagingMode mode) {
        return switch (mode) {
            case X86_64_4LEVEL, X86_64_5LEVEL, I386, I386_PAE -> true;
            case SV39, SV48, SV57 -> false;
        };
    }

    private static AddressConversion conversion(MachineDescription machine, long frames) {
        PagingMode mode = machine.mode();
        return switch (mode) {
            case X86_64_4LEVEL -> AddressConversion.x8664FourLevel(frames);
            case X86_64_5LEVEL -> AddressConversion.x8664FiveLevel(frames);
            case I386, I386_PAE -> AddressConversion.i386(frames, i386PageOffset(machine));
            case SV39, SV48, SV57 -> AddressConversion.riscv(mode.virtualBits(), frames);
        };
    }

    private static void addRange(List<NodeMemory> memory, long start, long end, int node) {
        if (start < end) {
            memory.add(new NodeMemory(start, end, node));
        }
    }

    private static List<Taken> taken(MachineDescription machine, boolean isPc) {
        List<Taken> taken = new ArrayList<>();
        if (isPc) {
            // arch/x86/realmode/init.c:reserve_real_mode() keeps the whole first megabyte.
            taken.add(new Taken(0, MIB, FrameOwner.RESERVED));
        }
        KernelImage kernel = machine.kernel();
        for (MemoryRange section : kernel.sections()) {
            taken.add(new Taken(section.start(), section.end(), FrameOwner.KERNEL_IMAGE));
        }
        for (Reservation reservation : machine.reservations()) {
            taken.add(new Taken(reservation.range().start(), reservation.range().end(), FrameOwner.RESERVED));
        }
        return taken;
    }

    private static List<Kept> kept(MachineDescription machine) {
        ZoneLayout layout = layout(machine);
        List<Kept> kept = new ArrayList<>();
        for (ZoneReservation reservation : machine.bootReservedPages()) {
            ZoneType type = layout.types().stream()
                    .filter(zone -> zone.label().equals(reservation.zone()))
                    .findFirst()
                    .orElseThrow(() -> new BadInput(
                            "machine " + machine.name(),
                            "zone '" + reservation.zone() + "'",
                            "one of "
                                    + layout.types().stream()
                                            .map(ZoneType::label)
                                            .toList()));
            kept.add(new Kept(reservation.node(), type, reservation.pages()));
        }
        return kept;
    }
}
