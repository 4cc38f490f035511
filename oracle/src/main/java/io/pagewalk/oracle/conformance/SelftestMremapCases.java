package io.pagewalk.oracle.conformance;

import static io.pagewalk.oracle.conformance.Linux.*;

import java.util.List;

/** What the kernel's selftest {@code mremap_test.c} checks. */
final class SelftestMremapCases {
    private static final int MOVE_TO = MREMAP_MAYMOVE | MREMAP_FIXED;
    private static final long GIB = 1L << 30;
    private static final long PMD = 2 * MIB;

    /** Nothing is mapped for many GiB from here on, and only this bit of the address is set. */
    private static final long FREE = 1L << 40;

    /** How much of a large range is looked at. */
    private static final long LOOKED_AT = 4 * MIB;

    private SelftestMremapCases() {}

    static List<ConformanceCase> cases() {
        CaseTable t = new CaseTable("selftest mremap_test.c");
        refusals(t);
        alignments(t);
        growing(t);
        bystanders(t);
        severalMappings(t);
        Userfault.cases(t);
        return t.cases();
    }

    private static void mapSharedAt(Subject s, long addr, long bytes) {
        // So that a machine with little memory grants the large ranges.
        int reserve = bytes >= GIB ? MAP_NORESERVE : 0;
        s.gives(addr, "mmap", addr, bytes, RW, SHARED_ANON | MAP_FIXED_NOREPLACE | reserve, -1, 0);
    }

    private static void refusals(CaseTable t) {
        t.add("test_cases.0", "source and destination must not overlap", s -> {
            mapSharedAt(s, FREE + PAGE, PAGE);
            s.fails(EINVAL, "mremap", FREE + PAGE, PAGE, PAGE, MOVE_TO, FREE + PAGE);
        });
        t.add("test_cases.1", "the destination must be the start of a page", s -> {
            mapSharedAt(s, FREE, PAGE);
            s.fails(EINVAL, "mremap", FREE, PAGE, PAGE, MOVE_TO, FREE + 2 * PAGE + KIB);
        });
        t.add("test_cases.2", "the source must be the start of a page", s -> {
            s.fails(EINVAL, "mmap", FREE + KIB, PAGE, RW, SHARED_ANON | MAP_FIXED_NOREPLACE, -1, 0);
            mapSharedAt(s, FREE, PAGE);
            s.fails(EINVAL, "mremap", FREE + KIB, PAGE, PAGE, MOVE_TO, FREE + 2 * PAGE);
        });
    }

    private static void alignments(CaseTable t) {
        moves(t, 3, 2 * PAGE, PAGE, PAGE, 0);
        moves(t, 4, 2 * MIB, MIB, PAGE, 0);
        moves(t, 5, 2 * MIB, MIB, MIB, 0);
        moves(t, 6, 4 * MIB, PMD, PAGE, 0);
        moves(t, 7, 4 * MIB, PMD, MIB, 0);
        moves(t, 8, 4 * MIB, PMD, PMD, 0);
        moves(t, 9, 2 * GIB, GIB, PAGE, 0);
        moves(t, 10, 2 * GIB, GIB, MIB, 0);
        moves(t, 11, 2 * GIB, GIB, PMD, 0);
        moves(t, 12, 2 * GIB, GIB, GIB, 0);
        moves(t, 13, 5 * MIB, MIB, MIB, 0);
        moves(t, 14, 5 * MIB, MIB, MIB, 40 * MIB);
        moves(t, 15, GIB, PAGE, PAGE, 0);
        moves(t, 16, GIB, PMD, PMD, 0);
        moves(t, 17, GIB, GIB, GIB, 0);
    }

    /** Source and destination are multiples of their alignment, but not of twice of it. */
    private static void moves(CaseTable t, int number, long bytes, long fromAlign, long toAlign, long preamble) {
        String says = size(bytes) + " move from a multiple of " + size(fromAlign) + " to one of " + size(toAlign)
                + (preamble == 0 ? "" : " and leave what lies before it alone");
        String origin = number < 15 ? "test_cases." + number : "perf_test_cases." + (number - 15);
        t.add(origin, says, s -> {
            long from = FREE + fromAlign;
            long to = (((from + bytes + toAlign) & -toAlign) + preamble) | toAlign;
            long looked = Math.min(bytes, LOOKED_AT);
            mapSharedAt(s, from, bytes);
            s.numberPages(from, looked);
            if (preamble != 0) {
                mapSharedAt(s, to - preamble, preamble);
                s.numberPages(to - preamble, preamble);
            }
            s.gives(to, "mremap", from, bytes, bytes, MOVE_TO, to);
            s.pagesAreNumbered(1, to, looked);
            s.isUnmapped(from);
            if (preamble != 0) {
                s.pagesAreNumbered(1, to - preamble, preamble);
            }
        });
    }

