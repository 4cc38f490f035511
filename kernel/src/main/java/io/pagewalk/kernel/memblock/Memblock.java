package io.pagewalk.kernel.memblock;

import io.pagewalk.base.BadInput;
import io.pagewalk.base.KernelBug;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.page.FrameRange;
import java.util.ArrayList;
import java.util.List;

/**
 * The allocator of early boot: memory by node, and who has taken what. Allocates from the top down, as Linux does on x86 and RISC-V.
 *
 * <p>Follows {@code mm/memblock.c}. Differs from Linux: whole frames only.
 */
public final class Memblock {
    /**
     * Frames of one node with one owner.
     *
     * @param startPfn first frame
     * @param endPfn first frame after it
     * @param node node number
     * @param owner {@link FrameOwner#FREE} while nobody has taken it
     */
    public record Region(long startPfn, long endPfn, int node, FrameOwner owner) {
        /** Returns the number of frames. */
        public long frames() {
            return endPfn - startPfn;
        }
    }

    private final List<Region> regions = new ArrayList<>();
    private long limitPfn = Long.MAX_VALUE;

    /** Creates a machine without memory. */
    public Memblock() {}

    /**
     * Adds whole frames of RAM above everything added so far.
     *
     * @param startPfn first frame
     * @param endPfn first frame after it; nothing happens when there is no whole frame
     * @param node node number
     */
    public void add(long startPfn, long endPfn, int node) {
        if (endPfn > startPfn) {
            KernelBug.on(
                    !regions.isEmpty() && regions.getLast().endPfn() > startPfn, "memory is added in ascending order");
            regions.add(new Region(startPfn, endPfn, node, FrameOwner.FREE));
        }
    }

    /**
     * Lets allocations use only frames below a limit: {@code memblock_set_current_limit()}.
     *
     * @param pfn the limit
     */
    public void setLimit(long pfn) {
        limitPfn = pfn;
    }

    /** Returns all regions in ascending order. */
    public List<Region> regions() {
        return List.copyOf(regions);
    }

    /** Returns all regions as boot ranges of the memmap. */
    public List<FrameRange> frameRanges() {
        return regions.stream()
                .map(region -> new FrameRange(region.startPfn(), region.endPfn(), region.owner()))
                .toList();
    }

    /**
     * Gives the free frames of a range to an owner: {@code memblock_reserve()}. What is taken already, or no RAM, stays as it is.
     *
     * @param startPfn first frame
     * @param endPfn first frame after it
     * @param owner who takes them
     * @return frames that changed hands
     */
    public long reserve(long startPfn, long endPfn, FrameOwner owner) {
        return change(startPfn, endPfn, FrameOwner.FREE, owner);
    }

    /**
     * Allocates contiguous frames, if possible on a node and else anywhere, as high as possible: {@code memblock_alloc_try_nid()}.
     *
     * @param pages how many
     * @param node preferred node
     * @param owner who takes them
     * @throws BadInput when the machine has too little memory to boot
     */
    public void allocate(long pages, int node, FrameOwner owner) {
        if (pages == 0 || allocateOn(pages, node, owner) || allocateOn(pages, -1, owner)) {
            return;
        }
        // Linux panics here. Memory in pieces is as good for a model that only counts these frames.
        long left = pages;
        for (int i = regions.size() - 1; i >= 0 && left > 0; i--) {
            Region region = regions.get(i);
            if (region.owner() == FrameOwner.FREE && region.startPfn() < limitPfn) {
                long end = Math.min(region.endPfn(), limitPfn);
                left -= reserve(Math.max(region.startPfn(), end - left), end, owner);
            }
        }
        if (left > 0) {
            throw new BadInput("machine", "too little RAM to boot (" + left + " pages short)", "more RAM");
        }
    }

