package io.pagewalk.workload.replay;

import io.pagewalk.base.Size;
import io.pagewalk.hardware.cpu.CpuModels;
import io.pagewalk.hardware.disk.DiskDescription;
import io.pagewalk.hardware.machine.FirmwareMap;
import io.pagewalk.hardware.machine.KernelImage;
import io.pagewalk.hardware.machine.Machine;
import io.pagewalk.hardware.machine.MachineDescription;
import io.pagewalk.hardware.machine.NodeDescription;
import io.pagewalk.hardware.mmu.Refill;
import io.pagewalk.hardware.paging.PagingMode;
import java.util.List;

/** Machines for tests: one node, two CPUs, one disk. */
final class Machines {
    private Machines() {}

    static Machine pc(String cpu, long ramBytes, Refill refill) {
        return machine(PagingMode.X86_64_4LEVEL, cpu, FirmwareMap.pc(ramBytes), 16 << 20, refill);
    }

    static Machine i386(long ramBytes) {
        return machine(PagingMode.I386, "pentium-m", FirmwareMap.pc(ramBytes), 16 << 20, Refill.HARDWARE);
    }

    static Machine sv39(long ramBytes) {
        long ramStart = 2 * Size.GIB;
        return machine(
                PagingMode.SV39,
                "sifive-u74",
                FirmwareMap.flat(ramStart, ramBytes),
                ramStart + 2 * Size.MIB,
                Refill.HARDWARE);
    }

    private static Machine machine(PagingMode mode, String cpu, FirmwareMap firmware, long kernelStart, Refill refill) {
        return new Machine(
                new MachineDescription(
                        "test",
                        "a machine for tests",
                        mode,
                        firmware,
                        List.of(new NodeDescription(0, firmware.usable(), List.of(0, 1))),
                        List.of(List.of(10)),
                        CpuModels.byName(cpu),
                        2,
                        2_500_000_000L,
                        refill,
                        List.of(new DiskDescription(
                                "vda", 1L << 34, 80_000, 1_000_000_000, 32, DiskDescription.Use.FILES)),
                        KernelImage.at(kernelStart),
                        List.of(),
                        List.of(),
                        80),
                1);
    }
}
