package io.pagewalk.kernel.io;

import io.pagewalk.hardware.bus.PciBus;
import io.pagewalk.hardware.bus.PciFunction;
import io.pagewalk.hardware.machine.MemoryRange;
import io.pagewalk.hardware.machine.PciWindows;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The boot of PCI bus 0: its windows, the scan for functions, the size of each base address register, and a place for it.
 *
 * <p>Follows {@code drivers/pci/probe.c:pci_scan_device(), __pci_read_base()}, {@code drivers/pci/setup-bus.c:pdev_sort_resources()} (windows with the largest alignment first)
 * and {@code drivers/pci/bus.c:pci_bus_alloc_resource()} (64-bit windows above 4 GiB first). The firmware has placed nothing, as on a machine with {@code pci=realloc}.
 */
public final class PciRoot {
    /** {@code PCIBIOS_MIN_IO}: ports below belong to the mainboard. */
    private static final long MIN_IO = 0x1000;
    /** {@code PCIBIOS_MIN_MEM} where no gap moved it. */
    private static final long MIN_MEM = 0x1000_0000L;

    private static final long FOUR_GIB = 1L << 32;

    private final PciBus bus;
    private final ResourceTree ioports;
    private final ResourceTree iomem;
    private final Consumer<String> log;
    private final List<Resource> windows = new ArrayList<>();
    private final List<PciDevice> devices = new ArrayList<>();

    /** One window that waits for a place. */
    private record Wanted(PciDevice device, int bar, Resource resource) {}

    PciRoot(PciBus bus, ResourceTree ioports, ResourceTree iomem, Consumer<String> log) {
        this.bus = bus;
        this.ioports = ioports;
        this.iomem = iomem;
        this.log = log;
    }

    /** Scans and places everything. */
    void boot(PciWindows passed) {
        log.accept("PCI: Using configuration type 1 for base access");
        ioports.requestRegion(PciBus.CONFIG_ADDRESS, 8, "PCI conf1", 0);
        log.accept("PCI host bridge to bus 0000:00");
        addWindow(ioports, 0, PciBus.CONFIG_ADDRESS - 1, Resource.IO);
        addWindow(ioports, PciBus.CONFIG_DATA + 4, 0xffff, Resource.IO);
        addWindow(iomem, passed.low());
        if (passed.high() != null) {
            addWindow(iomem, passed.high());
        }
        for (int slot = 0; slot < PciBus.SLOTS; slot++) {
            int identity = bus.readConfig(slot, 0, 4);
            if (identity != -1 && identity != 0) {
                scan(slot);
            }
        }
        assign();
    }

    private void addWindow(ResourceTree tree, MemoryRange range) {
        addWindow(tree, range.start(), range.end() - 1, Resource.MEM);
    }

    private void addWindow(ResourceTree tree, long start, long last, int type) {
        Resource window = new Resource("PCI Bus 0000:00", start, last, type | Resource.WINDOW);
        if (tree.insertResource(window) == 0) {
            windows.add(window);
            log.accept("pci_bus 0000:00: root bus resource " + window);
        } else {
            log.accept("pci_bus 0000:00: resource " + window + " conflicts with what is there");
        }
    }

    private void scan(int slot) {
        PciDevice device = new PciDevice(bus, ioports, iomem, slot);
        devices.add(device);
        log.accept(String.format(
                Locale.ROOT,
                "pci %s: [%04x:%04x] type %02x class 0x%06x conventional PCI endpoint",
                device.name(),
                device.vendor(),
                device.device(),
                device.readConfig(0x0e, 1) & 0x7f,
                device.classCode()));
        int command = device.readConfig(PciFunction.COMMAND, 2);
        int decode = PciFunction.COMMAND_IO | PciFunction.COMMAND_MEMORY;
        device.writeConfig(PciFunction.COMMAND, 2, command & ~decode);
        for (int bar = 0; bar < PciDevice.BARS; bar++) {
            Resource resource = readBase(device, bar);
            if (resource != null) {
                device.setResource(bar, resource);
                log.accept("pci " + device.name() + ": BAR " + bar + " " + resource);
                bar += resource.has(Resource.MEM_64) ? 1 : 0;
            }
        }
        device.writeConfig(PciFunction.COMMAND, 2, command);
    }

