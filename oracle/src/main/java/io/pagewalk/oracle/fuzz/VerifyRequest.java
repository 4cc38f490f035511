package io.pagewalk.oracle.fuzz;

import io.pagewalk.base.BadInput;
import java.util.Set;

/**
 * What a run is asked to do.
 *
 * @param areas which calls histories are made of
 * @param operations how many steps in all
 * @param seed of the first history; each further one takes the next number
 * @param maxMinutes ends the run early, 0 for no limit
 */
public record VerifyRequest(Set<Area> areas, long operations, long seed, double maxMinutes) {
    /** Copies the set and refuses what makes no sense. */
    public VerifyRequest {
        if (operations <= 0) {
            throw new BadInput("--ops", Long.toString(operations), "at least 1");
        }
        if (!(maxMinutes >= 0)) {
            throw new BadInput("--minutes", Double.toString(maxMinutes), "at least 0");
        }
        areas = Set.copyOf(areas);
    }

    /**
     * Returns a request for all areas.
     *
     * @param operations how many steps
     * @param seed of the first history
     */
    public static VerifyRequest of(long operations, long seed) {
        return new VerifyRequest(Area.all(), operations, seed, 0);
    }
}
