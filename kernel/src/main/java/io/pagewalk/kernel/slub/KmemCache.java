package io.pagewalk.kernel.slub;

import io.pagewalk.base.Digest;
import io.pagewalk.base.SeededRandom;
import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.page.FailNth;
import io.pagewalk.kernel.page.Gfp;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A cache of objects of one size: {@code struct kmem_cache}.
 *
 * <p>An allocation takes the first object of the current CPU's freelist; a free puts the object back there when it lies in the CPU's own slab. Everything else is {@link SlabPaths}.
 *
 * <p>Differs from Linux: each slab knows which objects are in use. A double free, a free of something that is not an object, and a free pointer that was overwritten are therefore noticed also without
 * {@code slab_debug}, where Linux would go on with a damaged list; they are reported in the words of {@code slab_debug=F} and the machine's state stays sound.
 */
public final class KmemCache {
    /** No node preferred: {@code NUMA_NO_NODE}. */
    public static final int NO_NODE = -1;

    /** What an allocation returns when there is no memory. */
    public static final long NULL = 0;

    private static final int RECIPROCAL_SHIFT = 42;

    final SlabCore core;
    private final PageAllocator pages;
    private final FailNth failNth;
    final CpuSlab[] cpus;
    final NodeSlabs[] nodes;
    final int size;
    final int freePointer;
    final int redLeftPad;
    final boolean isDebug;
    final @Nullable ObjectConstructor constructor;
    final SlabPaths paths;
    final SlabDebug debug;
    final @Nullable Sheaves sheaves;
    private final long reciprocal;
    private final boolean isHardened;
    private final long secret;
    final int @Nullable [] shuffled;
    private final @Nullable SeededRandom random;
    private final String name;
    private final List<String> aliases = new ArrayList<>();
    private final int userOffset;
    private final int userSize;
    private SlabGeometry geometry;
    private int references = 1;
    private boolean isDead;
    long vaddr;

    KmemCache(SlabCore core, CacheRequest request, SlabGeometry geometry, int sheafCapacity) {
        this.core = core;
        this.pages = core.pages;
        this.failNth = core.failNth;
        this.name = request.name();
        this.geometry = geometry;
        this.constructor = request.constructor();
        this.userOffset = request.userOffset();
        this.userSize = request.userSize();
        this.size = geometry.size();
        this.freePointer = geometry.freePointer();
        this.redLeftPad = geometry.redLeftPad();
        this.reciprocal = (1L << RECIPROCAL_SHIFT) / size + 1;
        this.isDebug = (geometry.flags() & SlabFlags.DEBUG) != 0;
        this.isHardened = core.options.isHardened();
        SeededRandom own = new SeededRandom(core.options.seed()).fork(name);
        this.secret = isHardened ? own.nextLong() : 0;
        this.random = core.options.isShuffled() ? own : null;
        this.shuffled = core.options.isShuffled() ? sequence(geometry.objects(), own) : null;
        this.cpus = new CpuSlab[core.pages.cpus()];
        for (int i = 0; i < cpus.length; i++) {
            cpus[i] = new CpuSlab();
        }
        this.nodes = new NodeSlabs[core.nodes];
        for (int i = 0; i < nodes.length; i++) {
            nodes[i] = new NodeSlabs();
        }
        this.debug = new SlabDebug(core, this);
        this.paths = new SlabPaths(core, this);
        this.sheaves = sheafCapacity > 0 ? new Sheaves(core, this, sheafCapacity) : null;
    }

    /**
     * Allocates an object: {@code kmem_cache_alloc()}.
     *
     * @param gfp flags of {@link Gfp}
     * @return its kernel address, or {@link #NULL}
     */
    public long alloc(int gfp) {
        return allocate(gfp, NO_NODE, geometry.objectSize());
    }

    /**
     * Allocates an object filled with zeros: {@code kmem_cache_zalloc()}.
     *
     * @param gfp flags of {@link Gfp}
     * @return its kernel address, or {@link #NULL}
     */
    public long zalloc(int gfp) {
        return alloc(gfp | Gfp.ZERO);
    }

    /**
     * Allocates an object on a node: {@code kmem_cache_alloc_node()}.
     *
     * @param gfp flags of {@link Gfp}; only with {@link Gfp#THISNODE} no other node will do
     * @param node node number, or {@link #NO_NODE}
     * @return its kernel address, or {@link #NULL}
     */
    public long allocNode(int gfp, int node) {
        return allocate(gfp, node, geometry.objectSize());
    }