    /**
     * Reserves contiguous frames from an aligned one on: bottom-up above a given frame, else top-down ({@code cma_declare_contiguous_nid()}).
     *
     * @param pages how many
     * @param align a power of two
     * @param above lowest frame for a search from below, or 0 for a search from above
     * @param owner who takes them
     * @return first frame, or -1
     */
    public long reserveAligned(long pages, long align, long above, FrameOwner owner) {
        List<Region> order = above > 0 ? regions() : regions().reversed();
        for (Region region : order) {
            long end = Math.min(region.endPfn(), limitPfn);
            long lowest = (Math.max(region.startPfn(), above) + align - 1) & -align;
            long start = above > 0 ? lowest : (end - pages) & -align;
            if (region.owner() == FrameOwner.FREE && start >= lowest && start + pages <= end) {
                reserve(start, start + pages, owner);
                return start;
            }
        }
        return -1;
    }

    /**
     * Makes the taken frames of a range exactly so many, by taking more or giving some back, from the top down.
     *
     * @param startPfn first frame
     * @param endPfn first frame after it
     * @param node node whose frames count
     * @param pages frames that shall be taken
     */
    public void adjustTaken(long startPfn, long endPfn, int node, long pages) {
        long taken = 0;
        for (Region region : regions) {
            if (region.node() == node && region.owner() != FrameOwner.FREE) {
                taken += Math.max(0, overlap(region, startPfn, endPfn));
            }
        }
        long left = Math.abs(pages - taken);
        boolean takeMore = pages > taken;
        for (int i = regions.size() - 1; i >= 0 && left > 0; i--) {
            Region region = regions.get(i);
            long part = Math.min(overlap(region, startPfn, endPfn), left);
            if (region.node() != node || part <= 0 || (region.owner() == FrameOwner.FREE) != takeMore) {
                continue;
            }
            long end = Math.min(region.endPfn(), endPfn);
            FrameOwner to = takeMore ? FrameOwner.RESERVED : FrameOwner.FREE;
            left -= change(end - part, end, region.owner(), to);
        }
        if (left > 0) {
            throw new BadInput(
                    "machine", pages + " reserved pages in a zone that has fewer", "at most its present pages");
        }
    }

    /** Joins neighbours of one node and owner. */
    public void compact() {
        List<Region> joined = new ArrayList<>();
        for (Region region : regions) {
            Region last = joined.isEmpty() ? null : joined.getLast();
            if (last != null
                    && last.endPfn() == region.startPfn()
                    && last.node() == region.node()
                    && last.owner() == region.owner()) {
                joined.set(joined.size() - 1, new Region(last.startPfn(), region.endPfn(), last.node(), last.owner()));
            } else {
                joined.add(region);
            }
        }
        regions.clear();
        regions.addAll(joined);
    }

    private boolean allocateOn(long pages, int node, FrameOwner owner) {
        for (int i = regions.size() - 1; i >= 0; i--) {
            Region region = regions.get(i);
            long end = Math.min(region.endPfn(), limitPfn);
            if (region.owner() == FrameOwner.FREE
                    && (node < 0 || region.node() == node)
                    && end - pages >= region.startPfn()) {
                reserve(end - pages, end, owner);
                return true;
            }
        }
        return false;
    }

    private long change(long startPfn, long endPfn, FrameOwner from, FrameOwner to) {
        long changed = 0;
        for (int i = 0; i < regions.size(); i++) {
            Region region = regions.get(i);
            long part = overlap(region, startPfn, endPfn);
            if (region.owner() != from || part <= 0) {
                continue;
            }
            long start = Math.max(region.startPfn(), startPfn);
            List<Region> pieces = new ArrayList<>();
            if (start > region.startPfn()) {
                pieces.add(new Region(region.startPfn(), start, region.node(), from));
            }
            pieces.add(new Region(start, start + part, region.node(), to));
            if (start + part < region.endPfn()) {
                pieces.add(new Region(start + part, region.endPfn(), region.node(), from));
            }
            regions.remove(i);
            regions.addAll(i, pieces);
            i += pieces.size() - 1;
            changed += part;
        }
        return changed;
    }

    private static long overlap(Region region, long startPfn, long endPfn) {
        return Math.min(region.endPfn(), endPfn) - Math.max(region.startPfn(), startPfn);
    }
}
