package io.pagewalk.kernel.numa;

import io.pagewalk.base.Digest;
import io.pagewalk.base.Violations;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** The policies of a file in memory by page offset, which stay when nobody maps it: {@code struct shared_policy}. Ranges do not overlap. */
public final class SharedPolicy {
    private record Range(long end, Mempolicy policy) {}

    /** By first page. */
    private final TreeMap<Long, Range> ranges = new TreeMap<>();

    /** Creates a file without policies. */
    public SharedPolicy() {}

    /** Returns whether no page has a policy. */
    public boolean isEmpty() {
        return ranges.isEmpty();
    }

    /**
     * Returns the policy of a page: {@code mpol_shared_policy_lookup()}.
     *
     * @param index page offset in the file
     * @return the policy, or null
     */
    public @Nullable Mempolicy lookup(long index) {
        Map.Entry<Long, Range> entry = ranges.floorEntry(index);
        return entry != null && index < entry.getValue().end ? entry.getValue().policy : null;
    }

    /**
     * Replaces the policy of a range: {@code mpol_set_shared_policy()}.
     *
     * @param start first page
     * @param end first page behind
     * @param policy the new policy, null for none
     */
    public void set(long start, long end, @Nullable Mempolicy policy) {
        Map.Entry<Long, Range> below = ranges.lowerEntry(start);
        if (below != null && below.getValue().end > start) {
            Range range = below.getValue();
            ranges.put(below.getKey(), new Range(start, range.policy));
            if (range.end > end) {
                ranges.put(end, range);
            }
        }
        Map.Entry<Long, Range> last = ranges.lowerEntry(end);
        if (last != null && last.getKey() >= start && last.getValue().end > end) {
            ranges.put(end, last.getValue());
        }
        ranges.subMap(start, end).clear();
        if (policy != null) {
            ranges.put(start, new Range(end, policy));
        }
    }

    /**
     * Checks that ranges are ordered and not empty.
     *
     * @param where names the file
     * @param out receives what is wrong
     */
    public void verify(String where, Violations out) {
        long last = 0;
        for (Map.Entry<Long, Range> entry : ranges.entrySet()) {
            if (entry.getKey() < last || entry.getValue().end <= entry.getKey()) {
                out.add(where, "shared policies overlap at page " + entry.getKey());
            }
            last = entry.getValue().end;
        }
    }

    /**
     * Adds it to a digest.
     *
     * @param digest receives it
     */
    public void addToDigest(Digest digest) {
        ranges.forEach((start, range) -> {
            digest.add(start);
            digest.add(range.end);
            range.policy.addToDigest(digest);
        });
    }
}
