package io.pagewalk.kernel.system;

import io.pagewalk.base.Digest;
import io.pagewalk.base.Violations;
import io.pagewalk.hardware.machine.Machine;
import io.pagewalk.hardware.machine.MachineDescription;
import io.pagewalk.kernel.fault.DeviceMappings;
import io.pagewalk.kernel.io.IoMemory;
import io.pagewalk.kernel.io.IoPorts;
import io.pagewalk.kernel.io.IoResources;
import io.pagewalk.kernel.io.Ioremap;
import io.pagewalk.kernel.io.Memtypes;
import io.pagewalk.kernel.io.ObjectAllocator;
import java.util.function.Consumer;

/** How the kernel of one machine reaches devices: resources, ports, mappings of device memory into the kernel and into processes. */
public final class DeviceLayer {
    private final IoResources resources;
    private final Memtypes memtypes;
    private final Ioremap ioremap;
    private final IoPorts ports;
    private final IoMemory memory;
    private final DeviceMappings mappings;
    private final ObjectAllocator objects;

    DeviceLayer(LinuxKernel kernel, ObjectAllocator objects) {
        Machine machine = kernel.machine();
        MachineDescription description = machine.description();
        Consumer<String> log = kernel.log()::print;
        this.objects = objects;
        this.resources = new IoResources(machine, objects, log);
        this.memtypes =
                new Memtypes(resources.iomem(), description.firmware(), objects, log, () -> nameOfCurrent(kernel));
        this.ioremap = new Ioremap(
                kernel.vmalloc(),
                resources.iomem(),
                memtypes,
                kernel.memmap(),
                Math.min(
                        description.cpu().mmu().physicalBits(),
                        description.mode().maxPhysicalBits()),
                log);
        this.ports = new IoPorts(machine.ports());
        this.memory = new IoMemory(kernel.kernelMemory());
        this.mappings = new DeviceMappings(
                kernel.kernelTables(), kernel.pageTables(), memtypes, log, () -> nameOfCurrent(kernel));
    }

    /** Returns {@code current->comm:current->pid}; before the first process the boot CPU's idle task runs. */
    private static String nameOfCurrent(LinuxKernel kernel) {
        Task task = kernel.currentTask();
        return task == null ? "swapper/0:0" : task.comm() + ":" + task.tid();
    }

    /** Returns who uses which ports and physical addresses. */
    public IoResources resources() {
        return resources;
    }

    /** Returns the cache modes of physical ranges. */
    public Memtypes memtypes() {
        return memtypes;
    }

    /** Returns the mapper of device memory into the kernel. */
    public Ioremap ioremap() {
        return ioremap;
    }

    /** Returns the port instructions. */
    public IoPorts ports() {
        return ports;
    }

    /** Returns the accesses to mapped device memory. */
    public IoMemory memory() {
        return memory;
    }

    /** Returns the mapper of device memory into processes. */
    public DeviceMappings mappings() {
        return mappings;
    }

    /** Returns where small objects of drivers come from. */
    public ObjectAllocator objects() {
        return objects;
    }

    void addToDigest(Digest digest) {
        resources.addToDigest(digest);
        memtypes.addToDigest(digest);
    }

    void verify(Violations out) {
        resources.verify(out);
        memtypes.verify(out);
        ioremap.verify(out);
    }
}
