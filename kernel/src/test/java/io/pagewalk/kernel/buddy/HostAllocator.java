package io.pagewalk.kernel.buddy;

import io.pagewalk.kernel.buddy.HostPageTrace.HostZone;
import io.pagewalk.kernel.memblock.BootMemory;
import io.pagewalk.kernel.page.AddressConversion;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.page.FrameRange;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.MemMapSection;
import io.pagewalk.kernel.page.MigrateType;
import io.pagewalk.kernel.sysctl.Sysctls;
import io.pagewalk.kernel.zone.NodeData;
import io.pagewalk.kernel.zone.VmCounters;
import io.pagewalk.kernel.zone.Zone;
import io.pagewalk.kernel.zone.ZoneLayout;
import io.pagewalk.kernel.zone.Zonelist;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;

/**
 * A page allocator in the state that the running kernel's had when a {@link HostPageTrace} was taken.
 *
 * <p>Which frames are free is known from {@code /proc/kpageflags}, and so are the blocks, since free buddies are always merged. The types of pageblocks are
 * not visible: as many as {@code /proc/pagetypeinfo} counts are chosen by what lies in them and by the requests that were later served from them. The order
 * of blocks on a list is not visible either; they lie in the order of their addresses.
 */
final class HostAllocator {
    /* Bits of /proc/kpageflags. */
    private static final int SLAB = 7;
    private static final int BUDDY = 10;
    private static final int NO_PAGE = 20;
    private static final int RESERVED = 32;

    /** On an LRU list, free, mapped, anonymous, no frame: what does not make a pageblock the kernel's. */
    private static final int[] MOVABLE_SIGNS = {5, BUDDY, 11, 12, NO_PAGE};

    private static final int IN_USE_SINCE_START = -2;
    private static final int FREE = -1;

    private final HostPageTrace trace;
    private final PageAllocator allocator;
    private final MemMap memMap;
    private final List<Zone> zones = new ArrayList<>();
    /** The model's frame for each frame of the real kernel. */
    private final int[] frames;

    private long unknownFrees;

    HostAllocator(HostPageTrace trace) {
        this.trace = trace;
        ZoneLayout layout = ZoneLayout.x8664();
        HostZone last = trace.zones().getLast();
        long end = last.startPfn() + last.spanned();
        memMap = new MemMap(end, bootRanges(trace, end));
        int cpus = trace.cpus();
        long[] starts = new long[trace.zones().size()];
        int[] slots = new int[starts.length];
        for (int index = 0; index < layout.size(); index++) {
            int of = index;
            HostZone host = trace.zones().stream()
                    .filter(zone -> zone.name().equals(layout.types().get(of).label()))
                    .findFirst()
                    .orElse(new HostZone("", 0, 0, 0, 0));
            Zone zone = new Zone(layout, 0, index, host.startPfn(), host.spanned(), host.present(), cpus);
            zone.addManagedPages(host.managed());
            int known = trace.zones().indexOf(host);
            if (known >= 0) {
                starts[known] = known == 0 ? 0 : host.startPfn();
                slots[known] = zone.slot();
            }
            zones.add(zone);
        }
        memMap.setZones(starts, slots);
        List<Zone> fallback = new ArrayList<>(zones);
        fallback.sort(Comparator.comparingInt(Zone::index).reversed());
        fallback.removeIf(zone -> !zone.isManaged());
        NodeData node = new NodeData(0, zones, new Zonelist(fallback), new Zonelist(fallback));
        VmCounters counters = new VmCounters(layout, 1);
        int[] cpuToNode = new int[cpus];
        AddressConversion conversion = AddressConversion.x8664FourLevel(end);
        allocator = new PageAllocator(memMap, counters, List.of(node), cpuToNode, conversion, pfn -> {});
        Sysctls settings = Sysctls.of(Map.of(
                "percpu_pagelist_high_fraction",
                Integer.toString(HostPageTrace.HIGH_FRACTION),
                "min_free_kbytes",
                "1024"));
        settings.deriveLowmemReserveRatio(List.of(256, 256, 32, 0, 0));
        new BootMemory(memMap, layout, List.of(node), counters, allocator, conversion, 0, null).applySettings(settings);
        frames = new int[(int) end];
        Arrays.fill(frames, IN_USE_SINCE_START);
        setPageblockTypes();
        freeWhatIsFree();
    }

    PageAllocator allocator() {
        return allocator;
    }

    Zone largestZone() {
        return zones.stream().max(Comparator.comparingLong(Zone::managedPages)).orElseThrow();
    }

    /** Frees of frames that the model holds for free: they raced with the snapshot. */
    long unknownFrees() {
        return unknownFrees;
    }

    /** Gives the model each request that the real kernel got after the snapshot. */
    void replay() {
        for (int i = trace.snapshotAt(); i < trace.events(); i++) {
            long pfn = trace.pfn(i);
            int order = trace.order(i);
            if (pfn >= frames.length) {
                continue;
            }
            allocator.setCpu(trace.cpu(i));
            if (trace.gfp(i) == HostPageTrace.FREES) {
                free(pfn, order);
            } else {
                allocate(pfn, order, trace.gfp(i));
            }
        }
        allocator.drainAllPages();
    }

    private void allocate(long pfn, int order, int gfp) {
        for (int i = 0; i < 1 << order; i++) {
            if (frames[(int) pfn + i] != FREE) {
                // It was on a per-CPU list when the snapshot was taken, which looks like being in use.
                free(pfn + i, 0);
            }
        }
        long got = allocator.allocPages(gfp & ~(Gfp.COMP | Gfp.ZERO), order, 0);
        if (got == PageAllocator.NO_PAGE) {
            // The real kernel could reclaim: what it got stays free here.
            return;
        }
        for (int i = 0; i < 1 << order; i++) {
            frames[(int) pfn + i] = (int) got + i;
        }
    }

