package io.pagewalk.lab.machines;

import io.pagewalk.base.BadInput;
import io.pagewalk.base.Bits;
import io.pagewalk.base.Size;
import java.util.ArrayList;
import java.util.List;

/**
 * Memory maps made from an amount of RAM, laid out as firmware does it on each family of machines.
 *
 * <pre>
 *  PC:      0        640K    1M                    3G            4G
 *           | RAM    | ROM.. | RAM                 | PCI hole    | rest of the RAM ...
 *  RISC-V:                                    2G: | firmware 512K | RAM ...
 * </pre>
 */
final class MemoryLayout {
    /** End of the memory that an 8086 could use, less the extended BIOS data area. */
    private static final long BASE_MEMORY_END = 0x9fc00L;

    private static final long HIGH_MEMORY_START = 0x100000L;

    /** Where the PCI hole starts: memory above it is moved behind 4 GiB. Firmware keeps 1 GiB for devices, as QEMU's q35 and Firecracker do. */
    private static final long PCI_HOLE_START = 3 * Size.GIB;

    private static final long PCI_HOLE_END = 4 * Size.GIB;

    /** Where RAM starts on the usual RISC-V boards and on QEMU's {@code virt}. */
    private static final long RISCV_RAM_START = 2 * Size.GIB;

    /** What OpenSBI keeps for itself at the start of RAM. */
    private static final long RISCV_FIRMWARE_BYTES = 512 * Size.KIB;

    /** The distance that Linux assumes between two nodes when the firmware says nothing else is 20; two-socket servers report 21. */
    private static final int REMOTE_DISTANCE = 21;

    private static final int LOCAL_DISTANCE = 10;

    /** What a kernel with its page structures and a small program need. */
    static final long SMALLEST_RAM = 64 * Size.MIB;

    private MemoryLayout() {}

    /**
     * Returns the firmware's map of a machine.
     *
     * @param paging name of the paging mode, which tells the family
     * @param ramBytes installed memory, a multiple of 4 KiB
     */
    static List<FirmwareRange> firmware(String paging, long ramBytes) {
        List<FirmwareRange> map = new ArrayList<>();
        if (isRiscV(paging)) {
            map.add(new FirmwareRange(RISCV_RAM_START, RISCV_RAM_START + RISCV_FIRMWARE_BYTES, FirmwareRange.RESERVED));
            map.add(new FirmwareRange(
                    RISCV_RAM_START + RISCV_FIRMWARE_BYTES, RISCV_RAM_START + ramBytes, FirmwareRange.USABLE));
            return map;
        }
        map.add(new FirmwareRange(0, BASE_MEMORY_END, FirmwareRange.USABLE));
        map.add(new FirmwareRange(BASE_MEMORY_END, HIGH_MEMORY_START, FirmwareRange.RESERVED));
        map.add(new FirmwareRange(HIGH_MEMORY_START, Math.min(ramBytes, PCI_HOLE_START), FirmwareRange.USABLE));
        if (ramBytes > PCI_HOLE_START) {
            map.add(new FirmwareRange(PCI_HOLE_END, PCI_HOLE_END + ramBytes - PCI_HOLE_START, FirmwareRange.USABLE));
        }
        return map;
    }

    /**
     * Divides a machine's memory and CPUs evenly among nodes.
     *
     * @param firmware the memory map
     * @param nodes how many, at least 1
     * @param cpus CPUs of the machine; node 0 gets the first ones
     */
    static List<NodeSpec> nodes(List<FirmwareRange> firmware, int nodes, int cpus) {
        // Borders are multiples of 128 MiB, a memory section, as on real machines.
        long section = 128 * Size.MIB;
        long usable = 0;
        for (FirmwareRange range : firmware) {
            usable += range.isUsable() ? range.sizeBytes() : 0;
        }
        List<NodeSpec> result = new ArrayList<>();
        long start = 0;
        for (int node = 0; node < nodes; node++) {
            long end = node == nodes - 1
                    ? Bits.roundUp(firmware.getLast().end(), section)
                    : Bits.roundUp(addressOfByte(firmware, usable / nodes * (node + 1)), section);
            if (end <= start) {
                throw new BadInput("--nodes", Integer.toString(nodes), "at most one node for each 128 MiB of memory");
            }
            List<Integer> own = new ArrayList<>();
            for (int cpu = cpus * node / nodes; cpu < cpus * (node + 1) / nodes; cpu++) {
                own.add(cpu);
            }
            result.add(new NodeSpec(List.of(new FirmwareRange(start, end, FirmwareRange.USABLE)), own));
            start = end;
        }
        return result;
    }

    /** Returns distances of 10 to itself and 21 to every other node. */
    static List<List<Integer>> distances(int nodes) {
        List<List<Integer>> rows = new ArrayList<>();
        for (int from = 0; from < nodes; from++) {
            List<Integer> row = new ArrayList<>();
            for (int to = 0; to < nodes; to++) {
                row.add(from == to ? LOCAL_DISTANCE : REMOTE_DISTANCE);
            }
            rows.add(List.copyOf(row));
        }
        return rows;
    }

    /**
     * Reads an amount of RAM and refuses what no machine of this family can have.
     *
     * @param where option or file position, for the message
     * @param text the size
     * @param paging name of the paging mode
     */
    static long ramBytes(String where, String text, String paging) {
        long bytes = Size.parse(where, text);
        if (bytes < SMALLEST_RAM) {
            throw new BadInput(
                    where,
                    "'" + text + "'",
                    "at least " + SMALLEST_RAM / Size.MIB + "M, the smallest memory that the kernel boots in");
        }
        long largest = largestRam(paging);
        if (bytes > largest) {
            throw new BadInput(
                    where, "'" + text + "'", "at most " + Size.format(largest) + " with " + paging + " paging");
        }
        if (!Bits.isAligned(bytes, Size.MIB)) {
            throw new BadInput(where, "'" + text + "'", "a whole number of MiB");
        }
        return bytes;
    }

    private static long largestRam(String paging) {
        return switch (paging) {
            case "i386" -> 3 * Size.GIB;
            case "i386-pae" -> 63 * Size.GIB;
            case "sv39" -> 64 * Size.GIB;
            default -> 32 * Size.TIB;
        };
    }

    private static boolean isRiscV(String paging) {
        return paging.startsWith("sv");
    }

    private static long addressOfByte(List<FirmwareRange> firmware, long usableOffset) {
        long left = usableOffset;
        for (FirmwareRange range : firmware) {
            if (range.isUsable()) {
                if (left < range.sizeBytes()) {
                    return range.start() + left;
                }
                left -= range.sizeBytes();
            }
        }
        return firmware.getLast().end();
    }
}
