package io.pagewalk.kernel.buddy;

import io.pagewalk.base.KernelBug;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.MemMapSection;
import io.pagewalk.kernel.page.MigrateType;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.zone.FreeArea;
import io.pagewalk.kernel.zone.PageDeque;
import io.pagewalk.kernel.zone.Zone;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The buddy system proper: free lists per order and migrate type, split and merge.
 *
 * <p>Follows {@code mm/page_alloc.c:__free_one_page(), expand(), __rmqueue_smallest()}.
 */
final class FreeLists {
    /*
     * A list links the heads of free blocks through MemMap. A head of the largest order may stand for a range of neighbouring blocks that nobody
     * has touched since boot; its page's index holds how many. Taking the head of a range moves the node to the next block:
     *
     *   list:  [blocks A ..] <-> [range h, n] <-> [B ..]      take h      list:  [A ..] <-> [range h + 1024, n - 1] <-> [B ..]
     *
     * The order of the list is the one that Linux has after it freed all blocks one by one at boot.
     */

    /** A request that waits for a block to become free: {@code struct capture_control}. */
    interface Capture {
        /** Returns whether it takes a block that was just freed: {@code compaction_capture()}. */
        boolean takes(Zone zone, long pfn, int order, int migrateType);
    }

    /** Where a freed block joins its list. */
    enum Place {
        /** At the head, so that it is used again soon. */
        HEAD,
        /** At the tail. */
        TAIL,
        /** At the tail when its buddy of the next order is likely to become free too, else at the head. */
        BY_BUDDY
    }

    private static final int MAX_ORDER = MemMap.MAX_PAGE_ORDER;
    private static final int BLOCK_ORDER = MemMap.PAGEBLOCK_ORDER;
    private static final long MAX_BLOCK = 1L << MAX_ORDER;

    private final MemMap memMap;
    private @Nullable Capture capture;

    FreeLists(MemMap memMap) {
        this.memMap = memMap;
    }

    /** Adds untouched blocks of the largest order at the tail, as boot does one by one. Their frames are FREE in the boot ranges. */
    void addBootBlocks(Zone zone, long pfn, long blocks) {
        MemMapSection section = memMap.section(pfn);
        int i = (int) pfn & MemMap.SECTION_MASK;
        section.flags[i] = PageFlags.BUDDY;
        section.order[i] = MAX_ORDER;
        section.index[i] = blocks;
        FreeArea area = zone.freeArea(MAX_ORDER);
        linkTail(area, MigrateType.MOVABLE, pfn);
        area.blocks[MigrateType.MOVABLE] += blocks;
        area.free += blocks;
        zone.freePages += blocks << MAX_ORDER;
        zone.freePagesBlocks += blocks << MAX_ORDER;
    }

    /** Frees a block of boot memory smaller than the largest order at the tail; nothing beside it is free. */
    void addBootBlock(Zone zone, long pfn, int order) {
        account(zone, 1L << order, MigrateType.MOVABLE);
        add(zone, pfn, order, MigrateType.MOVABLE, false);
    }

    /** Frees a block and merges it with its buddies while they are free: {@code __free_one_page()}. The frames' owner is set by the caller. */
    void freeOnePage(Zone zone, long freed, int freedOrder, int migrateType, Place place) {
        long pfn = freed;
        int order = freedOrder;
        KernelBug.on((pfn & ((1L << order) - 1)) != 0, "a freed block is not aligned to its order");
        account(zone, 1L << order, migrateType);
        while (order < MAX_ORDER) {
            if (capture != null && capture.takes(zone, pfn, order, migrateType)) {
                account(zone, -(1L << order), migrateType);
                return;
            }
            long buddy = pfn ^ (1L << order);
            if (!isFreeBuddy(zone, buddy, order)) {
                break;
            }
            int buddyType = migrateType;
            if (order >= BLOCK_ORDER) {
                buddyType = memMap.pageblockType(buddy);
                if (buddyType != migrateType && !(isMergeable(migrateType) && isMergeable(buddyType))) {
                    break;
                }
            }
            remove(zone, buddy, order, buddyType);
            if (buddyType != migrateType) {
                changePageblockRange(buddy, order, migrateType);
            }
            pfn &= buddy;
            order++;
        }
        boolean toHead = switch (place) {
            case HEAD -> true;
            case TAIL -> false;
            case BY_BUDDY -> !isMergeLikely(zone, pfn, order);
        };
        add(zone, pfn, order, migrateType, toHead);
    }

