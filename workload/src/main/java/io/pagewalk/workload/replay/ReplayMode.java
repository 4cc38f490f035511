package io.pagewalk.workload.replay;

import io.pagewalk.base.BadInput;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** How closely a replay looks at the accesses. The result is the same in each mode; the time it takes is not. */
public enum ReplayMode {
    /** Every access goes to the MMU. */
    ACCESSES,
    /** Only the first access after a change of page, and the first store after it, go to the MMU. */
    RUNS,
    /** Only the events of each episode go to the MMU; needs true LRU of four ways or more in the first-level TLBs. */
    EPISODES;

    /**
     * Finds a mode by its name.
     *
     * @param text a name in any case
     * @throws BadInput that lists the names
     */
    public static ReplayMode byName(String text) {
        for (ReplayMode mode : values()) {
            if (mode.name().equalsIgnoreCase(text)) {
                return mode;
            }
        }
        throw new BadInput(
                "--replay",
                "'" + text + "'",
                Arrays.stream(values())
                        .map(mode -> mode.name().toLowerCase(Locale.ROOT))
                        .collect(Collectors.joining(", ")));
    }
}