    private void free(long pfn, int order) {
        int first = (int) pfn;
        int mine = frames[first];
        boolean isOneBlock = mine != FREE;
        for (int i = 1; i < 1 << order; i++) {
            isOneBlock &= frames[first + i] == (mine < 0 ? mine : mine + i);
        }
        if (isOneBlock) {
            release(mine == IN_USE_SINCE_START ? pfn : mine, order);
            Arrays.fill(frames, first, first + (1 << order), FREE);
        } else if (order == 0) {
            unknownFrees++;
        } else {
            for (int i = 0; i < 1 << order; i++) {
                free(pfn + i, 0);
            }
        }
    }

    /** Frees a block, or a part of a larger one: the model hands out blocks that are not compound. */
    private void release(long head, int order) {
        MemMapSection section = memMap.section(head);
        int first = (int) head & MemMap.SECTION_MASK;
        // Frames in use at boot are marked as reserved.
        Arrays.fill(section.flags, first, first + (1 << order), 0);
        Arrays.fill(section.refcount, first, first + (1 << order), 0);
        section.refcount[first] = 1;
        allocator.freePages(head, order);
    }

    private void freeWhatIsFree() {
        for (int pfn = 0; pfn < frames.length; pfn++) {
            if (trace.has(pfn, BUDDY)) {
                release(pfn, 0);
                frames[pfn] = FREE;
            }
        }
        allocator.drainAllPages();
    }

    private void setPageblockTypes() {
        int[][] votes = votes();
        for (HostZone zone : trace.zones()) {
            List<Integer> blocks = new ArrayList<>();
            for (long pfn = zone.startPfn() & -512; pfn < zone.startPfn() + zone.spanned(); pfn += 512) {
                if (!trace.has((int) pfn, NO_PAGE)) {
                    blocks.add((int) (pfn >> MemMap.PAGEBLOCK_ORDER));
                }
            }
            long reclaimable = trace.pageblocks(zone.name(), MigrateType.RECLAIMABLE);
            long unmovable = trace.pageblocks(zone.name(), MigrateType.UNMOVABLE);
            blocks.sort(Comparator.comparingInt(
                            (Integer block) -> unmovableSigns(block, votes) + reclaimableSigns(block, votes))
                    .reversed());
            List<Integer> kernel =
                    new ArrayList<>(blocks.subList(0, (int) Math.min(reclaimable + unmovable, blocks.size())));
            kernel.sort(Comparator.comparingInt(
                            (Integer block) -> reclaimableSigns(block, votes) - unmovableSigns(block, votes))
                    .reversed());
            for (int i = 0; i < kernel.size(); i++) {
                memMap.setPageblockType(
                        (long) kernel.get(i) << MemMap.PAGEBLOCK_ORDER,
                        i < reclaimable ? MigrateType.RECLAIMABLE : MigrateType.UNMOVABLE);
            }
        }
    }

    private int reclaimableSigns(int block, int[][] votes) {
        return votes[block][MigrateType.RECLAIMABLE] + framesWith(block, true);
    }

    private int unmovableSigns(int block, int[][] votes) {
        return votes[block][MigrateType.UNMOVABLE] + framesWith(block, false);
    }

    /** Requests that were served from each pageblock during the recording, by migrate type. */
    private int[][] votes() {
        int[][] votes = new int[(frames.length >> MemMap.PAGEBLOCK_ORDER) + 1][MigrateType.TYPES];
        for (int i = 0; i < trace.events(); i++) {
            if (trace.gfp(i) != HostPageTrace.FREES && trace.pfn(i) < frames.length) {
                votes[(int) (trace.pfn(i) >> MemMap.PAGEBLOCK_ORDER)][Gfp.migrateType(trace.gfp(i))] +=
                        1 << trace.order(i);
            }
        }
        return votes;
    }

    /** Returns how many frames of a pageblock hold slabs, or something else that cannot move; 0 where nothing is, since a virtual machine may have no memory there. */
    private int framesWith(int block, boolean slab) {
        int count = 0;
        boolean isKnown = false;
        int end = Math.min((block + 1) << MemMap.PAGEBLOCK_ORDER, frames.length);
        for (int pfn = block << MemMap.PAGEBLOCK_ORDER; pfn < end; pfn++) {
            boolean isMovable = false;
            for (int flag : MOVABLE_SIGNS) {
                isMovable |= trace.has(pfn, flag);
            }
            count += !isMovable && trace.has(pfn, SLAB) == slab ? 1 : 0;
            isKnown |= !trace.isBlank(pfn);
        }
        return isKnown ? count : 0;
    }

    /** Returns who has each frame at the start, with the free ones in use: they are freed one by one. */
    private static List<FrameRange> bootRanges(HostPageTrace trace, long end) {
        List<FrameRange> ranges = new ArrayList<>();
        long start = 0;
        for (int pfn = 1; pfn <= end; pfn++) {
            if (pfn == end || bootOwner(trace, pfn) != bootOwner(trace, (int) start)) {
                FrameOwner owner = bootOwner(trace, (int) start);
                if (owner != FrameOwner.HOLE) {
                    ranges.add(new FrameRange(start, pfn, owner));
                }
                start = pfn;
            }
        }
        return ranges;
    }

    private static FrameOwner bootOwner(HostPageTrace trace, int pfn) {
        if (trace.has(pfn, NO_PAGE)) {
            return FrameOwner.HOLE;
        }
        return trace.has(pfn, RESERVED) ? FrameOwner.RESERVED : FrameOwner.KERNEL;
    }
}