    /** Takes a block of at least the order from one type's lists, splitting the smallest that fits: {@code __rmqueue_smallest()}. */
    long removeSmallest(Zone zone, int order, int migrateType) {
        for (int current = order; current <= MAX_ORDER; current++) {
            int head = zone.freeArea(current).head[migrateType];
            if (head != MemMap.LIST_END) {
                long pfn = Integer.toUnsignedLong(head);
                removeAndExpand(zone, pfn, order, current, migrateType);
                return pfn;
            }
        }
        return PageAllocator.NO_PAGE;
    }

    /**
     * Takes single pages from one type's lists: the same ones in the same order, with the same lists left behind, as {@link #removeSmallest} takes one by one.
     * A block that is used up whole is not split, because all its parts would be taken again.
     *
     * @return how many there were, at most as many as wanted
     */
    int removePages(Zone zone, int migrateType, int wanted, PageDeque to) {
        int got = 0;
        for (int order = 0; order <= MAX_ORDER && got < wanted; order++) {
            FreeArea area = zone.freeArea(order);
            while (area.head[migrateType] != MemMap.LIST_END && got < wanted) {
                long pfn = Integer.toUnsignedLong(area.head[migrateType]);
                int left = wanted - got;
                remove(zone, pfn, order, migrateType);
                if (left < 1 << order) {
                    giveRestBack(zone, pfn + left, pfn + (1L << order), migrateType);
                }
                int taken = Math.min(left, 1 << order);
                account(zone, -taken, migrateType);
                MemMapSection section = memMap.section(pfn);
                int i = (int) pfn & MemMap.SECTION_MASK;
                Arrays.fill(section.index, i, i + taken, 0);
                memMap.setOwner(section, i, i + taken, FrameOwner.PCP);
                to.addLast(pfn, taken);
                got += taken;
            }
        }
        return got;
    }

    /** Gives the upper part of a block back as the largest blocks that fit, which is what splitting leaves. */
    private void giveRestBack(Zone zone, long from, long end, int migrateType) {
        for (long pfn = from; pfn < end; ) {
            int order = Long.numberOfTrailingZeros(pfn);
            add(zone, pfn, order, migrateType, true);
            pfn += 1L << order;
        }
    }

    /** Takes a block off its list and gives the upper halves back until the order fits: {@code page_del_and_expand()}. */
    void removeAndExpand(Zone zone, long pfn, int order, int current, int migrateType) {
        remove(zone, pfn, current, migrateType);
        expand(zone, pfn, order, current, migrateType);
        account(zone, -(1L << order), migrateType);
    }

    /** Gives the upper halves of a block, which is on no list, to the lists: {@code expand()}. Counts nothing. */
    void expand(Zone zone, long pfn, int order, int current, int migrateType) {
        for (int o = current - 1; o >= order; o--) {
            add(zone, pfn + (1L << o), o, migrateType, true);
        }
    }

    /** Counts free pages of a type: {@code account_freepages()}. */
    static void account(Zone zone, long pages, int migrateType) {
        if (migrateType < MigrateType.PCPTYPES) {
            zone.freePages += pages;
        } else if (migrateType == MigrateType.ISOLATE) {
            zone.freeIsolated += pages;
        } else {
            zone.freePages += pages;
            if (migrateType == MigrateType.HIGHATOMIC) {
                zone.freeHighatomic += pages;
            } else {
                zone.freeCma += pages;
            }
        }
    }

    /** Lets a compaction catch a block while it merges; null ends it. */
    void setCapture(@Nullable Capture capture) {
        this.capture = capture;
    }

