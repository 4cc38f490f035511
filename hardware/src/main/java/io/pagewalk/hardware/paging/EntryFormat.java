package io.pagewalk.hardware.paging;

/** The bit format of one architecture's page-table entries. Each subclass draws its layout. */
abstract sealed class EntryFormat permits X86EntryFormat, I386EntryFormat, RiscVEntryFormat {

    /** Returns the bytes of an entry: 4 or 8. */
    abstract int entryBytes();

    /** Returns the widest physical address the format can hold, in bits. */
    abstract int maxPhysicalBits();

    abstract long leaf(long pfn, int flags, int level);

    abstract long table(long pfn, int level);

    abstract boolean isPresent(long entry);

    abstract boolean isLeaf(long entry, int level);

    abstract long pfn(long entry, int level);

    /** Returns the {@link PteFlags} of a leaf. */
    abstract int flags(long entry, int level);

    /** Returns the {@link PteFlags} that a table entry allows below it, with GLOBAL when all below is global. */
    abstract int tableRights(long entry, int level);

    /** Returns the bits that must be zero in a present entry, for a CPU with that many physical address bits. */
    abstract long reservedMask(int level, boolean isLeaf, int physicalBits);

    /** Returns whether a present leaf is refused for a combination of bits that no mask can express. */
    abstract boolean isMalformedLeaf(long entry);

    /** Returns a present entry with the accessed bit, and the dirty bit when asked for. */
    abstract long marked(long entry, boolean isStore);

    /** Returns whether the hardware keeps an accessed bit in table entries as well. */
    abstract boolean marksTables();

    /** Returns whether the format can forbid instruction fetches. */
    abstract boolean hasNoExecute();
}
