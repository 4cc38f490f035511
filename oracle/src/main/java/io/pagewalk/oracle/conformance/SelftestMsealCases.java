package io.pagewalk.oracle.conformance;

import static io.pagewalk.oracle.conformance.Linux.*;

import io.pagewalk.oracle.machine.ProcText;
import java.util.List;

/** What the kernel's selftest {@code mseal_test.c} checks; most of it once with the seal and once without. */
final class SelftestMsealCases {
    private static final long SIZE = 4 * PAGE;
    private static final int MOVE_TO = MREMAP_MAYMOVE | MREMAP_FIXED;

    private SelftestMsealCases() {}

    /** The rest of a case, told whether to seal. */
    private interface Part {
        void make(Subject s, long addr, boolean isSealed);
    }

    static List<ConformanceCase> cases() {
        CaseTable t = new CaseTable("selftest mseal_test.c");
        sealing(t);
        splitting(t);
        mprotect(t);
        mprotectOfSeveral(t);
        munmap(t);
        mremap(t);
        mmap(t);
        discarding(t);
        return t.cases();
    }

    /** Adds a case on four read-only pages twice. */
    private static void both(CaseTable t, String origin, String says, Part part) {
        t.add(origin, says + ": sealed", s -> part.make(s, s.map(SIZE, PROT_READ), true));
        t.add(origin, says + ": not sealed", s -> part.make(s, s.map(SIZE, PROT_READ), false));
    }

    private static void seal(Subject s, boolean isWanted, long addr, long bytes) {
        if (isWanted) {
            s.gives(0, "mseal", addr, bytes, 0);
        }
    }

    /** A call that the seal forbids, and that gives {@code otherwise} without it. */
    private static void forbidden(Subject s, boolean isSealed, long otherwise, String call, long... args) {
        s.gives(isSealed ? -EPERM : otherwise, call, args);
    }

    private static void protect(Subject s, boolean isSealed, long addr, long pages) {
        forbidden(s, isSealed, 0, "mprotect", addr, pages * PAGE, RW);
    }

    private static void sealing(CaseTable t) {
        t.add("test_seal_addseal", "four pages can be sealed", s -> seal(s, true, s.map(SIZE, PROT_READ), SIZE));
        gap(t, "test_seal_unmapped_start", "the start", 0, 2);
        gap(t, "test_seal_unmapped_middle", "the middle", 1, 2);
        gap(t, "test_seal_unmapped_end", "the end", 2, 2);
        t.add("test_seal_multiple_vmas", "three mappings can be sealed at once", s -> {
            long addr = s.map(SIZE, PROT_READ);
            s.gives(0, "mprotect", addr + PAGE, 2 * PAGE, RW);
            s.gives(0, "mprotect", addr, SIZE, PROT_READ);
            s.gives(0, "mprotect", addr + PAGE, 2 * PAGE, RW);
            seal(s, true, addr, SIZE);
        });
        t.add("test_seal_split_start", "the first page, then the others can be sealed", s -> {
            long addr = s.map(SIZE, PROT_READ);
            s.gives(0, "mprotect", addr, 2 * PAGE, RW);
            seal(s, true, addr, PAGE);
            seal(s, true, addr + PAGE, 3 * PAGE);
        });
        t.add("test_seal_split_end", "the last page, then the others can be sealed", s -> {
            long addr = s.map(SIZE, PROT_READ);
            s.gives(0, "mprotect", addr, 2 * PAGE, RW);
            seal(s, true, addr + 3 * PAGE, PAGE);
            seal(s, true, addr, 3 * PAGE);
        });
        t.add("test_seal_invalid_input", "flags, odd addresses, lengths and holes are refused", s -> {
            long addr = s.map(10 * PAGE, PROT_READ) + PAGE;
            s.unmap(addr - PAGE, PAGE);
            s.unmap(addr + SIZE, 4 * PAGE);
            s.fails(EINVAL, "mseal", addr, SIZE, 0x20);
            s.fails(EINVAL, "mseal", addr + 1, 2 * PAGE, 0);
            s.fails(ENOMEM, "mseal", addr, 5 * PAGE, 0);
            s.isTrue(s.call("mseal", addr, Long.divideUnsigned(-1, PAGE), 0) < 0, "a huge length is taken");
            s.fails(ENOMEM, "mseal", addr - PAGE, 5 * PAGE, 0);
        });
        t.add("test_seal_zero_length", "no length seals nothing", s -> {
            long addr = s.map(SIZE, PROT_READ);
            s.gives(0, "mprotect", addr, 0, RW);
            seal(s, true, addr, 0);
            s.gives(0, "mprotect", addr, SIZE, RW);
        });
        t.add("test_seal_zero_address", "pages at address 0 can be sealed", s -> {
            s.gives(0, "mmap", 0, SIZE, PROT_NONE, PRIVATE_ANON | MAP_FIXED, -1, 0);
            s.isOneMapping(0, SIZE);
            seal(s, true, 0, SIZE);
            s.fails(EPERM, "mprotect", 0, SIZE, RW);
        });
        t.add("test_seal_twice", "what is sealed can be sealed again", s -> {
            long addr = s.map(SIZE, PROT_READ);
            seal(s, true, addr, SIZE);
            seal(s, true, addr, SIZE);
        });
    }

