package io.pagewalk.kernel.system;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Single calls on files of {@code /proc} and {@code /sys/kernel/mm/{ksm,transparent_hugepage}}, on the model and on the kernel of this machine. Nothing that is written there changes anything. */
class ProcFilesTest {
    private static final long PAGE = 4096;
    private static final long TEXT = TwoKernels.ARENA;
    private static final long BUFFER = TEXT + PAGE;
    private static final long DATA = TEXT + 8 * PAGE;
    private static final String KSM = "/sys/kernel/mm/ksm/";
    private static final String HUGE_PAGES = "/sys/kernel/mm/transparent_hugepage/";
    private static final long FRAME_BITS = (1L << 55) - 1;

    /** Bits of kpageflags that do not depend on when a page came to its list: dirty, buddy, mmap, anon, swapbacked, ksm, zero page. */
    private static final long COMPARED_FLAGS =
            1L << 4 | 1L << 10 | 1L << 11 | 1L << 12 | 1L << 14 | 1L << 21 | 1L << 24;

    @TempDir
    Path directory = Path.of(".");

    private @Nullable TwoKernels started;

    @BeforeEach
    void start() throws IOException, InterruptedException {
        Optional<TwoKernels> found = TwoKernels.start(directory, 20, 4);
        assumeTrue(found.isPresent(), "needs Linux 6.18, gcc and the right to make namespaces");
        started = found.orElseThrow();
        both().call(0, "mmap", TEXT, 16 * PAGE, 3, 0x32, -1, 0);
        both().store(0, BUFFER, 0);
    }

    @AfterEach
    void stop() {
        if (started != null) {
            started.model.verify();
            started.close();
        }
    }

    private TwoKernels both() {
        return Objects.requireNonNull(started);
    }

    private long open(String path, long flags) {
        return both().call(0, "openat", -100, both().text(0, TEXT, path), flags, 0600);
    }

    private void write(long fd, String text) {
        both().call(0, "write", fd, both().text(0, TEXT, text), text.length());
    }

    private void read(long fd, long length) {
        long got = both().call(0, "read", fd, BUFFER, length);
        if (got > 0) {
            List<ByteBuffer> bytes = both().bytes(0, BUFFER, (int) got);
            both().expectEqual("what was read", bytes.get(1), bytes.get(0));
        }
    }

    @Test
    void ksmSettings_writtenAndRead_answerAlike() throws IOException {
        assumeTrue(Files.readString(Path.of(KSM + "run")).equals("0\n"), "somebody uses ksmd");
        open(KSM + "pages_shared", 1);
        open(KSM + "full_scans", 2);
        open(KSM + "nothing", 0);
        open(KSM + "nothing", 0x41);
        long run = open(KSM + "run", 2);
        read(run, 1);
        read(run, 10);
        read(run, 10);
        for (String text : new String[] {"3", "0", "0\n0", " 0", "0 ", "+0", "0\n", "-0", "x", "99999999999", "00"}) {
            write(run, text);
        }
        both().call(0, "lseek", run, 0, 1);
        both().call(0, "lseek", run, 0, 2);
        both().call(0, "lseek", run, -1, 0);
        for (String name : new String[] {"max_page_sharing", "merge_across_nodes", "sleep_millisecs"}) {
            long fd = open(KSM + name, 2);
            read(fd, 20);
            for (String text : new String[] {"x", "-1", "99999999999999999999999", "1 1"}) {
                write(fd, text);
            }
        }
        long sharing = open(KSM + "max_page_sharing", 1);
        write(sharing, "1");
        write(sharing, "99999999999");
        write(open(KSM + "merge_across_nodes", 1), "2");
        write(open(KSM + "advisor_target_scan_time", 1), "0");
        long zero = open(KSM + "use_zero_pages", 1);
        for (String text : new String[] {"2", "false", "oFf", "0x", "n", "q", "o"}) {
            write(zero, text);
        }
        long mode = open(KSM + "advisor_mode", 2);
        read(mode, 30);
        for (String text : new String[] {"none\n", "none ", "x", "none"}) {
            write(mode, text);
        }
        for (String name : both().model.kernel.ksmFiles().texts().keySet()) {
            if (!name.startsWith("pages_s") && !name.equals("full_scans")) {
                read(open(KSM + name, 0), 40);
            }
        }
    }

