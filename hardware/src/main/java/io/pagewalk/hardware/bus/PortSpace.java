package io.pagewalk.hardware.bus;

import io.pagewalk.base.Bits;
import io.pagewalk.base.KernelBug;
import io.pagewalk.base.Violations;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The I/O port space of a PC: 65,536 ports of one byte, apart from physical memory and reached by {@code in} and {@code out} only.
 *
 * <p>Invariant: runs do not overlap, and each lies in {@code [0, 65536)}.
 */
public final class PortSpace {
    /** How many ports there are. */
    public static final int PORTS = 1 << 16;

    private record Run(int first, int count, PortDevice device) {}

    private final TreeMap<Integer, Run> runs = new TreeMap<>();
    private long reads;
    private long writes;

    /** Creates a space that nobody answers in. */
    public PortSpace() {}

    /**
     * Lets a device answer at a run of ports.
     *
     * @param first first port
     * @param count how many, at least 1
     * @param device who answers
     * @return whether the run was free; if not, nothing changed and the device stays silent
     */
    public boolean attach(int first, int count, PortDevice device) {
        KernelBug.on(first < 0 || count < 1 || first + count > PORTS, "ports " + first + " + " + count);
        Map.Entry<Integer, Run> below = runs.lowerEntry(first + count);
        if (below != null && below.getValue().first() + below.getValue().count() > first) {
            return false;
        }
        runs.put(first, new Run(first, count, device));
        return true;
    }

    /**
     * Makes a run silent again.
     *
     * @param first first port of a run that was attached
     */
    public void detach(int first) {
        KernelBug.on(runs.remove(first) == null, "no device at port " + Bits.hex(first));
    }

    /**
     * Performs {@code in}: {@code inb, inw, inl}.
     *
     * @param port first port; ports past the last one wrap to 0
     * @param bytes 1, 2 or 4
     * @return the value, zero-extended; a port that nobody answers gives 0xff
     */
    public int read(int port, int bytes) {
        reads++;
        int value = 0;
        for (int i = 0; i < bytes; i++) {
            value |= readByte((port + i) & (PORTS - 1)) << (8 * i);
        }
        return value;
    }

    /**
     * Performs {@code out}: {@code outb, outw, outl}.
     *
     * @param port first port; ports past the last one wrap to 0
     * @param bytes 1, 2 or 4
     * @param value the low {@code bytes} bytes count
     */
    public void write(int port, int bytes, int value) {
        writes++;
        for (int i = 0; i < bytes; i++) {
            int at = (port + i) & (PORTS - 1);
            Run run = find(at);
            if (run != null) {
                run.device().writePort(at - run.first(), (value >>> (8 * i)) & 0xff);
            }
        }
    }

    private int readByte(int port) {
        Run run = find(port);
        return run == null ? 0xff : run.device().readPort(port - run.first()) & 0xff;
    }

    private @Nullable Run find(int port) {
        Map.Entry<Integer, Run> below = runs.floorEntry(port);
        return below == null
                        || port >= below.getValue().first() + below.getValue().count()
                ? null
                : below.getValue();
    }

    /** Returns how many {@code in} instructions were made. */
    public long reads() {
        return reads;
    }

    /** Returns how many {@code out} instructions were made. */
    public long writes() {
        return writes;
    }

    /**
     * Checks that runs do not overlap.
     *
     * @param out where violations go
     */
    public void verify(Violations out) {
        int end = 0;
        for (Run run : runs.values()) {
            if (run.first() < end) {
                out.add("port space", "runs overlap at port " + Bits.hex(run.first()));
            }
            end = run.first() + run.count();
        }
        if (end > PORTS) {
            out.add("port space", "a run ends at " + Bits.hex(end));
        }
    }
}
