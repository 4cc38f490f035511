package io.pagewalk.hardware.paging;

import io.pagewalk.base.BadInput;
import io.pagewalk.base.KernelBug;
import io.pagewalk.hardware.memory.PhysicalMemory;
import java.util.Arrays;
import java.util.stream.Collectors;

/**
 * A paging mode: how a virtual address is cut into table indexes, and what the entries of those tables look like.
 *
 * <p>Levels are counted from the page upwards: an entry of level 1 maps 4 KiB, one of level {@link #levels()} lies in the root table. Entries are raw {@code
 * long} values in the architecture's own format; rights and marks go in and out as {@link PteFlags}.
 *
 * <pre>
 *   X86_64_4LEVEL  [ sign 63..48 | PGD 47..39 | PUD 38..30 | PMD 29..21 | PTE 20..12 | offset 11..0 ]     leaves at 4K 2M 1G
 *   X86_64_5LEVEL  [ sign 63..57 | PGD 56..48 | P4D 47..39 | PUD | PMD | PTE | offset ]                   leaves at 4K 2M 1G
 *   I386           [ PGD 31..22 | PTE 21..12 | offset ]                                                   leaves at 4K 4M
 *   I386_PAE       [ PDPT 31..30 | PMD 29..21 | PTE 20..12 | offset ]                                     leaves at 4K 2M
 *   SV39/48/57     [ sign | 9 bits a level | offset ]                                                     leaves at every level
 * </pre>
 */
public enum PagingMode {
    /** x86-64 with four levels: 48-bit addresses. */
    X86_64_4LEVEL("x86-64-4level", Architecture.X86_64, 48, 4, 3, (1L << 47) - 4096),
    /** x86-64 with five levels (LA57): 57-bit addresses. */
    X86_64_5LEVEL("x86-64-5level", Architecture.X86_64, 57, 5, 3, (1L << 56) - 4096),
    /** i386 with two levels and 4 MiB pages (PSE). */
    I386("i386", Architecture.I386, 32, 2, 2, 0xc000_0000L),
    /** i386 with physical address extension: three levels, the top one with four entries. */
    I386_PAE("i386-pae", Architecture.I386, 32, 3, 2, 0xc000_0000L),
    /** RISC-V with three levels: 39-bit addresses. */
    SV39("sv39", Architecture.RISCV64, 39, 3, 3, 1L << 38),
    /** RISC-V with four levels: 48-bit addresses. */
    SV48("sv48", Architecture.RISCV64, 48, 4, 4, 1L << 47),
    /** RISC-V with five levels: 57-bit addresses. */
    SV57("sv57", Architecture.RISCV64, 57, 5, 5, 1L << 56);

    /** The instruction set a paging mode belongs to. */
    public enum Architecture {
        /** AMD64 and Intel 64. */
        X86_64,
        /** 32-bit x86. */
        I386,
        /** 64-bit RISC-V. */
        RISCV64
    }

    private final String modeName;
    private final Architecture architecture;
    private final int virtualBits;
    private final int levels;
    private final int highestLeaf;
    private final long userEnd;

    @SuppressWarnings("ImmutableEnumChecker") // every EntryFormat is stateless
    private final EntryFormat format;

    PagingMode(String modeName, Architecture architecture, int virtualBits, int levels, int highestLeaf, long userEnd) {
        this.modeName = modeName;
        this.architecture = architecture;
        this.virtualBits = virtualBits;
        this.levels = levels;
        this.highestLeaf = highestLeaf;
        this.userEnd = userEnd;
        this.format = switch (architecture) {
            case X86_64 -> new X86EntryFormat(false);
            case I386 -> levels == 2 ? new I386EntryFormat() : new X86EntryFormat(true);
            case RISCV64 -> new RiscVEntryFormat();
        };
    }

    /**
     * Finds a mode by its name, such as {@code x86-64-4level}.
     *
     * @param name the name as {@link #modeName()} gives it
     * @throws BadInput when there is none; the message lists the valid names
     */
    public static PagingMode byName(String name) {
        for (PagingMode mode : values()) {
            if (mode.modeName.equals(name)) {
                return mode;
            }
        }
        String valid = Arrays.stream(values()).map(PagingMode::modeName).collect(Collectors.joining(", "));
        throw new BadInput("paging mode", "'" + name + "'", "one of " + valid);
    }

