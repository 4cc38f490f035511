package io.pagewalk.kernel.system;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.Bits;
import io.pagewalk.base.Digest;
import io.pagewalk.base.Size;
import io.pagewalk.base.Violations;
import io.pagewalk.hardware.cpu.CpuModels;
import io.pagewalk.hardware.disk.DiskDescription;
import io.pagewalk.hardware.machine.DeviceDescription;
import io.pagewalk.hardware.machine.FirmwareMap;
import io.pagewalk.hardware.machine.KernelImage;
import io.pagewalk.hardware.machine.Machine;
import io.pagewalk.hardware.machine.MachineDescription;
import io.pagewalk.hardware.machine.MemoryRange;
import io.pagewalk.hardware.machine.NodeDescription;
import io.pagewalk.hardware.mmu.Refill;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.syscall.SyscallArgs;
import io.pagewalk.kernel.zone.VmEvent;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** A small machine with a kernel and one process, and the calls that tests make on it. */
final class TestKernel {
    static final int PROT_READ = 1;
    static final int PROT_WRITE = 2;
    static final int PROT_EXEC = 4;
    static final int RW = PROT_READ | PROT_WRITE;
    static final int MAP_SHARED = 1;
    static final int MAP_PRIVATE = 2;
    static final int MAP_FIXED = 0x10;
    static final int MAP_ANONYMOUS = 0x20;
    static final int ANON = MAP_PRIVATE | MAP_ANONYMOUS;
    static final long PAGE = 4096;

    final LinuxKernel kernel;
    final Task task;

    private TestKernel(LinuxKernel kernel) {
        this.kernel = kernel;
        this.task = kernel.exec(ExecImage.bare("test", kernel.layout().stackTop()));
    }

    static TestKernel boot(DeviceDescription... devices) {
        return boot(
                "skylake",
                PagingMode.X86_64_4LEVEL,
                256 * Size.MIB,
                2,
                BootOptions.defaults(),
                Refill.HARDWARE,
                List.of(devices));
    }

    static TestKernel boot(String cpu, PagingMode mode, long ramBytes, int cpus, BootOptions options) {
        return boot(cpu, mode, ramBytes, cpus, options, Refill.HARDWARE);
    }

    static TestKernel boot(String cpu, PagingMode mode, long ramBytes, int cpus, BootOptions options, Refill refill) {
        return boot(cpu, mode, ramBytes, cpus, options, refill, List.of());
    }

    static TestKernel boot(
            String cpu,
            PagingMode mode,
            long ramBytes,
            int cpus,
            BootOptions options,
            Refill refill,
            List<DeviceDescription> devices) {
        boolean isRiscV = mode.architecture() == PagingMode.Architecture.RISCV64;
        long base = isRiscV ? 0x8000_0000L : 0;
        FirmwareMap firmware = isRiscV ? FirmwareMap.flat(base, ramBytes) : FirmwareMap.pc(ramBytes);
        List<Integer> numbers = new ArrayList<>();
        for (int i = 0; i < cpus; i++) {
            numbers.add(i);
        }
        List<NodeDescription> nodes = List.of(new NodeDescription(
                0, List.of(new MemoryRange(0, Bits.roundUp(firmware.endFrame() << 12, Size.MIB))), numbers));
        return boot(cpu, mode, cpus, options, refill, devices, firmware, nodes, List.of(List.of(10)));
    }

    /** Nodes of the same size, all CPUs on node 0. */
    static TestKernel bootNodes(int count, long bytesOfEach) {
        FirmwareMap firmware = FirmwareMap.pc(count * bytesOfEach);
        List<NodeDescription> nodes = new ArrayList<>();
        List<List<Integer>> distances = new ArrayList<>();
        for (int node = 0; node < count; node++) {
            long end = node == count - 1 ? Bits.roundUp(firmware.endFrame() << 12, Size.MIB) : (node + 1) * bytesOfEach;
            nodes.add(new NodeDescription(
                    node, List.of(new MemoryRange(node * bytesOfEach, end)), node == 0 ? List.of(0, 1) : List.of()));
            List<Integer> row = new ArrayList<>();
            for (int other = 0; other < count; other++) {
                row.add(10 + 5 * Math.abs(node - other));
            }
            distances.add(row);
        }
        PagingMode mode = PagingMode.X86_64_4LEVEL;
        BootOptions options = BootOptions.defaults();
        return boot("skylake", mode, 2, options, Refill.HARDWARE, List.of(), firmware, nodes, distances);
    }

    private static TestKernel boot(
            String cpu,
            PagingMode mode,
            int cpus,
            BootOptions options,
            Refill refill,
            List<DeviceDescription> devices,
            FirmwareMap firmware,
            List<NodeDescription> nodes,
            List<List<Integer>> distances) {
        long base = mode.architecture() == PagingMode.Architecture.RISCV64 ? 0x8000_0000L : 0;
        MachineDescription description = new MachineDescription(
                "test",
                "a machine for tests",
                mode,
                firmware,
                nodes,
                distances,
                CpuModels.byName(cpu),
                cpus,
                2_500_000_000L,
                refill,
                List.of(new DiskDescription(
                        "vda", 64 * Size.GIB, 100_000, 2_000_000_000L, 32, DiskDescription.Use.FILES)),
                KernelImage.at(base + 16 * Size.MIB),
                List.of(),
                List.of(),
                80);
        return new TestKernel(LinuxKernel.boot(new Machine(description.withDevices(devices), 1), options));
    }

    static BootOptions sysctl(String name, String value) {
        return BootOptions.defaults().withSysctls(Map.of(name, value));
    }

    long open(Task who, String path, int flags) {
        SyscallArgs args = new SyscallArgs().set(kernel.syscallNumbers().number("openat"), -100, 0, flags);
        args.path = path;
        return kernel.syscall(who, args);
    }

    boolean logged(String text) {
        return kernel.log().lines().stream().anyMatch(line -> line.contains(text));
    }

    long call(Task who, String name, long... arguments) {
        return kernel.syscall(who, new SyscallArgs().set(kernel.syscallNumbers().number(name), arguments));
    }

    long call(String name, long... arguments) {
        return call(task, name, arguments);
    }

    /** Maps anonymous memory, private, readable and writable, anywhere. */
    long anonymous(long pages) {
        return mapped(call("mmap", 0, pages * PAGE, RW, ANON, -1, 0));
    }

    long mapped(long result) {
        assertThat(result < 0 && result > -4096).as("mmap gave %d", result).isFalse();
        return result;
    }

    int open(String path, int flags) {
        SyscallArgs args = new SyscallArgs().set(kernel.syscallNumbers().number("openat"), -100, 0, flags);
        args.path = path;
        long fd = kernel.syscall(task, args);
        assertThat(fd).isNotNegative();
        return (int) fd;
    }

    long minor() {
        return task.minorFaults();
    }

    long major() {
        return task.majorFaults();
    }

    long event(VmEvent event) {
        return kernel.vmstat().get(event);
    }

    void verify() {
        Violations out = new Violations();
        kernel.verify(out);
        out.throwIfAny();
    }

    String digest() {
        Digest digest = new Digest();
        kernel.addToDigest(digest);
        return digest.hex();
    }
}
