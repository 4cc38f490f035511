package io.pagewalk.kernel.vma;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.kernel.syscall.Errno;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Rules of the calls one by one; each fact stands in Linux's source at the function named, and random histories ({@code pagewalk verify}) compare most of them too. */
class MmCallsTest {
    private static final long BASE = 0x100000000000L;
    private static final long PAGE = 4096;
    private static final int RW = 3;
    private static final int PRIVATE_FIXED = 0x32;

    private final TestMachine machine = new TestMachine();

    @AfterEach
    void verify() {
        machine.verify();
    }

    private long map(int page, int pages, int prot) {
        return machine.call("mmap", BASE + page * PAGE, pages * PAGE, prot, PRIVATE_FIXED, -1, 0);
    }

    private String layout() {
        return machine.layout(BASE);
    }

    /** {@code arch/x86/mm/mmap.c:mmap_base()}: the least gap of 128 MiB holds for a stack limit of 8 MiB. */
    @Test
    void mmap_withoutHint_beginsBelowMmapBase() {
        assertThat(machine.mm().mmapBase()).isEqualTo(0x7ffff7fff000L);
        assertThat(machine.call("mmap", 0, PAGE, RW, 0x22, -1, 0)).isEqualTo(0x7ffff7ffe000L);
    }

    /** Seen on 6.18: {@code mm/huge_memory.c:thp_get_unmapped_area_vmflags()} for multiples of 2 MiB only. */
    @Test
    void mmap_multipleOf2MiB_isAligned() {
        assertThat(machine.call("mmap", 0, 4L << 20, RW, 0x22, -1, 0)).isEqualTo(0x7ffff7a00000L);
        assertThat(machine.call("mmap", 0, (4L << 20) + PAGE, RW, 0x22, -1, 0)).isEqualTo(0x7ffff75ff000L);
        assertThat(machine.call("mmap", 0, 2L << 20, RW, 0x21, -1, 0)).isEqualTo(0x7ffff73ff000L);
    }

    @Test
    void mmap_neighboursWithEqualFlags_becomeOneArea() {
        map(0, 2, RW);
        map(4, 2, RW);
        map(2, 2, RW);
        assertThat(layout()).isEqualTo("0-6 rw-p");
    }

    @Test
    void mmap_neighboursWithDifferentAnonVmas_stayApart() {
        map(0, 2, RW);
        map(4, 2, RW);
        machine.access(BASE, true);
        machine.access(BASE + 4 * PAGE, true);
        map(2, 2, RW);
        assertThat(layout()).isEqualTo("0-4 rw-p 4-6 rw-p");
    }

    /** {@code mm/vma.c:is_mergeable_anon_vma()}: what came from a parent is not merged with new memory. */
    @Test
    void mmap_besideInheritedArea_doesNotMerge() {
        map(0, 2, RW);
        machine.access(BASE, true);
        machine.use(machine.fork());
        map(2, 2, RW);
        assertThat(layout()).isEqualTo("0-2 rw-p 2-4 rw-p");
    }

    @Test
    void mmap_badArguments_haveLinuxsErrors() {
        map(0, 1, RW);
        assertThat(machine.call("mmap", 0, 0, RW, 0x22, -1, 0)).isEqualTo(-Errno.EINVAL);
        assertThat(machine.call("mmap", 0, PAGE, RW, 0x20, -1, 0)).isEqualTo(-Errno.EINVAL);
        assertThat(machine.call("mmap", 0, PAGE, RW, 0x22, -1, 1)).isEqualTo(-Errno.EINVAL);
        assertThat(machine.call("mmap", 0, PAGE, RW, 2, 9, 0)).isEqualTo(-Errno.EBADF);
        assertThat(machine.call("mmap", BASE, PAGE, RW, 0x100022, -1, 0)).isEqualTo(-Errno.EEXIST);
        assertThat(machine.call("mmap", 0, 1L << 47, RW, 0x22, -1, 0)).isEqualTo(-Errno.ENOMEM);
        assertThat(machine.call("mmap", 0, -1L, RW, 0x22, -1, 0)).isEqualTo(-Errno.ENOMEM);
        assertThat(machine.call("mmap", PAGE, PAGE, RW, PRIVATE_FIXED, -1, 0)).isEqualTo(-Errno.EPERM);
        machine.files.put(3, TestFile.regular(3, true, false));
        assertThat(machine.call("mmap", 0, PAGE, RW, 1, 3, 0)).isEqualTo(-Errno.EACCES);
        assertThat(machine.call("mmap", 0, PAGE, RW, 2, 3, 0xfffffffffffff000L)).isEqualTo(-Errno.EOVERFLOW);
    }