    private static String size(long bytes) {
        return bytes >= GIB ? bytes / GIB + " GiB" : bytes >= MIB ? bytes / MIB + " MiB" : bytes / KIB + " KiB";
    }

    /** Pages with a page of nothing or of another kind on both sides, so that nothing else merges with them. */
    private static long fenced(Subject s, long pages) {
        long addr = s.map((pages + 2) * PAGE, PROT_NONE) + PAGE;
        s.gives(0, "mprotect", addr, pages * PAGE, RW);
        return addr;
    }

    private static void growing(CaseTable t) {
        t.add("mremap_expand_merge", "growing into a hole merges with what lies behind it", s -> {
            long addr = fenced(s, 3);
            s.unmap(addr + PAGE, PAGE);
            s.gives(addr, "mremap", addr, PAGE, 2 * PAGE, 0, 0);
            s.isOneMapping(addr, 3 * PAGE);
        });
        t.add("mremap_expand_merge_offset", "growing from the second page of a mapping keeps it one", s -> {
            long addr = fenced(s, 3);
            s.unmap(addr + 2 * PAGE, PAGE);
            s.gives(addr + PAGE, "mremap", addr + PAGE, PAGE, 2 * PAGE, 0, 0);
            s.isOneMapping(addr, 3 * PAGE);
        });
    }

    private static void bystanders(CaseTable t) {
        t.add("mremap_move_within_range", "a move inside a mapping leaves the MiB before the source alone", s -> {
            long all = s.map(20 * MIB, RW);
            s.storeInPages(all, 20 * MIB, 0);
            long from = (all + 6 * MIB) & -PMD;
            long to = from - PMD;
            s.numberPages(from, 2 * MIB);
            s.gives(to + MIB, "mremap", from + MIB, MIB, MIB, MOVE_TO, to + MIB);
            s.pagesAreNumbered(1, from, MIB);
            s.pagesAreNumbered(1 + MIB / PAGE, to + MIB, MIB);
            s.pagesHold(0, to, MIB);
        });
        t.add("mremap_move_1mb_from_start", "so does a move to where the rounded address is not mapped", s -> {
            long from = FREE + 256 * KIB;
            long to = FREE + 16 * MIB + 256 * KIB;
            mapSharedAt(s, from, 6 * MIB);
            mapSharedAt(s, to, 6 * MIB);
            s.numberPages(from, 2 * MIB);
            s.unmap(to, MIB);
            s.gives(to + MIB, "mremap", from + MIB, MIB, MIB, MOVE_TO, to + MIB);
            s.pagesAreNumbered(1, from, MIB);
            s.pagesAreNumbered(1 + MIB / PAGE, to + MIB, MIB);
            s.isUnmapped(to);
        });
    }

    /** Maps pages and unmaps those whose number is odd, but for one. */
    private static long everyOther(Subject s, int pages, int but) {
        long addr = s.map(pages * PAGE, RW);
        s.numberPages(addr, pages * PAGE);
        for (int i = 1; i < 10; i += 2) {
            if (i != but) {
                s.unmap(addr + i * PAGE, PAGE);
            }
        }
        return addr;
    }

