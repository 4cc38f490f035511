package io.pagewalk.oracle.conformance;

import static io.pagewalk.oracle.conformance.HugePages.HUGE;
import static io.pagewalk.oracle.conformance.Linux.*;

/** Private memory of a case that wants transparent huge pages. */
final class TransparentPages {
    private static final long PRESENT = 1L << 63;

    private TransparentPages() {}

    /** Returns the aligned address of new memory that has advice for huge pages and nothing in it. */
    static long wanted(Subject s, long bytes) {
        long addr = (s.map(bytes + HUGE, RW) + HUGE - 1) & -HUGE;
        s.needs(s.call("madvise", addr, bytes, MADV_HUGEPAGE) == 0, "transparent huge pages");
        return addr;
    }

    /** Ends the case without result when a touch has not brought a huge page. */
    static void needsHuge(Subject s, long addr) {
        s.needs((s.pagemap(addr + HUGE - PAGE, 1)[0] & PRESENT) != 0, "a transparent huge page");
    }

    /** Returns the address of huge pages whose pages hold a value. */
    static long filled(Subject s, long bytes, long value) {
        long addr = wanted(s, bytes);
        s.store(addr, value);
        needsHuge(s, addr);
        s.storeInPages(addr, bytes, value);
        return addr;
    }
}
