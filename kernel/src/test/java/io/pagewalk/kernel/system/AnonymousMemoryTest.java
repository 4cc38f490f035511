package io.pagewalk.kernel.system;

import static io.pagewalk.kernel.system.TestKernel.PAGE;
import static io.pagewalk.kernel.system.TestKernel.PROT_READ;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.Size;
import io.pagewalk.hardware.mmu.Access;
import io.pagewalk.hardware.mmu.Refill;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.vma.RssCounter;
import io.pagewalk.kernel.zone.VmEvent;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Page faults on anonymous memory. Counts were seen on Linux 6.18 by a C program with getrusage() around the same steps, except where a test says otherwise. */
class AnonymousMemoryTest {
    private TestKernel k = TestKernel.boot();

    @AfterEach
    void wholeMachineIsSound() {
        k.verify();
        if (k.task.mmOrNull() != null) {
            k.kernel.exitGroup(k.task, 0);
        }
        k.verify();
        assertThat(k.kernel.memmap().ownerFrames(FrameOwner.ANON)).isZero();
    }

    @Test
    void mmap_untouched_takesNoFrames() {
        long before = k.task.mm().rssPages();
        k.anonymous(1000);
        assertThat(k.task.mm().rssPages()).isEqualTo(before);
    }

    @Test
    void store_eachPage_isOneMinorFaultAndOneFrame() {
        long base = k.anonymous(100);
        long faults = k.minor();
        long rss = k.task.mm().rss(RssCounter.ANON);
        for (int i = 0; i < 100; i++) {
            k.kernel.store(k.task, base + i * PAGE, i);
            k.kernel.store(k.task, base + i * PAGE + 8, i);
        }
        assertThat(k.minor() - faults).isEqualTo(100);
        assertThat(k.task.mm().rss(RssCounter.ANON) - rss).isEqualTo(100);
        for (int i = 0; i < 100; i++) {
            assertThat(k.kernel.load(k.task, base + i * PAGE)).isEqualTo(i);
        }
    }

    @Test
    void load_thenStore_mapsZeroPageThenCopies() {
        long base = k.anonymous(4);
        long faults = k.minor();
        long rss = k.task.mm().rssPages();
        assertThat(k.kernel.load(k.task, base)).isZero();
        assertThat(k.kernel.load(k.task, base + PAGE)).isZero();
        assertThat(k.minor() - faults).isEqualTo(2);
        assertThat(k.task.mm().rssPages()).isEqualTo(rss);
        assertThat(k.kernel.mmuOf(k.task).translate(base))
                .isEqualTo(k.kernel.kernelTables().zeroPfn() << 12);
        k.kernel.store(k.task, base, 5);
        assertThat(k.minor() - faults).isEqualTo(3);
        assertThat(k.task.mm().rssPages()).isEqualTo(rss + 1);
        assertThat(k.kernel.load(k.task, base + PAGE)).isZero();
    }

    @Test
    void munmap_all_freesPagesAndTables() {
        long tables = k.task.mm().pgtablesBytes();
        long frames = k.kernel.memmap().ownerFrames(FrameOwner.PAGE_TABLE);
        long base =
                k.mapped(k.call("mmap", 0x10_0000_0000L, 1024 * PAGE, TestKernel.RW, TestKernel.ANON | 0x10, -1, 0));
        for (int i = 0; i < 1024; i++) {
            k.kernel.store(k.task, base + i * PAGE, 1);
        }
        assertThat(k.task.mm().pgtablesBytes() - tables).isEqualTo(4 * 4096);
        assertThat(k.call("munmap", base, 1024 * PAGE)).isZero();
        assertThat(k.task.mm().pgtablesBytes())
                .as("the third level stays for the areas below")
                .isEqualTo(tables + 4096);
        assertThat(k.kernel.memmap().ownerFrames(FrameOwner.PAGE_TABLE)).isEqualTo(frames + 1);
        assertThat(k.kernel.access(k.task, base, Access.LOAD)).isEqualTo(UserAccess.SEGV_MAPERR);
    }

    @Test
    void access_withoutRight_isAccerr() {
        long base = k.anonymous(2);
        k.kernel.store(k.task, base, 1);
        k.call("mprotect", base, PAGE, PROT_READ);
        assertThat(k.kernel.access(k.task, base, Access.STORE)).isEqualTo(UserAccess.SEGV_ACCERR);
        assertThat(k.kernel.access(k.task, base, Access.LOAD)).isEqualTo(UserAccess.OK);
        k.call("mprotect", base, PAGE, 0);
        assertThat(k.kernel.access(k.task, base, Access.LOAD)).isEqualTo(UserAccess.SEGV_ACCERR);
        k.call("mprotect", base, PAGE, TestKernel.RW);
        long faults = k.minor();
        k.kernel.store(k.task, base, 2);
        assertThat(k.minor())
                .as("an exclusive page becomes writable without a fault")
                .isEqualTo(faults);
    }