    private static void gap(CaseTable t, String origin, String where, long firstPage, long pages) {
        t.add(origin, "a hole at " + where + " is refused, the rest can be sealed", s -> {
            long addr = s.map(SIZE, PROT_READ);
            s.unmap(addr + firstPage * PAGE, pages * PAGE);
            s.fails(ENOMEM, "mprotect", addr, SIZE, RW);
            s.fails(ENOMEM, "mseal", addr, SIZE, 0);
            if (firstPage > 0) {
                seal(s, true, addr, firstPage * PAGE);
            }
            if (firstPage + pages < 4) {
                seal(s, true, addr + (firstPage + pages) * PAGE, (4 - firstPage - pages) * PAGE);
            }
        });
    }

    private static void splitting(CaseTable t) {
        t.add("test_seal_merge_and_split", "seals split mappings and merge with sealed neighbours", s -> {
            long addr = s.map(24 * PAGE, PROT_READ);
            s.gives(0, "mprotect", addr, PAGE, PROT_NONE);
            s.gives(0, "mprotect", addr + 23 * PAGE, PAGE, PROT_NONE);
            s.isOneMapping(addr + PAGE, 22 * PAGE);
            seal(s, true, addr + PAGE, PAGE);
            s.isOneMapping(addr + PAGE, PAGE);
            s.isOneMapping(addr + 2 * PAGE, 21 * PAGE);
            seal(s, true, addr + 22 * PAGE, PAGE);
            s.isOneMapping(addr + 22 * PAGE, PAGE);
            s.isOneMapping(addr + 2 * PAGE, 20 * PAGE);
            seal(s, true, addr + 2 * PAGE, PAGE);
            s.isOneMapping(addr + PAGE, 2 * PAGE);
            seal(s, true, addr + 21 * PAGE, PAGE);
            s.isOneMapping(addr + 21 * PAGE, 2 * PAGE);
            seal(s, true, addr + 2 * PAGE, 2 * PAGE);
            s.isOneMapping(addr + PAGE, 3 * PAGE);
            s.fails(EPERM, "munmap", addr + PAGE, PAGE);
            s.fails(EPERM, "mprotect", addr + 2 * PAGE, PAGE, PROT_NONE);
            seal(s, true, addr + 20 * PAGE, 2 * PAGE);
            s.isOneMapping(addr + 20 * PAGE, 3 * PAGE);
            seal(s, true, addr + 2 * PAGE, 20 * PAGE);
            s.isOneMapping(addr + PAGE, 22 * PAGE);
        });
    }

    private static void mprotect(CaseTable t) {
        both(t, "test_seal_mprotect", "mprotect of all", (s, addr, isSealed) -> {
            seal(s, isSealed, addr, SIZE);
            protect(s, isSealed, addr, 4);
        });
        both(t, "test_seal_start_mprotect", "mprotect when the first page is", (s, addr, isSealed) -> {
            seal(s, isSealed, addr, PAGE);
            protect(s, isSealed, addr, 1);
            protect(s, false, addr + PAGE, 3);
        });
        both(t, "test_seal_end_mprotect", "mprotect when the last three pages are", (s, addr, isSealed) -> {
            seal(s, isSealed, addr + PAGE, 3 * PAGE);
            protect(s, false, addr, 1);
            protect(s, isSealed, addr + PAGE, 3);
        });
        both(t, "test_seal_mprotect_unalign_len", "a length just below two pages", (s, addr, isSealed) -> {
            seal(s, isSealed, addr, 2 * PAGE - 1);
            protect(s, isSealed, addr, 2);
            protect(s, false, addr + 2 * PAGE, 1);
        });
        both(t, "test_seal_mprotect_unalign_len_variant_2", "a length just above two", (s, addr, isSealed) -> {
            seal(s, isSealed, addr, 2 * PAGE + 1);
            protect(s, isSealed, addr, 3);
            protect(s, false, addr + 3 * PAGE, 1);
        });
        both(t, "test_seal_mprotect_partial_mprotect", "mprotect of one sealed and one other", (s, addr, isSealed) -> {
            seal(s, isSealed, addr, PAGE);
            protect(s, isSealed, addr, 2);
        });
        both(t, "test_seal_mprotect_partial_mprotect_tail", "mprotect up to a sealed page", (s, addr, isSealed) -> {
            seal(s, isSealed, addr + PAGE, PAGE);
            forbidden(s, isSealed, 0, "mprotect", addr, 2 * PAGE, PROT_EXEC);
            if (isSealed) {
                isReadOnly(s, addr + PAGE);
            }
        });
    }

