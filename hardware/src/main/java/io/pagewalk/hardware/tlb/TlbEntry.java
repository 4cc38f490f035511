package io.pagewalk.hardware.tlb;

import io.pagewalk.hardware.paging.Pkru;
import io.pagewalk.hardware.paging.PteFlags;
import java.util.Arrays;

/**
 * The packed int of a TLB entry: its level, its leaf's level and what it allows. Key, owner and frame lie beside it in {@link Tlb}.
 *
 * <pre>
 *       27..25      24..21     20..18        17..15       14       13, 12              11..6              5..0
 *      withheld   prot. key  entry level   leaf level   global   store once dirty    allowed now     key = vpn >>> shift
 *                                                                supervisor, user    (see needed())
 * </pre>
 *
 * <p>What the protection key refuses is not allowed now; it is kept among the withheld rights, so that it comes back when the register says so.
 */
final class TlbEntry {
    /** What is {@code 1 <<} shifted by the bits 5..0 is the number of 4 KiB pages under the entry. */
    static final int SHIFT_MASK = 63;

    static final int GLOBAL = 1 << 14;

    private static final int ALLOWED_SHIFT = 6;
    private static final int KINDS = 3;
    private static final int STORE_ONCE_DIRTY = 1 << 12;
    private static final int LEAF_LEVEL_SHIFT = 15;
    private static final int LEVEL_SHIFT = 18;
    private static final int LEVEL_MASK = 7;

    /** All bits of {@link PteFlags}. */
    private static final int ALL_FLAGS = 0x7ff;

    private static final int KEY_SHIFT = 21;
    /** How far the key lies from its place in {@link PteFlags}. */
    private static final int KEY_MOVE = KEY_SHIFT - PteFlags.KEY_SHIFT;

    private static final int WITHHELD_LOAD = 1 << 25;
    private static final int WITHHELD_STORE = 1 << 26;
    private static final int WITHHELD_ONCE_DIRTY = 1 << 27;

    /** The rights to load, store, and store once dirty, of supervisor and user: what a key can refuse. */
    private static final int LOAD = needed(0, true) | needed(0, false);

    private static final int STORE = needed(1, true) | needed(1, false);
    private static final int ONCE_DIRTY = storeOnceDirty(true) | storeOnceDirty(false);

    private static final int LEVELS = (LEVEL_MASK << LEVEL_SHIFT) | (LEVEL_MASK << LEAF_LEVEL_SHIFT);

    /** The bits 14..6 by {@link PteFlags}: every fill needs them, and looked up they take no branches. */
    private static final int[] RIGHTS = new int[ALL_FLAGS + 1];

    static {
        Arrays.setAll(RIGHTS, TlbEntry::rights);
    }

    private TlbEntry() {}

    static int of(int level, int leafLevel, int shift, int flags) {
        int key = (flags & PteFlags.KEY) << KEY_MOVE;
        return key | (level << LEVEL_SHIFT) | (leafLevel << LEAF_LEVEL_SHIFT) | RIGHTS[flags & ALL_FLAGS] | shift;
    }

    /** Returns an entry with the rights that its protection key leaves; nothing may be withheld yet. */
    static int under(int entry, int pkru) {
        // Twice the key, as the register has two bits for each.
        int refused = pkru >>> (entry >>> (KEY_SHIFT - 1) & 2 * (Pkru.KEYS - 1)) & (Pkru.NO_ACCESS | Pkru.NO_WRITE);
        return refused == 0 ? entry : withhold(entry, refused);
    }

    private static int withhold(int entry, int refused) {
        if ((entry & needed(0, false)) == 0) {
            return entry; // no user page
        }
        int kept = entry & ~(STORE | ONCE_DIRTY);
        kept |= (entry & STORE) != 0 ? WITHHELD_STORE : 0;
        kept |= (entry & ONCE_DIRTY) != 0 ? WITHHELD_ONCE_DIRTY : 0;
        return (refused & Pkru.NO_ACCESS) != 0 ? (kept & ~LOAD) | WITHHELD_LOAD : kept;
    }

    /** Returns an entry with everything given back that its protection key took. */
    static int whole(int entry) {
        int whole = entry & ~(WITHHELD_LOAD | WITHHELD_STORE | WITHHELD_ONCE_DIRTY);
        whole |= (entry & WITHHELD_LOAD) != 0 ? LOAD : 0;
        whole |= (entry & WITHHELD_STORE) != 0 ? STORE : 0;
        return whole | ((entry & WITHHELD_ONCE_DIRTY) != 0 ? ONCE_DIRTY : 0);
    }

    /** Returns whether two entries have one level and their leaves have one level. */
    static boolean haveSameLevels(int entry, int other) {
        return ((entry ^ other) & LEVELS) == 0;
    }

    /** Returns the same rights and leaf level for an entry of another size. */
    static int resized(int entry, int level, int shift) {
        return (entry & ~SHIFT_MASK & ~(LEVEL_MASK << LEVEL_SHIFT)) | (level << LEVEL_SHIFT) | shift;
    }

    /** Returns the bit that an access needs; see {@link Tlb#needed}. */
    static int needed(int kind, boolean isSupervisor) {
        return 1 << (ALLOWED_SHIFT + kind + (isSupervisor ? KINDS : 0));
    }

    /** Returns the bit that says a store may go ahead once the dirty bit is set. */
    static int storeOnceDirty(boolean isSupervisor) {
        return isSupervisor ? STORE_ONCE_DIRTY << 1 : STORE_ONCE_DIRTY;
    }

    static int level(int entry) {
        return (entry >>> LEVEL_SHIFT) & LEVEL_MASK;
    }

    static int leafLevel(int entry) {
        return (entry >>> LEAF_LEVEL_SHIFT) & LEVEL_MASK;
    }

    /** Returns whether the leaf is bigger than the entry. */
    static boolean isPiece(int entry) {
        return leafLevel(entry) > level(entry);
    }

    private static int rights(int flags) {
        boolean isUser = (flags & PteFlags.USER) != 0;
        int rights = (flags & PteFlags.GLOBAL) != 0 ? GLOBAL : 0;
        if ((flags & PteFlags.READ) != 0) {
            rights |= needed(0, true) | (isUser ? needed(0, false) : 0);
        }
        if ((flags & PteFlags.WRITE) != 0) {
            if ((flags & PteFlags.DIRTY) != 0) {
                rights |= needed(1, true) | (isUser ? needed(1, false) : 0);
            } else {
                rights |= storeOnceDirty(true) | (isUser ? storeOnceDirty(false) : 0);
            }
        }
        if ((flags & PteFlags.EXEC) != 0) {
            rights |= needed(2, !isUser);
        }
        return rights;
    }
}
