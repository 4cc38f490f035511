package io.pagewalk.kernel.system;

import static io.pagewalk.kernel.system.TestKernel.PAGE;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.Size;
import io.pagewalk.hardware.mmu.Refill;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.vma.Vma;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Names of anonymous memory. Expectations come from {@code mm/madvise.c} and {@code fs/proc/task_mmu.c}: the kernel of the test machine may be built without names. */
class AnonymousNamesTest {
    private static final int PR_SET_VMA = 0x53564d41;

    private final TestKernel k = TestKernel.boot(
            "skylake",
            PagingMode.X86_64_4LEVEL,
            256 * Size.MIB,
            1,
            BootOptions.defaults().withAnonymousNames(),
            Refill.HARDWARE);
    private long text;
    private long base;

    @BeforeEach
    void mapEightPages() {
        text = 0x20_0000_0000L;
        base = 0x30_0000_0000L;
        k.mapped(k.call("mmap", text, PAGE, 3, 0x32, -1, 0));
        k.mapped(k.call("mmap", base, 8 * PAGE, 3, 0x32, -1, 0));
    }

    @AfterEach
    void wholeMachineIsSound() {
        k.verify();
    }

    private long name(long page, long pages, String name) {
        byte[] bytes = (name + "\0").getBytes(StandardCharsets.ISO_8859_1);
        k.task.userMemory().copyToUser(text, bytes, 0, bytes.length);
        return k.call("prctl", PR_SET_VMA, 0, base + page * PAGE, pages * PAGE, text);
    }

    /** Page numbers and names of the areas. */
    private List<String> areas(Task who) {
        List<String> lines = new ArrayList<>();
        for (Vma vma : who.mm().vmas()) {
            if (vma.start() >= base && vma.start() < base + 64 * PAGE) {
                lines.add((vma.start() - base) / PAGE + "-" + (vma.end() - base) / PAGE + " " + vma.mapsName());
            }
        }
        return lines;
    }

    @Test
    void setName_partOfAnArea_splitsAndMerges() {
        assertThat(name(2, 2, "one")).isZero();
        assertThat(areas(k.task)).containsExactly("0-2 ", "2-4 [anon:one]", "4-8 ");
        assertThat(name(4, 2, "two")).isZero();
        assertThat(areas(k.task)).containsExactly("0-2 ", "2-4 [anon:one]", "4-6 [anon:two]", "6-8 ");
        assertThat(name(4, 2, "one")).isZero();
        assertThat(areas(k.task)).containsExactly("0-2 ", "2-6 [anon:one]", "6-8 ");
        assertThat(k.call("prctl", PR_SET_VMA, 0, base, 8 * PAGE, 0)).isZero();
        assertThat(areas(k.task)).containsExactly("0-8 ");
    }

    @Test
    void newMemory_besideANamedArea_doesNotMerge() {
        assertThat(name(0, 8, "n")).isZero();
        k.mapped(k.call("mmap", base + 8 * PAGE, PAGE, 3, 0x32, -1, 0));
        assertThat(areas(k.task)).containsExactly("0-8 [anon:n]", "8-9 ");
        assertThat(k.call("mprotect", base, PAGE, 1)).isZero();
        assertThat(k.call("mprotect", base, PAGE, 3)).isZero();
        assertThat(areas(k.task)).containsExactly("0-8 [anon:n]", "8-9 ");
    }

    @Test
    void forkAndMremap_namedArea_keepTheName() {
        assertThat(name(0, 2, "n")).isZero();
        Task child = requireNonNull(k.kernel.fork(k.task));
        assertThat(areas(child)).containsExactly("0-2 [anon:n]", "2-8 ");
        assertThat(k.call("mremap", base, 2 * PAGE, 4 * PAGE, 3, base + 16 * PAGE))
                .isEqualTo(base + 16 * PAGE);
        assertThat(areas(k.task)).containsExactly("2-8 ", "16-20 [anon:n]");
    }

    @Test
    void setName_sharedAnonymousMemory_isShownAsShmem() {
        k.mapped(k.call("mmap", base, 2 * PAGE, 3, 0x31, -1, 0));
        assertThat(name(0, 2, "n")).isZero();
        assertThat(areas(k.task)).containsExactly("0-2 [anon_shmem:n]", "2-8 ");
    }

    @Test
    void setName_badArguments_areRefused() {
        assertThat(name(0, 1, "bracket[")).isEqualTo(-Errno.EINVAL);
        assertThat(name(0, 1, "dollar$")).isEqualTo(-Errno.EINVAL);
        assertThat(name(0, 1, "back\\slash")).isEqualTo(-Errno.EINVAL);
        assertThat(name(0, 1, "tab\t")).isEqualTo(-Errno.EINVAL);
        assertThat(name(0, 1, "x".repeat(80))).isEqualTo(-Errno.EINVAL);
        assertThat(name(0, 1, "x".repeat(79))).isZero();
        assertThat(name(0, 0, "zero")).isZero();
        assertThat(k.call("prctl", PR_SET_VMA, 0, base + 1, PAGE, text)).isEqualTo(-Errno.EINVAL);
        assertThat(k.call("prctl", PR_SET_VMA, 0, base, -1, text)).isEqualTo(-Errno.EINVAL);
        assertThat(k.call("prctl", PR_SET_VMA, 0, base, PAGE, 0x1000)).isEqualTo(-Errno.EFAULT);
        assertThat(k.call("prctl", PR_SET_VMA, 1, base, PAGE, text)).isEqualTo(-Errno.EINVAL);
        assertThat(name(6, 4, "hole")).isEqualTo(-Errno.ENOMEM);
        assertThat(areas(k.task)).contains("6-8 [anon:hole]");
    }

    @Test
    void setName_fileMapping_isBadDescriptor() {
        long fd = k.open("/dev/shm/f", 0x42);
        assertThat(k.call("ftruncate", fd, PAGE)).isZero();
        k.mapped(k.call("mmap", base, PAGE, 3, 0x12, fd, 0));
        assertThat(name(0, 2, "n")).isEqualTo(-Errno.EBADF);
        assertThat(areas(k.task)).contains("1-8 ");
    }
}
