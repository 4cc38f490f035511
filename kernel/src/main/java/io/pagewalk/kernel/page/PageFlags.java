package io.pagewalk.kernel.page;

import java.util.List;

/**
 * Bits of {@code page->flags}: Linux's {@code enum pageflags} of {@code include/linux/page-flags.h}, and the page types that Linux keeps in
 * {@code page->page_type}.
 *
 * <pre>
 *  31      30     29     28 .. 21  20    19 .................... 0
 * | buddy | tail | lazy |         | ksm | PG_mlocked .. PG_locked |
 * </pre>
 */
public final class PageFlags {
    /** Locked: input or output runs, or the page is being changed. */
    public static final int LOCKED = 1;

    /** Being written to its backing store. */
    public static final int WRITEBACK = 1 << 1;

    /** Referenced since the last look. */
    public static final int REFERENCED = 1 << 2;

    /** Contents are valid. */
    public static final int UPTODATE = 1 << 3;

    /** Contents differ from the backing store. */
    public static final int DIRTY = 1 << 4;

    /** On an LRU list. */
    public static final int LRU = 1 << 5;

    /** First page of a compound page (folio). */
    public static final int HEAD = 1 << 6;

    /** Somebody waits for the page lock. */
    public static final int WAITERS = 1 << 7;

    /** On an active LRU list. */
    public static final int ACTIVE = 1 << 8;

    /** Was part of the working set when it was evicted. */
    public static final int WORKINGSET = 1 << 9;

    /** In the swap cache ({@code PG_owner_priv_1}). */
    public static final int SWAPCACHE = 1 << 10;

    /** An anonymous page that one process alone maps ({@code PG_owner_2}). */
    public static final int ANON_EXCLUSIVE = 1 << 11;

    /** Architecture's own. */
    public static final int ARCH_1 = 1 << 12;

    /** Never given to the allocator. */
    public static final int RESERVED = 1 << 13;

    /** {@code page->private} is in use. */
    public static final int PRIVATE = 1 << 14;

    /** Second private bit of file systems. */
    public static final int PRIVATE_2 = 1 << 15;

    /** To be reclaimed as soon as possible; also readahead marker. */
    public static final int RECLAIM = 1 << 16;

    /** Backed by RAM or swap: anonymous and shared memory. */
    public static final int SWAPBACKED = 1 << 17;

    /** Cannot be evicted. */
    public static final int UNEVICTABLE = 1 << 18;

    /** In a locked VMA. */
    public static final int MLOCKED = 1 << 19;

    /** Merged by KSM: its {@code mapping} is minus the number of a node of the stable tree ({@code PAGE_MAPPING_KSM}). */
    public static final int KSM = 1 << 20;

    /** Free block of the largest order that lies inside a range node of its free list and has no links of its own. */
    public static final int LAZY = 1 << 29;

    /** Page of a compound page that is not its head. */
    public static final int TAIL = 1 << 30;

    /** Head of a free block: Linux's page type {@code PGTY_buddy}. */
    public static final int BUDDY = 1 << 31;

    /**
     * Flags that each page of a compound page has for itself; of all others the head's count for the whole folio. Linux says so for each flag with
     * {@code PF_ANY}, {@code PF_HEAD} and their like.
     */
    public static final int PER_PAGE = HEAD | ANON_EXCLUSIVE | LAZY | TAIL | BUDDY;

    private static final List<String> NAMES = List.of(
            "locked",
            "writeback",
            "referenced",
            "uptodate",
            "dirty",
            "lru",
            "head",
            "waiters",
            "active",
            "workingset",
            "swapcache",
            "anon_exclusive",
            "arch_1",
            "reserved",
            "private",
            "private_2",
            "reclaim",
            "swapbacked",
            "unevictable",
            "mlocked");

    /** Flags that must be clear when a page is freed: {@code PAGE_FLAGS_CHECK_AT_FREE}. */
    public static final int CHECK_AT_FREE =
            LRU | LOCKED | PRIVATE | PRIVATE_2 | WRITEBACK | RESERVED | ACTIVE | UNEVICTABLE | MLOCKED | BUDDY | LAZY;

    private PageFlags() {}

    /**
     * Returns the names of set flags as Linux prints them with {@code %pGp}, joined by {@code |}.
     *
     * @param flags bits of this class
     */
    public static String describe(int flags) {
        StringBuilder text = new StringBuilder();
        for (int bit = 0; bit < NAMES.size(); bit++) {
            if ((flags >>> bit & 1) != 0) {
                text.append(text.isEmpty() ? "" : "|").append(NAMES.get(bit));
            }
        }
        return text.toString();
    }
}
