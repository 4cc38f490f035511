package io.pagewalk.kernel.slub;

import io.pagewalk.kernel.page.Gfp;

/**
 * A cache's arrays of objects: {@code struct node_barn} of each node and what makes, fills and empties {@code struct slab_sheaf}, since Linux 6.18.
 *
 * <p>A sheaf lies in kmalloc memory, its objects in simulated memory: header of four words, then one word for each object. Objects in a sheaf count as in use for their slab.
 */
final class Sheaves {
    /** Full and empty sheaves that a node keeps at most ({@code MAX_FULL_SHEAVES}, {@code MAX_EMPTY_SHEAVES}). */
    private static final int MAX_KEPT = 10;

    private static final int HEADER_WORDS = 4;

    /** What a node keeps. */
    static final class Barn {
        final long[] full = new long[MAX_KEPT];
        final long[] empty = new long[MAX_KEPT];
        int fullCount;
        int emptyCount;
        long vaddr;

        Barn() {}
    }

    private final SlabCore core;
    private final KmemCache cache;
    private final int capacity;
    private final Barn[] barns;
    private @org.jspecify.annotations.Nullable KmemCache memory;

    Sheaves(SlabCore core, KmemCache cache, int capacity) {
        this.core = core;
        this.cache = cache;
        this.capacity = capacity;
        barns = new Barn[core.nodes];
        for (int i = 0; i < barns.length; i++) {
            barns[i] = new Barn();
        }
    }

    int capacity() {
        return capacity;
    }

    /** Returns the bytes of a sheaf: {@code struct_size(sheaf, objects, capacity)}. */
    int bytes() {
        return (HEADER_WORDS + capacity) * core.wordBytes;
    }

    /** Gives every CPU its main sheaf: {@code init_percpu_sheaves()}. Returns false when memory ran out. */
    boolean start(KmemCache kmallocCache) {
        memory = kmallocCache;
        for (CpuSlab cpu : cache.cpus) {
            long main = newSheaf(Gfp.GFP_KERNEL);
            if (main == KmemCache.NULL) {
                return false;
            }
            cpu.sheaves = new CpuSheaves(this, main);
        }
        return true;
    }

    Barn barn() {
        return barns[core.pages.currentNode()];
    }

    Barn[] barns() {
        return barns;
    }

    /** {@code alloc_empty_sheaf()}. */
    long newSheaf(int gfp) {
        KmemCache from = memory;
        if (from == null) {
            return KmemCache.NULL;
        }
        long sheaf = from.allocate((gfp & ~Gfp.ACCOUNT) | Gfp.ZERO, KmemCache.NO_NODE, bytes());
        if (sheaf != KmemCache.NULL) {
            setSize(sheaf, 0);
        }
        return sheaf;
    }

    /** {@code free_empty_sheaf()}. */
    void freeSheaf(long sheaf) {
        Slab slab = core.slabOf(sheaf);
        if (slab != null) {
            slab.cache.release(slab, sheaf);
        }
    }

    int size(long sheaf) {
        return core.readInt(sheaf + 3L * core.wordBytes);
    }

    void setSize(long sheaf, int value) {
        core.writeInt(sheaf + 3L * core.wordBytes, value);
    }

    long get(long sheaf, int i) {
        return core.readWord(sheaf + (long) (HEADER_WORDS + i) * core.wordBytes);
    }

    void put(long sheaf, int i, long object) {
        core.writeWord(sheaf + (long) (HEADER_WORDS + i) * core.wordBytes, object);
    }

    void push(long sheaf, long object) {
        int n = size(sheaf);
        put(sheaf, n, object);
        setSize(sheaf, n + 1);
    }

    long pop(long sheaf) {
        int n = size(sheaf) - 1;
        setSize(sheaf, n);
        return get(sheaf, n);
    }

    /** {@code refill_sheaf()}: takes objects from the slabs until the sheaf is full. Returns whether it is. */
    boolean refill(long sheaf, int gfp) {
        int flags = (gfp & ~Gfp.ZERO) | Gfp.NOMEMALLOC | Gfp.NOWARN;
        while (size(sheaf) < capacity) {
            CpuSlab cpu = cache.cpus[core.pages.currentCpu()];
            long object = cache.take(cpu, flags, KmemCache.NO_NODE, cache.objectSize());
            if (object == KmemCache.NULL) {
                return false;
            }
            push(sheaf, object);
        }
        return true;
    }

    /** {@code sheaf_flush_unused()}: its objects go back to their slabs. */
    void empty(long sheaf) {
        while (size(sheaf) > 0) {
            long object = pop(sheaf);
            Slab slab = core.slabOf(object);
            if (slab != null) {
                cache.give(slab, object);
            }
        }
    }

    /** {@code pcs_flush_all()} on every CPU and {@code barn_shrink()}: only empty main sheaves stay. */
    void flushAll() {
        for (CpuSlab cpu : cache.cpus) {
            if (cpu.sheaves != null) {
                cpu.sheaves.flush();
            }
        }
        for (Barn barn : barns) {
            while (barn.fullCount > 0) {
                long sheaf = barn.full[--barn.fullCount];
                empty(sheaf);
                freeSheaf(sheaf);
            }
            while (barn.emptyCount > 0) {
                freeSheaf(barn.empty[--barn.emptyCount]);
            }
        }
    }

    /** Frees the main sheaves of a cache that is destroyed: {@code free_percpu_sheaves()}. */
    void stop() {
        for (CpuSlab cpu : cache.cpus) {
            CpuSheaves own = cpu.sheaves;
            if (own != null) {
                cpu.sheaves = null;
                freeSheaf(own.main());
            }
        }
    }
}
