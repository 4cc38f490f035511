package io.pagewalk.kernel.buddy;

import io.pagewalk.base.Digest;
import io.pagewalk.base.Violations;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.MemMapSection;
import io.pagewalk.kernel.page.MigrateType;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.zone.FreeArea;
import io.pagewalk.kernel.zone.PageDeque;
import io.pagewalk.kernel.zone.PerCpuPages;
import io.pagewalk.kernel.zone.Zone;
import java.util.Arrays;
import java.util.BitSet;

/** The full walk behind {@link PageAllocator#verify}: each frame is in exactly one place, and all counts are the sums of what they count. */
final class AllocatorVerifier {
    private static final int LISTED_SHIFT = 15;
    private static final int LISTED_MASK = (1 << LISTED_SHIFT) - 1;

    private final MemMap memMap;
    private final Zone[] zones;
    private final FreeLists lists;
    /** Frames that were freed twice; nothing else has a reference count below 0. */
    private final long framesBelowZero;
    /** Frames seen on a list, by section; blocks inside a range of untouched blocks are left out. */
    private final BitSet[] listed;

    AllocatorVerifier(MemMap memMap, Zone[] zones, long framesBelowZero) {
        this.framesBelowZero = framesBelowZero;
        this.memMap = memMap;
        this.zones = zones;
        this.lists = new FreeLists(memMap);
        this.listed = new BitSet[(int) (memMap.frames() >>> LISTED_SHIFT) + 1];
        Arrays.setAll(listed, part -> new BitSet());
    }

    void verify(Violations out) {
        long free = 0;
        long cached = 0;
        for (Zone zone : zones) {
            free += verifyFreeLists(zone, out);
            cached += verifyPagesets(zone, out);
        }
        out.expectEqual("memmap", "FREE frames == pages on buddy lists", memMap.ownerFrames(FrameOwner.FREE), free);
        out.expectEqual("memmap", "PCP frames == pages on per-CPU lists", memMap.ownerFrames(FrameOwner.PCP), cached);
        verifyFrames(out);
        memMap.verify(out);
    }

    private long verifyFreeLists(Zone zone, Violations out) {
        long pages = 0;
        long blockPages = 0;
        long highatomic = 0;
        long cma = 0;
        long isolated = 0;
        for (int order = 0; order <= MemMap.MAX_PAGE_ORDER; order++) {
            FreeArea area = zone.freeArea(order);
            long free = 0;
            long isolatedHere = 0;
            for (int type = 0; type < MigrateType.TYPES; type++) {
                long blocks = verifyList(zone, area, order, type, out);
                String where = zone + " order " + order + " " + MigrateType.name(type);
                out.expectEqual(where, "blocks counted == blocks on the list", area.blocks[type], blocks);
                free += blocks;
                highatomic += type == MigrateType.HIGHATOMIC ? blocks << order : 0;
                cma += type == MigrateType.CMA ? blocks << order : 0;
                isolatedHere += type == MigrateType.ISOLATE ? blocks << order : 0;
            }
            out.expectEqual(zone + " order " + order, "nr_free == blocks of all types", area.free, free);
            pages += (free << order) - isolatedHere;
            isolated += isolatedHere;
            blockPages += order >= MemMap.PAGEBLOCK_ORDER ? (free << order) - isolatedHere : 0;
        }
        out.expectEqual(zone.toString(), "NR_FREE_PAGES == pages on the lists", zone.freePages, pages);
        out.expectEqual(
                zone.toString(), "NR_FREE_PAGES_BLOCKS == pages in whole blocks", zone.freePagesBlocks, blockPages);
        out.expectEqual(zone.toString(), "nr_free_highatomic == its pages", zone.freeHighatomic, highatomic);
        out.expectEqual(zone.toString(), "NR_FREE_CMA_PAGES == its pages", zone.freeCma, cma);
        out.expectEqual(zone.toString(), "isolated free pages == pages on their lists", zone.freeIsolated, isolated);
        return pages + isolated;
    }

    private long verifyList(Zone zone, FreeArea area, int order, int type, Violations out) {
        long blocks = 0;
        long prev = MemMap.LIST_END;
        long pfn = toPfn(area.head[type]);
        while (pfn != MemMap.LIST_END) {
            String where = zone + " order " + order + " block " + pfn;
            MemMapSection section = memMap.section(pfn);
            int i = (int) pfn & MemMap.SECTION_MASK;
            if (section.flags[i] != PageFlags.BUDDY || section.order[i] != order) {
                out.add(where, "is on the list but no free block of this order");
                return blocks;
            }
            out.expectEqual(where, "zone of the frame == zone of the list", zone.slot(), memMap.zoneSlot(pfn));
            out.expectEqual(where, "link back == previous block", prev, memMap.prev(pfn));
            long run = section.index[i];
            if ((run > 1 && order != MemMap.MAX_PAGE_ORDER) || run < 1) {
                out.add(where, "stands for " + run + " blocks");
            }
            verifyBlock(zone, pfn, order, type, where, out);
            blocks += run;
            prev = pfn;
            pfn = memMap.next(pfn);
        }
        out.expectEqual(zone + " order " + order, "tail == last block", toPfn(area.tail[type]), prev);
        return blocks;
    }

