package io.pagewalk.hardware.paging;

/**
 * Eight-byte x86 entries: long mode (4 and 5 levels) and i386 PAE.
 *
 * <pre>
 *    63   62..59  58..52   51..M      M-1..12        11..9    8    7    6   5    4     3     2     1     0
 *   +----+-------+--------+----------+--------------+--------+---+----+---+---+-----+-----+-----+-----+---+
 *   | NX | key   | ign.   | reserved | frame number | soft   | G | PS | D | A | PCD | PWT | U/S | R/W | P |
 *   +----+-------+--------+----------+--------------+--------+---+----+---+---+-----+-----+-----+-----+---+
 *        key: of a user leaf on a CPU with protection keys that are switched on, otherwise ignored
 *        PS: 1 in a leaf above level 1 (bit 7 of a PTE is PAT); then bit 12 is PAT and the bits from 13 up to the page's size are reserved
 *        M:  physical address bits of the CPU; soft bit 9 is Linux's _PAGE_SPECIAL, bit 10 its _PAGE_UFFD_WP, bit 11 its _PAGE_SOFT_DIRTY
 *   PAE: no keys, bits 62..52 are reserved too. A PDPTE (level 3) has only P, PWT, PCD and the frame; all else is reserved, and it limits no rights.
 * </pre>
 *
 * <p>Source: Intel SDM volume 3, sections 4.4 (PAE), 4.5 (4-level and 5-level paging) and 4.6.2 (protection keys).
 */
final class X86EntryFormat extends EntryFormat {
    static final long PRESENT = 1;
    static final long WRITE = 1L << 1;
    static final long USER = 1L << 2;
    static final long WRITE_THROUGH = 1L << 3;
    static final long CACHE_DISABLE = 1L << 4;
    static final long ACCESSED = 1L << 5;
    static final long DIRTY = 1L << 6;
    static final long PAGE_SIZE = 1L << 7;
    static final long GLOBAL = 1L << 8;
    private static final long UFFD_WP = 1L << 10;
    /** How far the bit of userfaultfd lies from its place in {@link PteFlags}. */
    private static final int UFFD_WP_SHIFT = 2;

    private static final long NO_EXECUTE = 1L << 63;
    private static final long FRAME = 0x000f_ffff_ffff_f000L;
    private static final int SAME_PLACE = PteFlags.READ
            | PteFlags.WRITE
            | PteFlags.USER
            | PteFlags.ACCESSED
            | PteFlags.DIRTY
            | PteFlags.GLOBAL
            | PteFlags.SPECIAL
            | PteFlags.SOFT_DIRTY;
    private static final int ALL_RIGHTS = PteFlags.READ | PteFlags.WRITE | PteFlags.USER | PteFlags.EXEC;

    /** How far the key lies from its place in {@link PteFlags}. */
    private static final int KEY_SHIFT = 59 - PteFlags.KEY_SHIFT;

    private final boolean isPae;

    /** The bits of {@link PteFlags} that hold a key, none where entries have no room for it. */
    private final int keyMask;

    X86EntryFormat(boolean isPae) {
        this.isPae = isPae;
        this.keyMask = isPae ? 0 : PteFlags.KEY;
    }

    @Override
    int entryBytes() {
        return 8;
    }

    @Override
    int maxPhysicalBits() {
        return 52;
    }

    @Override
    long leaf(long pfn, int flags, int level) {
        long entry = (pfn << 12) | lowBits(flags) | ((flags & PteFlags.EXEC) != 0 ? 0 : NO_EXECUTE);
        entry |= (long) (flags & keyMask) << KEY_SHIFT;
        return level > 1 ? entry | PAGE_SIZE : entry;
    }

    /** Makes the bits 11..0, which i386 entries without PAE share. */
    static long lowBits(int flags) {
        long bits = (flags & SAME_PLACE) | PRESENT | ((flags & PteFlags.UFFD_WP) >>> UFFD_WP_SHIFT);
        if ((flags & PteFlags.UNCACHED) != 0) {
            bits |= CACHE_DISABLE | WRITE_THROUGH;
        } else if ((flags & PteFlags.WRITE_COMBINING) != 0) {
            bits |= WRITE_THROUGH;
        }
        return (flags & PteFlags.PROT_NONE) != 0 ? (bits & ~PRESENT) | GLOBAL : bits;
    }

    /** Reads the bits 11..0, which i386 entries without PAE share. */
    static int lowFlags(long entry) {
        int flags = ((int) entry & SAME_PLACE) | ((int) (entry & UFFD_WP) << UFFD_WP_SHIFT);
        if ((entry & CACHE_DISABLE) != 0) {
            flags |= PteFlags.UNCACHED;
        } else if ((entry & WRITE_THROUGH) != 0) {
            flags |= PteFlags.WRITE_COMBINING;
        }
        if ((entry & (PRESENT | GLOBAL)) == GLOBAL) {
            flags = (flags & ~PteFlags.GLOBAL) | PteFlags.PROT_NONE;
        }
        return flags;
    }

    @Override
    long table(long pfn, int level) {
        if (isPae && level == 3) {
            return (pfn << 12) | PRESENT;
        }
        return (pfn << 12) | PRESENT | WRITE | USER | ACCESSED | DIRTY;
    }

    @Override
    boolean isPresent(long entry) {
        return (entry & PRESENT) != 0;
    }

    @Override
    boolean isLeaf(long entry, int level) {
        return level == 1 || (level < 4 && (entry & PAGE_SIZE) != 0 && !(isPae && level == 3));
    }

    @Override
    long pfn(long entry, int level) {
        long frame = (entry & FRAME) >>> 12;
        return level > 1 && isLeaf(entry, level) ? frame & -(1L << (9 * (level - 1))) : frame;
    }

    @Override
    int flags(long entry, int level) {
        return lowFlags(entry) | (entry >= 0 ? PteFlags.EXEC : 0) | ((int) (entry >>> KEY_SHIFT) & keyMask);
    }

    @Override
    int tableRights(long entry, int level) {
        if (isPae && level == 3) {
            return ALL_RIGHTS;
        }
        return PteFlags.READ | ((int) entry & (PteFlags.WRITE | PteFlags.USER)) | (entry >= 0 ? PteFlags.EXEC : 0);
    }

    @Override
    long reservedMask(int level, boolean isLeaf, int physicalBits) {
        long mask = FRAME & -(1L << physicalBits);
        if (isPae) {
            mask |= 0x7ff0_0000_0000_0000L;
            if (level == 3) {
                return mask | NO_EXECUTE | 0x1e6;
            }
        }
        if (level > 1 && isLeaf) {
            mask |= ((1L << (12 + 9 * (level - 1))) - 1) & ~0x1fffL;
        }
        return level >= 4 ? mask | PAGE_SIZE : mask;
    }

    @Override
    boolean isMalformedLeaf(long entry) {
        return false;
    }

    @Override
    long marked(long entry, boolean isStore) {
        return entry | (isStore ? ACCESSED | DIRTY : ACCESSED);
    }

    @Override
    boolean marksTables() {
        return true;
    }

    @Override
    boolean hasNoExecute() {
        return true;
    }
}
