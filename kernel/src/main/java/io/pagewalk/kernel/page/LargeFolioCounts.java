package io.pagewalk.kernel.page;

import io.pagewalk.base.KernelBug;

/**
 * Counts of the large folios of one section, by the place of their heads.
 *
 * <p>Two address spaces that map a folio are known with how often they do, as {@code folio->_mm_id} and {@code _mm_id_mapcount} keep them.
 */
final class LargeFolioCounts {
    private static final int HEADS = MemMap.SECTION_FRAMES / 2;
    /** {@code MM_ID_DUMMY}: no frame 0 is ever a root. */
    private static final int NOBODY = 0;

    final int[] mapcount = new int[HEADS];
    final int[] entire = new int[HEADS];
    final int[] pagesMapped = new int[HEADS];
    final int[] pins = new int[HEADS];
    /** {@code FOLIO_MM_IDS_SHARED}. */
    final boolean[] isShared = new boolean[HEADS];

    private final int[] firstSpace = new int[HEADS];
    private final int[] secondSpace = new int[HEADS];
    private final int[] firstMapcount = new int[HEADS];
    private final int[] secondMapcount = new int[HEADS];

    /** {@code include/linux/rmap.h:folio_add_return_large_mapcount()}. */
    void add(int slot, int change, int space) {
        mapcount[slot] += change;
        if (firstSpace[slot] == space) {
            firstMapcount[slot] += change;
        } else if (secondSpace[slot] == space) {
            secondMapcount[slot] += change;
        } else if (firstSpace[slot] == NOBODY) {
            firstSpace[slot] = space;
            firstMapcount[slot] = change;
            isShared[slot] |= mapcount[slot] != change;
        } else if (secondSpace[slot] == NOBODY) {
            secondSpace[slot] = space;
            secondMapcount[slot] = change;
            isShared[slot] |= mapcount[slot] != change;
        } else {
            isShared[slot] = true;
        }
    }

    /** {@code include/linux/rmap.h:folio_sub_return_large_mapcount()}. */
    void remove(int slot, int change, int space) {
        mapcount[slot] -= change;
        KernelBug.on(mapcount[slot] < 0, "mapcount of a folio below zero");
        if (firstSpace[slot] == space) {
            firstMapcount[slot] -= change;
            if (firstMapcount[slot] > 0) {
                return;
            }
            firstSpace[slot] = NOBODY;
        } else if (secondSpace[slot] == space) {
            secondMapcount[slot] -= change;
            if (secondMapcount[slot] > 0) {
                return;
            }
            secondSpace[slot] = NOBODY;
        }
        if (firstMapcount[slot] == mapcount[slot] || secondMapcount[slot] == mapcount[slot]) {
            isShared[slot] = false;
        }
    }

    void clear(int slot) {
        mapcount[slot] = 0;
        entire[slot] = 0;
        pagesMapped[slot] = 0;
        pins[slot] = 0;
        isShared[slot] = false;
        firstSpace[slot] = NOBODY;
        secondSpace[slot] = NOBODY;
        firstMapcount[slot] = 0;
        secondMapcount[slot] = 0;
    }
}