    private static void severalMappings(CaseTable t) {
        t.add("mremap_shrink_multiple_vmas.inplace", "shrinking goes over holes", s -> {
            long addr = everyOther(s, 10, -1);
            s.gives(addr, "mremap", addr, 10 * PAGE, PAGE, 0, 0);
            s.isOneMapping(addr, PAGE);
            s.equal(1, s.mappingsIn(addr, 10 * PAGE), "the number of mappings");
        });
        t.add("mremap_shrink_multiple_vmas", "so does shrinking with a move", s -> {
            long addr = everyOther(s, 10, -1);
            long to = s.hole(10 * PAGE);
            s.gives(to, "mremap", addr, 10 * PAGE, PAGE, MOVE_TO, to);
            s.equal(0, s.mappingsIn(addr, 10 * PAGE), "the number of mappings");
            s.holds(1, to);
        });
        for (boolean keep : new boolean[] {false, true}) {
            int flags = keep ? MOVE_TO | MREMAP_DONTUNMAP : MOVE_TO;
            String suffix = keep ? ".dontunmap" : "";
            String how = keep ? ", and the old ranges stay mapped" : "";
            t.add("mremap_move_multiple_vmas" + suffix, "mappings with holes between move together" + how, s -> {
                long from = everyOther(s, 11, 5);
                long bytes = 11 * PAGE;
                long to = s.hole(2 * bytes);
                s.gives(to, "mremap", from, bytes, bytes, flags, to);
                movedWithHoles(s, to);
                s.gives(to + bytes, "mremap", to, bytes, bytes, flags, to + bytes);
                movedWithHoles(s, to + bytes);
                s.gives(to, "mmap", to, bytes, PROT_NONE, PRIVATE_ANON | MAP_FIXED, -1, 0);
                s.gives(to, "mremap", to + bytes, bytes, bytes, flags, to);
                movedWithHoles(s, to);
                s.isTrue((s.mapping(from) != null) == keep, "the source is mapped: " + !keep);
            });
            t.add("mremap_move_multiple_vmas_split" + suffix, "parts of two mappings move together" + how, s -> {
                long from = s.mapWritten(10 * PAGE);
                s.unmap(from + 5 * PAGE, PAGE);
                long to = s.hole(10 * PAGE);
                s.gives(to, "mremap", from + 2 * PAGE, 7 * PAGE, 7 * PAGE, flags, to);
                s.pagesAreNumbered(3, to, 3 * PAGE);
                s.isUnmapped(to + 3 * PAGE);
                s.pagesAreNumbered(7, to + 4 * PAGE, 3 * PAGE);
            });
        }
    }

    private static void movedWithHoles(Subject s, long addr) {
        for (int i = 0; i <= 10; i++) {
            if (i % 2 == 0 || i == 5) {
                s.holds(i + 1, addr + i * PAGE);
            }
        }
    }

    /** Mappings that userfaultfd watches do not move together. */
    private static final class Userfault {
        static void cases(CaseTable t) {
            String origin = "mremap_move_multi_invalid_vmas";
            t.add(origin, "watched mappings with holes between do not move together: EFAULT", s -> {
                long from = watched(s);
                long to = s.hole(10 * PAGE);
                s.fails(EFAULT, "mremap", from, 10 * PAGE, 10 * PAGE, MOVE_TO, to);
                s.isUnmapped(to);
            });
            t.add(origin, "one of them does", s -> {
                long from = watched(s);
                long to = s.hole(10 * PAGE);
                s.gives(to, "mremap", from, PAGE, PAGE, MOVE_TO, to);
            });
            t.add(origin, "those before the first that is watched have moved when the call fails", s -> {
                long from = watched(s);
                long to = s.hole(10 * PAGE);
                s.gives(from, "mmap", from, PAGE, RW, PRIVATE_ANON | MAP_FIXED, -1, 0);
                s.fails(EFAULT, "mremap", from, 10 * PAGE, 10 * PAGE, MOVE_TO, to);
                s.isOneMapping(to, PAGE);
            });
            t.add(origin, "all but the last have moved when only the last is watched", s -> {
                long from = watched(s);
                long to = s.hole(10 * PAGE);
                s.unmap(from, 8 * PAGE);
                for (int i = 0; i < 8; i += 2) {
                    long at = from + i * PAGE;
                    s.gives(at, "mmap", at, PAGE, RW, PRIVATE_ANON | MAP_FIXED, -1, 0);
                }
                s.fails(EFAULT, "mremap", from, 10 * PAGE, 10 * PAGE, MOVE_TO, to);
                for (int i = 0; i < 8; i += 2) {
                    s.isOneMapping(to + i * PAGE, PAGE);
                }
                s.isUnmapped(to + 8 * PAGE);
            });
        }

        private static long watched(Subject s) {
            UserfaultCalls uffd = UserfaultCalls.open(s, 0);
            long addr = s.map(10 * PAGE, RW);
            for (int i = 0; i < 10; i += 2) {
                uffd.register(addr + i * PAGE, PAGE, UserfaultCalls.MISSING);
                s.unmap(addr + (i + 1) * PAGE, PAGE);
            }
            return addr;
        }
    }
}
