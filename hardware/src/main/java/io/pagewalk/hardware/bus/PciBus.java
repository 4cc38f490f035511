package io.pagewalk.hardware.bus;

import io.pagewalk.base.Bits;
import io.pagewalk.base.Digest;
import io.pagewalk.base.KernelBug;
import io.pagewalk.base.Violations;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * PCI bus 0 of a PC: 32 slots of one function, configuration mechanism 1 at ports 0xcf8 and 0xcfc, and the windows in port space and physical memory that the
 * functions' base address registers place.
 *
 * <pre>
 *   0xcf8  bit 31 enable | 23..16 bus | 15..11 slot | 10..8 function | 7..2 register
 *   0xcfc  the four bytes of that register
 * </pre>
 *
 * <p>Simplified: one bus, no bridges behind it, no capabilities, no interrupts. Two windows at one place are a fault of whoever programmed them; here the first one decoded answers.
 */
public final class PciBus {
    /** The port of the address register. */
    public static final int CONFIG_ADDRESS = 0xcf8;

    /** The first port of the data register. */
    public static final int CONFIG_DATA = 0xcfc;

    /** How many slots a bus has. */
    public static final int SLOTS = 32;

    private static final int BARS = 6;

    private record Window(PciFunction function, int bar, long start, long size, boolean isPorts) {}

    private final PhysicalBus memory;
    private final PortSpace ports;
    private final TreeMap<Integer, PciFunction> functions = new TreeMap<>();
    private final List<Window> windows = new ArrayList<>();
    private int configAddress;

    /**
     * Creates a bus without functions and answers at the configuration ports.
     *
     * @param memory where memory windows go
     * @param ports where port windows and the configuration ports go
     */
    public PciBus(PhysicalBus memory, PortSpace ports) {
        this.memory = memory;
        this.ports = ports;
        KernelBug.on(!ports.attach(CONFIG_ADDRESS, 8, new ConfigPorts()), "the PCI configuration ports are taken");
    }

    /**
     * Puts a function into a slot.
     *
     * @param slot 0 to 31, empty
     * @param function the function, which decodes nothing yet
     */
    public void plug(int slot, PciFunction function) {
        if (slot < 0 || slot >= SLOTS || functions.containsKey(slot)) {
            throw new IllegalArgumentException("PCI slot " + slot);
        }
        functions.put(slot, function);
        function.pluggedInto(this);
    }

    /**
     * Returns the function in a slot, or null.
     *
     * @param slot 0 to 31
     */
    public @Nullable PciFunction function(int slot) {
        return functions.get(slot);
    }

    /**
     * Loads from configuration space by mechanism 1.
     *
     * @param slot 0 to 31
     * @param register offset, aligned to {@code bytes}
     * @param bytes 1, 2 or 4
     * @return the value; all ones when the slot is empty
     */
    public int readConfig(int slot, int register, int bytes) {
        PciFunction function = functions.get(slot);
        return function == null ? (int) ((1L << (8 * bytes)) - 1) : function.readConfig(register, bytes);
    }

    /**
     * Stores to configuration space; an empty slot swallows it.
     *
     * @param slot 0 to 31
     * @param register offset, aligned to {@code bytes}
     * @param bytes 1, 2 or 4
     * @param value the low {@code bytes} bytes count
     */
    public void writeConfig(int slot, int register, int bytes, int value) {
        PciFunction function = functions.get(slot);
        if (function != null) {
            function.writeConfig(register, bytes, value);
        }
    }

    /** Places the windows of a function anew after its registers changed. */
    void decode(PciFunction function) {
        for (Window window : List.copyOf(windows)) {
            if (window.function() == function && !isWanted(window)) {
                if (window.isPorts()) {
                    ports.detach((int) window.start());
                } else {
                    memory.detach(window.start());
                }
                windows.remove(window);
            }
        }
        for (int bar = 0; bar < BARS; bar++) {
            PciBar what = function.bar(bar);
            int index = bar;
            if (what == null
                    || !function.decodes(what)
                    || windows.stream().anyMatch(w -> w.function() == function && w.bar() == index)) {
                continue;
            }
            place(function, bar, what);
        }
    }

    private void place(PciFunction function, int bar, PciBar what) {
        long start = function.barAddress(bar);
        boolean isPorts = what.kind() == PciBar.Kind.IO;
        // A register of zero was never set; an address that cannot exist is not decoded either.
        if (start <= 0 || (isPorts && start + what.sizeBytes() > PortSpace.PORTS)) {
            return;
        }
        BarWindow target = new BarWindow(function, bar);
        boolean isPlaced = isPorts
                ? ports.attach((int) start, (int) what.sizeBytes(), target)
                : memory.attach(start, what.sizeBytes(), target);
        if (isPlaced) {
            windows.add(new Window(function, bar, start, what.sizeBytes(), isPorts));
        }
    }

    private static boolean isWanted(Window window) {
        PciBar what = window.function().bar(window.bar());
        return what != null
                && window.function().decodes(what)
                && window.function().barAddress(window.bar()) == window.start();
    }

    /** The way from a window to its function. */
    private record BarWindow(PciFunction function, int bar) implements MmioDevice, PortDevice {
        @Override
        public long readMmio(long offset, int bytes) {
            return function.readBar(bar, offset, bytes);
        }

        @Override
        public void writeMmio(long offset, int bytes, long value) {
            function.writeBar(bar, offset, bytes, value);
        }

        @Override
        public int readPort(int offset) {
            return (int) function.readBar(bar, offset, 1) & 0xff;
        }

        @Override
        public void writePort(int offset, int value) {
            function.writeBar(bar, offset, 1, value);
        }
    }

    /** Ports 0xcf8 to 0xcff. */
    private final class ConfigPorts implements PortDevice {
        @Override
        public int readPort(int offset) {
            if (offset < 4) {
                return (configAddress >>> (8 * offset)) & 0xff;
            }
            return isSelected() ? readConfig(slot(), register() + offset - 4, 1) : 0xff;
        }

        @Override
        public void writePort(int offset, int value) {
            if (offset < 4) {
                configAddress = (configAddress & ~(0xff << (8 * offset))) | (value << (8 * offset));
            } else if (isSelected()) {
                writeConfig(slot(), register() + offset - 4, 1, value);
            }
        }

        private boolean isSelected() {
            // Bus 0, function 0 only.
            return configAddress < 0 && (configAddress & 0x00ff_0700) == 0;
        }

        private int slot() {
            return (configAddress >>> 11) & 31;
        }

        private int register() {
            return configAddress & 0xfc;
        }
    }

    /**
     * Adds the state of all functions to a digest.
     *
     * @param digest where to add
     */
    public void addToDigest(Digest digest) {
        digest.add(configAddress);
        functions.forEach((slot, function) -> {
            digest.add(slot);
            function.addToDigest(digest);
        });
    }

    /**
     * Checks that each window on the buses is one that its function's registers ask for.
     *
     * @param out where violations go
     */
    public void verify(Violations out) {
        for (Window window : windows) {
            if (!isWanted(window)) {
                out.add("PCI bus", "a window at " + Bits.hex(window.start()) + " that its function does not decode");
            }
        }
    }
}
