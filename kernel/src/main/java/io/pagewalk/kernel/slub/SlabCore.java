package io.pagewalk.kernel.slub;

import io.pagewalk.base.KernelBug;
import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.page.FailNth;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.MemMapSection;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.zone.NodeStat;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** What all caches of a kernel share: memory, page allocator, the table of slabs, the log. */
final class SlabCore {
    /** Value of {@code page->mapping} of a large kmalloc; slabs have their number there. */
    static final int LARGE_KMALLOC = Integer.MAX_VALUE;

    final PhysicalMemory memory;
    final PageAllocator pages;
    final MemMap memMap;
    final SlabParameters parameters;
    final SlabOptions options;
    final FailNth failNth;
    final int wordBytes;
    final boolean isWide;
    final int nodes;
    private final long pageOffset;
    private final long lowBytes;
    private final long textBase;
    private @Nullable Slab[] slabs = new Slab[64];

    /** The slab that was looked up last: whoever frees an object often frees its neighbour, or has just allocated it. */
    private @Nullable Slab recent;

    private int[] freeIds = new int[64];
    private int freeIdCount;
    private int nextId = 1;
    private final List<String> callers = new ArrayList<>();
    private SlabEnvironment environment = SlabEnvironment.NONE;
    private String caller = "kmem_cache_alloc";
    private boolean hasWarnedOfOrder;
    private boolean isTainted;

    SlabCore(PhysicalMemory memory, PageAllocator pages, SlabParameters parameters, SlabOptions options) {
        this.memory = memory;
        this.pages = pages;
        this.memMap = pages.memMap();
        this.parameters = parameters;
        this.options = options;
        this.failNth = pages.failNth();
        this.wordBytes = parameters.wordBytes();
        this.isWide = wordBytes == 8;
        this.nodes = pages.nodes().size();
        this.pageOffset = pages.conversion().pageOffset();
        this.lowBytes = pages.conversion().lowmemFrames() << 12;
        this.textBase = isWide ? 0xffff_ffff_8100_0000L : 0xc100_0000L;
    }

    void setEnvironment(SlabEnvironment value) {
        environment = value;
    }

    SlabEnvironment environment() {
        return environment;
    }

    void log(String line) {
        environment.log(line);
    }

    void setCaller(String value) {
        caller = value;
    }

    String caller() {
        return caller;
    }

    /** Returns a made-up text address for the function that calls now. */
    long callerAddress() {
        int i = callers.indexOf(caller);
        if (i < 0) {
            i = callers.size();
            callers.add(caller);
        }
        return textBase + ((long) i << 6);
    }

    /** Returns the function at an address of {@link #callerAddress}. */
    String symbol(long address) {
        long i = (address - textBase) >> 6;
        return i >= 0 && i < callers.size() ? callers.get((int) i) : "0x" + Long.toHexString(address);
    }

    void taint() {
        isTainted = true;
    }

    String tainted() {
        return isTainted ? "Tainted: G    B" : "Not tainted";
    }

    /** Prints the headline of a {@code WARN()}. */
    void warn(String where) {
        log("WARNING: CPU: " + pages.currentCpu() + " PID: " + environment.pid() + " at " + where);
    }

    /** {@code might_alloc()} and {@code should_failslab()}: what happens before an allocation on the way that is not hot. */
    boolean mayAllocate(KmemCache cache, int gfp) {
        if (pages.isInInterrupt() && (gfp & Gfp.DIRECT_RECLAIM) != 0) {
            reportSleepInInterrupt();
        }
        boolean isExempt = (gfp & Gfp.NOFAIL) != 0 || cache.isCacheOfCaches();
        return isExempt || !failNth.isArmed() || !failNth.shouldFail();
    }

    /** {@code mm/usercopy.c:usercopy_abort()}, its line. */
    void reportCopy(String what, long offset, long bytes, boolean isToUser) {
        log("usercopy: Kernel memory " + (isToUser ? "exposure" : "overwrite") + " attempt detected "
                + (isToUser ? "from " : "to ") + what + " (offset " + offset + ", size " + bytes + ")!");
    }

    void reportSleepInInterrupt() {
        log("BUG: sleeping function called from invalid context at include/linux/sched/mm.h");
        log("in_atomic(): 1, irqs_disabled(): 0, non_block: 0, pid: " + environment.pid() + ", name: "
                + environment.comm());
    }

    void warnOfOrder(int gfp) {
        if ((gfp & Gfp.NOWARN) == 0 && !hasWarnedOfOrder) {
            hasWarnedOfOrder = true;
            warn("mm/page_alloc.c __alloc_frozen_pages_noprof");
        }
    }

    /** Returns the frame of a kernel address, -1 when it is not in the direct map. */
    long pfnOf(long vaddr) {
        long paddr = vaddr - pageOffset;
        return paddr >= 0 && paddr < lowBytes ? paddr >>> 12 : -1;
    }

    long addressOf(long pfn) {
        return pageOffset + (pfn << 12);
    }

    /** Returns the slab that an address lies in, or null: {@code virt_to_slab()}. */
    @Nullable
    Slab slabOf(long vaddr) {
        Slab last = recent;
        return last != null && last.holds(vaddr) ? last : lookUp(vaddr);
    }

