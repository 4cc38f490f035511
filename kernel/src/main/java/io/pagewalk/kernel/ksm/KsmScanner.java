package io.pagewalk.kernel.ksm;

import io.pagewalk.base.SimClock;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.kernel.fault.FaultTask;
import io.pagewalk.kernel.fault.PageRangeWalk;
import io.pagewalk.kernel.fault.PteMarkers;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The cursor of ksmd over all address spaces on its list, and what it does with each page: {@code mm/ksm.c:ksm_do_scan()}. */
final class KsmScanner {
    private static final int MOST_AGE = 255;
    private static final int YOUNG = 3;
    private static final long PAGE = 4096;

    private final StableTree stable;
    private final UnstableTree unstable;
    private final PageMerger merger;
    private final PageContents contents;
    private final KsmSettings settings;
    private final KsmCounters counters;
    private final KsmAdvisor advisor;
    private final FaultTask ksmd;
    private final PageRangeWalk walk;
    private final NextPage nextPage;
    private final SimClock clock;
    private final long nanosPerPage;

    /* The ring of address spaces; its head is no slot: a cursor of -1 stands on it. */
    private final List<MmSlot> slots = new ArrayList<>();
    private @Nullable MmSlot cursor;
    private long address;
    /* The item behind which the next one comes, null for the first of the slot. */
    private @Nullable RmapItem lastItem;
    private long foundPfn;
    private long cpuNanos;

    KsmScanner(
            StableTree stable,
            UnstableTree unstable,
            PageMerger merger,
            PageContents contents,
            KsmSettings settings,
            KsmCounters counters,
            FaultTask ksmd,
            PageRangeWalk walk,
            PagingMode mode,
            MemMap memmap,
            SimClock clock,
            long nanosPerPage) {
        this.stable = stable;
        this.unstable = unstable;
        this.merger = merger;
        this.contents = contents;
        this.settings = settings;
        this.counters = counters;
        this.advisor = new KsmAdvisor(settings);
        this.ksmd = ksmd;
        this.walk = walk;
        this.nextPage = new NextPage(mode, memmap);
        this.clock = clock;
        this.nanosPerPage = nanosPerPage;
    }

    KsmAdvisor advisor() {
        return advisor;
    }

    boolean hasWork() {
        return !slots.isEmpty();
    }

    /** Looks at so many pages, or up to the end of the full scan. */
    void scan(long pages) {
        for (long i = 0; i < pages; i++) {
            RmapItem item = nextItem();
            if (item == null) {
                return;
            }
            compareAndMerge(foundPfn, item);
            counters.pagesScanned++;
            cpuNanos += nanosPerPage;
        }
    }

    /** Puts an address space on the list, behind the cursor unless everything is being unmerged: {@code __ksm_enter()}. */
    void enter(Mm mm) {
        MmSlot slot = new MmSlot(mm);
        MmSlot at = settings.run == Ksm.RUN_UNMERGE ? null : cursor;
        insertBefore(slot, at);
        mm.ksm().setMergeable(true);
    }

    /** Inserts before a slot, or at the end: before the head of the ring. */
    private void insertBefore(MmSlot slot, @Nullable MmSlot at) {
        slots.add(at == null ? slots.size() : slots.indexOf(at), slot);
    }

    /** An address space ends: {@code __ksm_exit()}. One with watched pages is left to the next scan. */
    void exit(Mm mm) {
        MmSlot slot = slotOf(mm);
        if (slot == null || slot == cursor) {
            return;
        }
        slots.remove(slot);
        if (slot.first == null) {
            mm.ksm().setMergesAny(false);
            mm.ksm().setMergeable(false);
        } else {
            // list_move() puts it right behind the cursor.
            slots.add(cursor == null ? 0 : slots.indexOf(cursor) + 1, slot);
        }
    }

    private @Nullable MmSlot slotOf(Mm mm) {
        for (MmSlot slot : slots) {
            if (slot.mm == mm) {
                return slot;
            }
        }
        return null;
    }

    private @Nullable MmSlot after(MmSlot slot) {
        int next = slots.indexOf(slot) + 1;
        return next < slots.size() ? slots.get(next) : null;
    }

