package io.pagewalk.kernel.fault;

import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.hardware.paging.PagingMode;

/** A full walk of one address space's tables, for checks and observers. It changes nothing. */
public final class TableWalk {
    /** What a walk meets. */
    @FunctionalInterface
    public interface Visitor {
        /**
         * Meets a table, the root included.
         *
         * @param pfn its frame
         * @param level its level, 1 for a leaf table
         */
        default void table(long pfn, int level) {}

        /**
         * Meets an entry that maps a page.
         *
         * @param vaddr first address it maps
         * @param entry the raw entry
         * @param level its level
         */
        void leaf(long vaddr, long entry, int level);

        /**
         * Sees an entry that maps nothing and says why.
         *
         * @param vaddr its first virtual address
         * @param entry one of {@link PteMarkers}
         */
        default void marker(long vaddr, long entry) {}
    }

    private final PagingMode mode;
    private final PhysicalMemory memory;
    private final Visitor visitor;

    /**
     * Creates a walk.
     *
     * @param mode format of the tables
     * @param memory where they lie
     * @param visitor told about everything
     */
    public TableWalk(PagingMode mode, PhysicalMemory memory, Visitor visitor) {
        this.mode = mode;
        this.memory = memory;
        this.visitor = visitor;
    }

    /**
     * Walks a tree.
     *
     * @param rootPfn frame of the root
     * @param firstIndex first root entry to follow
     * @param endIndex first root entry not to follow
     */
    public void walk(long rootPfn, int firstIndex, int endIndex) {
        visitor.table(rootPfn, mode.levels());
        entries(rootPfn, mode.levels(), 0, firstIndex, endIndex);
    }

    private void entries(long table, int level, long base, int first, int end) {
        for (int index = first; index < end; index++) {
            long entry = mode.readEntry(memory, table, index);
            if (entry == 0) {
                continue;
            }
            long vaddr = base + ((long) index << mode.shift(level));
            if (PteMarkers.is(entry)) {
                visitor.marker(vaddr, entry);
                continue;
            }
            if (level == 1 || mode.isLeaf(entry, level)) {
                visitor.leaf(vaddr, entry, level);
            } else {
                long below = mode.pfn(entry, level);
                visitor.table(below, level - 1);
                entries(below, level - 1, vaddr, 0, mode.entries(level - 1));
            }
        }
    }
}
