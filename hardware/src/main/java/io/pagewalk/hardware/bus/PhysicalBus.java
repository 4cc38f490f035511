package io.pagewalk.hardware.bus;

import io.pagewalk.base.Bits;
import io.pagewalk.base.KernelBug;
import io.pagewalk.base.Violations;
import io.pagewalk.hardware.memory.PhysicalMemory;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The decoder of physical addresses: a device window where there is one, RAM elsewhere, nobody behind the end of RAM.
 *
 * <pre>
 *   0            RAM             end of RAM            window            window
 *   |----------------[hole: window]--|......................[====]..........[==]...
 * </pre>
 *
 * <p>Page tables lie in RAM, so the page walker does not come through here, and a replay that stores no contents never does. Invariant: windows do not overlap.
 */
public final class PhysicalBus {
    private record Window(long start, long size, MmioDevice device) {
        long end() {
            return start + size;
        }
    }

    private final PhysicalMemory memory;
    private final TreeMap<Long, Window> windows = new TreeMap<>();
    private long deviceReads;
    private long deviceWrites;

    /**
     * Creates a bus with RAM only.
     *
     * @param memory the RAM
     */
    public PhysicalBus(PhysicalMemory memory) {
        this.memory = memory;
    }

    /**
     * Lets a device answer in a window, in front of RAM.
     *
     * @param start first address
     * @param size length in bytes, at least 1
     * @param device who answers
     * @return whether the window was free; if not, nothing changed and the device stays silent
     */
    public boolean attach(long start, long size, MmioDevice device) {
        KernelBug.on(start < 0 || size < 1 || start + size < start, "window " + Bits.hex(start) + " + " + size);
        Map.Entry<Long, Window> below = windows.lowerEntry(start + size);
        if (below != null && below.getValue().end() > start) {
            return false;
        }
        windows.put(start, new Window(start, size, device));
        return true;
    }

    /**
     * Makes a window silent again.
     *
     * @param start first address of a window that was attached
     */
    public void detach(long start) {
        KernelBug.on(windows.remove(start) == null, "no device window at " + Bits.hex(start));
    }

    /**
     * Returns whether a device answers at an address.
     *
     * @param paddr a physical address
     */
    public boolean isDevice(long paddr) {
        return find(paddr) != null;
    }

    /**
     * Returns whether RAM answers at an address.
     *
     * @param paddr a physical address
     */
    public boolean isMemory(long paddr) {
        return isInMemory(paddr) && find(paddr) == null;
    }

    private boolean isInMemory(long paddr) {
        return paddr >= 0 && paddr >>> PhysicalMemory.FRAME_SHIFT < memory.frames();
    }

    /**
     * Loads from RAM or a device. An address that nobody answers gives all ones.
     *
     * @param paddr a multiple of {@code bytes}
     * @param bytes 1, 2, 4 or 8
     * @return the value, zero-extended
     */
    public long read(long paddr, int bytes) {
        Window window = find(paddr);
        if (window != null) {
            deviceReads++;
            return window.device().readMmio(paddr - window.start(), bytes) & mask(bytes);
        }
        if (!isInMemory(paddr)) {
            return mask(bytes);
        }
        return (memory.readLong(paddr & ~7L) >>> ((paddr & 7) << 3)) & mask(bytes);
    }

    /**
     * Stores to RAM or a device. An address that nobody answers swallows the store.
     *
     * @param paddr a multiple of {@code bytes}
     * @param bytes 1, 2, 4 or 8
     * @param value the low {@code bytes} bytes count
     */
    public void write(long paddr, int bytes, long value) {
        Window window = find(paddr);
        if (window != null) {
            deviceWrites++;
            window.device().writeMmio(paddr - window.start(), bytes, value & mask(bytes));
            return;
        }
        if (!isInMemory(paddr)) {
            return;
        }
        int shift = (int) (paddr & 7) << 3;
        long kept = memory.readLong(paddr & ~7L) & ~(mask(bytes) << shift);
        memory.writeLong(paddr & ~7L, kept | ((value & mask(bytes)) << shift));
    }

    /**
     * Loads a run of bytes, which may cross frames but not the border of a device window. A device sees byte accesses.
     *
     * @param paddr first address
     * @param target where the bytes go
     * @param offset first place to fill
     * @param length how many, at least 0
     */
    public void copyOut(long paddr, byte[] target, int offset, int length) {
        if (isMemory(paddr)) {
            memory.copyOut(paddr, target, offset, length);
            return;
        }
        for (int i = 0; i < length; i++) {
            target[offset + i] = (byte) read(paddr + i, 1);
        }
    }

    /**
     * Stores a run of bytes, which may cross frames but not the border of a device window. A device sees byte accesses.
     *
     * @param paddr first address
     * @param source the bytes
     * @param offset first one to take
     * @param length how many, at least 0
     */
    public void copyIn(long paddr, byte[] source, int offset, int length) {
        if (isMemory(paddr)) {
            memory.copyIn(paddr, source, offset, length);
            return;
        }
        for (int i = 0; i < length; i++) {
            write(paddr + i, 1, source[offset + i]);
        }
    }

    /** Returns the RAM. */
    public PhysicalMemory memory() {
        return memory;
    }

    /** Returns how many loads reached a device. */
    public long deviceReads() {
        return deviceReads;
    }

    /** Returns how many stores reached a device. */
    public long deviceWrites() {
        return deviceWrites;
    }

    private @Nullable Window find(long paddr) {
        if (windows.isEmpty()) {
            return null;
        }
        Map.Entry<Long, Window> below = windows.floorEntry(paddr);
        return below == null || paddr >= below.getValue().end() ? null : below.getValue();
    }

    private static long mask(int bytes) {
        return bytes == 8 ? -1L : (1L << (8 * bytes)) - 1;
    }

    /**
     * Checks that windows do not overlap.
     *
     * @param out where violations go
     */
    public void verify(Violations out) {
        long end = 0;
        for (Window window : windows.values()) {
            if (window.start() < end) {
                out.add("physical bus", "windows overlap at " + Bits.hex(window.start()));
            }
            end = window.end();
        }
    }
}