    /** {@code scan_get_next_rmap_item()}: the item of the next page, whose frame is left in {@link #foundPfn}; null at the end of a full scan. */
    private @Nullable RmapItem nextItem() {
        if (slots.isEmpty()) {
            return null;
        }
        MmSlot slot = cursor;
        if (slot == null) {
            advisor.startScan(clock.nanos());
            if (!settings.mergesAcrossNodes) {
                stable.pruneMigrating();
            }
            unstable.clear();
            slot = slots.getFirst();
            startSlot(slot);
        }
        while (true) {
            RmapItem item = slot.mm.users() == 0 ? null : nextOf(slot);
            if (item != null) {
                return item;
            }
            slot = finish(slot);
            if (slot == null) {
                advisor.stopScan(clock.nanos(), cpuNanos);
                counters.fullScans++;
                return null;
            }
            startSlot(slot);
        }
    }

    private void startSlot(MmSlot slot) {
        cursor = slot;
        address = 0;
        lastItem = null;
    }

    private @Nullable RmapItem nextOf(MmSlot slot) {
        Mm mm = slot.mm;
        for (Vma vma = mm.vmas().findFirst(address);
                vma != null;
                vma = mm.vmas().next(vma)) {
            if (!vma.has(VmaFlags.VM_MERGEABLE)) {
                continue;
            }
            address = Math.max(address, vma.start());
            if (vma.anonVma() == null) {
                address = vma.end();
            }
            while (address < vma.end()) {
                if (walk.walk(mm, address, vma.end(), nextPage) == 0) {
                    address = vma.end();
                    break;
                }
                address = nextPage.vaddr;
                RmapItem item = itemAt(slot, address);
                lastItem = item;
                address += PAGE;
                if (!isSkipped(nextPage.pfn, item)) {
                    foundPfn = nextPage.pfn;
                    return item;
                }
            }
        }
        return null;
    }

    /** The end of one address space; returns the next, null at the end of the list. */
    private @Nullable MmSlot finish(MmSlot slot) {
        if (slot.mm.users() == 0) {
            address = 0;
            lastItem = null;
        }
        removeTrailing(slot);
        MmSlot next = after(slot);
        cursor = next;
        if (address == 0) {
            slots.remove(slot);
            slot.mm.ksm().setMergeable(false);
        }
        return next;
    }

    /** {@code get_next_rmap_item()}. */
    private RmapItem itemAt(MmSlot slot, long vaddr) {
        RmapItem next = lastItem == null ? slot.first : lastItem.next;
        while (next != null && next.vaddr < vaddr) {
            unlinkNext(slot, next);
            next = lastItem == null ? slot.first : lastItem.next;
        }
        if (next != null && next.vaddr == vaddr) {
            return next;
        }
        RmapItem made = new RmapItem(slot.mm, vaddr);
        made.next = next;
        if (lastItem == null) {
            slot.first = made;
        } else {
            lastItem.next = made;
        }
        counters.rmapItems++;
        slot.mm.ksm().addRmapItems(1);
        return made;
    }

    private void unlinkNext(MmSlot slot, RmapItem item) {
        if (lastItem == null) {
            slot.first = item.next;
        } else {
            lastItem.next = item.next;
        }
        takeOutOfTrees(item);
        counters.rmapItems--;
        item.mm.ksm().addRmapItems(-1);
    }

    /** {@code remove_trailing_rmap_items()}. */
    private void removeTrailing(MmSlot slot) {
        for (RmapItem next = lastItem == null ? slot.first : lastItem.next;
                next != null;
                next = lastItem == null ? slot.first : lastItem.next) {
            unlinkNext(slot, next);
        }
    }

    /** {@code remove_rmap_item_from_tree()}. */
    private void takeOutOfTrees(RmapItem item) {
        StableNode head = item.head;
        if (head != null) {
            stable.takeOff(item, head);
        } else if (item.unstableScan >= 0) {
            unstable.remove(item);
        }
    }

    /** {@code should_skip_rmap_item()}: pages that found no partner for a while are looked at less often. */
    private boolean isSkipped(long pfn, RmapItem item) {
        if (!settings.isSmartScan || nextPage.memmap.hasFlags(pfn, PageFlags.KSM)) {
            return false;
        }
        int age = item.age;
        item.age = Math.min(MOST_AGE, age + 1);
        if (age < YOUNG) {
            return false;
        }
        if (item.remainingSkips == 0) {
            item.remainingSkips = age <= 3 ? 1 : age <= 5 ? 2 : age <= 8 ? 4 : 8;
            return false;
        }
        counters.pagesSkipped++;
        item.remainingSkips--;
        takeOutOfTrees(item);
        return true;
    }

