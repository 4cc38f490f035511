package io.pagewalk.kernel.slub;

import io.pagewalk.base.BadInput;
import io.pagewalk.base.Digest;
import io.pagewalk.base.KernelBug;
import io.pagewalk.base.Violations;
import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.page.Gfp;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * All slab caches of a kernel and the calls that allocate bytes: {@code mm/slab_common.c} and {@code include/linux/slab.h}.
 *
 * <p>Addresses are those of the direct map; 0 is {@code NULL}. What callers do wrong is answered as Linux answers it, by a value and lines in the kernel log.
 */
public final class SlabAllocator {
    /** What {@code kmalloc(0)} returns: an address that may be freed but not touched. */
    public static final long ZERO_SIZE_PTR = 16;

    private final SlabCore core;
    private final List<KmemCache> caches = new ArrayList<>();
    private final KmallocCaches kmallocCaches = new KmallocCaches();
    private final @Nullable KmemCache cacheOfCaches;
    private final @Nullable KmemCache cacheOfNodes;
    private final LargeKmalloc large;
    private VmallocDoor vmalloc = VmallocDoor.NONE;

    /**
     * Boots SLUB: the caches that hold caches, then the kmalloc caches, {@code mm/slub.c:kmem_cache_init()}.
     *
     * @param memory the machine's RAM
     * @param pages provides frames
     * @param parameters what geometry depends on
     * @param options boot parameters
     */
    public SlabAllocator(PhysicalMemory memory, PageAllocator pages, SlabParameters parameters, SlabOptions options) {
        this.core = new SlabCore(memory, pages, parameters, options);
        this.large = new LargeKmalloc(core);
        int word = parameters.wordBytes();
        // struct kmem_cache of 6.18 up to its array of nodes, as the host's 232 bytes for one node show; struct
        // kmem_cache_node.
        int nodeBytes = word == 8 ? 72 : 44;
        int cacheBytes = (word == 8 ? 224 : 140) + core.nodes * word;
        KmemCache nodes = createBoot(CacheRequest.of("kmem_cache_node", nodeBytes, SlabFlags.HWCACHE_ALIGN));
        KmemCache own = createBoot(CacheRequest.of("kmem_cache", cacheBytes, SlabFlags.HWCACHE_ALIGN));
        // bootstrap() moves kmem_cache first, so it stands behind kmem_cache_node in the list of all.
        caches.clear();
        caches.add(own);
        caches.add(nodes);
        cacheOfNodes = nodes;
        cacheOfCaches = own;
        takeMemory(own);
        takeMemory(nodes);
        for (KmallocCaches.Type type : KmallocCaches.Type.values()) {
            for (int index = 1; index <= KmallocCaches.count(); index++) {
                kmallocCaches.set(type, index, make(KmallocCaches.request(type, index)));
            }
        }
        create(CacheRequest.of("kmalloc_buckets", 112, SlabFlags.NO_MERGE));
    }

    /**
     * Wires the kernel's log and the running task.
     *
     * @param environment receives lines, tells who runs
     */
    public void setEnvironment(SlabEnvironment environment) {
        core.setEnvironment(environment);
    }

    /**
     * Wires the vmalloc area behind {@link #kvmalloc}.
     *
     * @param door the area
     */
    public void setVmalloc(VmallocDoor door) {
        vmalloc = door;
    }

    /**
     * Names the function that allocates and frees from now on, for user tracking.
     *
     * @param function as the log prints it, such as {@code uart_probe+0x2a/0x90}
     */
    public void setCaller(String function) {
        core.setCaller(function);
    }

