package io.pagewalk.kernel.vma;

/**
 * What the reverse map does when areas are made, copied and dropped ({@code mm/rmap.c}).
 *
 * <p>{@link Vma#anonVmaChain()} is the area's half of Linux's {@code anon_vma_chain}; the implementor keeps both halves in step.
 */
public interface AnonVmaOps {
    /**
     * Gives an area an anon_vma when it has none: {@code mm/rmap.c:__anon_vma_prepare()}.
     *
     * @param vma an area in a tree
     */
    void prepare(Vma vma);

    /**
     * Links an area to every anon_vma of another: {@code mm/rmap.c:anon_vma_clone()}. Does not set {@link Vma#anonVma()}.
     *
     * @param target the new or expanded area, whose chain is empty
     * @param source the area whose chain is copied
     */
    void cloneChain(Vma target, Vma source);

    /**
     * Removes an area from every anon_vma it is linked to: {@code mm/rmap.c:unlink_anon_vmas()}. The chain is empty and
     * {@link Vma#anonVma()} is null afterwards.
     *
     * @param vma an area that leaves its mm or is merged into a neighbour
     */
    void unlink(Vma vma);

    /**
     * Called before an area's start, end or page offset changes, for a reverse map that is ordered by them.
     *
     * @param vma an area with a chain that is not empty
     */
    default void beforeRangeChange(Vma vma) {}

    /**
     * Called after an area's start, end or page offset changed.
     *
     * @param vma the same area
     */
    default void afterRangeChange(Vma vma) {}
}
