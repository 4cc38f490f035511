package io.pagewalk.kernel.system;

import static io.pagewalk.kernel.system.TestKernel.ANON;
import static io.pagewalk.kernel.system.TestKernel.MAP_FIXED;
import static io.pagewalk.kernel.system.TestKernel.MAP_PRIVATE;
import static io.pagewalk.kernel.system.TestKernel.MAP_SHARED;
import static io.pagewalk.kernel.system.TestKernel.PAGE;
import static io.pagewalk.kernel.system.TestKernel.PROT_READ;
import static io.pagewalk.kernel.system.TestKernel.RW;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pagewalk.hardware.mmu.Access;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The model counts as many minor faults as Linux does for the same steps: against numbers that Linux 6.18 gave, and against the kernel this runs on. */
class NativeFaultCountsTest {
    /** Output of {@code fault-counts.c} on Linux 6.18.44, ext4. */
    private static final String LINUX_6_18 = """
            start 0
            anon_write_100 100
            anon_read_100 100
            anon_write_after_read_100 100
            dontneed_rewrite_50 50
            mprotect_ro_rw_write_100 0
            mprotect_none_rw_read_100 0
            file_private_read_100 7
            file_private_read_unaligned_90 6
            file_private_write_100 100
            file_private_read_then_write_100 107
            file_shared_read_100 7
            file_shared_write_100 100
            shmem_write_100 100
            shmem_read_100 100
            shmem_write_after_read_100 0
            read_into_fresh_10 11
            mremap_move_600 600
            populate_64 64
            mlock_64 64
            brk_20 20
            fork_parent_rewrite_alive_100 100
            fork_parent_rewrite_gone_100 100
            """;

    private static final int RUNS = 5;

    private final TestKernel k = TestKernel.boot();
    private final Map<String, Long> counts = new LinkedHashMap<>();

    @Test
    void steps_ofTheCProgram_countAsOnLinux618() {
        assertThat(model()).isEqualTo(parse(LINUX_6_18));
        k.verify();
    }

    @Test
    void steps_ofTheCProgram_countAsOnThisKernel(@TempDir Path directory) throws Exception {
        assumeTrue(Files.isExecutable(Path.of("/usr/bin/gcc")), "needs gcc");
        assumeTrue(!Files.getFileStore(directory).type().equals("tmpfs"), "needs a file system with a disk");
        Path program = directory.resolve("fault-counts");
        Path source = directory.resolve("fault-counts.c");
        try (InputStream in = requireNonNull(getClass().getResourceAsStream("fault-counts.c"))) {
            Files.copy(in, source);
        }
        run("gcc", "-O1", "-static", "-o", program.toString(), source.toString());
        // Write-back that comes between two touches of a shared page adds a fault: the least of some runs has none of
        // that.
        Map<String, Long> least = new LinkedHashMap<>();
        for (int run = 0; run < RUNS; run++) {
            parse(run(program.toString(), directory.resolve("data").toString()))
                    .forEach((step, faults) -> least.merge(step, faults, Math::min));
        }
        assertThat(model()).isEqualTo(least);
    }

    private static String run(String... command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(output).isZero();
        return output;
    }

    private static Map<String, Long> parse(String output) {
        Map<String, Long> result = new LinkedHashMap<>();
        output.lines().filter(line -> !line.startsWith("start")).forEach(line -> {
            int space = line.indexOf(' ');
            result.put(line.substring(0, space), Long.valueOf(line.substring(space + 1)));
        });
        return result;
    }

    private void step(String name, Runnable code) {
        long before = k.minor();
        code.run();
        counts.put(name, k.minor() - before);
    }

    private void touch(long base, long pages, int kind) {
        for (long i = 0; i < pages; i++) {
            assertThat(k.kernel.access(k.task, base + i * PAGE, kind)).isEqualTo(UserAccess.OK);
        }
    }

    private long fixed(long vaddr, long pages, int prot, int flags, int fd, long offset) {
        return k.mapped(k.call("mmap", vaddr, pages * PAGE, prot, flags | MAP_FIXED, fd, offset));
    }

