package io.pagewalk.kernel.io;

import io.pagewalk.base.Digest;
import io.pagewalk.base.Violations;
import io.pagewalk.hardware.bus.PciBus;
import io.pagewalk.hardware.bus.PortSpace;
import io.pagewalk.hardware.machine.Machine;
import io.pagewalk.hardware.machine.MachineDescription;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** The two resource trees of a kernel as boot fills them, and the PCI bus that was found: {@code ioport_resource}, {@code iomem_resource}. */
public final class IoResources {
    private final ResourceTree ioports;
    private final ResourceTree iomem;
    private final @Nullable PciRoot pci;

    /**
     * Boots the trees: memory map, kernel sections, mainboard ports, and on a machine with PCI its windows and cards.
     *
     * @param machine the hardware
     * @param objects where {@code struct resource} comes from
     * @param log receives lines of the kernel's log
     */
    public IoResources(Machine machine, ObjectAllocator objects, Consumer<String> log) {
        MachineDescription description = machine.description();
        int physicalBits = Math.min(
                description.cpu().mmu().physicalBits(), description.mode().maxPhysicalBits());
        this.ioports = new ResourceTree("PCI IO", PortSpace.PORTS - 1, Resource.IO, objects, log);
        this.iomem = new ResourceTree("PCI mem", (1L << physicalBits) - 1, Resource.MEM, objects, log);
        BootResources.addMemory(iomem, description);
        BootResources.addPorts(ioports, description);
        PciBus bus = machine.pci();
        this.pci = bus == null ? null : new PciRoot(bus, ioports, iomem, log);
        if (pci != null) {
            pci.boot(description.pciWindows());
        }
    }

    /** Returns the tree of I/O ports. */
    public ResourceTree ioports() {
        return ioports;
    }

    /** Returns the tree of physical addresses. */
    public ResourceTree iomem() {
        return iomem;
    }

    /** Returns the PCI bus, or null on a machine without one. */
    public @Nullable PciRoot pci() {
        return pci;
    }

    /**
     * Takes ports for a driver: {@code request_region()}.
     *
     * @param start first port
     * @param count how many, at least 1
     * @param name who asks
     * @return the region, or null
     */
    public @Nullable Resource requestRegion(long start, long count, String name) {
        return ioports.requestRegion(start, count, name, 0);
    }

    /**
     * Takes ports that owners share by turns: {@code request_muxed_region()}.
     *
     * @param start first port
     * @param count how many, at least 1
     * @param name who asks
     * @return the region, or null; Linux would sleep while another muxed owner has it
     */
    public @Nullable Resource requestMuxedRegion(long start, long count, String name) {
        return ioports.requestRegion(start, count, name, Resource.MUXED);
    }

    /**
     * Gives ports back: {@code release_region()}.
     *
     * @param start first port
     * @param count how many
     */
    public void releaseRegion(long start, long count) {
        ioports.releaseRegion(start, count);
    }

    /**
     * Takes physical addresses for a driver: {@code request_mem_region()}.
     *
     * @param start first address
     * @param size bytes, at least 1
     * @param name who asks
     * @return the region, or null
     */
    public @Nullable Resource requestMemRegion(long start, long size, String name) {
        return iomem.requestRegion(start, size, name, 0);
    }

    /**
     * Takes physical addresses that user space must not map: {@code request_mem_region_exclusive()}.
     *
     * @param start first address
     * @param size bytes, at least 1
     * @param name who asks
     * @return the region, or null
     */
    public @Nullable Resource requestMemRegionExclusive(long start, long size, String name) {
        return iomem.requestRegion(start, size, name, Resource.EXCLUSIVE);
    }

    /**
     * Gives physical addresses back: {@code release_mem_region()}.
     *
     * @param start first address
     * @param size bytes
     */
    public void releaseMemRegion(long start, long size) {
        iomem.releaseRegion(start, size);
    }

    /**
     * Adds both trees to a digest.
     *
     * @param digest where to
     */
    public void addToDigest(Digest digest) {
        ioports.addToDigest(digest);
        iomem.addToDigest(digest);
    }

    /**
     * Checks both trees.
     *
     * @param out where violations go
     */
    public void verify(Violations out) {
        ioports.verify(out);
        iomem.verify(out);
    }
}
