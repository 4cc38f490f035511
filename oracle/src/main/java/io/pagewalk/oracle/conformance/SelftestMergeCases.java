package io.pagewalk.oracle.conformance;

import static io.pagewalk.oracle.conformance.Linux.*;

import java.util.List;

/** What the kernel's selftest {@code merge.c} checks: which neighbouring areas become one. Areas lie in 30 pages without access, so that nothing else is their neighbour. */
final class SelftestMergeCases {
    private static final int MOVE_TO = MREMAP_MAYMOVE | MREMAP_FIXED;
    private static final int FIXED = PRIVATE_ANON | MAP_FIXED;
    private static final long FAR = 1000 * PAGE;

    private SelftestMergeCases() {}

    static List<ConformanceCase> cases() {
        CaseTable t = new CaseTable("selftest merge.c");
        mprotect(t);
        forked(t);
        mremapOfUntouched(t);
        mremapBack(t);
        keeping(t);
        return t.cases();
    }

    private static long base(Subject s) {
        // The test moves areas 1,000 and 2,000 pages up: a reservation of its own keeps those addresses free.
        long room = s.ok("mmap", 0, 4 * FAR, PROT_NONE, PRIVATE_ANON | MAP_NORESERVE, -1, 0);
        s.unmap(room + 30 * PAGE, 4 * FAR - 30 * PAGE);
        return room;
    }

    private static long map(Subject s, long addr, long pages) {
        return s.ok("mmap", addr, pages * PAGE, RW, FIXED, -1, 0);
    }

    private static long mapUncounted(Subject s, long addr, long pages) {
        return s.ok("mmap", addr, pages * PAGE, RW, FIXED | MAP_NORESERVE, -1, 0);
    }

    private static void readOnly(Subject s, long addr, long pages) {
        s.gives(0, "mprotect", addr, pages * PAGE, PROT_READ);
    }

    private static long move(Subject s, long from, long pages, long to) {
        s.gives(to, "mremap", from, pages * PAGE, pages * PAGE, MOVE_TO, to);
        return to;
    }

    private static void mprotect(CaseTable t) {
        t.add("mprotect_unfaulted_left", "a touched area merges with an untouched one before it", s -> {
            long addr = mapUncounted(s, base(s) + PAGE, 10);
            readOnly(s, addr, 5);
            s.store(addr + 5 * PAGE, 'x');
            readOnly(s, addr + 5 * PAGE, 5);
            s.isOneMapping(addr, 10 * PAGE);
        });
        t.add("mprotect_unfaulted_right", "a touched area merges with an untouched one behind it", s -> {
            long addr = mapUncounted(s, base(s) + PAGE, 10);
            readOnly(s, addr + 5 * PAGE, 5);
            s.store(addr, 'x');
            readOnly(s, addr, 5);
            s.isOneMapping(addr, 10 * PAGE);
        });
        t.add("mprotect_unfaulted_both", "a touched area merges with untouched ones on both sides", s -> {
            long addr = mapUncounted(s, base(s) + 2 * PAGE, 9);
            readOnly(s, addr, 3);
            readOnly(s, addr + 6 * PAGE, 3);
            s.store(addr + 3 * PAGE, 'x');
            readOnly(s, addr + 3 * PAGE, 3);
            s.isOneMapping(addr, 9 * PAGE);
        });
        t.add("mprotect_faulted_left_unfaulted_right", "touched before, untouched behind: all merge", s -> {
            long addr = mapUncounted(s, base(s) + 2 * PAGE, 9);
            readOnly(s, addr + 6 * PAGE, 3);
            s.store(addr, 'x');
            readOnly(s, addr, 3);
            readOnly(s, addr + 3 * PAGE, 3);
            s.isOneMapping(addr, 9 * PAGE);
        });
        t.add("mprotect_unfaulted_left_faulted_right", "untouched before, touched behind: all merge", s -> {
            long addr = mapUncounted(s, base(s) + 2 * PAGE, 9);
            readOnly(s, addr, 3);
            s.store(addr + 3 * PAGE, 'x');
            readOnly(s, addr + 6 * PAGE, 3);
            readOnly(s, addr + 3 * PAGE, 3);
            s.isOneMapping(addr, 9 * PAGE);
        });
    }

