package io.pagewalk.kernel.page;

import io.pagewalk.base.Digest;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The {@code struct page} fields of one section of 128 MiB, one array per field, indexed by {@code pfn & MemMap.SECTION_MASK}.
 *
 * <p>Open to the allocator and the fault path, which read several fields of one page; everyone else uses {@link MemMap}.
 */
public final class MemMapSection {
    /** Bits of {@link PageFlags}. */
    public final int[] flags = new int[MemMap.SECTION_FRAMES];

    /** {@code page->_refcount}: users of the frame; 0 while free. */
    public final int[] refcount = new int[MemMap.SECTION_FRAMES];

    /** How many page-table entries map the frame. Linux stores one less ({@code page->_mapcount}). */
    public final int[] mapcount = new int[MemMap.SECTION_FRAMES];

    /** Identifies the {@code address_space} or {@code anon_vma}; 0 is none. */
    public final int[] mapping = new int[MemMap.SECTION_FRAMES];

    /** Offset in the mapping in pages; free blocks of a range node keep the range's length here. */
    public final long[] index = new long[MemMap.SECTION_FRAMES];

    /** Next frame of the list that the frame is on, an unsigned pfn; list heads are {@link MemMap#LIST_END}. Tail pages keep their head's pfn here. */
    public final int[] next = new int[MemMap.SECTION_FRAMES];

    /** Previous frame of the list. */
    public final int[] prev = new int[MemMap.SECTION_FRAMES];

    /** Order of a free block or compound page, valid at its head. */
    public final byte[] order = new byte[MemMap.SECTION_FRAMES];

    /** Ordinal of {@link FrameOwner}. */
    public final byte[] owner = new byte[MemMap.SECTION_FRAMES];

    /** {@link MigrateType} of each pageblock. */
    public final byte[] pageblock = new byte[MemMap.SECTION_FRAMES >> MemMap.PAGEBLOCK_ORDER];

    /** Whether compaction need not look at a pageblock: {@code PB_compact_skip}. */
    public final boolean[] compactSkip = new boolean[MemMap.SECTION_FRAMES >> MemMap.PAGEBLOCK_ORDER];

    /** {@link MigrateType} that an isolated pageblock gets back: the type bits beside {@code PB_migrate_isolate}. */
    public final byte[] typeBeforeIsolation = new byte[MemMap.SECTION_FRAMES >> MemMap.PAGEBLOCK_ORDER];

    /** Number of the zone ({@code Zone.slot()}) of each pageblock. */
    public final short[] zone = new short[MemMap.SECTION_FRAMES >> MemMap.PAGEBLOCK_ORDER];

    private @Nullable LargeFolioCounts large;
    private int @Nullable [] mlockCount;

    MemMapSection() {
        Arrays.fill(pageblock, (byte) MigrateType.MOVABLE);
    }

    /** Returns the counts of its large folios, made when it has the first of them. */
    LargeFolioCounts large() {
        LargeFolioCounts counts = large;
        if (counts == null) {
            counts = new LargeFolioCounts();
            large = counts;
        }
        return counts;
    }

    /**
     * Returns how many areas lock a folio on the unevictable list: {@code folio->mlock_count}.
     *
     * @param i its first frame in this section
     */
    public int mlockCount(int i) {
        int[] counts = mlockCount;
        return counts == null ? 0 : counts[i];
    }

    /**
     * Sets how many areas lock a folio.
     *
     * @param i its first frame in this section
     * @param count 0 when none does
     */
    public void setMlockCount(int i, int count) {
        int[] counts = mlockCount;
        if (counts == null) {
            if (count == 0) {
                return;
            }
            counts = new int[MemMap.SECTION_FRAMES];
            mlockCount = counts;
        }
        counts[i] = count;
    }

    void addToDigest(Digest digest) {
        long sum = 0;
        for (int i = 0; i < MemMap.SECTION_FRAMES; i++) {
            long page = ((long) flags[i] << 32) ^ owner[i] ^ ((long) order[i] << 8);
            page = page * 31 + refcount[i];
            page = page * 31 + mapcount[i];
            page = page * 31 + index[i];
            sum = (sum ^ page) * 0x9e3779b97f4a7c15L;
        }
        digest.add(sum);
        for (byte type : pageblock) {
            digest.add(type);
        }
    }
}
