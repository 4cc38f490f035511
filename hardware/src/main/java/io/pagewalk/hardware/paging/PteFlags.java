package io.pagewalk.hardware.paging;

/**
 * What a leaf entry says about its page, as one int of bits that means the same in every paging mode.
 *
 * <pre>
 *   bit 16..13  12       11         10     9       8       7          6      5         4         3                2     1      0
 *        KEY   UFFD_WP  SOFT_DIRTY EXEC  SPECIAL  GLOBAL  PROT_NONE  DIRTY  ACCESSED  UNCACHED  WRITE_COMBINING  USER  WRITE  READ
 * </pre>
 *
 * <p>The places are those of the x86 entry where it has the bit, so that no conversion is needed there; nobody else may rely on them. A mode that cannot
 * express a flag drops it: i386 without PAE has no NX, so there every page has {@link #EXEC}; on x86 every present page has {@link #READ}.
 */
public final class PteFlags {
    /** Loads are allowed. On x86 this is the present bit. */
    public static final int READ = 1;

    /** Stores are allowed. */
    public static final int WRITE = 1 << 1;

    /** User mode may use the page. */
    public static final int USER = 1 << 2;

    /** Stores may be gathered and reordered (x86: PWT in Linux's PAT layout; RISC-V: PBMT = NC). */
    public static final int WRITE_COMBINING = 1 << 3;

    /** Accesses bypass the caches (x86: PCD and PWT; RISC-V: PBMT = IO). */
    public static final int UNCACHED = 1 << 4;

    /** The walker has used the entry. */
    public static final int ACCESSED = 1 << 5;

    /** The walker has used the entry for a store. */
    public static final int DIRTY = 1 << 6;

    /**
     * Not present for the hardware, but a frame is there for the kernel: a page under {@code PROT_NONE} or a NUMA hint (Linux: {@code _PAGE_PROTNONE}). It
     * is stored as "not present" with the global bit set.
     */
    public static final int PROT_NONE = 1 << 7;

    /** A CR3 write leaves the TLB entry alone, and every address space shares it. */
    public static final int GLOBAL = 1 << 8;

    /** Software bit: the frame has no reference-counted page behind it (Linux: {@code _PAGE_SPECIAL}, {@code pte_special()}). */
    public static final int SPECIAL = 1 << 9;

    /** Instruction fetches are allowed. */
    public static final int EXEC = 1 << 10;

    /** Software bit of x86: written to since a tracker cleared it (Linux: {@code _PAGE_SOFT_DIRTY}, bit 11 of the entry). The hardware does not know it. */
    public static final int SOFT_DIRTY = 1 << 11;

    /** Software bit of x86: a store must be told to userfaultfd first (Linux: {@code _PAGE_UFFD_WP}, bit 10 of the entry). */
    public static final int UFFD_WP = 1 << 12;

    /** Lowest of the bits that hold the protection key of a user page (x86-64: bits 62..59 of the entry); see {@link Pkru}. */
    public static final int KEY_SHIFT = 13;

    /** The bits that hold the protection key. */
    public static final int KEY = (Pkru.KEYS - 1) << KEY_SHIFT;

    private PteFlags() {}

    /**
     * Returns the protection key.
     *
     * @param flags any combination
     */
    public static int key(int flags) {
        return (flags & KEY) >>> KEY_SHIFT;
    }

    /**
     * Writes flags for people: {@code rwxu ADGS}, with a dash for a right that is missing.
     *
     * @param flags any combination
     */
    public static String describe(int flags) {
        StringBuilder text = new StringBuilder(12);
        text.append((flags & READ) != 0 ? 'r' : '-');
        text.append((flags & WRITE) != 0 ? 'w' : '-');
        text.append((flags & EXEC) != 0 ? 'x' : '-');
        text.append((flags & USER) != 0 ? 'u' : '-');
        String names = "";
        names += (flags & ACCESSED) != 0 ? "A" : "";
        names += (flags & DIRTY) != 0 ? "D" : "";
        names += (flags & GLOBAL) != 0 ? "G" : "";
        names += (flags & SPECIAL) != 0 ? "S" : "";
        names += (flags & UNCACHED) != 0 ? "U" : "";
        names += (flags & WRITE_COMBINING) != 0 ? "C" : "";
        names += (flags & PROT_NONE) != 0 ? "N" : "";
        names += (flags & SOFT_DIRTY) != 0 ? "Y" : "";
        names += (flags & UFFD_WP) != 0 ? "F" : "";
        names += (flags & KEY) != 0 ? "K" + key(flags) : "";
        return names.isEmpty()
                ? text.toString()
                : text.append(' ').append(names).toString();
    }
}
