package io.pagewalk.observe.proc;

import io.pagewalk.base.Size;
import io.pagewalk.hardware.cpu.CpuModel;
import io.pagewalk.hardware.cpu.CpuModels;
import io.pagewalk.hardware.machine.DeviceDescription;
import io.pagewalk.hardware.machine.FirmwareMap;
import io.pagewalk.hardware.machine.KernelImage;
import io.pagewalk.hardware.machine.Machine;
import io.pagewalk.hardware.machine.MachineDescription;
import io.pagewalk.hardware.machine.MemoryRange;
import io.pagewalk.hardware.machine.NodeDescription;
import io.pagewalk.hardware.mmu.Refill;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.system.BootOptions;
import io.pagewalk.kernel.system.LinuxKernel;
import java.util.List;

/** Kernels booted on a machine of two CPUs and one node, for the tests of this package. */
final class TestKernels {
    private TestKernels() {}

    static LinuxKernel boot(PagingMode paging, long ramBytes) {
        return boot(paging, ramBytes, List.of());
    }

    static LinuxKernel boot(PagingMode paging, long ramBytes, List<DeviceDescription> devices) {
        return boot(paging, ramBytes, devices, BootOptions.defaults());
    }

    static LinuxKernel boot(PagingMode paging, long ramBytes, List<DeviceDescription> devices, BootOptions options) {
        return boot(CpuModels.byName("skylake"), paging, ramBytes, devices, options);
    }

    /** With a CPU that has protection keys. */
    static LinuxKernel bootWithKeys(long ramBytes) {
        CpuModel cpu = CpuModels.byName("icelake");
        return boot(cpu, PagingMode.X86_64_4LEVEL, ramBytes, List.of(), BootOptions.defaults());
    }

    private static LinuxKernel boot(
            CpuModel cpu, PagingMode paging, long ramBytes, List<DeviceDescription> devices, BootOptions options) {
        FirmwareMap firmware = FirmwareMap.pc(ramBytes);
        MachineDescription description = new MachineDescription(
                "test",
                "a machine of two CPUs",
                paging,
                firmware,
                List.of(new NodeDescription(0, List.of(new MemoryRange(0, firmware.endFrame() << 12)), List.of(0, 1))),
                List.of(List.of(10)),
                cpu,
                2,
                cpu.clockHz(),
                Refill.HARDWARE,
                List.of(),
                KernelImage.at(16 * Size.MIB),
                List.of(),
                List.of(),
                90,
                devices);
        return LinuxKernel.boot(new Machine(description, 1), options);
    }
}
