package io.pagewalk.kernel.vmalloc;

import io.pagewalk.base.Digest;
import io.pagewalk.base.KernelBug;
import io.pagewalk.base.Violations;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.zone.NodeStat;
import java.util.function.LongConsumer;

/**
 * Kernel stacks of threads: {@code kernel/fork.c:alloc_thread_stack_node()}. Where stacks are virtually mapped ({@code CONFIG_VMAP_STACK}: x86-64, RISC-V) each is an area of four
 * pages aligned to its size, with the guard page of the area below it under it; each CPU keeps two freed ones for its next threads. i386 takes two contiguous frames.
 *
 * <p>A stack is named by its lowest address.
 */
public final class KernelStacks {
    /** {@code NR_CACHED_STACKS}. */
    private static final int CACHED = 2;

    private static final int VMAP_PAGES = 4;
    private static final int DIRECT_ORDER = 1;
    private static final int GFP = Gfp.GFP_KERNEL | Gfp.ZERO;
    private static final String CALLER = "kernel_clone+0x94/0x3e0";

    private final Vmalloc vmalloc;
    private final PageAllocator allocator;
    private final MemMap memmap;
    private final LongConsumer clearFrame;
    private final boolean isMapped;
    /** Addresses of cached stacks, two for each CPU; 0 where there is none. */
    private final long[] cache;

    private long inUse;
    private long reused;

    /**
     * Creates the supply of one machine.
     *
     * @param vmalloc where mapped stacks lie
     * @param allocator where frames come from
     * @param cpus CPUs of the machine
     * @param clearFrame fills a frame with zeros
     */
    public KernelStacks(Vmalloc vmalloc, PageAllocator allocator, int cpus, LongConsumer clearFrame) {
        this.vmalloc = vmalloc;
        this.allocator = allocator;
        this.memmap = allocator.memMap();
        this.clearFrame = clearFrame;
        this.isMapped = vmalloc.initMm().mode().architecture() != PagingMode.Architecture.I386;
        this.cache = new long[cpus * CACHED];
    }

    /** Returns the size of a stack in bytes: {@code THREAD_SIZE}. */
    public int sizeBytes() {
        return isMapped ? VMAP_PAGES << 12 : 4096 << DIRECT_ORDER;
    }

    /**
     * Makes a stack for a thread that the current CPU starts.
     *
     * @return its lowest address, or {@link Vmalloc#NULL} when memory ran out
     */
    public long allocate() {
        if (!isMapped) {
            return allocateDirect();
        }
        int first = allocator.currentCpu() * CACHED;
        for (int slot = first; slot < first + CACHED; slot++) {
            long stack = cache[slot];
            if (stack != 0) {
                cache[slot] = 0;
                VmArea area = areaOf(stack);
                for (int i = 0; i < VMAP_PAGES; i++) {
                    clearFrame.accept(area.pfn(i));
                }
                reused++;
                account(area, 1);
                return stack;
            }
        }
        KernelLayout layout = vmalloc.layout();
        long stack = vmalloc.vmallocRange(
                VMAP_PAGES << 12,
                VMAP_PAGES << 12,
                layout.vmallocStart(),
                layout.vmallocEnd(),
                GFP,
                InitMm.PAGE_KERNEL,
                0,
                -1,
                CALLER);
        if (stack == Vmalloc.NULL) {
            return Vmalloc.NULL;
        }
        VmArea area = areaOf(stack);
        for (int i = 0; i < VMAP_PAGES; i++) {
            memmap.setOwner(area.pfn(i), FrameOwner.KERNEL_STACK);
        }
        account(area, 1);
        return stack;
    }

    private long allocateDirect() {
        long pfn = allocator.allocPages(GFP, DIRECT_ORDER);
        if (pfn == PageAllocator.NO_PAGE) {
            return Vmalloc.NULL;
        }
        memmap.setBlockOwner(pfn, DIRECT_ORDER, FrameOwner.KERNEL_STACK);
        inUse++;
        count(pfn, sizeBytes() >> 10);
        return allocator.conversion().pageToVirt(pfn);
    }

    /**
     * Frees the stack of a thread that ended on the current CPU: into the CPU's cache when it has room.
     *
     * @param stack what {@link #allocate} returned
     */
    public void free(long stack) {
        if (!isMapped) {
            long pfn = allocator.conversion().virtToPage(stack);
            inUse--;
            count(pfn, -(sizeBytes() >> 10));
            allocator.freePages(pfn, DIRECT_ORDER);
            return;
        }
        account(areaOf(stack), -1);
        int first = allocator.currentCpu() * CACHED;
        for (int slot = first; slot < first + CACHED; slot++) {
            if (cache[slot] == 0) {
                cache[slot] = stack;
                return;
            }
        }
        vmalloc.vfree(stack);
    }

    private VmArea areaOf(long stack) {
        VmArea area = vmalloc.find(stack);
        if (area == null || area.address() != stack) {
            throw new KernelBug("no stack at " + Long.toHexString(stack));
        }
        return area;
    }

    private void account(VmArea area, int sign) {
        inUse += sign;
        for (int i = 0; i < VMAP_PAGES; i++) {
            count(area.pfn(i), sign * 4L);
        }
    }

    private void count(long pfn, long kilobytes) {
        allocator.counters().add(allocator.zoneOf(pfn).node(), NodeStat.NR_KERNEL_STACK, kilobytes);
    }

    /** Returns how many stacks threads have. */
    public long inUse() {
        return inUse;
    }

    /** Returns how many stacks the CPUs keep for the next threads. */
    public int cached() {
        int count = 0;
        for (long stack : cache) {
            count += stack != 0 ? 1 : 0;
        }
        return count;
    }

    /** Returns how many stacks came out of a CPU's cache. */
    public long reused() {
        return reused;
    }

    /**
     * Adds what the CPUs keep.
     *
     * @param digest where to
     */
    public void addToDigest(Digest digest) {
        for (long stack : cache) {
            digest.add(stack);
        }
        digest.add(inUse);
        digest.add(reused);
    }

    /**
     * Checks the counts against the frames.
     *
     * @param out receives what is broken
     */
    public void verify(Violations out) {
        out.expectEqual(
                "kernel stacks",
                "nr_kernel_stack == kilobytes in use",
                allocator.counters().global(NodeStat.NR_KERNEL_STACK),
                inUse * (sizeBytes() >> 10));
        out.expectEqual(
                "kernel stacks",
                "frames == stacks in use and kept",
                memmap.ownerFrames(FrameOwner.KERNEL_STACK),
                (inUse + cached()) * (sizeBytes() >> 12));
    }
}