    /**
     * Makes a cache, or shares one with objects of the same kind: {@code mm/slab_common.c:__kmem_cache_create_args()}.
     *
     * @param request what is asked for
     * @return the cache; the same object again for merged ones. Null when the size is impossible or memory ran out: with {@link SlabFlags#PANIC} that stops the boot
     */
    public @Nullable KmemCache createOrNull(CacheRequest request) {
        if (request.size() < 1
                || request.size() > LargeKmalloc.MAX_BYTES
                || request.name().isEmpty()) {
            core.log("kmem_cache_create(" + request.name() + ") integrity check failed");
            core.log("__kmem_cache_create_args(" + request.name() + ") failed with error -22");
            return null;
        }
        int flags = core.options.flagsOf(request.flags(), request.name());
        if (request.name().indexOf(' ') >= 0) {
            core.warn("mm/slab_common.c kmem_cache_sanity_check");
        }
        if (find(request.name()) != null) {
            core.log("kmem_cache of name '" + request.name() + "' already exists");
            core.warn("mm/slab_common.c kmem_cache_sanity_check");
        }
        KmemCache shared = findMergeable(request, flags);
        if (shared != null) {
            shared.addAlias(request.name(), request.size());
            return shared;
        }
        KmemCache cache = build(request, flags);
        if (cache.geometry().objects() == 0 || !takeMemory(cache)) {
            KernelBug.on((flags & SlabFlags.PANIC) != 0, "Failed to create slab '" + request.name() + "'");
            core.log("__kmem_cache_create_args(" + request.name() + ") failed with error -"
                    + (cache.geometry().objects() == 0 ? 22 : 12));
            return null;
        }
        caches.add(cache);
        return cache;
    }

    /**
     * Makes a cache that boot needs, {@link #createOrNull} otherwise.
     *
     * @param request what is asked for
     * @return the cache
     */
    public KmemCache create(CacheRequest request) {
        KmemCache cache = createOrNull(request);
        if (cache == null) {
            throw new BadInput("slab cache " + request.name(), "no memory for it", "a machine with more memory");
        }
        return cache;
    }

    private KmemCache createBoot(CacheRequest request) {
        KmemCache cache = build(request, request.flags());
        caches.add(cache);
        return cache;
    }

    private KmemCache make(CacheRequest request) {
        KmemCache cache = build(request, core.options.flagsOf(request.flags(), request.name()));
        if (!takeMemory(cache)) {
            throw new BadInput("slab cache " + request.name(), "no memory for it", "a machine with more memory");
        }
        caches.add(cache);
        return cache;
    }

    private KmemCache build(CacheRequest request, int flags) {
        SlabGeometry geometry = SlabGeometry.of(request, flags, core.parameters);
        if (core.options.avoidsHigherOrders()
                && SlabGeometry.orderOf(geometry.size()) > SlabGeometry.orderOf(request.size())) {
            geometry = SlabGeometry.of(request, flags & ~SlabFlags.DEBUG_METADATA, core.parameters);
        }
        boolean hasSheaves = core.options.hasSheaves() && (geometry.flags() & SlabFlags.DEBUG) == 0;
        return new KmemCache(core, request, geometry, hasSheaves ? request.sheafCapacity() : 0);
    }

    /** Takes the memory of {@code struct kmem_cache}, its nodes and sheaves. */
    private boolean takeMemory(KmemCache cache) {
        KmemCache holder = cacheOfCaches;
        KmemCache nodeHolder = cacheOfNodes;
        if (holder == null || nodeHolder == null) {
            return true;
        }
        cache.vaddr = holder.zalloc(Gfp.GFP_KERNEL);
        boolean isComplete = cache.vaddr != KmemCache.NULL;
        for (NodeSlabs node : cache.nodes) {
            node.vaddr = isComplete ? nodeHolder.alloc(Gfp.GFP_KERNEL) : KmemCache.NULL;
            isComplete &= node.vaddr != KmemCache.NULL;
        }
        Sheaves sheaves = cache.sheaves;
        if (isComplete && sheaves != null) {
            isComplete = sheaves.start(kmallocCaches.find(sheaves.bytes(), Gfp.GFP_KERNEL));
        }
        if (!isComplete) {
            releaseMemory(cache);
        }
        return isComplete;
    }

