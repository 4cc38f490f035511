package io.pagewalk.kernel.buddy;

import io.pagewalk.kernel.page.AddressConversion;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.MemMapSection;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.zone.Zone;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * What the allocator says about pages in a state they must not have: {@code mm/page_alloc.c:bad_page()} and those who call it, with the sanity checks of
 * a kernel that clears pages at allocation ({@code check_pages_enabled}).
 *
 * <p>A bad page is reported and never handed out again. A page that is freed twice is noticed like in Linux when it would be handed out next, by its
 * reference count below 0.
 */
final class PageChecks {
    private static final int REPORTS_PER_MINUTE = 60;
    private static final long MINUTE_NANOS = 60_000_000_000L;

    private final MemMap memMap;
    private final Zone[] zoneBySlot;
    private AllocatorHost host = AllocatorHost.NONE;
    private boolean hasWarnedOrder;
    private int shown;
    private long unshown;
    private long resumeNanos;

    /** Frames with a reference count below 0 that may still lie on a list. */
    private long freedTwice;

    /** Frames with a reference count below 0 that were found and lost. */
    private long lost;

    PageChecks(MemMap memMap, Zone[] zoneBySlot) {
        this.memMap = memMap;
        this.zoneBySlot = zoneBySlot;
    }

    void setHost(AllocatorHost host) {
        this.host = host;
    }

    AllocatorHost host() {
        return host;
    }

    long freedTwice() {
        return freedTwice;
    }

    /** Returns the frames with a reference count below 0. */
    long belowZero() {
        return freedTwice + lost;
    }

    /** Notes that a reference of a frame without references was dropped. */
    void droppedTooOften(MemMapSection section, int i) {
        if (section.refcount[i] == -1) {
            freedTwice++;
        }
    }

    /** Returns whether a block from the lists must not be handed out, after saying why: {@code check_new_pages()}. */
    boolean isBadNew(long pfn, int order) {
        MemMapSection section = memMap.section(pfn);
        int first = (int) pfn & MemMap.SECTION_MASK;
        int last = first + (freedTwice > 0 ? 1 << order : 1);
        for (int i = first; i < last; i++) {
            if ((section.refcount[i] | section.mapcount[i] | section.flags[i]) != 0) {
                badPage(pfn + i - first, reason(section, i, -1, "PAGE_FLAGS_CHECK_AT_PREP flag(s) set"));
                isolateForever(section, first, order);
                return true;
            }
        }
        return false;
    }

    /** Returns whether a block that nobody refers to may be freed, after saying why not: the checks of {@code free_pages_prepare()}. */
    boolean isGoodFree(MemMapSection section, int head, int order, long pfn) {
        boolean isGood = true;
        for (int i = head; i < head + (1 << order); i++) {
            if ((section.mapcount[i] | (section.flags[i] & PageFlags.CHECK_AT_FREE)) != 0
                    || (i > head && section.refcount[i] != 0)) {
                badPage(
                        pfn + i - head,
                        reason(section, i, PageFlags.CHECK_AT_FREE, "PAGE_FLAGS_CHECK_AT_FREE flag(s) set"));
                isGood = false;
            }
        }
        return isGood;
    }

    /** Prints once that an order is above the maximum: {@code WARN_ON_ONCE_GFP()} in {@code __alloc_pages()}. */
    void warnOrder() {
        if (hasWarnedOrder) {
            return;
        }
        hasWarnedOrder = true;
        host.print("------------[ cut here ]------------");
        host.print("WARNING: CPU: 0 PID: " + host.pid() + " at mm/page_alloc.c __alloc_frozen_pages_noprof");
        host.dumpStack();
        host.print("---[ end trace 0000000000000000 ]---");
    }

    /** Prints that a caller that may sleep runs where nobody may: {@code kernel/sched/core.c:__might_resched()}. */
    void warnSleeping() {
        host.print("BUG: sleeping function called from invalid context at include/linux/sched/mm.h");
        host.print("in_atomic(): 1, irqs_disabled(): 1, non_block: 0, pid: " + host.pid() + ", name: " + host.comm());
        host.print("preempt_count: 10001, expected: 0");
        host.dumpStack();
    }

    private void badPage(long pfn, @Nullable String reason) {
        if (shown == REPORTS_PER_MINUTE) {
            if (host.nowNanos() < resumeNanos) {
                unshown++;
                return;
            }
            if (unshown > 0) {
                host.print("BUG: Bad page state: " + unshown + " messages suppressed");
                unshown = 0;
            }
            shown = 0;
        }
        if (shown++ == 0) {
            resumeNanos = host.nowNanos() + MINUTE_NANOS;
        }
        host.print(String.format(
                Locale.ROOT,
                "BUG: Bad page state in process %s  pfn:%05x",
                host.comm(),
                AddressConversion.pageToPhys(pfn) >>> 12));
        dumpPage(pfn);
        host.print("page dumped because: " + reason);
        host.dumpStack();
    }

    /** {@code mm/debug.c:__dump_page()}, without the raw words of a structure that is laid out differently here. */
    private void dumpPage(long pfn) {
        Zone zone = zoneBySlot[memMap.zoneSlot(pfn)];
        int flags = memMap.flags(pfn);
        host.print(String.format(
                Locale.ROOT,
                "page: refcount:%d mapcount:%d mapping:%016x index:0x%x pfn:0x%x",
                memMap.refcount(pfn),
                memMap.mapcount(pfn),
                memMap.mapping(pfn),
                memMap.index(pfn),
                pfn));
        String names = PageFlags.describe(flags);
        host.print(String.format(
                Locale.ROOT,
                "flags: 0x%x(%snode=%d|zone=%d)",
                flags,
                names.isEmpty() ? "" : names + "|",
                zone.node(),
                zone.index()));
    }

    /** {@code page_bad_reason()}: the last that holds is the one that is said. */
    private static @Nullable String reason(MemMapSection section, int i, int checkedFlags, String flagsReason) {
        String reason = null;
        if (section.mapcount[i] != 0) {
            reason = "nonzero mapcount";
        }
        if (section.refcount[i] != 0) {
            reason = "nonzero _refcount";
        }
        if ((section.flags[i] & checkedFlags) != 0) {
            reason = flagsReason;
        }
        return reason;
    }

    /** A bad block stays out of the lists with its owner KERNEL; what was counted about it is counted no longer. */
    private void isolateForever(MemMapSection section, int first, int order) {
        for (int i = first; i < first + (1 << order); i++) {
            if (section.refcount[i] < 0) {
                freedTwice--;
                lost++;
            }
        }
    }
}
