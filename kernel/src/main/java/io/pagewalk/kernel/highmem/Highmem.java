package io.pagewalk.kernel.highmem;

import io.pagewalk.base.Bits;
import io.pagewalk.base.Digest;
import io.pagewalk.base.KernelBug;
import io.pagewalk.base.Violations;
import io.pagewalk.kernel.page.AddressConversion;
import io.pagewalk.kernel.vmalloc.InitMm;
import io.pagewalk.kernel.vmalloc.KernelLayout;
import io.pagewalk.kernel.vmalloc.KernelTlb;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Map;
import java.util.function.LongConsumer;

/**
 * The persistent pool of mappings for high memory: {@code kmap()} and {@code kunmap()} of {@code mm/highmem.c}.
 *
 * <pre>
 *   count of a slot   0  free
 *                     1  nobody uses it, but its entry and perhaps TLBs still hold the old page
 *                     n  n - 1 users
 * </pre>
 *
 * <p>Slots are handed out round and round. Each time the round begins again, every slot with count 1 is cleared and all CPUs are flushed once. When no slot is free, the caller
 * sleeps until somebody calls {@code kunmap()}: {@link #kmap(long, LongConsumer)} takes what the caller does after it wakes. A caller that cannot sleep asks {@link #kmap(long)},
 * which returns {@link #WOULD_SLEEP}.
 */
public final class Highmem {
    /** No slot is free: a task would sleep. */
    public static final long WOULD_SLEEP = -1;

    private final AddressConversion conversion;
    private final InitMm initMm;
    private final KernelTlb tlb;
    private final long base;
    private final int[] counts;
    private final long[] pages;
    /** {@code page_address_map}: the pool's address of each mapped high frame; only asked, never walked. */
    private final Map<Long, Integer> slotOfPage = new HashMap<>();

    /** {@code pkmap_map_wait}: who sleeps for a slot, the first to wake first. */
    private final ArrayDeque<Sleeper> sleepers = new ArrayDeque<>();

    private record Sleeper(long pfn, LongConsumer whenMapped) {}

    private int last;
    private long flushes;
    private long waits;

    /**
     * Creates an empty pool.
     *
     * @param layout where it lies; without a pool every frame must be in the direct map
     * @param conversion the direct map
     * @param initMm the kernel's tables
     * @param tlb flushes the CPUs
     */
    public Highmem(KernelLayout layout, AddressConversion conversion, InitMm initMm, KernelTlb tlb) {
        this.conversion = conversion;
        this.initMm = initMm;
        this.tlb = tlb;
        this.base = layout.pkmapStart();
        this.counts = new int[layout.pkmapPages()];
        this.pages = new long[layout.pkmapPages()];
    }

    /**
     * Maps a page: {@code kmap()}. It nests; each call needs its {@link #kunmap}.
     *
     * @param pfn a frame
     * @return its address, that of the direct map for low memory, or {@link #WOULD_SLEEP}
     */
    public long kmap(long pfn) {
        if (!conversion.isHighmem(pfn)) {
            return conversion.pageToVirt(pfn);
        }
        Integer slot = slotOfPage.get(pfn);
        int found = slot == null ? mapNew(pfn) : slot;
        if (found < 0) {
            waits++;
            return WOULD_SLEEP;
        }
        counts[found]++;
        return addressOf(found);
    }

    /**
     * Maps a page, and sleeps when no slot is free: the task goes on in the {@link #kunmap} that frees one.
     *
     * @param pfn a frame
     * @param whenMapped what the caller does with the address, at once or after it slept
     * @return whether it happened at once
     */
    public boolean kmap(long pfn, LongConsumer whenMapped) {
        long vaddr = kmap(pfn);
        if (vaddr == WOULD_SLEEP) {
            sleepers.addLast(new Sleeper(pfn, whenMapped));
            return false;
        }
        whenMapped.accept(vaddr);
        return true;
    }

    /** {@code map_new_virtual()}. Returns the slot, or -1 after a whole round without a free one. */
    private int mapNew(long pfn) {
        int left = counts.length;
        while (true) {
            last = (last + 1) & (counts.length - 1);
            if (last == 0) {
                flushUnused();
                left = counts.length;
            }
            if (counts[last] == 0) {
                break;
            }
            left--;
            if (left == 0) {
                return -1;
            }
        }
        long error = initMm.mapLeaf(addressOf(last), pfn, InitMm.PAGE_KERNEL, 1);
        KernelBug.on(error != 0, "slot " + last + " of the kmap pool is taken");
        counts[last] = 1;
        pages[last] = pfn;
        slotOfPage.put(pfn, last);
        return last;
    }