    private void releaseMemory(KmemCache cache) {
        if (cache.sheaves != null) {
            cache.sheaves.stop();
        }
        for (NodeSlabs node : cache.nodes) {
            if (cacheOfNodes != null) {
                cacheOfNodes.free(node.vaddr);
                node.vaddr = KmemCache.NULL;
            }
        }
        if (cacheOfCaches != null) {
            cacheOfCaches.free(cache.vaddr);
            cache.vaddr = KmemCache.NULL;
        }
    }

    /** {@code mm/slab_common.c:find_mergeable()}: the newest cache first. */
    private @Nullable KmemCache findMergeable(CacheRequest request, int flags) {
        if (!core.options.isMerging()
                || request.constructor() != null
                || request.userSize() > 0
                || request.sheafCapacity() > 0
                || (flags & SlabFlags.NEVER_MERGE) != 0) {
            return null;
        }
        int word = core.wordBytes;
        int size = SlabGeometry.roundUp(request.size(), word);
        int align = SlabGeometry.calculateAlignment(flags, request.align(), size, core.parameters);
        size = SlabGeometry.roundUp(size, align);
        for (KmemCache cache : caches.reversed()) {
            if (cache.isMergeable()
                    && cache.sheafCapacity() == 0
                    && size <= cache.size()
                    && ((flags ^ cache.flags()) & SlabFlags.MERGE_SAME) == 0
                    && (cache.size() & -align) == cache.size()
                    && cache.size() - size < word) {
                return cache;
            }
        }
        return null;
    }

    /**
     * Gives a cache up: {@code kmem_cache_destroy()}. One that others share goes on; one with objects left is reported and its memory is lost, as in Linux.
     *
     * @param cache a cache of this allocator
     */
    public void destroy(KmemCache cache) {
        if (cache.isDead() || cache.dropReference() > 0) {
            return;
        }
        cache.flush();
        boolean isBusy = cache.paths.shutdown();
        if (isBusy) {
            core.warn("mm/slab_common.c kmem_cache_destroy");
            core.log("kmem_cache_destroy " + cache.name() + ": Slab cache still has objects when called from "
                    + core.caller());
        }
        cache.markDead();
        caches.remove(cache);
        if (!isBusy) {
            releaseMemory(cache);
        }
    }

    /**
     * Finds a cache by its name or the name of one that it serves.
     *
     * @param name as given at creation
     * @return the cache, or null
     */
    public @Nullable KmemCache find(String name) {
        for (KmemCache cache : caches) {
            if (cache.name().equals(name) || cache.aliases().contains(name)) {
                return cache;
            }
        }
        return null;
    }

    /** Returns all caches in the order of {@code /proc/slabinfo}: the newest first. */
    public List<KmemCache> caches() {
        return List.copyOf(caches.reversed());
    }

    /** Returns what geometry depends on. */
    public SlabParameters parameters() {
        return core.parameters;
    }

    /** Returns the boot parameters. */
    public SlabOptions options() {
        return core.options;
    }

    /**
     * Allocates bytes: {@code kmalloc()}.
     *
     * @param size bytes; 0 gives {@link #ZERO_SIZE_PTR}
     * @param gfp flags of {@link Gfp}
     * @return an address in the direct map, or 0
     */
    public long kmalloc(long size, int gfp) {
        return kmallocNode(size, gfp, KmemCache.NO_NODE);
    }

    /**
     * Allocates bytes on a node: {@code kmalloc_node()}.
     *
     * @param size bytes
     * @param gfp flags of {@link Gfp}
     * @param node node number, or {@link KmemCache#NO_NODE}
     * @return an address in the direct map, or 0
     */
    public long kmallocNode(long size, int gfp, int node) {
        if (size > 0 && size <= KmallocCaches.MAX_CACHED) {
            return kmallocCaches.find(size, gfp).allocate(fixFlags(gfp), node, size);
        }
        return size == 0 ? ZERO_SIZE_PTR : large.allocate(size, fixFlags(gfp), node);
    }

