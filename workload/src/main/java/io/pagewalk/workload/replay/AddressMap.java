package io.pagewalk.workload.replay;

import io.pagewalk.base.BadInput;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.syscall.SyscallNumbers;
import io.pagewalk.workload.trace.TraceBlock;
import io.pagewalk.workload.trace.TraceFile;
import java.util.Map;
import java.util.SortedMap;

/**
 * Where the addresses of a recorded program lie on a machine: at the same place when its user half is wide enough, otherwise moved down region by region.
 *
 * <p>A program that moves keeps the order of its regions, everything within a region, and every address modulo 4 MiB, so that it fills page tables and huge
 * pages in the same shape. An address that no region holds goes to a page that is never mapped: touching it ends in {@code SIGSEGV} as before.
 */
final class AddressMap {
    /*
     *   recorded   |  0 .. 64 KiB  |       region 0   ...   far gap   ...   region 1         |
     *                     |                   |                                 |
     *   machine    |  0 .. 64 KiB  | 4 MiB: region 0 | 16 to 20 MiB | region 1               | userEnd
     *
     * Addresses below vm.mmap_min_addr stand for themselves: a null pointer stays one. The hole is the last of these
     * pages.
     *
     * Invariants: starts[i] < ends[i] < starts[i + 1]; starts[i] + moves[i] is starts[i] modulo 4 MiB.
     */

    /** Regions keep their place within units of this size: what one table of i386 maps, and two huge pages of the others. */
    static final long CONGRUENCE_BYTES = 4L << 20;

    /** The page for addresses outside every region. */
    static final long HOLE = MappedRanges.LOWEST - 4096;

    /** Where the first region goes, unless it lies lower already: where programs that are not relocatable begin. */
    static final long FIRST_PLACE = 0x400000;

    private static final long PAGE_MASK = 4095;

    /* x86-64 programs fit below unless they ask for higher addresses, which a machine of four levels refuses them as Linux does. */
    private static final long END_OF_FOUR_LEVELS = PagingMode.X86_64_4LEVEL.userEnd();

    private final boolean isIdentity;
    private final long[] starts;
    private final long[] ends;
    private final long[] moves;

    private AddressMap() {
        isIdentity = true;
        starts = new long[0];
        ends = new long[0];
        moves = new long[0];
    }

    private AddressMap(SortedMap<Long, Long> regions) {
        isIdentity = false;
        starts = new long[regions.size()];
        ends = new long[regions.size()];
        moves = new long[regions.size()];
        int filled = 0;
        long place = regions.isEmpty() ? 0 : Math.min(regions.firstKey(), FIRST_PLACE);
        for (Map.Entry<Long, Long> region : regions.entrySet()) {
            long start = region.getKey();
            long placed = place + ((start - place) & (CONGRUENCE_BYTES - 1));
            starts[filled] = start;
            ends[filled] = region.getValue();
            moves[filled] = placed - start;
            filled++;
            place = region.getValue() - start + placed + MappedRanges.MAX_GAP_BYTES;
        }
    }

    /**
     * Returns the map of a program for a machine. A machine that is as wide as x86-64 costs nothing; for the others every system call of the trace is looked at.
     *
     * @param trace the program
     * @param numbers names of its system calls
     * @param mode the machine's paging mode
     * @param userEnd first address behind the user half, {@code TASK_SIZE}
     * @throws BadInput when the program does not fit
     */
    static AddressMap of(TraceFile trace, SyscallNumbers numbers, PagingMode mode, long userEnd) {
        if (userEnd >= END_OF_FOUR_LEVELS
                && MappedRanges.ofHeader(trace.header()).end() <= userEnd) {
            return new AddressMap();
        }
        return of(trace.name(), MappedRanges.of(trace, numbers), mode, userEnd);
    }

    /** Returns the map of a program with the given ranges for a machine with the usual split of the address space. */
    static AddressMap of(String name, MappedRanges ranges, PagingMode mode) {
        return of(name, ranges, mode, mode.userEnd());
    }