    /** Returns the name that people use: {@code x86-64-4level}, {@code i386-pae}, {@code sv39}. */
    public String modeName() {
        return modeName;
    }

    /** Returns the instruction set. */
    public Architecture architecture() {
        return architecture;
    }

    /** Returns the number of table levels, and with it the level of the root table's entries. */
    public int levels() {
        return levels;
    }

    /**
     * Returns the lowest address bit that an index of this level covers: 12 for level 1. It is also the size of a leaf as a power of two.
     *
     * @param level from 1 to {@link #levels()}
     */
    public int shift(int level) {
        return 12 + (level - 1) * (this == I386 ? 10 : 9);
    }

    /**
     * Returns the number of address bits in an index of this level.
     *
     * @param level from 1 to {@link #levels()}
     */
    public int indexBits(int level) {
        if (this == I386) {
            return 10;
        }
        return this == I386_PAE && level == 3 ? 2 : 9;
    }

    /**
     * Returns the number of entries in a table of this level.
     *
     * @param level from 1 to {@link #levels()}
     */
    public int entries(int level) {
        return 1 << indexBits(level);
    }

    /** Returns the bytes of an entry: 4 for i386, otherwise 8. */
    public int entryBytes() {
        return format.entryBytes();
    }

    /**
     * Returns the number of 4 KiB pages under a leaf of this level.
     *
     * @param level from 1 to {@link #levels()}
     */
    public long pagesPerLeaf(int level) {
        return 1L << (shift(level) - 12);
    }

    /**
     * Returns whether an entry of this level may map a page.
     *
     * @param level from 1 to {@link #levels()}
     */
    public boolean allowsLeaf(int level) {
        return level <= highestLeaf;
    }

    /** Returns the width of a virtual address in bits. */
    public int virtualBits() {
        return virtualBits;
    }

    /** Returns the widest physical address that an entry can hold, in bits. */
    public int maxPhysicalBits() {
        return format.maxPhysicalBits();
    }

    /** Returns whether pages can be protected against instruction fetches. */
    public boolean hasNoExecute() {
        return format.hasNoExecute();
    }

    /** Returns whether entries hold a protection key: bits 62..59 of x86-64. A CPU need not have keys. */
    public boolean hasKeys() {
        return architecture == Architecture.X86_64;
    }

    /**
     * Returns whether the hardware accepts a virtual address: its upper bits repeat the highest used one; on i386 it is below 4 GiB.
     *
     * @param vaddr any value
     */
    public boolean isCanonical(long vaddr) {
        if (architecture == Architecture.I386) {
            return vaddr >>> 32 == 0;
        }
        return (vaddr << (64 - virtualBits)) >> (64 - virtualBits) == vaddr;
    }

    /** Returns the first address past the user half: Linux's {@code TASK_SIZE} ({@code TASK_SIZE_MAX} on x86-64). */
    public long userEnd() {
        return userEnd;
    }

    /**
     * Makes an entry that maps a page. It is present, unless {@link PteFlags#PROT_NONE} is given.
     *
     * @param pfn the first 4 KiB frame, a multiple of {@link #pagesPerLeaf}
     * @param flags any {@link PteFlags}; those that the format cannot express are dropped
     * @param level a level that {@link #allowsLeaf} accepts
     */
    public long leaf(long pfn, int flags, int level) {
        return format.leaf(pfn, flags, level);
    }

    /**
     * Makes an entry that points to a table of the level below, with all rights: Linux's {@code _PAGE_TABLE}.
     *
     * @param tablePfn the frame of the lower table
     * @param level the level of the entry itself, at least 2
     */
    public long table(long tablePfn, int level) {
        return format.table(tablePfn, level);
    }

    /** Returns the entry of nothing: {@code pte_none()}. */
    public long empty() {
        return 0;
    }

    /**
     * Returns whether the hardware sees the entry as present.
     *
     * @param entry a raw entry
     */
    public boolean isPresent(long entry) {
        return format.isPresent(entry);
    }

