package io.pagewalk.kernel.slub;

import io.pagewalk.kernel.page.Gfp;

/** One CPU's sheaves of a cache: {@code struct slub_percpu_sheaves}. */
final class CpuSheaves {
    private final Sheaves owner;

    /** The sheaf that objects are taken from and put into. */
    private long main;

    /** Objects in it; stands in the sheaf itself only when it leaves this CPU ({@link #store}). */
    private int mainSize;

    /** A full or an empty one in reserve, or 0. */
    long spare;

    CpuSheaves(Sheaves owner, long main) {
        this.owner = owner;
        this.main = main;
        this.mainSize = owner.size(main);
    }

    /** Returns the sheaf in use. */
    long main() {
        return main;
    }

    /** Returns how many objects are in it. */
    int mainSize() {
        return mainSize;
    }

    private void store() {
        owner.setSize(main, mainSize);
    }

    private void setMain(long sheaf) {
        main = sheaf;
        mainSize = owner.size(sheaf);
    }

    /** {@code alloc_from_pcs()}: 0 when the slabs must be asked. */
    long alloc(int gfp) {
        if (mainSize == 0 && !replaceEmptyMain(gfp)) {
            return KmemCache.NULL;
        }
        return owner.get(main, --mainSize);
    }

    /** {@code free_to_pcs()}: false when the slab must take it. */
    boolean free(long object) {
        if (mainSize == owner.capacity() && !replaceFullMain()) {
            return false;
        }
        owner.put(main, mainSize++, object);
        return true;
    }

    /** {@code __pcs_replace_empty_main()}. */
    private boolean replaceEmptyMain(int gfp) {
        store();
        if (spare != 0 && owner.size(spare) > 0) {
            swap();
            return true;
        }
        Sheaves.Barn barn = owner.barn();
        if (barn.fullCount > 0) {
            long full = barn.full[--barn.fullCount];
            putEmpty(barn, main);
            setMain(full);
            return true;
        }
        if (!Gfp.allowsBlocking(gfp)) {
            return false;
        }
        long fresh = 0;
        if (spare != 0) {
            fresh = spare;
            spare = 0;
        } else if (barn.emptyCount > 0) {
            fresh = barn.empty[--barn.emptyCount];
        } else {
            fresh = owner.newSheaf(gfp);
        }
        if (fresh == 0) {
            return false;
        }
        if (!owner.refill(fresh, gfp)) {
            owner.empty(fresh);
            putEmpty(barn, fresh);
            return false;
        }
        // Reclaim on the way may have put objects into it.
        store();
        if (spare == 0) {
            spare = main;
        } else {
            putEmpty(barn, main);
        }
        setMain(fresh);
        return true;
    }

    /** {@code __pcs_replace_full_main()}. */
    private boolean replaceFullMain() {
        store();
        Sheaves.Barn barn = owner.barn();
        long empty;
        if (spare == 0) {
            empty = barn.emptyCount > 0 ? barn.empty[--barn.emptyCount] : owner.newSheaf(Gfp.GFP_NOWAIT);
            if (empty == 0) {
                return false;
            }
            spare = main;
            setMain(empty);
            return true;
        }
        if (owner.size(spare) == 0) {
            swap();
            return true;
        }
        if (barn.fullCount == barn.full.length) {
            empty = spare;
            spare = 0;
            owner.empty(empty);
            spare = main;
            setMain(empty);
            return true;
        }
        empty = barn.emptyCount > 0 ? barn.empty[--barn.emptyCount] : owner.newSheaf(Gfp.GFP_NOWAIT);
        if (empty == 0) {
            return false;
        }
        barn.full[barn.fullCount++] = main;
        setMain(empty);
        return true;
    }

    /** {@code pcs_flush_all()}. */
    void flush() {
        if (spare != 0) {
            long sheaf = spare;
            spare = 0;
            owner.empty(sheaf);
            owner.freeSheaf(sheaf);
        }
        store();
        owner.empty(main);
        mainSize = 0;
    }

    private void putEmpty(Sheaves.Barn barn, long sheaf) {
        if (barn.emptyCount < barn.empty.length) {
            barn.empty[barn.emptyCount++] = sheaf;
        } else {
            owner.freeSheaf(sheaf);
        }
    }

    private void swap() {
        long kept = main;
        setMain(spare);
        spare = kept;
    }
}
