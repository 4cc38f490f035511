package io.pagewalk.observe.proc;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.Size;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.system.LinuxKernel;
import io.pagewalk.kernel.vmalloc.InitMm;
import io.pagewalk.kernel.vmalloc.VmArea;
import io.pagewalk.kernel.vmalloc.VmFlags;
import io.pagewalk.kernel.vmalloc.Vmalloc;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/** {@code /proc/vmallocinfo} and its sums in {@code /proc/meminfo}, against lines that Linux 6.18 printed on an x86-64 virtual machine with two CPUs. */
class VmallocInfoTest {
    private static final Pattern LINE = Pattern.compile("0x[0-9a-f]{16}-0x[0-9a-f]{16} ( *\\d+)"
            + "( unpurged vm_area| vm_map_ram|( \\S+\\+0x[0-9a-f]+/0x[0-9a-f]+( \\[\\w+])?)?( pages=\\d+)?( phys=0x[0-9a-f]{16})?"
            + "( ioremap)?( sparse)?( vmalloc)?( vmap)?( user)?( dma-coherent)?( vpages)?( N\\d+=\\d+)*)");

    private final LinuxKernel kernel = TestKernels.boot(PagingMode.X86_64_4LEVEL, Size.GIB);
    private final Vmalloc vmalloc = kernel.vmalloc();

    private static String text(LinuxKernel kernel) {
        return ProcTree.files(kernel).getOrDefault("vmallocinfo", "");
    }

    /** What stands behind the addresses, which differ from boot to boot on Linux. */
    private List<String> bodies() {
        return text(kernel)
                .lines()
                .map(line -> line.substring(line.indexOf(' ') + 1))
                .toList();
    }

    private static void assertEachLineParses(String text) {
        assertThat(text.lines()).isNotEmpty().allSatisfy(line -> {
            Matcher matcher = LINE.matcher(line);
            assertThat(matcher.matches()).as(line).isTrue();
            assertThat(matcher.group(1)).as(line).hasSizeGreaterThanOrEqualTo(7);
        });
    }

    @Test
    void lines_ofEachKind_areThoseThatLinuxPrints() {
        vmalloc.vmalloc(524_288, Gfp.GFP_KERNEL, "htab_map_alloc+0xf6/0x5a0");
        vmalloc.vmalloc(4096, Gfp.GFP_KERNEL, "bpf_prog_alloc_no_stats+0x39/0x230");
        long[] pfns = new long[4];
        for (int i = 0; i < pfns.length; i++) {
            pfns[i] = kernel.allocator().allocPage(Gfp.GFP_KERNEL);
        }
        vmalloc.vmap(pfns, 4, VmFlags.MAP, InitMm.PAGE_KERNEL, "irq_init_percpu_irqstack+0xca/0x100");
        VmArea device = requireNonNull(vmalloc.getVmArea(
                4096,
                1,
                vmalloc.layout().vmallocStart(),
                vmalloc.layout().vmallocEnd(),
                VmFlags.IOREMAP,
                "vp_modern_map_capability+0x12d/0x1c0"));
        device.setPhysicalAddress(0x40_0000_2000L);
        vmalloc.vmalloc(513L * 4096, Gfp.GFP_KERNEL, "test+0x0/0x10");
        vmalloc.vfree(vmalloc.vmalloc(16_384, Gfp.GFP_KERNEL, "kernel_clone+0x94/0x3e0"));
        assertThat(bodies())
                .contains(
                        "  20480 kernel_clone+0x94/0x3e0 pages=4 vmalloc N0=4",
                        " 528384 htab_map_alloc+0xf6/0x5a0 pages=128 vmalloc N0=128",
                        "   8192 bpf_prog_alloc_no_stats+0x39/0x230 pages=1 vmalloc N0=1",
                        "  20480 irq_init_percpu_irqstack+0xca/0x100 vmap",
                        "   8192 vp_modern_map_capability+0x12d/0x1c0 phys=0x0000004000002000 ioremap",
                        "2105344 test+0x0/0x10 pages=513 vmalloc vpages N0=513")
                .endsWith("  20480 unpurged vm_area");
        assertEachLineParses(text(kernel));
    }

    @Test
    void perCpuChunk_onTwoCpus_takesTheAreasOfLinux() {
        while (kernel.perCpu().chunkCount() < 2) {
            kernel.perCpu().alloc(32 << 10, 8, Gfp.GFP_KERNEL);
        }
        assertThat(bodies())
                .contains(
                        "2097152 pcpu_get_vm_areas+0x0/0x1050 vmalloc",
                        "  36864 pcpu_create_chunk+0x56/0x230 pages=8 vmalloc N0=8",
                        "  40960 pcpu_create_chunk+0x80/0x230 pages=9 vmalloc N0=9",
                        "  12288 pcpu_create_chunk+0xa0/0x230 pages=2 vmalloc N0=2",
                        "2101248 pcpu_create_chunk+0x217/0x230 pages=512 vmalloc N0=512");
    }

    @Test
    void linesOfTheHost_parseAsOurs() throws IOException {
        Path file = Path.of("/proc/vmallocinfo");
        Assumptions.assumeTrue(System.getProperty("os.version").startsWith("6.18.") && Files.isReadable(file));
        String text = Files.readString(file);
        Assumptions.assumeTrue(!text.isEmpty(), "only a privileged reader sees lines");
        assertEachLineParses(text);
    }

    private static long kilobytes(String meminfo, String name) {
        return meminfo.lines()
                .filter(line -> line.startsWith(name + ":"))
                .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
                .findFirst()
                .orElse(-1);
    }

    @Test
    void meminfo_sums_followTheRulesOfLinux() {
        vmalloc.vmalloc(3 * Size.MIB, Gfp.GFP_KERNEL, "test+0x0/0x10");
        String meminfo = ProcTree.files(kernel).getOrDefault("meminfo", "");
        long pages = vmalloc.areas().stream().mapToLong(VmArea::pageCount).sum();
        // The host says 34359738367 kB too: the last byte of the area does not count.
        assertThat(kilobytes(meminfo, "VmallocTotal")).isEqualTo(34_359_738_367L);
        assertThat(kilobytes(meminfo, "VmallocUsed")).isEqualTo(pages * 4);
        assertThat(kilobytes(meminfo, "VmallocChunk")).isZero();
        assertThat(kilobytes(meminfo, "KernelStack"))
                .isEqualTo(kernel.kernelStacks().inUse() * 16);
        assertThat(kilobytes(meminfo, "Percpu")).isEqualTo(kernel.perCpu().pages() * 4);
    }

    @Test
    void meminfo_ofI386_countsTheAreaBelowThePool() {
        LinuxKernel narrow = TestKernels.boot(PagingMode.I386_PAE, 2 * Size.GIB);
        String meminfo = ProcTree.files(narrow).getOrDefault("meminfo", "");
        assertThat(kilobytes(meminfo, "VmallocTotal"))
                .isEqualTo((narrow.vmalloc().layout().pkmapStart()
                                - 8192
                                - narrow.vmalloc().layout().vmallocStart())
                        >> 10);
        assertThat(kilobytes(meminfo, "KernelStack"))
                .isEqualTo(narrow.kernelStacks().inUse() * 8);
    }
}
