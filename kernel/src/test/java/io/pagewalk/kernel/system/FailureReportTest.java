package io.pagewalk.kernel.system;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.Size;
import io.pagewalk.hardware.mmu.Access;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.time.Cause;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** The whole report of a request that got nothing, against one that Linux 6.7 printed on a virtual machine with 2 GiB (in the test resources, without the call trace). */
class FailureReportTest {
    private static final String HEADER = "page allocation failure: order:";

    @Test
    void report_machineOfTwoGigabytes_hasTheLinesOfLinuxInOrder() throws IOException {
        TestKernel machine = boot(PagingMode.X86_64_4LEVEL, 2 * Size.GIB);
        Task task = machine.kernel.exec(
                ExecImage.bare("repro", machine.kernel.layout().stackTop()));
        machine.kernel.access(task, 0x402000, Access.STORE);
        List<String> report = fail(machine, Gfp.GFP_KERNEL | Gfp.NORETRY, 1);
        List<String> recorded = recorded();
        assertThat(report.getFirst()).isEqualTo(recorded.getFirst());
        assertThat(report.get(1)).matches("CPU: 1 UID: 0 PID: " + task.tid() + " Comm: repro Not tainted 6.18.0 .*");
        assertThat(report.get(2)).startsWith("Hardware name: ");
        assertThat(shapes(report.subList(3, report.size())))
                .isEqualTo(shapes(recorded.subList(3, recorded.size()).stream()
                        .map(FailureReportTest::asIn618)
                        .toList()));
    }

    /** What the lines say agrees with the zones: the sums of {@code mm/show_mem.c}. */
    @Test
    void report_numbers_agreeWithEachOther() {
        TestKernel machine = boot(PagingMode.X86_64_4LEVEL, 512 * Size.MIB);
        String report = String.join("\n", fail(machine, Gfp.GFP_KERNEL, 5));
        long free = 0;
        for (String zone : List.of("DMA", "DMA32")) {
            long ofZone = number(report, "Node 0 " + zone + " free:(\\d+)kB");
            assertThat(number(report, "Node 0 " + zone + ": [^\n]*= (\\d+)kB")).isEqualTo(ofZone);
            free += ofZone;
        }
        assertThat(number(report, " free:(\\d+) free_pcp:")).isEqualTo(free / 4);
        assertThat(report).contains("\n0 pages HighMem/MovableOnly\n");
        assertThat(number(report, "\n(\\d+) pages RAM\n") - number(report, "\n(\\d+) pages reserved\n"))
                .isEqualTo(machine.kernel.bootMemory().totalRamPages());
        machine.verify();
    }

    /** {@code __show_mem()} is told {@code gfp_zone()} and leaves out zones above it; the sums at the end count all of them. */
    @Test
    void report_i386_showsHighMemoryToThoseWhoMayUseIt() {
        TestKernel machine = boot(PagingMode.I386, Size.GIB);
        assertThat(fail(machine, Gfp.GFP_KERNEL, 5))
                .anyMatch(line -> line.startsWith("Node 0 Normal free:"))
                .noneMatch(line -> line.startsWith("Node 0 HighMem"))
                .contains("Node 0 hugepages_total=0 hugepages_free=0 hugepages_surp=0 hugepages_size=4096kB")
                .contains("32768 pages HighMem/MovableOnly");
        machine.kernel.time().charge(Cause.PROCESS, 20_000_000_000L);
        assertThat(fail(machine, Gfp.GFP_HIGHUSER | Gfp.NORETRY, 5))
                .anyMatch(line -> line.startsWith("Node 0 HighMem free:"))
                .anyMatch(line -> line.startsWith("Node 0 HighMem: "));
    }

    /** {@code DEFINE_RATELIMIT_STATE(nopage_rs, 10*HZ, 1)}. */
    @Test
    void report_moreThanOneInTenSeconds_isCountedAndToldLater() {
        TestKernel machine = boot(PagingMode.X86_64_4LEVEL, 128 * Size.MIB);
        fail(machine, Gfp.GFP_KERNEL, 5);
        assertThat(machine.kernel.allocator().allocPages(Gfp.GFP_KERNEL, 5)).isEqualTo(PageAllocator.NO_PAGE);
        assertThat(machine.kernel.allocator().allocPages(Gfp.GFP_KERNEL, 6)).isEqualTo(PageAllocator.NO_PAGE);
        assertThat(machine.kernel.log().lines().stream().filter(line -> line.contains(HEADER)))
                .hasSize(1);
        machine.kernel.time().charge(Cause.PROCESS, 10_100_000_000L);
        assertThat(machine.kernel.allocator().allocPages(Gfp.GFP_KERNEL, 7)).isEqualTo(PageAllocator.NO_PAGE);
        assertThat(machine.logged("warn_alloc: 2 callbacks suppressed")).isTrue();
        assertThat(machine.logged(HEADER + "7, mode:0xcc0(GFP_KERNEL)")).isTrue();
    }

    private static TestKernel boot(PagingMode mode, long ramBytes) {
        return TestKernel.boot(
                mode == PagingMode.I386 ? "pentium-m" : "skylake", mode, ramBytes, 2, BootOptions.defaults());
    }

    /** Takes all memory and asks once more; returns what the log says of it. */
    private static List<String> fail(TestKernel machine, int gfp, int order) {
        PageAllocator allocator = machine.kernel.allocator();
        List<Long> taken = new ArrayList<>();
        for (int size = 10; size >= order; size--) {
            long pfn = 0;
            while (pfn != PageAllocator.NO_PAGE) {
                pfn = allocator.allocPages((gfp & ~Gfp.DIRECT_RECLAIM) | Gfp.NOWARN, size);
                taken.add(pfn);
            }
        }
        int before = machine.kernel.log().lines().size();
        assertThat(allocator.allocPages(gfp, order)).isEqualTo(PageAllocator.NO_PAGE);
        List<String> lines = machine.kernel.log().lines().stream()
                .skip(before)
                .map(line -> line.replaceFirst("^\\[ *\\d+\\.\\d+\\] ", ""))
                .toList();
        assertThat(taken).hasSizeGreaterThan(10);
        return lines;
    }

    private static List<String> recorded() throws IOException {
        try (InputStream in = FailureReportTest.class.getResourceAsStream("allocation-failure-6.7.txt")) {
            assertThat(in).isNotNull();
            return in == null
                    ? List.of()
                    : new String(in.readAllBytes(), StandardCharsets.UTF_8)
                            .lines()
                            .toList();
        }
    }

    /** What {@code mm/show_mem.c} prints since: writeback_tmp went in 6.17, free_highatomic (6.16), Balloon (6.16) and zspages (6.18) came. */
    private static String asIn618(String line) {
        return line.replaceFirst(" writeback_tmp:\\d+kB", "")
                .replaceFirst("(all_unreclaimable\\? no)", "$1 Balloon:0kB")
                .replaceFirst("(reserved_highatomic:\\d+KB)", "$1 free_highatomic:0KB")
                .replaceFirst("(writepending:\\d+kB)", "$1 zspages:0kB");
    }

    /** The lines with every number, and the letters of migrate types, replaced by a mark. */
    private static List<String> shapes(List<String> lines) {
        return lines.stream()
                .map(line -> line.replaceAll(" \\([UMEHCI]+\\)", "").replaceAll("\\d+", "N"))
                .toList();
    }

    private static long number(String text, String pattern) {
        Matcher matcher = Pattern.compile(pattern).matcher(text);
        assertThat(matcher.find()).as(pattern).isTrue();
        return Long.parseLong(matcher.group(1));
    }
}