    private static void forked(CaseTable t) {
        t.add("forked_target_vma", "in a child nothing merges into an area that came from the parent", s -> {
            long addr = map(s, base(s) + PAGE, 5);
            s.store(addr, 'x');
            Subject child = s.fork();
            child.storeInPages(addr, 5 * PAGE, 'x');
            map(child, addr + 5 * PAGE, 5);
            child.isOneMapping(addr, 5 * PAGE);
        });
        t.add("forked_source_vma", "in a child an area that came from the parent merges into nothing", s -> {
            long addr = mapUncounted(s, base(s) + PAGE, 5);
            s.store(addr, 'x');
            Subject child = s.fork();
            child.storeInPages(addr, 5 * PAGE, 'x');
            long next = child.ok("mmap", addr + 5 * PAGE, 5 * PAGE, RWX, FIXED | MAP_NORESERVE, -1, 0);
            child.isOneMapping(next, 5 * PAGE);
            child.gives(0, "mprotect", addr, 5 * PAGE, RWX);
            child.isOneMapping(next, 5 * PAGE);
        });
        t.add("ksm_merge", "areas merge whether KSM was switched on for the process or not", s -> {
            long base = base(s);
            long addr = map(s, base + PAGE, 1);
            map(s, base + 2 * PAGE, 1);
            s.isOneMapping(addr, 2 * PAGE);
            s.unmap(base + 2 * PAGE, PAGE);
            s.needs(s.call("prctl", 67, 1, 0, 0, 0) == 0, "needs CONFIG_KSM");
            map(s, base + 2 * PAGE, 1);
            s.isOneMapping(addr, 2 * PAGE);
            s.unmap(addr, 2 * PAGE);
            map(s, base + PAGE, 1);
            map(s, base + 2 * PAGE, 1);
            s.isOneMapping(addr, 2 * PAGE);
        });
    }

    private static void mremapOfUntouched(CaseTable t) {
        t.add("mremap_unfaulted_to_faulted", "an untouched area that moves behind a touched one merges", s -> {
            long base = base(s);
            long addr = map(s, base + PAGE, 5);
            long second = map(s, base + 7 * PAGE, 5);
            second = move(s, second, 5, second + FAR);
            s.store(addr, 'x');
            move(s, second, 5, addr + 5 * PAGE);
            s.isOneMapping(addr, 10 * PAGE);
        });
        t.add("mremap_unfaulted_behind_faulted", "an untouched area that moves before a touched one merges", s -> {
            long base = base(s);
            long addr = map(s, base + 6 * PAGE, 5);
            long second = map(s, base + 14 * PAGE, 5);
            second = move(s, second, 5, second + FAR);
            s.store(addr, 'x');
            second = move(s, second, 5, base + PAGE);
            s.isOneMapping(second, 10 * PAGE);
        });
        t.add("mremap_unfaulted_between_faulted", "between two touched ones it merges with the first", s -> {
            long base = base(s);
            long addr = map(s, base + PAGE, 5);
            long second = map(s, base + 7 * PAGE, 5);
            long third = map(s, base + 14 * PAGE, 5);
            third = move(s, third, 5, third + 2 * FAR);
            second = move(s, second, 5, second + FAR);
            s.store(addr, 'x');
            s.store(third, 'x');
            third = move(s, third, 5, addr + 10 * PAGE);
            move(s, second, 5, addr + 5 * PAGE);
            s.isOneMapping(addr, 10 * PAGE);
            s.isOneMapping(third, 5 * PAGE);
        });
        t.add("mremap_unfaulted_between_faulted_unfaulted", "between touched and untouched all merge", s -> {
            long base = base(s);
            long addr = map(s, base + PAGE, 5);
            long second = map(s, base + 7 * PAGE, 5);
            long third = map(s, base + 14 * PAGE, 5);
            third = move(s, third, 5, third + 2 * FAR);
            second = move(s, second, 5, second + FAR);
            s.store(addr, 'x');
            move(s, third, 5, addr + 10 * PAGE);
            move(s, second, 5, addr + 5 * PAGE);
            s.isOneMapping(addr, 15 * PAGE);
        });
        t.add("mremap_unfaulted_between_correctly_placed_faulted", "into the hole of one area all merge", s -> {
            long base = base(s);
            long addr = map(s, base + PAGE, 15);
            s.store(addr, 'x');
            s.unmap(addr + 5 * PAGE, 5 * PAGE);
            long second = map(s, base + 20 * PAGE, 5);
            move(s, second, 5, addr + 5 * PAGE);
            s.isOneMapping(addr, 15 * PAGE);
        });
    }