    long allocate(int gfp, int node, long requested) {
        if ((failNth.isArmed() || (pages.isInInterrupt() && (gfp & Gfp.DIRECT_RECLAIM) != 0))
                && !core.mayAllocate(this, gfp)) {
            return NULL;
        }
        CpuSlab cpu = cpus[pages.currentCpu()];
        CpuSheaves sheaf = cpu.sheaves;
        long object = cpu.freelist;
        Slab slab = cpu.slab;
        if (sheaf == null && object != NULL && slab != null && node < 0 && !isDebug) {
            // The hot path: the first object of the CPU's own slab.
            int index = indexIn(slab, object);
            if (index >= 0 && !slab.isAllocated(index)) {
                cpu.freelist = next(object);
                slab.setAllocated(index);
                if ((gfp & Gfp.ZERO) != 0) {
                    core.fill(object, 0, geometry.objectSize());
                }
                return object;
            }
        }
        object = sheaf != null && isOwnNode(node) ? sheaf.alloc(gfp) : NULL;
        if (object != NULL) {
            slab = core.slabOf(object);
        } else {
            object = take(cpu, gfp, node, requested);
            slab = cpu.slab;
            if (slab == null || !slab.holds(object)) {
                slab = core.slabOf(object);
            }
        }
        if (object == NULL || slab == null) {
            return NULL;
        }
        slab.setAllocated(indexIn(slab, object));
        if ((gfp & Gfp.ZERO) != 0) {
            core.fill(object, 0, debug.keepsRequestSize() ? requested : geometry.objectSize());
        }
        return object;
    }

    /** Takes an object without noting that somebody has it: from the CPU's list, or the slow way. */
    long take(CpuSlab cpu, int gfp, int node, long requested) {
        long object = cpu.freelist;
        Slab slab = cpu.slab;
        if (object != NULL && slab != null && (node < 0 || slab.node == node)) {
            int index = indexIn(slab, object);
            if (index >= 0 && !slab.isAllocated(index)) {
                cpu.freelist = next(object);
                return object;
            }
            debug.isolate(slab, object);
            cpu.freelist = NULL;
        }
        return paths.allocate(cpu, gfp, node, requested);
    }

    /**
     * Allocates several objects at once: {@code kmem_cache_alloc_bulk()}. All or none.
     *
     * @param gfp flags of {@link Gfp}
     * @param objects receives the addresses
     * @param count how many, at most the array's length
     * @return count, or 0 when memory ran out, after which nothing is allocated
     */
    public int allocBulk(int gfp, long[] objects, int count) {
        for (int i = 0; i < count; i++) {
            objects[i] = alloc(gfp);
            if (objects[i] == NULL) {
                freeBulk(objects, i);
                return 0;
            }
        }
        return count;
    }

    /**
     * Frees an object: {@code kmem_cache_free()}. An address that is no object of this cache is reported in the log and nothing is freed.
     *
     * @param object its kernel address; {@link #NULL} does nothing
     */
    public void free(long object) {
        if (object == NULL) {
            return;
        }
        Slab slab = core.slabOf(object);
        if (slab == null) {
            core.warn("mm/slub.c cache_from_obj");
            core.log("virt_to_cache: Object is not a Slab page!");
            return;
        }
        if (slab.cache != this) {
            core.warn("mm/slub.c cache_from_obj");
            core.log("cache_from_obj: Wrong slab cache. " + name + " but object is from " + slab.cache.name);
            slab.cache.debug.printTracking(slab, object);
        }
        slab.cache.release(slab, object);
    }

    /**
     * Frees several objects: {@code kmem_cache_free_bulk()}.
     *
     * @param objects their addresses
     * @param count how many
     */
    public void freeBulk(long[] objects, int count) {
        for (int i = count - 1; i >= 0; i--) {
            free(objects[i]);
        }
    }

