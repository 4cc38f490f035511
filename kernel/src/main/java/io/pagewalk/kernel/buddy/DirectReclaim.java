package io.pagewalk.kernel.buddy;

/** What the allocator's slow path calls when memory is short: {@code mm/vmscan.c:try_to_free_pages()}. */
@FunctionalInterface
public interface DirectReclaim {
    /** Frees nothing. */
    DirectReclaim NONE = (gfp, order, node) -> 0;

    /**
     * Tries to free memory in the caller's context.
     *
     * @param gfp flags of the request that found no memory
     * @param order its order
     * @param node its preferred node
     * @return pages freed; 0 means no progress
     */
    long tryToFreePages(int gfp, int order, int node);
}
