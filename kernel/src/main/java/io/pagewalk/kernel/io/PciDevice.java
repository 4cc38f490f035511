package io.pagewalk.kernel.io;

import io.pagewalk.hardware.bus.PciBus;
import io.pagewalk.hardware.bus.PciFunction;
import io.pagewalk.kernel.syscall.Errno;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** A PCI function as the kernel knows it after its scan: {@code struct pci_dev}. */
public final class PciDevice {
    /** How many base address registers a type 0 header has. */
    public static final int BARS = 6;

    private final PciBus bus;
    private final ResourceTree ioports;
    private final ResourceTree iomem;
    private final int slot;
    private final String name;
    private final @Nullable Resource[] resources = new @Nullable Resource[BARS];
    private int enableCount;

    PciDevice(PciBus bus, ResourceTree ioports, ResourceTree iomem, int slot) {
        this.bus = bus;
        this.ioports = ioports;
        this.iomem = iomem;
        this.slot = slot;
        this.name = String.format(Locale.ROOT, "0000:00:%02x.0", slot);
    }

    /** Returns domain, bus, slot and function: {@code 0000:00:02.0}. */
    public String name() {
        return name;
    }

    /** Returns its slot on bus 0. */
    public int slot() {
        return slot;
    }

    /** Returns the vendor number. */
    public int vendor() {
        return readConfig(0, 2);
    }

    /** Returns the device number. */
    public int device() {
        return readConfig(2, 2);
    }

    /** Returns base class, sub-class and programming interface. */
    public int classCode() {
        return readConfig(8, 4) >>> 8;
    }

    /**
     * Reads configuration space: {@code pci_read_config_byte()} and its kind.
     *
     * @param register offset, aligned
     * @param bytes 1, 2 or 4
     */
    public int readConfig(int register, int bytes) {
        return bus.readConfig(slot, register, bytes);
    }

    /**
     * Writes configuration space: {@code pci_write_config_byte()} and its kind.
     *
     * @param register offset, aligned
     * @param bytes 1, 2 or 4
     * @param value the low {@code bytes} bytes count
     */
    public void writeConfig(int register, int bytes, int value) {
        bus.writeConfig(slot, register, bytes, value);
    }

    /**
     * Returns what a base address register maps, or null when there is none.
     *
     * @param bar 0 to 5
     */
    public @Nullable Resource resource(int bar) {
        return resources[bar];
    }

    void setResource(int bar, Resource resource) {
        resources[bar] = resource;
    }

    /**
     * Returns where a window starts: {@code pci_resource_start()}.
     *
     * @param bar 0 to 5
     * @return physical address or port, 0 without a window
     */
    public long start(int bar) {
        Resource resource = resources[bar];
        return resource == null ? 0 : resource.start();
    }

    /**
     * Returns how long a window is: {@code pci_resource_len()}.
     *
     * @param bar 0 to 5
     * @return bytes or ports, 0 without a window
     */
    public long length(int bar) {
        Resource resource = resources[bar];
        return resource == null ? 0 : resource.size();
    }

    /**
     * Switches the windows on: {@code pci_enable_device()}. Calls are counted.
     *
     * @return 0, or {@code -EINVAL} when a window has no address
     */
    public int enable() {
        if (enableCount > 0) {
            enableCount++;
            return 0;
        }
        int command = readConfig(PciFunction.COMMAND, 2);
        for (Resource resource : resources) {
            if (resource == null) {
                continue;
            }
            if (resource.parent() == null) {
                return -Errno.EINVAL;
            }
            command |= resource.type() == Resource.IO ? PciFunction.COMMAND_IO : PciFunction.COMMAND_MEMORY;
        }
        writeConfig(PciFunction.COMMAND, 2, command);
        enableCount = 1;
        return 0;
    }

    /** Takes one {@link #enable} back; with the last one the function loses its right to start transfers: {@code pci_disable_device()}. The windows stay on, as in Linux. */
    public void disable() {
        if (enableCount > 0 && --enableCount == 0) {
            int command = readConfig(PciFunction.COMMAND, 2);
            writeConfig(PciFunction.COMMAND, 2, command & ~PciFunction.COMMAND_MASTER);
        }
    }

    /** Returns how many users have it enabled. */
    public int enableCount() {
        return enableCount;
    }

    /**
     * Takes a window for a driver: {@code pci_request_region()}.
     *
     * @param bar 0 to 5
     * @param owner name of the driver
     * @return 0, or {@code -EBUSY}
     */
    public int requestRegion(int bar, String owner) {
        Resource resource = resources[bar];
        if (resource == null) {
            return 0;
        }
        boolean isFree = treeOf(resource).requestRegion(resource.start(), resource.size(), owner, 0) != null;
        return isFree ? 0 : -Errno.EBUSY;
    }

    /**
     * Gives a window back: {@code pci_release_region()}.
     *
     * @param bar 0 to 5
     */
    public void releaseRegion(int bar) {
        Resource resource = resources[bar];
        if (resource != null) {
            treeOf(resource).releaseRegion(resource.start(), resource.size());
        }
    }

    private ResourceTree treeOf(Resource resource) {
        return resource.type() == Resource.IO ? ioports : iomem;
    }
}
