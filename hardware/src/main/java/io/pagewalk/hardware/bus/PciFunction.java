package io.pagewalk.hardware.bus;

import io.pagewalk.base.Digest;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * One function of a PCI device: 256 bytes of configuration space with a type 0 header, and the windows that its base address registers place.
 *
 * <pre>
 *   00 vendor     02 device          10..27 base address registers 0 to 5
 *   04 command    06 status          2c subsystem vendor  2e subsystem
 *   08 revision   09 class (3)       30 expansion ROM (none)
 *   0c cache line 0e header type 0   3c interrupt line    3d interrupt pin
 *
 *   command: bit 0 decode ports, bit 1 decode memory, bit 2 bus master
 * </pre>
 *
 * <p>Writing all ones to a base address register and reading it back gives the complement of the size less one: only address bits can be written.
 */
public abstract class PciFunction {
    /** Offset of the command register. */
    public static final int COMMAND = 0x04;

    /** Offset of the first base address register. */
    public static final int BAR0 = 0x10;

    /** Command bit: the function answers in its port windows. */
    public static final int COMMAND_IO = 1;

    /** Command bit: the function answers in its memory windows. */
    public static final int COMMAND_MEMORY = 2;

    /** Command bit: the function may start transfers of its own. */
    public static final int COMMAND_MASTER = 4;

    private static final int BARS = 6;
    private static final int CONFIG_BYTES = 256;
    private static final int WRITABLE_COMMAND = COMMAND_IO | COMMAND_MEMORY | COMMAND_MASTER;

    private final byte[] config = new byte[CONFIG_BYTES];
    private final @Nullable PciBar[] bars = new @Nullable PciBar[BARS];
    private @Nullable PciBus bus;

    /**
     * Creates a function that decodes nothing yet.
     *
     * @param vendor vendor number, 16 bits
     * @param device device number, 16 bits
     * @param classCode base class, sub-class and programming interface, 24 bits
     * @param revision 8 bits
     * @param interruptPin 0 for none, 1 for INTA
     */
    protected PciFunction(int vendor, int device, int classCode, int revision, int interruptPin) {
        put(0x00, 2, vendor);
        put(0x02, 2, device);
        put(0x08, 1, revision);
        put(0x09, 3, classCode);
        put(0x2c, 2, vendor);
        put(0x2e, 2, device);
        put(0x3d, 1, interruptPin);
    }

    /**
     * Gives the function a base address register; for constructors.
     *
     * @param index 0 to 5; a 64-bit window takes the next one as well
     * @param bar what it maps
     */
    protected final void addBar(int index, PciBar bar) {
        int last = bar.kind() == PciBar.Kind.MEMORY_64 ? index + 1 : index;
        if (index < 0 || last >= BARS || bars[index] != null) {
            throw new IllegalArgumentException("base address register " + index);
        }
        bars[index] = bar;
        put(BAR0 + 4 * index, 4, bar.typeBits());
    }

    /**
     * Returns what a base address register maps, or null when there is none.
     *
     * @param index 0 to 5
     */
    public final @Nullable PciBar bar(int index) {
        return bars[index];
    }

    /**
     * Answers a load in a memory window.
     *
     * @param bar which base address register
     * @param offset from the start of the window
     * @param bytes 1, 2, 4 or 8
     */
    protected abstract long readBar(int bar, long offset, int bytes);

    /**
     * Takes a store in a memory window.
     *
     * @param bar which base address register
     * @param offset from the start of the window
     * @param bytes 1, 2, 4 or 8
     * @param value the low {@code bytes} bytes count
     */
    protected abstract void writeBar(int bar, long offset, int bytes, long value);

    /**
     * Adds the device's own state to a digest.
     *
     * @param digest where to add
     */
    protected abstract void addDeviceToDigest(Digest digest);

    /**
     * Loads from configuration space.
     *
     * @param register offset, 0 to 255, aligned to {@code bytes}
     * @param bytes 1, 2 or 4
     * @return the value, zero-extended
     */
    public final int readConfig(int register, int bytes) {
        int value = 0;
        for (int i = 0; i < bytes; i++) {
            value |= (config[register + i] & 0xff) << (8 * i);
        }
        return value;
    }

    /**
     * Stores to configuration space; read-only bits keep their value. A window moves, appears or goes at once.
     *
     * @param register offset, 0 to 255, aligned to {@code bytes}
     * @param bytes 1, 2 or 4
     * @param value the low {@code bytes} bytes count
     */
    public final void writeConfig(int register, int bytes, int value) {
        if (register >= BAR0 && register < BAR0 + 4 * BARS) {
            writeBarRegister((register - BAR0) / 4, merged(register, bytes, value));
        } else if (register < COMMAND + 2 && register + bytes > COMMAND) {
            put(COMMAND, 2, merged(register, bytes, value) & WRITABLE_COMMAND);
        } else if (register == 0x0c || register == 0x3c) {
            config[register] = (byte) value;
        } else {
            return;
        }
        if (bus != null) {
            bus.decode(this);
        }
    }

    /** Returns the aligned double word of a register with some of its bytes replaced. */
    private int merged(int register, int bytes, int value) {
        int shift = 8 * (register & 3);
        int mask = bytes == 4 ? -1 : ((1 << (8 * bytes)) - 1) << shift;
        return (readConfig(register & ~3, 4) & ~mask) | ((value << shift) & mask);
    }

    private void writeBarRegister(int index, int value) {
        PciBar bar = bars[index];
        if (bar != null) {
            int size = (int) Math.min(bar.sizeBytes(), 1L << 32);
            int writable = bar.sizeBytes() > 1L << 31 ? 0 : -size;
            put(BAR0 + 4 * index, 4, (value & writable) | bar.typeBits());
            return;
        }
        PciBar low = index == 0 ? null : bars[index - 1];
        if (low != null && low.kind() == PciBar.Kind.MEMORY_64) {
            put(BAR0 + 4 * index, 4, value & (int) (-low.sizeBytes() >>> 32));
        }
    }

    /**
     * Returns where a window lies now, whether or not it is decoded.
     *
     * @param index a register with a window
     * @return first address or port; 0 as long as nobody has placed it
     */
    public final long barAddress(int index) {
        PciBar bar = bars[index];
        if (bar == null) {
            return 0;
        }
        long low = readConfig(BAR0 + 4 * index, 4) & 0xffff_ffffL;
        return switch (bar.kind()) {
            case IO -> low & ~3L;
            case MEMORY_32 -> low & ~15L;
            case MEMORY_64 -> (low & ~15L) | ((long) readConfig(BAR0 + 4 * index + 4, 4) << 32);
        };
    }

    /** Returns whether the command register switches a kind of window on. */
    final boolean decodes(PciBar bar) {
        int bit = bar.kind() == PciBar.Kind.IO ? COMMAND_IO : COMMAND_MEMORY;
        return (readConfig(COMMAND, 2) & bit) != 0;
    }

    final void pluggedInto(PciBus where) {
        bus = where;
    }

    private void put(int register, int bytes, int value) {
        for (int i = 0; i < bytes; i++) {
            config[register + i] = (byte) (value >>> (8 * i));
        }
    }

    final void addToDigest(Digest digest) {
        digest.add(Arrays.hashCode(config));
        addDeviceToDigest(digest);
    }
}
