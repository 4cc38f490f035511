package io.pagewalk.oracle.conformance;

import static io.pagewalk.oracle.conformance.Linux.*;

import java.util.List;

/** What gVisor's {@code test/syscalls/linux/mremap.cc} asserts. */
final class GvisorMremapCases {
    private static final int MOVE_TO = MREMAP_MAYMOVE | MREMAP_FIXED;

    private GvisorMremapCases() {}

    static List<ConformanceCase> cases() {
        CaseTable t = new CaseTable("gVisor mremap.cc");
        for (int type : new int[] {MAP_PRIVATE, MAP_SHARED}) {
            String kind = type == MAP_PRIVATE ? ": private" : ": shared";
            inPlace(t, type, kind);
            fixed(t, type, kind);
            shrinkingMoves(t, type, kind);
        }
        duplication(t);
        contents(t);
        return t.cases();
    }

    private static long map(Subject s, long pages, int prot, int type) {
        return s.ok("mmap", 0, pages * PAGE, prot, type | MAP_ANONYMOUS, -1, 0);
    }

    private static void areMapped(Subject s, long addr, boolean... pages) {
        for (int i = 0; i < pages.length; i++) {
            boolean isMapped = s.mapping(addr + i * PAGE) != null;
            s.isTrue(isMapped == pages[i], "page " + i + (isMapped ? " is mapped" : " is not mapped"));
        }
    }

    private static void inPlace(CaseTable t, int type, String kind) {
        t.add("MremapParamTest.Noop", "the same size changes nothing" + kind, s -> {
            long addr = map(s, 1, PROT_NONE, type);
            s.gives(addr, "mremap", addr, PAGE, PAGE, 0, 0);
            areMapped(s, addr, true);
        });
        t.add("MremapParamTest.InPlace_ShrinkingWholeVMA", "shrinking unmaps the end" + kind, s -> {
            long addr = map(s, 2, PROT_NONE, type);
            s.gives(addr, "mremap", addr, 2 * PAGE, PAGE, 0, 0);
            areMapped(s, addr, true, false);
        });
        t.add("MremapParamTest.InPlace_ShrinkingPartialVMA", "shrinking a part leaves a hole" + kind, s -> {
            long addr = map(s, 3, PROT_NONE, type);
            s.gives(addr, "mremap", addr, 2 * PAGE, PAGE, 0, 0);
            areMapped(s, addr, true, false, true);
        });
        t.add("MremapParamTest.InPlace_ShrinkingAcrossVMAs", "shrinking goes over two mappings" + kind, s -> {
            long addr = map(s, 3, PROT_READ, type);
            s.gives(0, "mprotect", addr, PAGE, PROT_NONE);
            s.gives(addr, "mremap", addr, 3 * PAGE, 2 * PAGE, 0, 0);
            areMapped(s, addr, true, true, false);
        });
        t.add("MremapParamTest.InPlace_ExpansionSuccess", "growing into a hole stays in place" + kind, s -> {
            long addr = map(s, 2, PROT_NONE, type);
            s.unmap(addr + PAGE, PAGE);
            s.gives(addr, "mremap", addr, PAGE, 2 * PAGE, 0, 0);
            areMapped(s, addr, true, true);
        });
        t.add("MremapParamTest.InPlace_ExpansionFailure", "growing without room or MAYMOVE fails" + kind, s -> {
            long addr = map(s, 3, PROT_NONE, type);
            s.unmap(addr + PAGE, PAGE);
            s.fails(ENOMEM, "mremap", addr, PAGE, 3 * PAGE, 0, 0);
            areMapped(s, addr, true, false, true);
        });
        t.add("MremapParamTest.MayMove_Expansion", "growing without room moves with MAYMOVE" + kind, s -> {
            long addr = map(s, 3, PROT_NONE, type);
            s.unmap(addr + PAGE, PAGE);
            long moved = s.ok("mremap", addr, PAGE, 3 * PAGE, MREMAP_MAYMOVE, 0);
            s.isTrue(moved != addr, "it has not moved");
            areMapped(s, addr, false, false, true);
            areMapped(s, moved, true, true, true);
        });
    }

    private static void fixed(CaseTable t, int type, String kind) {
        t.add("MremapParamTest.Fixed_SourceAndDestinationCannotOverlap", "a move onto itself fails" + kind, s -> {
            long addr = map(s, 1, PROT_NONE, type);
            s.fails(EINVAL, "mremap", addr, PAGE, PAGE, MOVE_TO, addr);
            areMapped(s, addr, true);
        });
        t.add("MremapParamTest.Fixed_SameSize", "a move into a hole goes there" + kind, s -> {
            long from = map(s, 1, PROT_NONE, type);
            long to = map(s, 1, PROT_NONE, type);
            s.unmap(to, PAGE);
            s.gives(to, "mremap", from, PAGE, PAGE, MOVE_TO, to);
            areMapped(s, from, false);
            areMapped(s, to, true);
        });
        t.add("MremapParamTest.Fixed_SameSize_Unmapping", "a move replaces what lies there" + kind, s -> {
            long from = map(s, 1, PROT_NONE, type);
            long to = map(s, 1, PROT_NONE, type);
            s.gives(to, "mremap", from, PAGE, PAGE, MOVE_TO, to);
            areMapped(s, from, false);
            areMapped(s, to, true);
        });
        t.add("MremapParamTest.Fixed_Expansion", "a move can grow" + kind, s -> {
            long from = map(s, 1, PROT_NONE, type);
            long to = map(s, 2, PROT_NONE, type);
            s.unmap(to, 2 * PAGE);
            s.gives(to, "mremap", from, PAGE, 2 * PAGE, MOVE_TO, to);
            areMapped(s, from, false);
            areMapped(s, to, true, true);
        });
    }

