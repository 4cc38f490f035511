package io.pagewalk.kernel.zone;

import io.pagewalk.kernel.page.Gfp;
import java.util.List;

/**
 * Which zones an architecture has and where each ends, and which zone a request starts from.
 *
 * @param types the zones, lowest first; a zone's position is its index in every array here
 * @param endPfns first frame above each zone, ascending; the zones MOVABLE and DEVICE end where the one before them does
 */
public record ZoneLayout(List<ZoneType> types, List<Long> endPfns) {
    private static final long UNLIMITED = 1L << 52;
    private static final long PFN_16M = 1L << 12;
    private static final long PFN_4G = 1L << 20;
    private static final long PFN_896M = 896L << 8;

    /** Copies and checks. */
    public ZoneLayout {
        types = List.copyOf(types);
        endPfns = List.copyOf(endPfns);
        if (types.isEmpty() || types.size() != endPfns.size()) {
            throw new IllegalArgumentException("one end per zone is needed");
        }
    }

    /** Zones of x86-64: DMA, DMA32, Normal, Movable, Device. */
    public static ZoneLayout x8664() {
        return new ZoneLayout(
                List.of(ZoneType.DMA, ZoneType.DMA32, ZoneType.NORMAL, ZoneType.MOVABLE, ZoneType.DEVICE),
                List.of(PFN_16M, PFN_4G, UNLIMITED, UNLIMITED, UNLIMITED));
    }

    /** Zones of i386 with 3 GiB for user space and 1 GiB for the kernel: DMA, Normal up to 896 MiB, HighMem, Movable. */
    public static ZoneLayout i386() {
        return i386(PFN_896M);
    }

    /**
     * Zones of i386 with any split of the address space.
     *
     * @param maxLowPfn first frame that cannot be in the direct map
     */
    public static ZoneLayout i386(long maxLowPfn) {
        return new ZoneLayout(
                List.of(ZoneType.DMA, ZoneType.NORMAL, ZoneType.HIGHMEM, ZoneType.MOVABLE),
                List.of(PFN_16M, maxLowPfn, UNLIMITED, UNLIMITED));
    }

    /** Zones of 64-bit RISC-V: DMA32, Normal, Movable. */
    public static ZoneLayout riscv64() {
        return new ZoneLayout(
                List.of(ZoneType.DMA32, ZoneType.NORMAL, ZoneType.MOVABLE), List.of(PFN_4G, UNLIMITED, UNLIMITED));
    }

    /** Returns the number of zones. */
    public int size() {
        return types.size();
    }

    /**
     * Returns the index of a zone type, or -1 when this machine has none.
     *
     * @param type any type
     */
    public int indexOf(ZoneType type) {
        return types.indexOf(type);
    }

    /**
     * Returns the highest zone index that a request may use: {@code gfp_zone()}.
     *
     * @param gfp request flags; contradictory zone bits fall back to the lower zone
     */
    public int gfpZone(int gfp) {
        if ((gfp & Gfp.DMA) != 0 && indexOf(ZoneType.DMA) >= 0) {
            return indexOf(ZoneType.DMA);
        }
        if ((gfp & Gfp.DMA32) != 0 && indexOf(ZoneType.DMA32) >= 0) {
            return indexOf(ZoneType.DMA32);
        }
        if ((gfp & Gfp.DMA) != 0) {
            return 0;
        }
        if ((gfp & Gfp.HIGHMEM) == 0) {
            return indexOf(ZoneType.NORMAL);
        }
        if ((gfp & Gfp.MOVABLE) != 0) {
            return indexOf(ZoneType.MOVABLE);
        }
        int high = indexOf(ZoneType.HIGHMEM);
        return high >= 0 ? high : indexOf(ZoneType.NORMAL);
    }
}