    @Test
    void fileAreas_comeAndGo_referencesReturnToOne() {
        TestFile file = TestFile.regular(3, true, true);
        machine.files.put(3, file);
        machine.call("mmap", BASE, 8 * PAGE, RW, 0x12, 3, 0);
        machine.call("mprotect", BASE + 2 * PAGE, PAGE, 1);
        machine.call("munmap", BASE + 5 * PAGE, PAGE);
        assertThat(file.references()).isEqualTo(5);
        machine.call("mprotect", BASE + 2 * PAGE, PAGE, RW);
        assertThat(layout()).isEqualTo("0-5 rw-p 6-8 rw-p");
        machine.call("munmap", BASE, 8 * PAGE);
        assertThat(file.references()).isEqualTo(1);
        assertThat(file.linked()).isEmpty();
    }

    @Test
    void munmap_middleAtMapLimit_isRefused() {
        map(0, 3, RW);
        machine.maxMapCount = 1;
        assertThat(machine.call("munmap", BASE + PAGE, PAGE)).isEqualTo(-Errno.ENOMEM);
        assertThat(machine.call("munmap", BASE + 2 * PAGE, PAGE)).isZero();
    }

    @Test
    void brk_growsAndShrinks_asOneHeap() {
        machine.mm().setBrk(BASE, BASE);
        assertThat(machine.call("brk", BASE + 10000)).isEqualTo(BASE + 10000);
        assertThat(machine.call("brk", BASE + 30000)).isEqualTo(BASE + 30000);
        assertThat(layout()).isEqualTo("0-8 rw-p");
        assertThat(machine.mm().vmas()).extracting(Vma::mapsName).containsExactly("[heap]");
        assertThat(machine.call("brk", BASE + 1)).isEqualTo(BASE + 1);
        assertThat(layout()).isEqualTo("0-1 rw-p");
        map(3, 1, RW);
        assertThat(machine.call("brk", BASE + 5 * PAGE)).isEqualTo(BASE + 1);
    }

    @Test
    void stack_touchedBelow_growsUpToLimitAndGap() {
        machine.call("mmap", BASE, 2 * PAGE, RW, PRIVATE_FIXED | 0x100, -1, 0);
        assertThat(machine.access(BASE - 100 * PAGE, true)).isZero();
        assertThat(layout()).isEqualTo("-100-2 rw-p");
        assertThat(machine.access(BASE - (8L << 20), true)).isEqualTo(TestMachine.SIGSEGV_MAPERR);
        map(-400, 1, RW);
        assertThat(machine.access(BASE - 143 * PAGE, true)).isZero();
        assertThat(machine.access(BASE - 144 * PAGE, true)).isEqualTo(TestMachine.SIGSEGV_MAPERR);
    }

    /** Seen on 6.18: {@code VmLck} counts the pages a second time and keeps them when all is unmapped. */
    @Test
    void mremap_dontUnmapOfLockedArea_countsTwice() {
        long from = machine.call("mmap", 0, 4 * PAGE, RW, 0x2022, -1, 0);
        long to = machine.call("mremap", from, 4 * PAGE, 4 * PAGE, 5, 0);
        assertThat(machine.mm().lockedVm()).isEqualTo(8);
        machine.call("munmap", to, 4 * PAGE);
        machine.call("munmap", from, 4 * PAGE);
        assertThat(machine.mm().lockedVm()).isEqualTo(4);
    }

    @Test
    void overcommit_never_keepsToTheLimit() {
        machine.overcommitMode = 2;
        machine.ramPages = 100_000;
        assertThat(machine.overcommit.commitLimitPages()).isEqualTo(50_000);
        assertThat(machine.call("mmap", 0, 60_000 * PAGE, RW, 0x22, -1, 0)).isEqualTo(-Errno.ENOMEM);
        assertThat(machine.call("mmap", 0, 60_000 * PAGE, 1, 0x22, -1, 0)).isPositive();
        assertThat(machine.overcommit.committedPages()).isZero();
    }

    @Test
    void mseal_forbidsUnmapAndProtect() {
        map(0, 4, RW);
        assertThat(machine.call("mseal", BASE + PAGE, PAGE, 0)).isZero();
        assertThat(machine.call("munmap", BASE, 4 * PAGE)).isEqualTo(-Errno.EPERM);
        assertThat(machine.call("mprotect", BASE + PAGE, PAGE, 1)).isEqualTo(-Errno.EPERM);
    }

    @Test
    void exitMmap_leavesNothing() {
        map(0, 4, RW);
        machine.call("mlock", BASE, 2 * PAGE);
        Munmap.exitMmap(machine.mm());
        assertThat(machine.mm().totalVm()).isZero();
        assertThat(machine.mm().lockedVm()).isZero();
        assertThat(machine.overcommit.committedPages()).isZero();
    }
}
