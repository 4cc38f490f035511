package io.pagewalk.kernel.rmap;

import io.pagewalk.kernel.vma.Vma;

/** Where merged pages are mapped, which no anon_vma knows; implemented by the ksm package. */
public interface KsmRmap {
    /** Receives a place. */
    @FunctionalInterface
    interface Place {
        /**
         * One place that may map the page.
         *
         * @param vma the area
         * @param vaddr the address in it
         */
        void at(Vma vma, long vaddr);
    }

    /**
     * Visits the places that may map a merged page: {@code mm/ksm.c:rmap_walk_ksm()}.
     *
     * @param pfn a page with {@code PageFlags.KSM}
     * @param visitor told about each
     */
    void walk(long pfn, Place visitor);

    /**
     * A merged page has gone to another frame: {@code mm/ksm.c:folio_migrate_ksm()}.
     *
     * @param from the old frame
     * @param to the new one, which has taken over flags and mapping
     */
    void migrated(long from, long to);
}