    private int fixFlags(int gfp) {
        int bad = gfp & (Gfp.HIGHMEM | Gfp.DMA32);
        if (bad == 0) {
            return gfp;
        }
        int good = gfp & ~bad;
        core.log("Unexpected gfp: 0x" + Integer.toHexString(bad) + " (" + Gfp.describe(bad) + "). Fixing up to gfp: 0x"
                + Integer.toHexString(good) + " (" + Gfp.describe(good) + "). Fix your code!");
        return good;
    }

    /**
     * Allocates zeroed bytes: {@code kzalloc()}.
     *
     * @param size bytes
     * @param gfp flags of {@link Gfp}
     * @return an address, or 0
     */
    public long kzalloc(long size, int gfp) {
        return kmalloc(size, gfp | Gfp.ZERO);
    }

    /**
     * Allocates an array: {@code kmalloc_array()}.
     *
     * @param count elements, an unsigned number
     * @param size bytes of each, an unsigned number
     * @param gfp flags of {@link Gfp}
     * @return an address, or 0, also when the product does not fit into {@code size_t}
     */
    public long kmallocArray(long count, long size, int gfp) {
        boolean overflows = Math.unsignedMultiplyHigh(count, size) != 0
                || (!core.isWide && Long.compareUnsigned(count * size, 0xffff_ffffL) > 0);
        return overflows ? KmemCache.NULL : kmalloc(count * size, gfp);
    }

    /**
     * Allocates a zeroed array: {@code kcalloc()}.
     *
     * @param count elements
     * @param size bytes of each
     * @param gfp flags of {@link Gfp}
     * @return an address, or 0, also when the product overflows
     */
    public long kcalloc(long count, long size, int gfp) {
        return kmallocArray(count, size, gfp | Gfp.ZERO);
    }

    /**
     * Changes the size of an allocation: {@code krealloc()}. The contents stay up to the smaller size.
     *
     * @param vaddr an allocation, 0 or {@link #ZERO_SIZE_PTR}
     * @param size new bytes; 0 frees
     * @param gfp flags of {@link Gfp}
     * @return the same or another address; {@link #ZERO_SIZE_PTR} for size 0; 0 when memory ran out, after which the old one is still there
     */
    public long krealloc(long vaddr, long size, int gfp) {
        if (size == 0) {
            kfree(vaddr);
            return ZERO_SIZE_PTR;
        }
        long usable = ksize(vaddr);
        if (usable != 0 && usable >= size) {
            if ((gfp & Gfp.ZERO) != 0) {
                core.fill(vaddr + size, 0, usable - size);
            }
            return vaddr;
        }
        long fresh = kmalloc(size, gfp);
        if (fresh != KmemCache.NULL && usable != 0) {
            core.copy(fresh, vaddr, usable);
            kfree(vaddr);
        }
        return fresh;
    }

    /**
     * Frees what any of these calls or a cache gave: {@code kfree()}. Anything else is reported in the log.
     *
     * @param vaddr an allocation; 0 and {@link #ZERO_SIZE_PTR} do nothing
     */
    public void kfree(long vaddr) {
        if (Long.compareUnsigned(vaddr, ZERO_SIZE_PTR) <= 0) {
            return;
        }
        Slab slab = core.slabOf(vaddr);
        if (slab != null) {
            slab.cache.release(slab, vaddr);
        } else {
            large.free(vaddr);
        }
    }

    /**
     * Frees after overwriting with zeros: {@code kfree_sensitive()}, formerly {@code kzfree()}.
     *
     * @param vaddr an allocation
     */
    public void kfreeSensitive(long vaddr) {
        long usable = ksize(vaddr);
        if (usable != 0) {
            core.fill(vaddr, 0, usable);
        }
        kfree(vaddr);
    }

