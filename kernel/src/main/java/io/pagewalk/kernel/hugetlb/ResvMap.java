package io.pagewalk.kernel.hugetlb;

import io.pagewalk.base.Digest;
import io.pagewalk.base.KernelBug;
import java.util.Map;
import java.util.TreeMap;

/**
 * Ranges of huge pages of a file or of a private area: {@code struct resv_map}.
 *
 * <p>In the map of a file a page that is in a region is promised or there already. In the map of a private area it is the other way round: a page that is in a region has used
 * up its promise.
 *
 * <pre>
 *   regions   [from, to)   [from, to)     disjoint, never touching each other
 * </pre>
 */
final class ResvMap {
    private final TreeMap<Long, Long> regions = new TreeMap<>();
    private int references = 1;

    void get() {
        references++;
    }

    void put() {
        KernelBug.on(references == 0, "a reservation map is let go twice");
        references--;
    }

    int references() {
        return references;
    }

    /** Returns how many pages of a range are in regions: {@code region_count()}. */
    long count(long from, long to) {
        long pages = 0;
        Map.Entry<Long, Long> region = regions.floorEntry(from);
        if (region == null) {
            region = regions.higherEntry(from);
        }
        while (region != null && region.getKey() < to) {
            pages += Math.max(0, Math.min(region.getValue(), to) - Math.max(region.getKey(), from));
            region = regions.higherEntry(region.getKey());
        }
        return pages;
    }

    /** Returns how many pages {@link #add} would add: {@code region_chg()}. */
    long missing(long from, long to) {
        return to - from - count(from, to);
    }

    /** Adds a range; returns how many pages of it were in no region: {@code region_add()}. */
    long add(long from, long to) {
        long added = missing(from, to);
        long start = from;
        long end = to;
        Map.Entry<Long, Long> region = regions.floorEntry(from);
        if (region != null && region.getValue() >= from) {
            start = region.getKey();
            end = Math.max(end, region.getValue());
        }
        region = regions.ceilingEntry(start);
        while (region != null && region.getKey() <= end) {
            end = Math.max(end, region.getValue());
            regions.remove(region.getKey());
            region = regions.ceilingEntry(start);
        }
        if (end > start) {
            regions.put(start, end);
        }
        return added;
    }

    /** Removes a range; returns how many pages of it were in regions: {@code region_del()}. */
    long remove(long from, long to) {
        long removed = count(from, to);
        Map.Entry<Long, Long> region = regions.floorEntry(from);
        if (region == null || region.getValue() <= from) {
            region = regions.higherEntry(from);
        }
        while (region != null && region.getKey() < to) {
            long start = region.getKey();
            long end = region.getValue();
            regions.remove(start);
            if (start < from) {
                regions.put(start, from);
            }
            if (end > to) {
                regions.put(to, end);
            }
            region = regions.higherEntry(start);
        }
        return removed;
    }

    void addToDigest(Digest digest) {
        regions.forEach((from, to) -> {
            digest.add(from);
            digest.add(to);
        });
    }
}