    /**
     * Gives a free block of the largest order a list node of its own when it lies inside a range of untouched blocks.
     *
     * <pre>
     *   list:  [range h, n]   pfn inside   list:  [range h, k] - [pfn] - [range pfn + 1024, n - k - 1]
     * </pre>
     */
    void makeOwnNode(Zone zone, long pfn) {
        MemMapSection section = memMap.section(pfn);
        int i = (int) pfn & MemMap.SECTION_MASK;
        if ((section.flags[i] & PageFlags.LAZY) == 0) {
            return;
        }
        FreeArea area = zone.freeArea(MAX_ORDER);
        long head = MemMap.LIST_END;
        for (long at = toPfn(area.head[MigrateType.MOVABLE]); at != MemMap.LIST_END; at = memMap.next(at)) {
            if (at <= pfn && pfn < at + (memMap.index(at) << MAX_ORDER)) {
                head = at;
                break;
            }
        }
        KernelBug.on(head == MemMap.LIST_END, "an untouched block is in no range");
        long before = (pfn - head) >>> MAX_ORDER;
        long after = memMap.index(head) - before - 1;
        memMap.section(head).index[(int) head & MemMap.SECTION_MASK] = before;
        insertNode(area, head, pfn, 1);
        if (after > 0) {
            insertNode(area, pfn, pfn + MAX_BLOCK, after);
        }
    }

    /** Links a block behind another one of the movable list of the largest order. */
    private void insertNode(FreeArea area, long prev, long pfn, long blocks) {
        MemMapSection section = memMap.section(pfn);
        int i = (int) pfn & MemMap.SECTION_MASK;
        section.flags[i] = PageFlags.BUDDY;
        section.order[i] = MAX_ORDER;
        section.index[i] = blocks;
        long next = memMap.next(prev);
        memMap.setLinks(pfn, prev, next);
        memMap.setNext(prev, pfn);
        if (next == MemMap.LIST_END) {
            area.tail[MigrateType.MOVABLE] = (int) pfn;
        } else {
            memMap.setPrev(next, pfn);
        }
    }

    /** Puts a free block, its own list node, at the other end of its list: what {@code move_freelist_head()} and {@code move_freelist_tail()} do to the blocks before it. */
    void rotate(FreeArea area, int migrateType, long newHead) {
        int head = area.head[migrateType];
        if (toPfn(head) == newHead || newHead == MemMap.LIST_END) {
            return;
        }
        int tail = area.tail[migrateType];
        long newTail = memMap.prev(newHead);
        memMap.setNext(toPfn(tail), toPfn(head));
        memMap.setPrev(toPfn(head), toPfn(tail));
        area.head[migrateType] = (int) newHead;
        area.tail[migrateType] = (int) newTail;
        memMap.setPrev(newHead, MemMap.LIST_END);
        memMap.setNext(newTail, MemMap.LIST_END);
    }

    private static long toPfn(int link) {
        return link == MemMap.LIST_END ? MemMap.LIST_END : Integer.toUnsignedLong(link);
    }

    /** Puts a free block on another type's list, at its tail: {@code move_to_free_list()}. */
    void moveToFreeList(Zone zone, long pfn, int order, int from, int to) {
        remove(zone, pfn, order, from);
        add(zone, pfn, order, to, false);
        account(zone, -(1L << order), from);
        account(zone, 1L << order, to);
    }

    /** Sets the type of all pageblocks of a block: {@code change_pageblock_range()}. */
    void changePageblockRange(long pfn, int order, int migrateType) {
        for (long block = pfn; block < pfn + (1L << order); block += 1L << BLOCK_ORDER) {
            memMap.setPageblockType(block, migrateType);
        }
    }

    /** Adds a block to a list: {@code __add_to_free_list()}. */
    void add(Zone zone, long pfn, int order, int migrateType, boolean atHead) {
        MemMapSection section = memMap.section(pfn);
        int i = (int) pfn & MemMap.SECTION_MASK;
        section.flags[i] = PageFlags.BUDDY;
        section.order[i] = (byte) order;
        section.index[i] = 1;
        FreeArea area = zone.freeArea(order);
        if (atHead) {
            linkHead(area, migrateType, pfn, section, i);
        } else {
            linkTail(area, migrateType, pfn);
        }
        area.blocks[migrateType]++;
        area.free++;
        if (order >= BLOCK_ORDER && migrateType != MigrateType.ISOLATE) {
            zone.freePagesBlocks += 1L << order;
        }
    }