    @Test
    void fetch_pageWithoutExec_isAccerrAfterItsPageCame() {
        long base = k.anonymous(1);
        long faults = k.minor();
        assertThat(k.kernel.access(k.task, base, Access.FETCH)).isEqualTo(UserAccess.SEGV_ACCERR);
        assertThat(k.minor() - faults).isEqualTo(1);
    }

    @Test
    void access_kernelHalf_isRefused() {
        long direct = k.kernel.bootMemory().conversion().pageOffset() + 0x100000;
        assertThat(k.kernel.access(k.task, direct, Access.LOAD)).isEqualTo(UserAccess.SEGV_MAPERR);
        assertThat(k.kernel.access(k.task, 0x8000_0000_0000_0000L >>> 8, Access.LOAD))
                .isEqualTo(UserAccess.SEGV_KERNEL);
        assertThat(k.kernel.copyToUser(k.task, direct, 8)).isEqualTo(UserAccess.SEGV_MAPERR);
    }

    @Test
    void access_belowStack_growsIt() {
        long stack = k.task.mm().startStack() & -PAGE;
        long size = k.task.mm().stackVm();
        assertThat(k.kernel.store(k.task, stack - 100 * PAGE, 7)).isEqualTo(UserAccess.OK);
        assertThat(k.task.mm().stackVm()).isGreaterThan(size);
        assertThat(k.kernel.access(k.task, stack - 9 * Size.MIB, Access.STORE)).isEqualTo(UserAccess.SEGV_MAPERR);
    }

    @Test
    void madviseDontneed_writtenPage_readsZeroAgain() {
        long base = k.anonymous(1);
        k.kernel.store(k.task, base, 9);
        assertThat(k.call("madvise", base, PAGE, 4)).isZero();
        assertThat(k.kernel.load(k.task, base)).isZero();
    }

    @Test
    void mremap_moved_keepsContents() {
        long base = k.anonymous(600);
        for (int i = 0; i < 600; i++) {
            k.kernel.store(k.task, base + i * PAGE, 1000 + i);
        }
        long faults = k.minor();
        long target = 0x20_0000_0000L;
        assertThat(k.call("mremap", base, 600 * PAGE, 600 * PAGE, 3, target)).isEqualTo(target);
        for (int i = 0; i < 600; i++) {
            assertThat(k.kernel.load(k.task, target + i * PAGE)).isEqualTo(1000 + i);
        }
        assertThat(k.minor()).isEqualTo(faults);
        assertThat(k.kernel.access(k.task, base, Access.LOAD)).isEqualTo(UserAccess.SEGV_MAPERR);
    }

    @Test
    void fault_event_countsLikeVmstat() {
        long base = k.anonymous(3);
        long before = k.event(VmEvent.PGFAULT);
        for (int i = 0; i < 3; i++) {
            k.kernel.store(k.task, base + i * PAGE, 1);
        }
        assertThat(k.event(VmEvent.PGFAULT) - before).isEqualTo(3);
    }

    @ParameterizedTest
    @CsvSource({
        "skylake, X86_64_4LEVEL, HARDWARE",
        "skylake, X86_64_4LEVEL, SOFTWARE",
        "core2, I386_PAE, HARDWARE",
        "pentium, I386, HARDWARE",
    })
    void store_everyPagingMode_worksTheSame(String cpu, PagingMode mode, Refill refill) {
        k.kernel.exitGroup(k.task, 0);
        k = TestKernel.boot(cpu, mode, 128 * Size.MIB, 1, BootOptions.defaults(), refill);
        long base = 0x2000_0000L;
        k.mapped(k.call("mmap", base, 3000 * PAGE, TestKernel.RW, TestKernel.ANON | 0x10, -1, 0));
        long faults = k.minor();
        for (int i = 0; i < 3000; i++) {
            k.kernel.store(k.task, base + i * PAGE, i);
        }
        for (int i = 0; i < 3000; i++) {
            assertThat(k.kernel.load(k.task, base + i * PAGE)).isEqualTo(i);
        }
        assertThat(k.minor() - faults).isEqualTo(3000);
        Task child = requireNonNull(k.kernel.fork(k.task));
        k.kernel.exitGroup(child, 0);
    }
}