    /**
     * Returns the usable bytes of an allocation: {@code ksize()}.
     *
     * @param vaddr an allocation; 0 and {@link #ZERO_SIZE_PTR} have none
     */
    public long ksize(long vaddr) {
        if (Long.compareUnsigned(vaddr, ZERO_SIZE_PTR) <= 0) {
            return 0;
        }
        Slab slab = core.slabOf(vaddr);
        if (slab == null) {
            return large.size(vaddr);
        }
        KmemCache cache = slab.cache;
        cache.debug.useWholeObject(vaddr);
        SlabGeometry geometry = cache.geometry();
        if ((geometry.flags() & (SlabFlags.RED_ZONE | SlabFlags.POISON)) != 0
                || (geometry.flags() & SlabFlags.KMALLOC) != 0) {
            return geometry.objectSize();
        }
        boolean isShort = (geometry.flags() & (SlabFlags.TYPESAFE_BY_RCU | SlabFlags.STORE_USER)) != 0;
        return isShort ? geometry.inuse() : geometry.size();
    }

    /**
     * Checks a copy between kernel memory in slabs and user memory: {@code mm/usercopy.c:check_heap_object()}. A copy that leaves the object, or its cache's usercopy region, is reported; Linux
     * then kills the task.
     *
     * @param vaddr first byte in the direct map
     * @param bytes length
     * @param isToUser whether the copy leaves the kernel
     * @return whether the copy is allowed; memory that is not of a slab is
     */
    public boolean checkObjectCopy(long vaddr, long bytes, boolean isToUser) {
        Slab slab = core.slabOf(vaddr);
        return slab == null
                ? large.checkCopy(vaddr, bytes, isToUser)
                : slab.cache.checkHeapObject(vaddr, bytes, isToUser);
    }

    /**
     * Returns the bytes that a request gets: {@code kmalloc_size_roundup()}.
     *
     * @param size bytes
     */
    public long kmallocSizeRoundup(long size) {
        if (size > 0 && size <= KmallocCaches.MAX_CACHED) {
            return kmallocCaches.find(size, Gfp.GFP_KERNEL).objectSize();
        }
        return size > 0 && size <= LargeKmalloc.MAX_BYTES ? 4096L << SlabGeometry.orderOf(size) : size;
    }

    /**
     * Allocates bytes by pages if there are enough contiguous ones, otherwise in the vmalloc area: {@code kvmalloc()}.
     *
     * @param size bytes
     * @param gfp flags of {@link Gfp}
     * @return an address of one or the other, or 0
     */
    public long kvmalloc(long size, int gfp) {
        int flags = gfp;
        if (size > 4096) {
            flags |= Gfp.NOWARN;
            if ((flags & Gfp.RETRY_MAYFAIL) == 0) {
                flags &= ~Gfp.DIRECT_RECLAIM;
            }
            flags &= ~Gfp.NOFAIL;
        }
        long vaddr = kmalloc(size, flags);
        if (vaddr != KmemCache.NULL || size <= 4096 || !Gfp.allowsBlocking(gfp)) {
            return vaddr;
        }
        if (size > Integer.MAX_VALUE) {
            if ((gfp & Gfp.NOWARN) == 0) {
                core.warn("mm/slub.c __kvmalloc_node_noprof");
            }
            return KmemCache.NULL;
        }
        return vmalloc.vmalloc(size, gfp, core.caller());
    }

    /**
     * Frees what {@link #kvmalloc} gave: {@code kvfree()}.
     *
     * @param vaddr an allocation or 0
     */
    public void kvfree(long vaddr) {
        if (vmalloc.isVmallocAddress(vaddr)) {
            vmalloc.vfree(vaddr);
        } else {
            kfree(vaddr);
        }
    }

    /**
     * Checks every slab, list and counter with a full walk.
     *
     * @param out receives what is broken
     */
    public void verify(Violations out) {
        new SlabVerifier(core, caches, large).verify(out);
    }

    /**
     * Adds the state of all caches.
     *
     * @param digest where to
     */
    public void addToDigest(Digest digest) {
        for (KmemCache cache : caches) {
            cache.addToDigest(digest);
        }
        digest.add(large.pages());
    }
}