    /** {@code cmp_and_merge_page()}. */
    private void compareAndMerge(long pfn, RmapItem item) {
        StableNode node = stable.nodeOf(pfn);
        if (node != null) {
            if (!node.isMigrating && stable.treeOf(node.pfn) != node.nid) {
                stable.moveLater(node);
            }
            if (!node.isMigrating && item.head == node) {
                return;
            }
        } else {
            takeOutOfTrees(item);
            int checksum = contents.checksum(pfn);
            if (item.oldChecksum != checksum) {
                item.oldChecksum = checksum;
                return;
            }
            if (mergeWithZeroPage(item, pfn)) {
                return;
            }
        }
        long found = stable.search(pfn);
        if (found == pfn && item.head == node) {
            return;
        }
        takeOutOfTrees(item);
        if (found != StableTree.NONE) {
            if (join(item, pfn, found)) {
                StableNode target = stable.nodeOf(found);
                if (target != null) {
                    stable.append(item, target);
                }
            }
            return;
        }
        RmapItem partner = unstable.searchOrInsert(item, pfn);
        if (partner != null) {
            mergeTwo(item, pfn, partner);
        }
    }

    /** {@code try_to_merge_with_zero_page()}: returns whether the page needs no further look. */
    private boolean mergeWithZeroPage(RmapItem item, long pfn) {
        if (!settings.usesZeroPages || item.oldChecksum != PageContents.zeroChecksum()) {
            return false;
        }
        Vma vma = PageMerger.areaOf(item.mm, item.vaddr);
        return vma == null || merger.merge(vma, pfn, merger.zeroPfn());
    }

    /** {@code try_to_merge_with_ksm_page()}. */
    private boolean join(RmapItem item, long pfn, long target) {
        Vma vma = PageMerger.areaOf(item.mm, item.vaddr);
        if (vma == null || !merger.merge(vma, pfn, target)) {
            return false;
        }
        takeOutOfTrees(item);
        item.anonVma = vma.anonVma();
        return true;
    }

    /** {@code try_to_merge_two_pages()} and what follows it. */
    private void mergeTwo(RmapItem item, long pfn, RmapItem partner) {
        long partnerPfn = merger.pageOf(partner);
        if (!join(item, pfn, PageMerger.NONE)) {
            return;
        }
        if (!join(partner, partnerPfn, pfn)) {
            merger.breakCow(ksmd, item);
            return;
        }
        StableNode made = stable.insert(pfn);
        stable.append(partner, made);
        stable.append(item, made);
    }

    /** Starts from the front and drops every watched page, once the areas have their own pages again: {@code unmerge_and_remove_all_rmap_items()}. */
    long unmergeAll(Unmerger unmerger) {
        for (MmSlot slot = slots.isEmpty() ? null : slots.getFirst(); slot != null; ) {
            startSlot(slot);
            if (slot.mm.users() > 0) {
                long error = unmerger.unmerge(slot.mm);
                if (error != 0) {
                    cursor = null;
                    return error;
                }
            }
            removeTrailing(slot);
            MmSlot next = after(slot);
            cursor = next;
            if (slot.mm.users() == 0) {
                slots.remove(slot);
                slot.mm.ksm().setMergeable(false);
                slot.mm.ksm().setMergesAny(false);
            }
            slot = next;
        }
        cursor = null;
        stable.removeAll();
        counters.fullScans = 0;
        return 0;
    }

    /** Gives all merged pages of an address space copies of their own. */
    interface Unmerger {
        long unmerge(Mm mm);
    }

    /** Receives a watched page. */
    interface ItemVisitor {
        void item(RmapItem item);
    }

    void forEachItem(ItemVisitor visitor) {
        for (MmSlot slot : slots) {
            for (RmapItem item = slot.first; item != null; item = item.next) {
                visitor.item(item);
            }
        }
    }

    /** Finds the first anonymous page of a range: {@code ksm_next_page_pmd_entry()}. */
    private static final class NextPage implements PageRangeWalk.Visitor {
        private final PagingMode mode;
        private final MemMap memmap;
        private long vaddr;
        private long pfn;

        private NextPage(PagingMode mode, MemMap memmap) {
            this.mode = mode;
            this.memmap = memmap;
        }

        @Override
        public long test(Vma vma, long start, long end) {
            return 0;
        }

        @Override
        public long entry(Vma vma, long at, long entry) {
            if (entry == 0 || PteMarkers.is(entry) || (mode.flags(entry, 1) & PteFlags.SPECIAL) != 0) {
                return 0;
            }
            long frame = mode.pfn(entry, 1);
            if (memmap.mapping(frame) >= 0) {
                return 0;
            }
            vaddr = at;
            pfn = frame;
            return 1;
        }
    }
}