    private static void mremapBack(CaseTable t) {
        t.add("mremap_correct_placed_faulted", "parts that move back to their place merge again", s -> {
            long base = base(s);
            long place = base + PAGE;
            long first = map(s, place, 15);
            s.store(first, 'x');
            long third = move(s, first + 10 * PAGE, 5, first + 10 * PAGE + 2 * FAR);
            long second = move(s, first + 5 * PAGE, 5, first + 5 * PAGE + FAR);
            second = move(s, second, 5, place + 5 * PAGE);
            s.isOneMapping(place, 10 * PAGE);
            first = move(s, first, 5, first + FAR);
            first = move(s, first, 5, place);
            s.isOneMapping(place, 10 * PAGE);
            first = move(s, first, 5, first + FAR);
            third = move(s, third, 5, second + 5 * PAGE);
            s.isOneMapping(second, 10 * PAGE);
            move(s, first, 5, place);
            s.isOneMapping(place, 15 * PAGE);
            second = move(s, second, 5, second + FAR);
            move(s, second, 5, place + 5 * PAGE);
            s.isOneMapping(place, 15 * PAGE);
            third = move(s, third, 5, third + FAR);
            move(s, third, 5, place + 10 * PAGE);
            s.isOneMapping(place, 15 * PAGE);
        });
    }

    private static void keep(Subject s, long from, long to) {
        s.gives(to, "mremap", from, 3 * PAGE, 3 * PAGE, MOVE_TO | MREMAP_DONTUNMAP, to);
    }

    private static void keeping(CaseTable t) {
        t.add("mremap_faulted_to_unfaulted_prev", "DONTUNMAP: touched pages merge with an area before", s -> {
            long base = base(s);
            long moved = map(s, base + 4 * PAGE, 3);
            s.store(moved, 'x');
            moved = move(s, moved, 3, base + 20 * PAGE);
            long other = map(s, base + PAGE, 3);
            keep(s, moved, base + 4 * PAGE);
            s.isOneMapping(other, 6 * PAGE);
        });
        t.add("mremap_faulted_to_unfaulted_next", "DONTUNMAP: touched pages merge with an area behind", s -> {
            long base = base(s);
            long moved = map(s, base + PAGE, 3);
            s.store(moved, 'x');
            moved = move(s, moved, 3, base + 20 * PAGE);
            map(s, base + 4 * PAGE, 3);
            keep(s, moved, base + PAGE);
            s.isOneMapping(base + PAGE, 6 * PAGE);
        });
        t.add("mremap_faulted_to_unfaulted_prev_unfaulted_next", "DONTUNMAP: between two untouched all merge", s -> {
            long base = base(s);
            long moved = map(s, base + 4 * PAGE, 3);
            s.store(moved, 'x');
            moved = move(s, moved, 3, base + 20 * PAGE);
            map(s, base + PAGE, 3);
            map(s, base + 7 * PAGE, 3);
            keep(s, moved, base + 4 * PAGE);
            s.isOneMapping(base + PAGE, 9 * PAGE);
        });
        t.add("mremap_faulted_to_unfaulted_prev_faulted_next", "DONTUNMAP: untouched before, touched behind", s -> {
            long base = base(s);
            long both = map(s, base + 4 * PAGE, 6);
            s.store(both, 'x');
            long moved = move(s, both, 3, base + 20 * PAGE);
            map(s, base + PAGE, 3);
            keep(s, moved, base + 4 * PAGE);
            s.isOneMapping(base + PAGE, 9 * PAGE);
        });
    }
}
