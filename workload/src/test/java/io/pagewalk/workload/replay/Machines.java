package io.pagewalk.workload.replay;

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
        FirmwareMap firmware = FirmwareMap.pc(ramBytes);
        return new Machine(
                new MachineDescription(
                        "test",
                        "a machine for tests",
                        PagingMode.X86_64_4LEVEL,
                        firmware,
                        List.of(new NodeDescription(0, firmware.usable(), List.of(0, 1))),
                        List.of(List.of(10)),
                        CpuModels.byName(cpu),
                        2,
                        2_500_000_000L,
                        refill,
                        List.of(new DiskDescription(
                                "vda", 1L << 34, 80_000, 1_000_000_000, 32, DiskDescription.Use.FILES)),
                        KernelImage.at(16 << 20),
                        List.of(),
                        List.of(),
                        80),
                1);
    }
}