    /** Finds the size of a register by writing all ones; null when there is no register. */
    private static @Nullable Resource readBase(PciDevice device, int bar) {
        int register = PciFunction.BAR0 + 4 * bar;
        int low = device.readConfig(register, 4);
        long mask = probe(device, register, low);
        if (mask == 0) {
            return null;
        }
        boolean isIo = (low & 1) != 0;
        boolean is64Bit = !isIo && (low & 6) == 4;
        long address = low & (isIo ? 0xffff_fffcL : 0xffff_fff0L);
        mask &= isIo ? 0xfffcL : 0xffff_fff0L;
        if (is64Bit) {
            int high = device.readConfig(register + 4, 4);
            mask |= probe(device, register + 4, high) << 32;
            address |= (long) high << 32;
        } else if (!isIo) {
            mask |= 0xffff_ffff_0000_0000L;
        }
        long size = mask & -mask;
        int flags = isIo ? Resource.IO : Resource.MEM;
        flags |= is64Bit ? Resource.MEM_64 : 0;
        flags |= !isIo && (low & 8) != 0 ? Resource.PREFETCH : 0;
        return new Resource(device.name(), address, address + size - 1, flags);
    }

    private static long probe(PciDevice device, int register, int value) {
        device.writeConfig(register, 4, -1);
        long answer = device.readConfig(register, 4) & 0xffff_ffffL;
        device.writeConfig(register, 4, value);
        return answer;
    }

    /** {@code pci_assign_unassigned_root_bus_resources()}. */
    private void assign() {
        List<Wanted> wanted = new ArrayList<>();
        for (PciDevice device : devices) {
            for (int bar = 0; bar < PciDevice.BARS; bar++) {
                Resource resource = device.resource(bar);
                if (resource != null) {
                    wanted.add(new Wanted(device, bar, resource));
                }
            }
        }
        wanted.sort(Comparator.comparingLong(one -> -one.resource().size()));
        wanted.forEach(this::assign);
    }

    private void assign(Wanted one) {
        Resource resource = one.resource();
        String where = "pci " + one.device().name() + ": BAR " + one.bar() + " ";
        long size = resource.size();
        resource.setFlags(resource.flags() | Resource.UNSET);
        boolean isPlaced = resource.has(Resource.MEM_64) && place(resource, size, FOUR_GIB, Long.MAX_VALUE);
        isPlaced = isPlaced || place(resource, size, 0, resource.type() == Resource.IO ? 0xffff : FOUR_GIB - 1);
        if (!isPlaced) {
            log.accept(where + resource + ": can't assign; no space");
            log.accept(where + resource + ": failed to assign");
            return;
        }
        resource.setFlags(resource.flags() & ~Resource.UNSET);
        log.accept(where + resource + ": assigned");
        int register = PciFunction.BAR0 + 4 * one.bar();
        one.device().writeConfig(register, 4, (int) resource.start());
        if (resource.has(Resource.MEM_64)) {
            one.device().writeConfig(register + 4, 4, (int) (resource.start() >>> 32));
        }
    }

    private boolean place(Resource resource, long size, long low, long high) {
        ResourceTree tree = resource.type() == Resource.IO ? ioports : iomem;
        for (Resource window : windows) {
            if (window.type() != resource.type()) {
                continue;
            }
            // A window's own start takes the place of the general lower bound; the window that begins at port 0 has
            // none.
            long first = Math.max(window.start(), low);
            long min = first != 0 ? first : MIN_IO;
            if (window.type() == Resource.MEM && first == 0) {
                min = MIN_MEM;
            }
            long max = Math.min(window.end(), high);
            long align = resource.type() == Resource.IO ? size : Math.max(size, 4096);
            if (min <= max && tree.allocateResource(window, resource, size, min, max, align) == 0) {
                return true;
            }
        }
        return false;
    }

    /** Returns the functions found, by slot. */
    public List<PciDevice> devices() {
        return List.copyOf(devices);
    }

    /**
     * Finds a function: {@code pci_get_device()}.
     *
     * @param vendor vendor number
     * @param device device number
     * @return the one in the lowest slot, or null
     */
    public @Nullable PciDevice find(int vendor, int device) {
        return devices.stream()
                .filter(one -> one.vendor() == vendor && one.device() == device)
                .findFirst()
                .orElse(null);
    }
}