    /** Frees an object of this cache that lies in a slab: {@code slab_free()}. */
    void release(Slab slab, long object) {
        if (isDebug) {
            debug.free(slab, object);
            return;
        }
        int index = indexIn(slab, object);
        if (index < 0) {
            debug.slabError(slab, "Invalid object pointer " + SlabCore.pointer(object));
            debug.fix("Object at " + SlabCore.pointer(object) + " not freed");
            return;
        }
        if (!slab.isAllocated(index)) {
            debug.objectError(slab, object, "Object already free");
            debug.fix("Object at " + SlabCore.pointer(object) + " not freed");
            return;
        }
        slab.clearAllocated(index);
        CpuSlab cpu = cpus[pages.currentCpu()];
        if (cpu.sheaves != null && slab.node == pages.currentNode() && cpu.sheaves.free(object)) {
            return;
        }
        give(cpu, slab, object);
    }

    /** Puts an object that nobody has back: onto the CPU's list, or the slow way. */
    void give(Slab slab, long object) {
        give(cpus[pages.currentCpu()], slab, object);
    }

    private void give(CpuSlab cpu, Slab slab, long object) {
        if (slab == cpu.slab) {
            setNext(object, cpu.freelist);
            cpu.freelist = object;
            return;
        }
        paths.free(slab, object);
    }

    /** Returns the number of an object in its slab, -1 when the address is not the start of one: {@code check_valid_pointer()}. */
    int indexIn(Slab slab, long object) {
        long offset = object - redLeftPad - slab.base;
        if (offset < 0 || offset >= slab.bytes) {
            return -1;
        }
        int index = (int) ((offset * reciprocal) >>> RECIPROCAL_SHIFT);
        return index < slab.objects && (long) index * size == offset ? index : -1;
    }

    long objectAt(Slab slab, int index) {
        return slab.base + (long) index * size + redLeftPad;
    }

    /** Returns the object behind a free one: {@code get_freepointer()}. */
    long next(long object) {
        long at = object + freePointer;
        long stored = core.readWord(at);
        return isHardened ? unscramble(stored, at) : stored;
    }

    /** Chains a free object: {@code set_freepointer()}. */
    void setNext(long object, long next) {
        long at = object + freePointer;
        core.writeWord(at, isHardened ? scramble(next, at) : next);
    }

    /** {@code freelist_ptr_encode()}: the pointer, a secret of the cache, and its place with the bytes swapped. */
    private long scramble(long pointer, long at) {
        long mixed = pointer ^ secret ^ (core.isWide ? Long.reverseBytes(at) : Integer.reverseBytes((int) at));
        return core.isWide ? mixed : mixed & 0xffff_ffffL;
    }

    private long unscramble(long stored, long at) {
        return scramble(stored, at);
    }

    /** Returns the random place at which a new slab begins its sequence, or -1 when objects go in address order. */
    int shuffleStart() {
        return random == null || shuffled == null || shuffled.length < 2 ? -1 : random.nextInt(shuffled.length);
    }

    private static int[] sequence(int count, SeededRandom random) {
        int[] order = new int[count];
        for (int i = 0; i < count; i++) {
            order[i] = i;
        }
        for (int i = count - 1; i > 0; i--) {
            int other = random.nextInt(i + 1);
            int kept = order[i];
            order[i] = order[other];
            order[other] = kept;
        }
        return order;
    }

    private boolean isOwnNode(int node) {
        return node < 0 || node == pages.currentNode();
    }

    /**
     * Gives all empty slabs back and sorts the partial ones so that the fullest are used first: {@code kmem_cache_shrink()}.
     *
     * @return whether slabs are left
     */
    public boolean shrink() {
        flush();
        return paths.shrink();
    }

    /** Takes all slabs off the CPUs: {@code flush_all()}. */
    void flush() {
        if (sheaves != null) {
            sheaves.flushAll();
        }
        for (CpuSlab cpu : cpus) {
            paths.flush(cpu);
        }
    }

    /**
     * Checks a copy between kernel object and user memory: {@code mm/slub.c:__check_heap_object()}. A copy that leaves the cache's usercopy region is reported as {@code usercopy_abort()}
     * does, where Linux then stops the task.
     *
     * @param address first byte in the kernel
     * @param bytes length
     * @param isToUser whether the copy leaves the kernel
     * @return whether the copy is allowed
     */
    public boolean checkHeapObject(long address, long bytes, boolean isToUser) {
        Slab slab = core.slabOf(address);
        long offset = slab == null ? 0 : (address - slab.base) % size - redLeftPad;
        String what = offset < 0 ? "SLUB object in left red zone" : "SLUB object";
        if (offset >= userOffset && offset - userOffset <= userSize && bytes <= userOffset - offset + userSize) {
            return true;
        }
        core.reportCopy(what + " '" + name + "'", offset, bytes, isToUser);
        return false;
    }