    /** Takes a block off its list: {@code __del_page_from_free_list()}. */
    void remove(Zone zone, long pfn, int order, int migrateType) {
        MemMapSection section = memMap.section(pfn);
        int i = (int) pfn & MemMap.SECTION_MASK;
        if (section.flags[i] != PageFlags.BUDDY || section.order[i] != order) {
            throw new KernelBug("frame " + pfn + " is no free block of order " + order);
        }
        FreeArea area = zone.freeArea(order);
        if (section.index[i] > 1) {
            moveRangeNode(area, migrateType, pfn, section.index[i]);
        } else {
            unlink(area, migrateType, section.prev[i], section.next[i]);
        }
        section.flags[i] = 0;
        section.order[i] = 0;
        section.index[i] = 0;
        area.blocks[migrateType]--;
        area.free--;
        if (order >= BLOCK_ORDER && migrateType != MigrateType.ISOLATE) {
            zone.freePagesBlocks -= 1L << order;
        }
    }

    /** Returns whether a frame heads a free block of this order in this zone: {@code page_is_buddy()}. */
    boolean isFreeBuddy(Zone zone, long pfn, int order) {
        if (!memMap.isValid(pfn)) {
            return false;
        }
        MemMapSection section = memMap.section(pfn);
        int i = (int) pfn & MemMap.SECTION_MASK;
        return (section.flags[i] & PageFlags.BUDDY) != 0
                && section.order[i] == order
                && section.zone[i >> BLOCK_ORDER] == zone.slot();
    }

    private boolean isMergeLikely(Zone zone, long pfn, int order) {
        if (order >= MAX_ORDER - 1) {
            return false;
        }
        long higher = pfn & ~(1L << order);
        return isFreeBuddy(zone, higher ^ (1L << (order + 1)), order + 1);
    }

    private static boolean isMergeable(int migrateType) {
        return migrateType < MigrateType.PCPTYPES;
    }

    private void moveRangeNode(FreeArea area, int migrateType, long pfn, long blocks) {
        long successor = pfn + MAX_BLOCK;
        MemMapSection section = memMap.section(successor);
        int i = (int) successor & MemMap.SECTION_MASK;
        KernelBug.on(
                (section.flags[i] & PageFlags.LAZY) == 0 || memMap.owner(successor) != FrameOwner.FREE,
                "a range of untouched blocks holds a block that was touched");
        section.flags[i] = PageFlags.BUDDY;
        section.index[i] = blocks - 1;
        long prev = memMap.prev(pfn);
        long next = memMap.next(pfn);
        memMap.setLinks(successor, prev, next);
        if (prev == MemMap.LIST_END) {
            area.head[migrateType] = (int) successor;
        } else {
            memMap.setNext(prev, successor);
        }
        if (next == MemMap.LIST_END) {
            area.tail[migrateType] = (int) successor;
        } else {
            memMap.setPrev(next, successor);
        }
    }

    private void linkHead(FreeArea area, int migrateType, long pfn, MemMapSection section, int i) {
        int next = area.head[migrateType];
        section.prev[i] = MemMap.LIST_END;
        section.next[i] = next;
        area.head[migrateType] = (int) pfn;
        if (next == MemMap.LIST_END) {
            area.tail[migrateType] = (int) pfn;
        } else {
            memMap.setPrev(Integer.toUnsignedLong(next), pfn);
        }
    }

    private void linkTail(FreeArea area, int migrateType, long pfn) {
        int prev = area.tail[migrateType];
        memMap.setLinks(pfn, prev, MemMap.LIST_END);
        area.tail[migrateType] = (int) pfn;
        if (prev == MemMap.LIST_END) {
            area.head[migrateType] = (int) pfn;
        } else {
            memMap.setNext(Integer.toUnsignedLong(prev), pfn);
        }
    }

    private void unlink(FreeArea area, int migrateType, int prev, int next) {
        if (prev == MemMap.LIST_END) {
            area.head[migrateType] = next;
        } else {
            memMap.section(Integer.toUnsignedLong(prev)).next[prev & MemMap.SECTION_MASK] = next;
        }
        if (next == MemMap.LIST_END) {
            area.tail[migrateType] = prev;
        } else {
            memMap.section(Integer.toUnsignedLong(next)).prev[next & MemMap.SECTION_MASK] = prev;
        }
    }
}