    @Test
    void filesOfHugePages_answerAlike() {
        for (String name : both().model.kernel.hugePageFiles().texts().keySet()) {
            long fd = open(HUGE_PAGES + name, name.contains("stats/") ? 0 : 2);
            if (fd >= 0) {
                write(fd, "zero");
                write(fd, "-1");
            }
        }
        for (String name : new String[] {"enabled", "hugepages-64kB/enabled", "hugepages-8kB/shmem_enabled"}) {
            write(open(HUGE_PAGES + name, 1), "deny");
            write(open(HUGE_PAGES + name, 1), "never\n\n");
        }
        write(open(HUGE_PAGES + "shmem_enabled", 1), "advise          ");
        for (String text : new String[] {"2", "y", "1\n\n", " 1", "18446744073709551616"}) {
            write(open(HUGE_PAGES + "use_zero_page", 1), text);
            write(open(HUGE_PAGES + "khugepaged/defrag", 1), text);
        }
        write(open(HUGE_PAGES + "shrink_underused", 1), "2");
        for (String name : new String[] {"max_ptes_none", "max_ptes_swap", "max_ptes_shared"}) {
            write(open(HUGE_PAGES + "khugepaged/" + name, 1), "512");
            write(open(HUGE_PAGES + "khugepaged/" + name, 1), "18446744073709551616");
        }
        write(open(HUGE_PAGES + "khugepaged/pages_to_scan", 1), "0");
        for (String name : new String[] {"pages_to_scan", "scan_sleep_millisecs", "alloc_sleep_millisecs"}) {
            write(open(HUGE_PAGES + "khugepaged/" + name, 1), "4294967296");
        }
        read(open(HUGE_PAGES + "hpage_pmd_size", 0), 40);
        open(HUGE_PAGES + "hpage_pmd_size", 1);
        open(HUGE_PAGES + "nothing", 0);
        open(HUGE_PAGES + "hugepages-8kB/enabled", 0);
        open(HUGE_PAGES + "khugepaged/nothing", 0x42);
    }

    @Test
    void procFiles_ofOneself_answerAlike() {
        long stat = open("/proc/self/ksm_stat", 2);
        read(stat, 5);
        read(stat, 200);
        both().call(0, "lseek", stat, 0, 2);
        write(stat, "x");
        read(open("/proc/self/ksm_merging_pages", 0), 20);
        open("/proc/self/nothing", 0);
        open("/proc/4194304/pagemap", 0);
        open("/proc/self/pagemap", 0x10000);
        for (String name : new String[] {"/proc/kpageflags", "/proc/kpagecount", "/proc/self/pagemap"}) {
            long fd = open(name, 2);
            both().call(0, "read", fd, BUFFER, 4);
            both().call(0, "pread64", fd, BUFFER, 8, 4);
            both().call(0, "pread64", fd, BUFFER, 8, 1L << 50);
            both().call(0, "pread64", fd, BUFFER, 8, 1L << 62);
            both().call(0, "pread64", fd, BUFFER, 16, 0);
            both().call(0, "lseek", fd, 0, 2);
            both().call(0, "lseek", fd, 8, 0);
            both().call(0, "lseek", fd, 8, 1);
            both().call(0, "write", fd, BUFFER, 8);
            both().call(0, "ioctl", fd, 0x1234, 0);
            both().call(0, "mmap", 0, PAGE, 1, 2, fd, 0);
        }
        long clear = open("/proc/self/clear_refs", 2);
        both().call(0, "read", clear, BUFFER, 1);
        both().call(0, "lseek", clear, 5, 0);
        both().call(0, "lseek", clear, 0, 1);
        write(clear, "1                     ");
        both().call(0, "write", clear, 8, 1);
        both().call(0, "ioctl", clear, 0xc0606610L, DATA);
    }

    @Test
    void kpageFiles_ofMappedPages_sayTheSame() {
        long fd = both().call(0, "memfd_create", both().text(0, TEXT, "m"), 0);
        both().call(0, "ftruncate", fd, 4 * PAGE);
        both().call(0, "mmap", DATA, 2 * PAGE, 3, 0x11, fd, 0);
        both().call(0, "mmap", DATA + 2 * PAGE, 2 * PAGE, 3, 0x12, fd, 0);
        both().store(0, DATA, 1);
        both().load(0, DATA + PAGE);
        both().load(0, DATA + 2 * PAGE);
        both().store(0, DATA + 3 * PAGE, 1);
        both().store(0, DATA + 4 * PAGE, 1);
        both().call(0, "mmap", DATA + 5 * PAGE, PAGE, 3, 0x32, -1, 0);
        both().load(0, DATA + 5 * PAGE);
        both().fork(0, 1);
        both().store(1, DATA + 4 * PAGE, 2);
        long pagemap = open("/proc/self/pagemap", 0);
        long flags = open("/proc/kpageflags", 0);
        long count = open("/proc/kpagecount", 0);
        for (long page = DATA; page < DATA + 6 * PAGE; page += PAGE) {
            both().call(0, "pread64", pagemap, BUFFER, 8, page / PAGE * 8);
            List<ByteBuffer> words = both().bytes(0, BUFFER, 8);
            long real = (words.get(0).getLong(0) & FRAME_BITS) * 8;
            long modelled = (words.get(1).getLong(0) & FRAME_BITS) * 8;
            both().callEach(0, "pread64", new long[] {flags, BUFFER, 8, real}, new long[] {flags, BUFFER, 8, modelled});
            List<ByteBuffer> bits = both().bytes(0, BUFFER, 8);
            both().expectEqual(
                            "flags of " + Long.toHexString(page),
                            Long.toHexString(bits.get(1).getLong(0) & COMPARED_FLAGS),
                            Long.toHexString(bits.get(0).getLong(0) & COMPARED_FLAGS));
            both().callEach(0, "pread64", new long[] {count, BUFFER, 8, real}, new long[] {count, BUFFER, 8, modelled});
            both().load(0, BUFFER);
        }
    }
}