    private void verifyBlock(Zone zone, long pfn, int order, int type, String where, Violations out) {
        if ((pfn & ((1L << order) - 1)) != 0) {
            out.add(where, "is not aligned to its order");
        }
        for (long block = pfn; block < pfn + (1L << order); block += 1L << MemMap.PAGEBLOCK_ORDER) {
            out.expectEqual(where, "list's type == pageblock's type", type, memMap.pageblockType(block));
        }
        if (order < MemMap.MAX_PAGE_ORDER && lists.isFreeBuddy(zone, pfn ^ (1L << order), order)) {
            int buddyType = memMap.pageblockType(pfn ^ (1L << order));
            if ((buddyType == type && type != MigrateType.ISOLATE)
                    || (buddyType < MigrateType.PCPTYPES && type < MigrateType.PCPTYPES)) {
                out.add(where, "and its buddy are both free and not merged");
            }
        }
        list(pfn, order, FrameOwner.FREE, where, out);
    }

    private long verifyPagesets(Zone zone, Violations out) {
        long sum = 0;
        for (int cpu = 0; cpu < zone.cpus(); cpu++) {
            PerCpuPages pcp = zone.pageset(cpu);
            long pages = 0;
            for (int l = 0; l < PerCpuPages.LISTS; l++) {
                PageDeque list = pcp.lists[l];
                int order = PerCpuPages.orderOf(l);
                for (int n = 0; n < list.size(); n++) {
                    String where = zone + " CPU " + cpu + " list " + l + " block " + list.get(n);
                    out.expectEqual(
                            where, "zone of the frame == zone of the list", zone.slot(), memMap.zoneSlot(list.get(n)));
                    list(list.get(n), order, FrameOwner.PCP, where, out);
                    pages += 1L << order;
                }
            }
            out.expectEqual(zone + " CPU " + cpu, "pcp count == pages on its lists", pcp.count, pages);
            sum += pages;
        }
        return sum;
    }

    private void list(long pfn, int order, FrameOwner owner, String where, Violations out) {
        for (long frame = pfn; frame < pfn + (1L << order); frame++) {
            if (isListed(frame)) {
                out.add(where, "frame " + frame + " is on two lists");
            }
            listed[(int) (frame >>> LISTED_SHIFT)].set((int) frame & LISTED_MASK);
            if (memMap.owner(frame) != owner) {
                out.add(where, "frame " + frame + " belongs to " + memMap.owner(frame));
            }
            if (memMap.refcount(frame) > 0) {
                out.add(where, "frame " + frame + " has " + memMap.refcount(frame) + " references");
            }
        }
    }

    /** Every frame of a touched section is on a list, inside a lazy range, in use, or no memory of the allocator. */
    private void verifyFrames(Violations out) {
        long[] allocated = new long[zones.length];
        long belowZero = 0;
        for (long base = 0; base < memMap.frames(); base += MemMap.SECTION_FRAMES) {
            if (!memMap.isTouched(base)) {
                continue;
            }
            MemMapSection section = memMap.section(base);
            int lazyEnd = 0;
            for (int i = 0; i < MemMap.SECTION_FRAMES; i++) {
                if ((section.flags[i] & PageFlags.LAZY) != 0) {
                    lazyEnd = i + (1 << MemMap.MAX_PAGE_ORDER);
                }
                int owner = section.owner[i];
                belowZero += section.refcount[i] < 0 ? 1 : 0;
                boolean isFree = owner == FREE || owner == CACHED;
                if (isFree && i >= lazyEnd && !isListed(base + i)) {
                    out.add("frame " + (base + i), "is free but on no list");
                }
                if (!isFree && isListed(base + i)) {
                    out.add("frame " + (base + i), "is on a list but in use");
                }
                if (owner > LAST_BOOT_OWNER) {
                    allocated[section.zone[i >> MemMap.PAGEBLOCK_ORDER]]++;
                }
            }
        }
        out.expectEqual("memmap", "frames freed twice == reference counts below 0", framesBelowZero, belowZero);
        for (Zone zone : zones) {
            out.expectEqual(
                    zone.toString(),
                    "managed == free + per-CPU + allocated",
                    zone.managedPages(),
                    zone.freePages + zone.freeIsolated + zone.pcpPages() + allocated[zone.slot()]);
        }
    }

    @SuppressWarnings("EnumOrdinal") // MemMapSection stores ordinals
    private static final int FREE = FrameOwner.FREE.ordinal();

    @SuppressWarnings("EnumOrdinal")
    private static final int CACHED = FrameOwner.PCP.ordinal();

    /** Owners after this one got their frames from the allocator. */
    @SuppressWarnings("EnumOrdinal")
    private static final int LAST_BOOT_OWNER = FrameOwner.RESERVED.ordinal();

    private boolean isListed(long pfn) {
        return listed[(int) (pfn >>> LISTED_SHIFT)].get((int) pfn & LISTED_MASK);
    }

    private static long toPfn(int link) {
        return link == MemMap.LIST_END ? MemMap.LIST_END : Integer.toUnsignedLong(link);
    }

    /** Adds the state of all lists. */
    static void addToDigest(Zone[] zones, Digest digest) {
        for (Zone zone : zones) {
            digest.add(zone.managedPages());
            digest.add(zone.freePages);
            digest.add(zone.freeHighatomic);
            for (int order = 0; order <= MemMap.MAX_PAGE_ORDER; order++) {
                for (int type = 0; type < MigrateType.TYPES; type++) {
                    digest.add(zone.freeArea(order).head[type]);
                    digest.add(zone.freeArea(order).blocks[type]);
                }
            }
            for (int c = 0; c < zone.cpus(); c++) {
                digest.add(zone.pageset(c).count);
                digest.add(zone.pageset(c).high);
            }
        }
    }
}