    /** Returns its name; merged caches go by the name of the first. */
    public String name() {
        return name;
    }

    /** Returns the names under which it was asked for again. */
    public List<String> aliases() {
        return List.copyOf(aliases);
    }

    /** Returns how objects lie in its slabs. */
    public SlabGeometry geometry() {
        return geometry;
    }

    /** Returns the bytes of an object: {@code kmem_cache_size()}. */
    public int objectSize() {
        return geometry.objectSize();
    }

    /** Returns the distance from object to object in bytes. */
    public int size() {
        return size;
    }

    /** Returns how many objects a slab holds. */
    public int objectsPerSlab() {
        return geometry.objects();
    }

    /** Returns the order of a slab. */
    public int order() {
        return geometry.order();
    }

    /** Returns its {@link SlabFlags}. */
    public int flags() {
        return geometry.flags();
    }

    /** Returns how many objects each CPU array holds, 0 without arrays. */
    public int sheafCapacity() {
        return sheaves == null ? 0 : sheaves.capacity();
    }

    /** Returns how many caches were asked for that this one serves. */
    public int references() {
        return references;
    }

    /** Returns its slabs on all nodes. */
    public long slabs() {
        long sum = 0;
        for (NodeSlabs node : nodes) {
            sum += node.slabs;
        }
        return sum;
    }

    /** Returns the objects of all its slabs, free or not. */
    public long totalObjects() {
        long sum = 0;
        for (NodeSlabs node : nodes) {
            sum += node.objects;
        }
        return sum;
    }

    /** Returns the objects that {@code /proc/slabinfo} calls active: all but the free ones of slabs on node lists ({@code get_slabinfo()}). */
    public long activeObjects() {
        long sum = totalObjects();
        for (NodeSlabs node : nodes) {
            sum -= node.freeObjects();
        }
        return sum;
    }

    /** Returns the objects in the hands of users, counted one by one. */
    public long allocatedObjects() {
        long sum = 0;
        for (Slab slab : core.slabs()) {
            sum += slab.cache == this ? slab.allocatedCount() : 0;
        }
        return sum;
    }

    /** Returns how each of its slabs stands, for drawing. */
    public List<SlabView> views() {
        return core.slabs().stream()
                .filter(slab -> slab.cache == this)
                .map(slab -> SlabView.of(this, slab))
                .toList();
    }

    /** Returns how many slabs lie on the nodes' partial lists. */
    public long partialSlabs() {
        long sum = 0;
        for (NodeSlabs node : nodes) {
            sum += node.partial;
        }
        return sum;
    }

    /**
     * Checks every free and used object of a cache: {@code echo 1 > /sys/kernel/slab/NAME/validate}, {@code mm/slub.c:validate_slab_cache()}.
     *
     * @return how many objects are damaged; each is reported in the log and repaired
     */
    public int validate() {
        flush();
        int bad = 0;
        for (Slab slab : core.slabs()) {
            if (slab.cache == this) {
                bad += debug.validate(slab);
            }
        }
        return bad;
    }

    boolean isCacheOfCaches() {
        return name.equals("kmem_cache") || name.equals("kmem_cache_node");
    }

    /** {@code slab_unmergeable()}. */
    boolean isMergeable() {
        return (flags() & SlabFlags.NEVER_MERGE) == 0 && constructor == null && userSize == 0 && !isCacheOfCaches();
    }

    void addAlias(String alias, int objectSize) {
        references++;
        aliases.add(alias);
        geometry = geometry.widened(objectSize, core.wordBytes);
    }

    int dropReference() {
        return --references;
    }

    boolean isDead() {
        return isDead;
    }

    void markDead() {
        isDead = true;
    }

    void addToDigest(Digest digest) {
        digest.add(name);
        digest.add(size);
        digest.add(references);
        for (NodeSlabs node : nodes) {
            digest.add(node.slabs);
            digest.add(node.partial);
        }
        for (CpuSlab cpu : cpus) {
            digest.add(cpu.freelist);
            digest.add(cpu.partialSlabs);
        }
    }
}