    private static void isReadOnly(Subject s, long addr) {
        ProcText.MapsLine line = s.mapping(addr);
        s.isTrue(line != null && line.permissions().equals("r--p"), "the page is not read-only");
    }

    private static void mprotectOfSeveral(CaseTable t) {
        both(t, "test_seal_mprotect_two_vma", "mprotect of two mappings", (s, addr, isSealed) -> {
            protect(s, false, addr, 2);
            seal(s, isSealed, addr, SIZE);
            protect(s, isSealed, addr, 2);
            protect(s, isSealed, addr + 2 * PAGE, 2);
        });
        both(t, "test_seal_mprotect_two_vma_with_split", "the inner halves of two mappings", (s, addr, isSealed) -> {
            protect(s, false, addr, 2);
            seal(s, isSealed, addr + PAGE, 2 * PAGE);
            protect(s, false, addr, 1);
            protect(s, isSealed, addr + PAGE, 1);
            protect(s, isSealed, addr + 2 * PAGE, 1);
            protect(s, false, addr + 3 * PAGE, 1);
        });
        both(t, "test_seal_mprotect_two_vma_with_gap", "two mappings with a hole between", (s, addr, isSealed) -> {
            protect(s, false, addr, 1);
            protect(s, false, addr + 3 * PAGE, 1);
            s.unmap(addr + PAGE, 2 * PAGE);
            s.fails(ENOMEM, "mprotect", addr, SIZE, PROT_READ);
            s.fails(ENOMEM, "mseal", addr, SIZE, 0);
            s.gives(0, "mprotect", addr, PAGE, PROT_READ);
            s.gives(0, "mprotect", addr + 3 * PAGE, PAGE, PROT_READ);
        });
        both(t, "test_seal_mprotect_split", "mprotect of halves of two mappings", (s, addr, isSealed) -> {
            protect(s, false, addr, 1);
            seal(s, isSealed, addr, SIZE);
            forbidden(s, isSealed, 0, "mprotect", addr, 2 * PAGE, PROT_READ);
            forbidden(s, isSealed, 0, "mprotect", addr + 2 * PAGE, 2 * PAGE, PROT_READ);
        });
        both(t, "test_seal_mprotect_merge", "mprotect over one and a half mappings", (s, addr, isSealed) -> {
            protect(s, false, addr, 1);
            seal(s, isSealed, addr, 2 * PAGE);
            forbidden(s, isSealed, 0, "mprotect", addr, 2 * PAGE, PROT_READ);
            s.gives(0, "mprotect", addr + 2 * PAGE, 2 * PAGE, PROT_READ);
        });
    }

