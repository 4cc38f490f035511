package io.pagewalk.kernel.vma;

import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/** The userfaultfd that an area is registered with, as far as calls on areas meet it: {@code struct userfaultfd_ctx}. Areas of two contexts never merge. */
public interface UserfaultContext {
    /** Returns a number that no other context of the machine has, for digests. */
    long id();

    /** Returns whether places without a page can be write-protected too ({@code UFFD_FEATURE_WP_UNPOPULATED}). */
    boolean protectsUnpopulated();

    /** Returns whether a write lifts the write protection without telling anybody ({@code UFFD_FEATURE_WP_ASYNC}). */
    boolean isWpAsync();

    /** Returns whether areas stay registered when {@code mremap()} moves them ({@code UFFD_FEATURE_EVENT_REMAP}). */
    boolean followsMoves();

    /**
     * Returns the context that the copy of an area gets in a child: {@code fs/userfaultfd.c:dup_userfaultfd()}. All areas of one child that had one context get one context.
     *
     * @param child the address space of the child
     * @return a new context that the next reader learns of, or null: the copy is not registered
     */
    @Nullable
    UserfaultContext forFork(Mm child);

    /**
     * Notes that areas of a range go, for the end of the call: {@code userfaultfd_unmap_prep()}.
     *
     * @param start first address that the call unmaps
     * @param end first address behind
     */
    void noteUnmap(long start, long end);

    /**
     * Notes that an area has moved, for the end of the call: {@code mremap_userfaultfd_prep()}. Only for contexts that follow moves.
     *
     * @param from where it was
     * @param to where it is
     * @param lengthBytes how long it was
     */
    void noteMove(long from, long to, long lengthBytes);

    /**
     * Tells that pages are about to be dropped and makes the caller wait: {@code userfaultfd_remove()}.
     *
     * @param start first address
     * @param end first address behind
     * @param rest drops the pages and does what is left of the call, once somebody has read of it; its value is the call's result
     * @return false when nobody wants to know: the caller goes on; true when the caller must return at once
     */
    boolean beforeRemove(long start, long end, LongSupplier rest);
}