    private static AddressMap of(String name, MappedRanges ranges, PagingMode mode, long userEnd) {
        if (ranges.end() <= userEnd) {
            return new AddressMap();
        }
        AddressMap map = new AddressMap(ranges.regions());
        int last = map.ends.length - 1;
        long needed = map.ends[last] + map.moves[last];
        if (needed > userEnd) {
            throw new BadInput(
                    "trace " + name + " on a machine with " + mode.modeName() + " paging",
                    "a program that needs " + needed + " bytes of address space where " + userEnd + " are available",
                    "a machine that has them, such as one with x86-64-4level paging");
        }
        return map;
    }

    /** Returns whether every address stays what it is. */
    boolean isIdentity() {
        return isIdentity;
    }

    /** Returns where an address lies on the machine. */
    long toMachine(long recorded) {
        if (isIdentity || isLow(recorded)) {
            return recorded;
        }
        int region = regionAtOrBelow(recorded);
        return region >= 0 && recorded < ends[region] ? recorded + moves[region] : HOLE + (recorded & PAGE_MASK);
    }

    /**
     * Returns where a mapping that begins at a recorded address goes. One that no region holds, as only a damaged trace has it, stays where no kernel can map it,
     * so that the hole remains one.
     */
    long mappingToMachine(long recorded) {
        long moved = toMachine(recorded);
        return isHole(moved) && !isLow(recorded) ? recorded : moved;
    }

    /** Moves the pages of a block that was just decoded. */
    void moveToMachine(TraceBlock block) {
        if (isIdentity) {
            return;
        }
        long[] pages = block.pageAddresses();
        for (int i = 0; i < block.pageCount(); i++) {
            pages[i] = toMachine(pages[i]);
        }
    }

    /**
     * Returns where a range begins on the machine that may reach beyond its region, as that of {@code munmap()} may. Pages outside every region at its ends are
     * cut off: nothing is mapped there.
     *
     * @param start first recorded address
     * @param bytes its length
     */
    long rangeStart(long start, long bytes) {
        if (isIdentity) {
            return start;
        }
        int first = firstRegion(start, bytes);
        return first < 0 ? toMachine(start) : Math.max(start, starts[first]) + moves[first];
    }

    /**
     * Returns the length on the machine of the range that begins at {@link #rangeStart}: shorter when gaps in it are shorter, and within one page when no region
     * has a part in it.
     *
     * @param start first recorded address
     * @param bytes its length
     */
    long rangeBytes(long start, long bytes) {
        if (isIdentity) {
            return bytes;
        }
        int first = firstRegion(start, bytes);
        if (first < 0) {
            return Math.clamp(bytes, 0, 4096 - (start & PAGE_MASK));
        }
        long end = start + bytes;
        int last = regionAtOrBelow(end - 1);
        return Math.min(end, ends[last]) + moves[last] - rangeStart(start, bytes);
    }

    /* Returns the lowest region that shares bytes with the range, or -1. */
    private int firstRegion(long start, long bytes) {
        if (start < 0 || bytes <= 0 || start + bytes < 0) {
            return -1;
        }
        int region = regionAtOrBelow(start);
        if (region >= 0 && start < ends[region]) {
            return region;
        }
        return region + 1 < starts.length && starts[region + 1] < start + bytes ? region + 1 : -1;
    }

    /* Returns the highest region that begins at or below an address, or -1; addresses of the kernel half have none. */
    private int regionAtOrBelow(long recorded) {
        int low = 0;
        int high = starts.length - 1;
        if (recorded < 0) {
            return -1;
        }
        while (low <= high) {
            int middle = (low + high) >>> 1;
            if (starts[middle] <= recorded) {
                low = middle + 1;
            } else {
                high = middle - 1;
            }
        }
        return high;
    }

    private static boolean isHole(long vaddr) {
        return (vaddr & ~PAGE_MASK) == HOLE;
    }

    private static boolean isLow(long recorded) {
        return recorded >= 0 && recorded < MappedRanges.LOWEST;
    }
}
