package io.pagewalk.bench;

import io.pagewalk.base.Size;
import io.pagewalk.hardware.cpu.CpuModels;
import io.pagewalk.hardware.machine.FirmwareMap;
import io.pagewalk.hardware.machine.KernelImage;
import io.pagewalk.hardware.machine.MachineDescription;
import io.pagewalk.hardware.machine.MemoryRange;
import io.pagewalk.hardware.machine.NodeDescription;
import io.pagewalk.hardware.mmu.Refill;
import io.pagewalk.hardware.paging.PagingMode;
import java.util.List;

/** The machine that benchmarks boot: one Skylake CPU and one node. */
final class BenchMachines {
    private BenchMachines() {}

    /**
     * Describes it with so much memory.
     *
     * @param ramBytes a multiple of 4096
     */
    static MachineDescription withMemory(long ramBytes) {
        FirmwareMap firmware = FirmwareMap.pc(ramBytes);
        return new MachineDescription(
                "bench",
                "one CPU, one node",
                PagingMode.X86_64_4LEVEL,
                firmware,
                List.of(new NodeDescription(0, List.of(new MemoryRange(0, firmware.endFrame() << 12)), List.of(0))),
                List.of(List.of(10)),
                CpuModels.byName("skylake"),
                1,
                2_500_000_000L,
                Refill.HARDWARE,
                List.of(),
                KernelImage.at(16 * Size.MIB),
                List.of(),
                List.of(),
                80);
    }
}