    private static void munmap(CaseTable t) {
        both(t, "test_seal_munmap", "munmap of all", (s, addr, isSealed) -> {
            seal(s, isSealed, addr, SIZE);
            forbidden(s, isSealed, 0, "munmap", addr, SIZE);
        });
        both(t, "test_seal_munmap_two_vma", "munmap of two mappings", (s, addr, isSealed) -> {
            protect(s, false, addr, 2);
            seal(s, isSealed, addr, SIZE);
            forbidden(s, isSealed, 0, "munmap", addr, 2 * PAGE);
            forbidden(s, isSealed, 0, "munmap", addr + 2 * PAGE, 2 * PAGE);
        });
        both(
                t,
                "test_seal_munmap_vma_with_gap",
                "a seal over a hole fails and leaves all free",
                (s, addr, isSealed) -> {
                    s.unmap(addr + PAGE, 2 * PAGE);
                    if (isSealed) {
                        s.fails(ENOMEM, "mseal", addr, SIZE, 0);
                    }
                    s.unmap(addr, PAGE);
                    s.unmap(addr + 2 * PAGE, PAGE);
                    s.unmap(addr, SIZE);
                });
        both(t, "test_seal_munmap_partial_across_vmas", "munmap up to a sealed page", (s, addr, isSealed) -> {
            seal(s, isSealed, addr + PAGE, PAGE);
            forbidden(s, isSealed, 0, "munmap", addr, 2 * PAGE);
            if (isSealed) {
                isReadOnly(s, addr + PAGE);
            }
        });
        both(t, "test_munmap_start_freed", "munmap over a hole and three pages", (s, addr, isSealed) -> {
            s.unmap(addr, PAGE);
            seal(s, isSealed, addr + PAGE, 3 * PAGE);
            forbidden(s, isSealed, 0, "munmap", addr, SIZE);
            remains(s, isSealed, addr + PAGE, 3 * PAGE);
        });
        both(t, "test_munmap_middle_freed", "munmap over a hole in the middle", (s, addr, isSealed) -> {
            s.unmap(addr + PAGE, 2 * PAGE);
            seal(s, isSealed, addr, PAGE);
            forbidden(s, isSealed, 0, "munmap", addr, SIZE);
            s.isTrue(s.mapping(addr) != null == isSealed, "the first page");
            s.isTrue(s.mapping(addr + 3 * PAGE) != null == isSealed, "the last page");
        });
        both(t, "test_munmap_end_freed", "munmap over a hole at the end", (s, addr, isSealed) -> {
            s.unmap(addr + 3 * PAGE, PAGE);
            seal(s, isSealed, addr, 3 * PAGE);
            forbidden(s, isSealed, 0, "munmap", addr, SIZE);
        });
    }

    private static void remains(Subject s, boolean isExpected, long addr, long bytes) {
        if (isExpected) {
            s.isOneMapping(addr, bytes);
        } else {
            s.isUnmapped(addr);
        }
    }

    private static void mremap(CaseTable t) {
        both(t, "test_seal_mremap_shrink", "mremap that shrinks", (s, addr, isSealed) -> {
            seal(s, isSealed, addr, SIZE);
            forbidden(s, isSealed, addr, "mremap", addr, SIZE, 2 * PAGE, 0, 0);
        });
        both(t, "test_seal_mremap_expand", "mremap that grows", (s, addr, isSealed) -> {
            s.unmap(addr + 2 * PAGE, 2 * PAGE);
            seal(s, isSealed, addr, 2 * PAGE);
            forbidden(s, isSealed, addr, "mremap", addr, 2 * PAGE, SIZE, 0, 0);
        });
        both(t, "test_seal_mremap_move", "mremap into a hole", (s, addr, isSealed) -> {
            long to = s.hole(PAGE);
            seal(s, isSealed, addr, PAGE);
            forbidden(s, isSealed, to, "mremap", addr, PAGE, PAGE, MOVE_TO, to);
        });
        both(t, "test_seal_mremap_shrink_fixed", "mremap that moves and shrinks", (s, addr, isSealed) -> {
            long to = s.ok("mmap", 0, SIZE, PROT_READ, SHARED_ANON, -1, 0);
            seal(s, isSealed, addr, SIZE);
            forbidden(s, isSealed, to, "mremap", addr, SIZE, 2 * PAGE, MOVE_TO, to);
        });
        both(t, "test_seal_mremap_expand_fixed", "mremap that grows onto", (s, addr, isSealed) -> {
            long from = s.ok("mmap", 0, PAGE, PROT_READ, SHARED_ANON, -1, 0);
            seal(s, isSealed, addr, SIZE);
            s.call("madvise", from, PAGE, MADV_RANDOM);
            long result = s.call("mremap", from, PAGE, SIZE, MOVE_TO, addr);
            s.equal(isSealed ? -EPERM : addr, result, "mremap");
        });
        both(t, "test_seal_mremap_move_fixed", "mremap onto", (s, addr, isSealed) -> {
            long from = s.ok("mmap", 0, SIZE, PROT_READ, SHARED_ANON, -1, 0);
            seal(s, isSealed, addr, SIZE);
            forbidden(s, isSealed, addr, "mremap", from, SIZE, SIZE, MOVE_TO, addr);
        });
        both(t, "test_seal_mremap_move_fixed_zero", "mremap to address 0", (s, addr, isSealed) -> {
            seal(s, isSealed, addr, SIZE);
            forbidden(s, isSealed, 0, "mremap", addr, SIZE, 2 * PAGE, MOVE_TO, 0);
        });
        both(t, "test_seal_mremap_move_dontunmap", "mremap that keeps the old range", (s, addr, isSealed) -> {
            seal(s, isSealed, addr, SIZE);
            long result = s.call("mremap", addr, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0);
            s.isTrue(isSealed ? result == -EPERM : result > 0, "mremap gives " + result);
        });
        both(t, "test_seal_mremap_move_dontunmap_anyaddr", "the same with a hint that is free", (s, addr, isSealed) -> {
            seal(s, isSealed, addr, SIZE);
            long to = s.hole(SIZE);
            forbidden(s, isSealed, to, "mremap", addr, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, to);
        });
    }