    /** Clears all slots without users: {@code kmap_flush_unused()}. */
    public void flushUnused() {
        boolean isNeeded = false;
        for (int slot = 0; slot < counts.length; slot++) {
            if (counts[slot] == 1) {
                counts[slot] = 0;
                initMm.unmapRange(addressOf(slot), addressOf(slot) + 4096);
                slotOfPage.remove(pages[slot]);
                pages[slot] = 0;
                isNeeded = true;
            }
        }
        if (isNeeded) {
            flushes++;
            tlb.flushKernelRange(base, addressOf(counts.length));
        }
    }

    /**
     * Ends one use of a page: {@code kunmap()}. The entry stays until the next flush.
     *
     * @param pfn a frame that {@link #kmap} mapped
     */
    public void kunmap(long pfn) {
        if (!conversion.isHighmem(pfn)) {
            return;
        }
        Integer slot = slotOfPage.get(pfn);
        if (slot == null || counts[slot] < 2) {
            throw new KernelBug("kunmap of frame " + pfn + ", which nobody has mapped");
        }
        counts[slot]--;
        if (counts[slot] == 1) {
            wakeOne();
        }
    }

    /** {@code wake_up(&pkmap_map_wait)}: the first sleeper looks again, and finds the slot that nobody uses any more. */
    private void wakeOne() {
        Sleeper first = sleepers.pollFirst();
        if (first != null && !kmapAgain(first)) {
            sleepers.addFirst(first);
        }
    }

    private boolean kmapAgain(Sleeper sleeper) {
        Integer slot = slotOfPage.get(sleeper.pfn);
        int found = slot == null ? mapNew(sleeper.pfn) : slot;
        if (found < 0) {
            return false;
        }
        counts[found]++;
        sleeper.whenMapped.accept(addressOf(found));
        return true;
    }

    /**
     * Returns the kernel address of a page: {@code page_address()}.
     *
     * @param pfn a frame
     * @return the address in the direct map, that in the pool for a high page that was mapped there since the last flush, or {@link AddressConversion#NO_ADDRESS}
     */
    public long pageAddress(long pfn) {
        if (!conversion.isHighmem(pfn)) {
            return conversion.pageToVirt(pfn);
        }
        Integer slot = slotOfPage.get(pfn);
        return slot == null ? AddressConversion.NO_ADDRESS : addressOf(slot);
    }

    /**
     * Returns the page behind an address of the pool or the direct map: {@code kmap_to_page()}.
     *
     * @param vaddr an address
     * @return the frame, or -1 for a slot that maps nothing
     */
    public long pageOf(long vaddr) {
        if (counts.length > 0 && vaddr >= base && vaddr < addressOf(counts.length)) {
            int slot = (int) ((vaddr - base) >>> 12);
            return counts[slot] == 0 ? -1 : pages[slot];
        }
        return conversion.virtToPage(vaddr);
    }

    /** Returns the number of slots: {@code LAST_PKMAP}, 0 without a pool. */
    public int slots() {
        return counts.length;
    }

    /** Returns how many slots are in use. */
    public int used() {
        int used = 0;
        for (int count : counts) {
            used += count > 1 ? 1 : 0;
        }
        return used;
    }

    /** Returns how many callers sleep. */
    public int sleepers() {
        return sleepers.size();
    }

    /** Returns how often unused slots were flushed. */
    public long flushes() {
        return flushes;
    }

    /** Returns how often a caller would have slept. */
    public long waits() {
        return waits;
    }

    private long addressOf(int slot) {
        return base + ((long) slot << 12);
    }

    /**
     * Adds the pool's state.
     *
     * @param digest where to
     */
    public void addToDigest(Digest digest) {
        for (int slot = 0; slot < counts.length; slot++) {
            digest.add(counts[slot]);
            digest.add(pages[slot]);
        }
        digest.add(flushes);
        digest.add(waits);
        sleepers.forEach(sleeper -> digest.add(sleeper.pfn));
    }

    /**
     * Checks slots against entries.
     *
     * @param out receives what is broken
     */
    public void verify(Violations out) {
        int mapped = 0;
        for (int slot = 0; slot < counts.length; slot++) {
            String where = "kmap slot at " + Bits.hex(addressOf(slot));
            long expected = counts[slot] == 0 ? -1 : pages[slot] << 12;
            out.expectEqual(where, "entry maps its page", initMm.translate(addressOf(slot)), expected);
            if (counts[slot] > 0) {
                mapped++;
                Integer known = slotOfPage.get(pages[slot]);
                out.expectEqual(where, "page knows its slot", known == null ? -1 : known, slot);
            }
        }
        if (!sleepers.isEmpty()) {
            out.expectEqual("kmap pool", "somebody sleeps only while all slots are used", used(), counts.length);
        }
        out.expectEqual("kmap pool", "pages with an address == slots in use", slotOfPage.size(), mapped);
    }
}
