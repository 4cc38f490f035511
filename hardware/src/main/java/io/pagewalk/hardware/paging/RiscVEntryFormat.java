package io.pagewalk.hardware.paging;

/**
 * Eight-byte RISC-V entries of Sv39, Sv48 and Sv57, with Svpbmt and Svadu.
 *
 * <pre>
 *    63  62..61   60..54     53..10                9..8   7   6   5   4   3   2   1   0
 *   +---+--------+----------+---------------------+------+---+---+---+---+---+---+---+---+
 *   | N | PBMT   | reserved | frame number        | soft | D | A | G | U | X | W | R | V |
 *   +---+--------+----------+---------------------+------+---+---+---+---+---+---+---+---+
 *     R = W = X = 0: a table; then D, A, U, N and PBMT are reserved, and G makes everything below it global
 *     W = 1 with R = 0, PBMT = 3, a frame not aligned to the page's size: reserved. N (Svnapot) is not implemented, so it must be zero
 *     soft bit 8 is Linux's _PAGE_SPECIAL
 * </pre>
 *
 * <p>Accessed and dirty bits are set by the hardware, as under Svadu. Source: The RISC-V Instruction Set Manual volume II, chapter "Supervisor-Level ISA".
 */
final class RiscVEntryFormat extends EntryFormat {
    private static final long VALID = 1;
    private static final long READ = 1L << 1;
    private static final long WRITE = 1L << 2;
    private static final long EXEC = 1L << 3;
    private static final long USER = 1L << 4;
    private static final long GLOBAL = 1L << 5;
    private static final long ACCESSED = 1L << 6;
    private static final long DIRTY = 1L << 7;
    private static final long SPECIAL = 1L << 8;
    private static final int MEMORY_TYPE_SHIFT = 61;
    private static final long NON_CACHEABLE = 1L << MEMORY_TYPE_SHIFT;
    private static final long IO = 2L << MEMORY_TYPE_SHIFT;
    private static final long MEMORY_TYPE = 3L << MEMORY_TYPE_SHIFT;
    private static final long FRAME = ((1L << 44) - 1) << 10;
    private static final long NAPOT = 1L << 63;
    private static final long UNUSED = 0x7fL << 54;

    RiscVEntryFormat() {}

    @Override
    int entryBytes() {
        return 8;
    }

    @Override
    int maxPhysicalBits() {
        return 56;
    }

    @Override
    long leaf(long pfn, int flags, int level) {
        long entry = (pfn << 10) | VALID;
        entry |= (flags & PteFlags.READ) != 0 ? READ : 0;
        entry |= (flags & PteFlags.WRITE) != 0 ? WRITE | READ : 0;
        entry |= (flags & PteFlags.EXEC) != 0 ? EXEC : 0;
        entry |= (flags & PteFlags.USER) != 0 ? USER : 0;
        entry |= (flags & PteFlags.GLOBAL) != 0 ? GLOBAL : 0;
        entry |= (flags & PteFlags.ACCESSED) != 0 ? ACCESSED : 0;
        entry |= (flags & PteFlags.DIRTY) != 0 ? DIRTY : 0;
        entry |= (flags & PteFlags.SPECIAL) != 0 ? SPECIAL : 0;
        if ((flags & PteFlags.UNCACHED) != 0) {
            entry |= IO;
        } else if ((flags & PteFlags.WRITE_COMBINING) != 0) {
            entry |= NON_CACHEABLE;
        }
        if ((flags & PteFlags.PROT_NONE) != 0) {
            return (entry & ~VALID) | GLOBAL;
        }
        return (entry & (READ | EXEC)) == 0 ? entry | READ : entry;
    }

    @Override
    long table(long pfn, int level) {
        return (pfn << 10) | VALID;
    }

    @Override
    boolean isPresent(long entry) {
        return (entry & VALID) != 0;
    }

    @Override
    boolean isLeaf(long entry, int level) {
        return level == 1 || (entry & (READ | WRITE | EXEC)) != 0;
    }

    @Override
    long pfn(long entry, int level) {
        long frame = (entry & FRAME) >>> 10;
        return level > 1 && isLeaf(entry, level) ? frame & -(1L << (9 * (level - 1))) : frame;
    }

    @Override
    int flags(long entry, int level) {
        int flags = 0;
        flags |= (entry & READ) != 0 ? PteFlags.READ : 0;
        flags |= (entry & WRITE) != 0 ? PteFlags.WRITE : 0;
        flags |= (entry & EXEC) != 0 ? PteFlags.EXEC : 0;
        flags |= (entry & USER) != 0 ? PteFlags.USER : 0;
        flags |= (entry & ACCESSED) != 0 ? PteFlags.ACCESSED : 0;
        flags |= (entry & DIRTY) != 0 ? PteFlags.DIRTY : 0;
        flags |= (entry & SPECIAL) != 0 ? PteFlags.SPECIAL : 0;
        flags |= (entry & MEMORY_TYPE) == IO ? PteFlags.UNCACHED : 0;
        flags |= (entry & MEMORY_TYPE) == NON_CACHEABLE ? PteFlags.WRITE_COMBINING : 0;
        if ((entry & GLOBAL) != 0) {
            flags |= (entry & VALID) != 0 ? PteFlags.GLOBAL : PteFlags.PROT_NONE;
        }
        return flags;
    }

    @Override
    int tableRights(long entry, int level) {
        int rights = PteFlags.READ | PteFlags.WRITE | PteFlags.EXEC | PteFlags.USER;
        return (entry & GLOBAL) != 0 ? rights | PteFlags.GLOBAL : rights;
    }

    @Override
    long reservedMask(int level, boolean isLeaf, int physicalBits) {
        long mask = UNUSED | NAPOT | (physicalBits >= 56 ? 0 : FRAME & -(1L << (physicalBits - 2)));
        if (!isLeaf) {
            return mask | MEMORY_TYPE | DIRTY | ACCESSED | USER;
        }
        return level > 1 ? mask | (((1L << (9 * (level - 1))) - 1) << 10) : mask;
    }

    @Override
    boolean isMalformedLeaf(long entry) {
        return (entry & (READ | WRITE)) == WRITE
                || (entry & (READ | EXEC)) == 0
                || (entry & MEMORY_TYPE) == MEMORY_TYPE;
    }

    @Override
    long marked(long entry, boolean isStore) {
        return entry | (isStore ? ACCESSED | DIRTY : ACCESSED);
    }

    @Override
    boolean marksTables() {
        return false;
    }

    @Override
    boolean hasNoExecute() {
        return true;
    }
}
