package io.pagewalk.kernel.buddy;

import io.pagewalk.kernel.zone.Zonelist;

/** What the allocator calls when reclaim makes no progress: {@code mm/oom_kill.c:out_of_memory()}. */
@FunctionalInterface
public interface OutOfMemory {
    /** Kills nobody, so the request fails. */
    OutOfMemory NONE = (gfp, order, zonelist) -> false;

    /**
     * Tries to free memory by killing a process.
     *
     * @param gfp flags of the request
     * @param order its order
     * @param zonelist the zones that it may use
     * @return whether something was killed or is dying, so that trying again makes sense
     */
    boolean outOfMemory(int gfp, int order, Zonelist zonelist);
}