    private static void mmap(CaseTable t) {
        int fixed = PRIVATE_ANON | MAP_FIXED;
        both(t, "test_seal_mmap_overwrite_prot", "mmap over", (s, addr, isSealed) -> {
            seal(s, isSealed, addr, PAGE);
            forbidden(s, isSealed, addr, "mmap", addr, PAGE, PROT_NONE, fixed, -1, 0);
        });
        both(t, "test_seal_mmap_expand", "mmap over and behind", (s, addr, isSealed) -> {
            s.unmap(addr + 2 * PAGE, 2 * PAGE);
            seal(s, isSealed, addr, 2 * PAGE);
            forbidden(s, isSealed, addr, "mmap", addr, SIZE, PROT_READ, fixed, -1, 0);
        });
        both(t, "test_seal_mmap_shrink", "mmap over the first half", (s, addr, isSealed) -> {
            seal(s, isSealed, addr, SIZE);
            forbidden(s, isSealed, addr, "mmap", addr, 2 * PAGE, PROT_READ, fixed, -1, 0);
        });
    }

    private static void discarding(CaseTable t) {
        both(t, "test_seal_madvise_nodiscard", "advice that discards nothing is taken", (s, addr, isSealed) -> {
            seal(s, isSealed, addr, SIZE);
            s.gives(0, "madvise", addr, SIZE, MADV_RANDOM);
            forbidden(s, isSealed, 0, "munmap", addr, SIZE);
        });
        both(t, "test_seal_discard_ro_anon", "DONTNEED of read-only memory", (s, addr, isSealed) -> {
            seal(s, isSealed, addr, SIZE);
            forbidden(s, isSealed, 0, "madvise", addr, SIZE, MADV_DONTNEED);
            forbidden(s, isSealed, 0, "munmap", addr, SIZE);
        });
        both(t, "test_seal_discard_across_vmas", "DONTNEED up to a sealed page", (s, addr, isSealed) -> {
            seal(s, isSealed, addr + PAGE, PAGE);
            forbidden(s, isSealed, 0, "madvise", addr, 2 * PAGE, MADV_DONTNEED);
            forbidden(s, isSealed, 0, "munmap", addr, 2 * PAGE);
        });
        both(t, "test_seal_discard_ro_anon_on_rw", "DONTNEED of writable memory is taken", (s, ignored, isSealed) -> {
            discardable(s, s.ok("mmap", 0, SIZE, RW, PRIVATE_ANON, -1, 0), isSealed);
        });
        both(t, "test_seal_discard_ro_anon_on_shared", "DONTNEED of shared memory is taken", (s, ignored, isSealed) -> {
            discardable(s, s.ok("mmap", 0, SIZE, PROT_READ, SHARED_ANON, -1, 0), isSealed);
        });
        both(t, "test_seal_discard_ro_anon_on_filebacked", "DONTNEED of a file is taken", (s, ignored, isSealed) -> {
            long fd = s.ok("memfd_create", s.string("test"), 0);
            s.gives(0, "fallocate", fd, 0, 0, SIZE);
            discardable(s, s.ok("mmap", 0, SIZE, PROT_READ, MAP_PRIVATE, fd, 0), isSealed);
        });
    }

    private static void discardable(Subject s, long addr, boolean isSealed) {
        seal(s, isSealed, addr, SIZE);
        s.gives(0, "madvise", addr, SIZE, MADV_DONTNEED);
        forbidden(s, isSealed, 0, "munmap", addr, SIZE);
    }
}