    private @Nullable Slab lookUp(long vaddr) {
        long paddr = vaddr - pageOffset;
        if (paddr < 0 || paddr >= lowBytes) {
            return null;
        }
        long pfn = paddr >>> 12;
        MemMapSection section = memMap.section(pfn);
        int i = (int) pfn & MemMap.SECTION_MASK;
        if ((section.flags[i] & PageFlags.TAIL) != 0) {
            i = section.next[i] & MemMap.SECTION_MASK;
        }
        int id = section.mapping[i];
        if (id <= 0 || id >= slabs.length) {
            return null;
        }
        Slab slab = slabs[id];
        if (slab == null || !slab.holds(vaddr)) {
            return null;
        }
        recent = slab;
        return slab;
    }

    long readWord(long vaddr) {
        long paddr = vaddr - pageOffset;
        return isWide ? memory.readLong(paddr) : Integer.toUnsignedLong(memory.readInt(paddr));
    }

    void writeWord(long vaddr, long value) {
        long paddr = vaddr - pageOffset;
        if (isWide) {
            memory.writeLong(paddr, value);
        } else {
            memory.writeInt(paddr, (int) value);
        }
    }

    int readInt(long vaddr) {
        return memory.readInt(vaddr - pageOffset);
    }

    void writeInt(long vaddr, int value) {
        memory.writeInt(vaddr - pageOffset, value);
    }

    int readByte(long vaddr) {
        return memory.readByte(vaddr - pageOffset) & 0xff;
    }

    void writeByte(long vaddr, int value) {
        memory.writeByte(vaddr - pageOffset, (byte) value);
    }

    /** {@code memset()}. */
    void fill(long vaddr, int value, long bytes) {
        long at = vaddr - pageOffset;
        long end = at + bytes;
        long word = (value & 0xffL) * 0x0101_0101_0101_0101L;
        while (at < end && (at & 7) != 0) {
            memory.writeByte(at++, (byte) value);
        }
        for (; at + 8 <= end; at += 8) {
            memory.writeLong(at, word);
        }
        while (at < end) {
            memory.writeByte(at++, (byte) value);
        }
    }

    /** {@code memcpy()}. */
    void copy(long to, long from, long bytes) {
        long i = 0;
        if (((to | from) & 7) == 0) {
            for (; i + 8 <= bytes; i += 8) {
                memory.writeLong(to - pageOffset + i, memory.readLong(from - pageOffset + i));
            }
        }
        for (; i < bytes; i++) {
            writeByte(to + i, readByte(from + i));
        }
    }

    /** Allocates frames for a slab and enters it in the table, or returns null: {@code alloc_slab_page()}. */
    @Nullable
    Slab newSlab(KmemCache cache, int gfp, int order, int objects, int node) {
        int flags = gfp | Gfp.COMP;
        if (pages.isInInterrupt()) {
            flags &= ~Gfp.DIRECT_RECLAIM;
        }
        long pfn = node < 0 ? pages.allocPages(flags, order) : pages.allocPages(flags, order, node);
        if (pfn == PageAllocator.NO_PAGE) {
            return null;
        }
        memMap.setBlockOwner(pfn, order, FrameOwner.SLAB);
        int id = freeIdCount > 0 ? freeIds[--freeIdCount] : nextId++;
        Slab slab = new Slab(
                cache, id, pfn, addressOf(pfn), order, pages.zoneOf(pfn).node(), objects);
        if (id >= slabs.length) {
            slabs = java.util.Arrays.copyOf(slabs, slabs.length * 2);
        }
        slabs[id] = slab;
        memMap.setMapping(pfn, id, 0);
        account(cache.geometry().flags(), slab.node, 1 << order);
        return slab;
    }

    /** Gives a slab's frames back: {@code __free_slab()}. */
    void freeSlab(Slab slab) {
        KernelBug.on(slab.place != Slab.Place.NONE, "a slab on a list is freed");
        account(slab.cache.geometry().flags(), slab.node, -(1 << slab.order));
        slabs[slab.id] = null;
        recent = null;
        if (freeIdCount == freeIds.length) {
            freeIds = java.util.Arrays.copyOf(freeIds, freeIdCount * 2);
        }
        freeIds[freeIdCount++] = slab.id;
        memMap.setMapping(slab.pfn, 0, 0);
        pages.freePages(slab.pfn, slab.order);
    }

    void account(int flags, int node, long delta) {
        boolean isReclaimable = (flags & SlabFlags.RECLAIM_ACCOUNT) != 0;
        pages.counters()
                .add(node, isReclaimable ? NodeStat.NR_SLAB_RECLAIMABLE : NodeStat.NR_SLAB_UNRECLAIMABLE, delta);
    }

    /** Returns all slabs that exist, in the order of their numbers. */
    List<Slab> slabs() {
        List<Slab> all = new ArrayList<>();
        for (int i = 1; i < nextId; i++) {
            Slab slab = slabs[i];
            if (slab != null) {
                all.add(slab);
            }
        }
        return all;
    }

    static String pointer(long vaddr) {
        return String.format(Locale.ROOT, "0x%016x", vaddr);
    }
}
