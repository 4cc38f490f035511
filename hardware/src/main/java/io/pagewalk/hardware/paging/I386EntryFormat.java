package io.pagewalk.hardware.paging;

/**
 * Four-byte i386 entries with the page size extension (PSE and PSE-36).
 *
 * <pre>
 *    31..22        21    20..13           12         11..9    8    7    6   5    4     3     2     1     0
 *   +-------------+-----+----------------+----------+--------+---+----+---+---+-----+-----+-----+-----+---+
 *   | frame number (31..12) of a PTE or table       | soft   | G | PS | D | A | PCD | PWT | U/S | R/W | P |
 *   | 31..22 4M   | rsv | address 39..32 | PAT      |  a PDE with PS = 1 is a 4 MiB page                   |
 *   +-------------+-----+----------------+----------+--------+---+----+---+---+-----+-----+-----+-----+---+
 * </pre>
 *
 * <p>There is no NX bit: what can be read can be executed. Source: Intel SDM volume 3, section 4.3 (32-bit paging).
 */
final class I386EntryFormat extends EntryFormat {
    private static final long ADDRESS_39_TO_32 = 0xffL << 13;

    I386EntryFormat() {}

    @Override
    int entryBytes() {
        return 4;
    }

    @Override
    int maxPhysicalBits() {
        return 40;
    }

    @Override
    long leaf(long pfn, int flags, int level) {
        long address = pfn << 12;
        long low = X86EntryFormat.lowBits(flags);
        if (level == 1) {
            return (address & 0xffff_f000L) | low;
        }
        return (address & 0xffc0_0000L) | ((address >>> 32 << 13) & ADDRESS_39_TO_32) | low | X86EntryFormat.PAGE_SIZE;
    }

    @Override
    long table(long pfn, int level) {
        return ((pfn << 12) & 0xffff_f000L)
                | X86EntryFormat.PRESENT
                | X86EntryFormat.WRITE
                | X86EntryFormat.USER
                | X86EntryFormat.ACCESSED
                | X86EntryFormat.DIRTY;
    }

    @Override
    boolean isPresent(long entry) {
        return (entry & X86EntryFormat.PRESENT) != 0;
    }

    @Override
    boolean isLeaf(long entry, int level) {
        return level == 1 || (entry & X86EntryFormat.PAGE_SIZE) != 0;
    }

    @Override
    long pfn(long entry, int level) {
        if (level > 1 && isLeaf(entry, level)) {
            return ((entry & 0xffc0_0000L) | ((entry & ADDRESS_39_TO_32) >>> 13 << 32)) >>> 12;
        }
        return (entry & 0xffff_f000L) >>> 12;
    }

    @Override
    int flags(long entry, int level) {
        return X86EntryFormat.lowFlags(entry) | PteFlags.EXEC;
    }

    @Override
    int tableRights(long entry, int level) {
        return PteFlags.READ | PteFlags.EXEC | ((int) entry & (PteFlags.WRITE | PteFlags.USER));
    }

    @Override
    long reservedMask(int level, boolean isLeaf, int physicalBits) {
        if (level == 1 || !isLeaf) {
            return 0;
        }
        long tooHigh = physicalBits >= 40 ? 0 : ADDRESS_39_TO_32 & -(1L << (13 + Math.max(0, physicalBits - 32)));
        return (1L << 21) | tooHigh;
    }

    @Override
    boolean isMalformedLeaf(long entry) {
        return false;
    }

    @Override
    long marked(long entry, boolean isStore) {
        return entry | (isStore ? X86EntryFormat.ACCESSED | X86EntryFormat.DIRTY : X86EntryFormat.ACCESSED);
    }

    @Override
    boolean marksTables() {
        return true;
    }

    @Override
    boolean hasNoExecute() {
        return false;
    }
}