    private Map<String, Long> model() {
        anonymous(fixed(0x100000000000L, 512, RW, ANON, -1, 0));
        k.kernel.files().register("/data", 100 * PAGE, 0, 8, 1);
        k.kernel.files().warm("/data");
        int fd = k.open("/data", 2);
        files(fd);
        sharedMemory();
        other(fd);
        long a = 0x100000000000L;
        Task child = requireNonNull(k.kernel.fork(k.task));
        step("fork_parent_rewrite_alive_100", () -> touch(a, 100, Access.STORE));
        k.kernel.exitGroup(child, 0);
        step("fork_parent_rewrite_gone_100", () -> touch(a + 100 * PAGE, 100, Access.STORE));
        return counts;
    }

    private void anonymous(long a) {
        step("anon_write_100", () -> touch(a, 100, Access.STORE));
        step("anon_read_100", () -> touch(a + 100 * PAGE, 100, Access.LOAD));
        step("anon_write_after_read_100", () -> touch(a + 100 * PAGE, 100, Access.STORE));
        step("dontneed_rewrite_50", () -> {
            k.call("madvise", a, 50 * PAGE, 4);
            touch(a, 50, Access.STORE);
        });
        step("mprotect_ro_rw_write_100", () -> {
            k.call("mprotect", a, 100 * PAGE, PROT_READ);
            k.call("mprotect", a, 100 * PAGE, RW);
            touch(a, 100, Access.STORE);
        });
        step("mprotect_none_rw_read_100", () -> {
            k.call("mprotect", a, 100 * PAGE, 0);
            k.call("mprotect", a, 100 * PAGE, RW);
            touch(a, 100, Access.LOAD);
        });
    }

    private void files(int fd) {
        long aligned = fixed(0x110000000000L, 128, PROT_READ, MAP_PRIVATE, fd, 0);
        step("file_private_read_100", () -> touch(aligned, 100, Access.LOAD));
        long unaligned = fixed(0x120000005000L, 90, PROT_READ, MAP_PRIVATE, fd, 3 * PAGE);
        step("file_private_read_unaligned_90", () -> touch(unaligned, 90, Access.LOAD));
        long written = fixed(0x130000000000L, 100, RW, MAP_PRIVATE, fd, 0);
        step("file_private_write_100", () -> touch(written, 100, Access.STORE));
        long both = fixed(0x140000000000L, 100, RW, MAP_PRIVATE, fd, 0);
        step("file_private_read_then_write_100", () -> {
            touch(both, 100, Access.LOAD);
            touch(both, 100, Access.STORE);
        });
        long shared = fixed(0x150000000000L, 100, RW, MAP_SHARED, fd, 0);
        step("file_shared_read_100", () -> touch(shared, 100, Access.LOAD));
        step("file_shared_write_100", () -> touch(shared, 100, Access.STORE));
    }

    private void sharedMemory() {
        long first = fixed(0x160000000000L, 100, RW, 0x21, -1, 0);
        step("shmem_write_100", () -> touch(first, 100, Access.STORE));
        long second = fixed(0x170000000000L, 100, RW, 0x21, -1, 0);
        step("shmem_read_100", () -> touch(second, 100, Access.LOAD));
        step("shmem_write_after_read_100", () -> touch(second, 100, Access.STORE));
    }

    private void other(int fd) {
        step("read_into_fresh_10", () -> {
            long buffer = fixed(0x180000000000L, 16, RW, ANON, -1, 0);
            assertThat(k.call("pread64", fd, buffer + 100, 10 * PAGE, 0)).isEqualTo(10 * PAGE);
        });
        step("mremap_move_600", () -> {
            long old = fixed(0x190000000000L, 600, RW, ANON, -1, 0);
            touch(old, 600, Access.STORE);
            long moved = k.mapped(k.call("mremap", old, 600 * PAGE, 600 * PAGE, 3, 0x1a0000003000L));
            touch(moved, 600, Access.STORE);
        });
        step("populate_64", () -> fixed(0x1b0000000000L, 64, RW, ANON | 0x8000, -1, 0));
        step("mlock_64", () -> {
            long locked = fixed(0x1c0000000000L, 64, RW, ANON, -1, 0);
            assertThat(k.call("mlock", locked, 64 * PAGE)).isZero();
            assertThat(k.call("munlock", locked, 64 * PAGE)).isZero();
        });
        step("brk_20", () -> {
            long heap = (k.call("brk", 0) + PAGE - 1) & -PAGE;
            assertThat(k.call("brk", heap + 20 * PAGE)).isEqualTo(heap + 20 * PAGE);
            touch(heap, 20, Access.STORE);
        });
    }
}