    private static void shrinkingMoves(CaseTable t, int type, String kind) {
        t.add("MremapParamTest.Fixed_ShrinkingWholeVMA", "a move can shrink" + kind, s -> {
            long from = map(s, 2, PROT_NONE, type);
            long to = map(s, 2, PROT_NONE, type);
            s.unmap(to, 2 * PAGE);
            s.gives(to, "mremap", from, 2 * PAGE, PAGE, MOVE_TO, to);
            areMapped(s, from, false, false);
            areMapped(s, to, true, false);
        });
        t.add("MremapParamTest.Fixed_ShrinkingPartialVMA", "a move can shrink a part of a mapping" + kind, s -> {
            long from = map(s, 3, PROT_NONE, type);
            long to = map(s, 2, PROT_NONE, type);
            s.unmap(to, 2 * PAGE);
            s.gives(to, "mremap", from, 2 * PAGE, PAGE, MOVE_TO, to);
            areMapped(s, from, false, false, true);
            areMapped(s, to, true, false);
        });
        t.add("MremapParamTest.Fixed_ShrinkingAcrossVMAs", "a move over two mappings that shrinks fails" + kind, s -> {
            long from = map(s, 3, PROT_READ, type);
            s.gives(0, "mprotect", from, PAGE, PROT_NONE);
            long to = map(s, 2, PROT_NONE, type);
            s.fails(EFAULT, "mremap", from, 3 * PAGE, 2 * PAGE, MOVE_TO, to);
            // Before Linux 6.17 the last page and the destination were unmapped all the same.
            areMapped(s, from, true, true, true);
            areMapped(s, to, true, true);
        });
    }

    private static void duplication(CaseTable t) {
        t.add("MremapTest.InPlace_Copy", "old size 0 in place fails", s -> {
            s.fails(ENOMEM, "mremap", map(s, 1, PROT_NONE, MAP_SHARED), 0, PAGE, 0, 0);
        });
        t.add("MremapTest.MayMove_Copy", "old size 0 of a shared mapping makes a second one", s -> {
            long addr = map(s, 1, PROT_NONE, MAP_SHARED);
            long copy = s.ok("mremap", addr, 0, PAGE, MREMAP_MAYMOVE, 0);
            s.isTrue(copy != addr, "it is the same address");
            areMapped(s, addr, true);
            areMapped(s, copy, true);
        });
        t.add("MremapTest.MustMove_Copy", "old size 0 makes the second one at a given address", s -> {
            long addr = map(s, 1, PROT_NONE, MAP_SHARED);
            long to = map(s, 1, PROT_NONE, MAP_PRIVATE);
            s.gives(to, "mremap", addr, 0, PAGE, MOVE_TO, to);
            areMapped(s, addr, true);
            areMapped(s, to, true);
        });
    }

    private static void contents(CaseTable t) {
        String title = "MremapTest.ExpansionPreservesCOWPagesAndExposesNewFilePages";
        t.add(title, "a private file mapping that grows keeps its copies and shows new pages of the file", s -> {
            int fd = s.openNewFile(3 * PAGE, O_RDWR);
            long from = s.ok("mmap", 0, 2 * PAGE, RW, MAP_PRIVATE, fd, 0);
            s.fill(from + PAGE, PAGE, 'd');
            long to = map(s, 3, PROT_NONE, MAP_PRIVATE);
            s.gives(to, "mremap", from, 2 * PAGE, 3 * PAGE, MOVE_TO, to);
            s.isFilled(to, PAGE, 1);
            s.isFilled(to + PAGE, PAGE, 'd');
            s.isFilled(to + 2 * PAGE, PAGE, 3);
        });
        t.add("MremapDeathTest.SharedAnon", "shared memory keeps pages that were cut off, and has no more", s -> {
            long addr = map(s, 4, PROT_NONE, MAP_PRIVATE);
            s.gives(addr, "mmap", addr, 2 * PAGE, RW, SHARED_ANON | MAP_FIXED, -1, 0);
            s.fill(addr, PAGE, 'a');
            s.fill(addr + PAGE, PAGE, 'b');
            s.gives(addr, "mremap", addr, 2 * PAGE, PAGE, 0, addr);
            long moved = addr + PAGE;
            s.gives(moved, "mremap", addr, PAGE, 3 * PAGE, MOVE_TO, moved);
            s.isFilled(moved, PAGE, 'a');
            s.isFilled(moved + PAGE, PAGE, 'b');
            s.loadRaises(BUS_ADRERR, moved + 2 * PAGE);
        });
    }
}
