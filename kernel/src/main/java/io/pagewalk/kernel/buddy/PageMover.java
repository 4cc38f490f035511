package io.pagewalk.kernel.buddy;

/** Moves the contents and all users of a page to another frame; what compaction and contiguous allocation need of {@code mm/migrate.c}. */
public interface PageMover {
    /** Nothing can be moved. */
    PageMover NONE = new PageMover() {
        @Override
        public boolean isolate(long pfn, int flags) {
            return false;
        }

        @Override
        public void putBack(long pfn) {}

        @Override
        public int migrate(PageList pages, Target target, MigrateMode mode) {
            return pages.size();
        }
    };

    /** Flag of {@link #isolate}: pages that cannot be evicted are taken too: {@code ISOLATE_UNEVICTABLE}. */
    int UNEVICTABLE = 1;

    /** Flag of {@link #isolate}: only pages that can be moved without waiting: {@code ISOLATE_ASYNC_MIGRATE}. */
    int NO_WAIT = 2;

    /** Flag of {@link #isolate}: pages of files are left alone, because the caller must not call into file systems: no {@code __GFP_FS}. */
    int NO_FILES = 4;

    /** {@code -ENOMEM} of {@link #migrate}: there was no frame to move to. */
    int NO_MEMORY = -12;

    /** How much a migration may wait: {@code enum migrate_mode}. */
    enum MigrateMode {
        /** Not at all. */
        ASYNC,
        /** A little. */
        SYNC_LIGHT,
        /** As long as it takes. */
        SYNC
    }

    /** Where pages go. */
    interface Target {
        /**
         * Returns a frame with one reference, or {@link PageAllocator#NO_PAGE}.
         *
         * @param from the page that will move there
         */
        long allocate(long from);

        /**
         * Takes back a frame that was not used.
         *
         * @param pfn from {@link #allocate}
         */
        void release(long pfn);
    }

    /**
     * Takes a page off its LRU list so that it can be moved: the page's part of {@code mm/compaction.c:isolate_migratepages_block()}.
     *
     * @param pfn an allocated page on an LRU list
     * @param flags bits of this interface
     * @return whether it was taken; it must then be migrated or put back
     */
    boolean isolate(long pfn, int flags);

    /**
     * Puts a page back that could not be moved: {@code putback_movable_pages()}.
     *
     * @param pfn an isolated page
     */
    void putBack(long pfn);

    /**
     * Moves isolated pages: {@code migrate_pages()}. The old frames of moved pages are freed.
     *
     * @param pages the pages; those that did not move remain in it
     * @param target where to
     * @param mode how much to wait
     * @return 0, the number of pages that did not move, or {@link #NO_MEMORY}
     */
    int migrate(PageList pages, Target target, MigrateMode mode);
}