    /**
     * Returns whether an entry that is present, or {@link PteFlags#PROT_NONE}, maps a page rather than pointing to a table.
     *
     * @param entry a raw entry
     * @param level its level
     */
    public boolean isLeaf(long entry, int level) {
        return format.isLeaf(entry, level);
    }

    /**
     * Returns the frame of a leaf (its first 4 KiB) or of the table that the entry points to.
     *
     * @param entry a raw entry that is present or PROT_NONE
     * @param level its level
     */
    public long pfn(long entry, int level) {
        return format.pfn(entry, level);
    }

    /**
     * Returns the {@link PteFlags} of a leaf, or 0 for an empty entry.
     *
     * @param entry a raw entry
     * @param level its level
     */
    public int flags(long entry, int level) {
        return entry == 0 ? 0 : format.flags(entry, level);
    }

    /**
     * Returns a leaf for the same frame with other flags.
     *
     * @param entry a raw leaf
     * @param flags all {@link PteFlags} of the new one
     * @param level its level
     */
    public long withFlags(long entry, int flags, int level) {
        return format.leaf(format.pfn(entry, level), flags, level);
    }

    /**
     * Returns the {@link PteFlags} rights that a present table entry leaves to everything below it; with GLOBAL when it makes everything below global.
     *
     * @param entry a raw table entry
     * @param level its level, at least 2
     */
    public int tableRights(long entry, int level) {
        return format.tableRights(entry, level);
    }

    /**
     * Returns whether a present entry has a reserved bit or a forbidden combination, so that using it raises an exception.
     *
     * @param entry a raw present entry
     * @param level its level
     * @param physicalBits physical address bits of the CPU
     */
    public boolean isReserved(long entry, int level, int physicalBits) {
        boolean leaf = isLeaf(entry, level);
        return (entry & reservedMask(level, leaf, physicalBits)) != 0
                || (leaf && (!allowsLeaf(level) || format.isMalformedLeaf(entry)));
    }

    /**
     * Returns the bits that must be zero in a present entry.
     *
     * @param level its level
     * @param isLeaf whether it maps a page
     * @param physicalBits physical address bits of the CPU
     */
    public long reservedMask(int level, boolean isLeaf, int physicalBits) {
        return format.reservedMask(level, isLeaf, Math.min(physicalBits, format.maxPhysicalBits()));
    }

    /**
     * Returns an entry with its accessed bit set, as the hardware leaves it behind.
     *
     * @param entry a raw present entry
     * @param isStore whether the dirty bit is set as well
     */
    public long marked(long entry, boolean isStore) {
        return format.marked(entry, isStore);
    }

    /** Returns whether the hardware sets the accessed bit of table entries too (x86). */
    public boolean marksTables() {
        return format.marksTables();
    }

    boolean isMalformedLeaf(long entry) {
        return format.isMalformedLeaf(entry);
    }

    /**
     * Returns an address's index into its table of one level: Linux's {@code pte_index()}, {@code pmd_index()} and so on.
     *
     * @param vaddr any address
     * @param level from 1 to {@link #levels()}
     */
    public int index(long vaddr, int level) {
        return (int) (vaddr >>> shift(level)) & (entries(level) - 1);
    }

    /**
     * Reads an entry out of a table.
     *
     * @param memory the machine's memory
     * @param tablePfn the table's frame
     * @param index below {@link #entries}
     */
    public long readEntry(PhysicalMemory memory, long tablePfn, int index) {
        if (this == I386) {
            return memory.readInt((tablePfn << 12) + ((long) index << 2)) & 0xffff_ffffL;
        }
        return memory.readLong((tablePfn << 12) + ((long) index << 3));
    }

    /**
     * Stores an entry into a table. TLBs do not notice: whoever takes rights away must invalidate them.
     *
     * @param memory the machine's memory
     * @param tablePfn the table's frame
     * @param index below {@link #entries}
     * @param entry a raw entry
     */
    public void writeEntry(PhysicalMemory memory, long tablePfn, int index, long entry) {
        if (this == I386) {
            KernelBug.on(entry >>> 32 != 0, "an i386 entry has 32 bits");
            memory.writeInt((tablePfn << 12) + ((long) index << 2), (int) entry);
        } else {
            memory.writeLong((tablePfn << 12) + ((long) index << 3), entry);
        }
    }
}
