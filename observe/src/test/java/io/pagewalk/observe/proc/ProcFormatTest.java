package io.pagewalk.observe.proc;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.Size;
import io.pagewalk.base.Violations;
import io.pagewalk.hardware.machine.DeviceDescription;
import io.pagewalk.hardware.mmu.Access;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.system.ExecImage;
import io.pagewalk.kernel.system.LinuxKernel;
import io.pagewalk.kernel.system.Task;
import io.pagewalk.observe.ledger.Ledger;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/** The files against ones that Linux 6.18 printed on an x86-64 virtual machine with two CPUs (in the test resources), and against the host's own where it runs 6.18. */
class ProcFormatTest {
    private static final List<String> MACHINE_FILES = List.of("meminfo", "vmstat", "zoneinfo", "buddyinfo");

    @Test
    void machineFiles_twoCpus_haveTheLinesOfLinux() throws IOException {
        LinuxKernel kernel = TestKernels.boot(PagingMode.X86_64_4LEVEL, 8 * Size.GIB);
        for (String name : MACHINE_FILES) {
            assertThat(shape(file(kernel, name))).as(name).isEqualTo(shape(recorded(name)));
        }
    }

    @Test
    void machineFiles_onHostWithThisVersion_haveTheHostsLines() throws IOException {
        Assumptions.assumeTrue(
                System.getProperty("os.version").startsWith("6.18.") && Files.isReadable(Path.of("/proc/zoneinfo")));
        LinuxKernel kernel = TestKernels.boot(PagingMode.X86_64_4LEVEL, 8 * Size.GIB);
        for (String name : List.of("meminfo", "vmstat")) {
            assertThat(names(file(kernel, name))).as(name).isEqualTo(names(Files.readString(Path.of("/proc", name))));
        }
    }

    @Test
    void status_ofProcess_hasTheLinesOfLinux() throws IOException {
        LinuxKernel kernel = TestKernels.boot(PagingMode.X86_64_4LEVEL, Size.GIB);
        Task task = kernel.exec(ExecImage.bare("cat", 0x7ffd_0000_0000L));
        String status = file(kernel, task.tid() + "/status");
        assertThat(names(status)).isEqualTo(names(recorded("status")));
        assertThat(status).contains("Name:\tcat\n").containsPattern("VmRSS:\t *\\d+ kB\n");
        assertThat(status.lines()
                        .filter(line -> line.startsWith("VmPeak"))
                        .findFirst()
                        .orElse("")
                        .length())
                .isEqualTo("VmPeak:\t    3060 kB".length());
    }

    @Test
    void stat_ofProcess_has52Fields() throws IOException {
        LinuxKernel kernel = TestKernels.boot(PagingMode.X86_64_4LEVEL, Size.GIB);
        Task task = kernel.exec(ExecImage.bare("cat", 0x7ffd_0000_0000L));
        String stat = file(kernel, task.tid() + "/stat");
        assertThat(stat.split(" ", -1)).hasSameSizeAs(recorded("stat").split(" ", -1));
    }

    @Test
    void smaps_ofProcess_hasTheBlocksOfLinux() throws IOException {
        LinuxKernel kernel = TestKernels.boot(PagingMode.X86_64_4LEVEL, Size.GIB);
        Task task = kernel.exec(ExecImage.bare("cat", 0x7ffd_0000_0000L));
        kernel.access(task, 0x402000, Access.STORE);
        kernel.access(task, 0x403000, Access.LOAD);
        String smaps = file(kernel, task.tid() + "/smaps");
        assertThat(shape(lastBlock(smaps))).isEqualTo(shape(lastBlock(recorded("smaps"))));
        String data = smaps.substring(smaps.indexOf("00402000-"));
        // One page was written; the other shows the page of zeros, which belongs to nobody.
        assertThat(value(data, "Rss")).isEqualTo(4);
        assertThat(value(data, "Pss")).isEqualTo(4);
        assertThat(value(data, "Private_Dirty")).isEqualTo(4);
        assertThat(value(data, "Anonymous")).isEqualTo(4);
        assertThat(data).contains("VmFlags: rd wr mr mw me ac \n");
    }

    @Test
    void smaps_pageSharedAfterFork_countsHalf() {
        LinuxKernel kernel = TestKernels.boot(PagingMode.X86_64_4LEVEL, Size.GIB);
        Task task = kernel.exec(ExecImage.bare("cat", 0x7ffd_0000_0000L));
        kernel.access(task, 0x402000, Access.STORE);
        assertThat(kernel.fork(task)).isNotNull();
        String smaps = file(kernel, task.tid() + "/smaps");
        String data = smaps.substring(smaps.indexOf("00402000-"));
        assertThat(value(data, "Rss")).isEqualTo(4);
        assertThat(value(data, "Pss")).isEqualTo(2);
        assertThat(value(data, "Shared_Dirty")).isEqualTo(4);
    }

    @Test
    void maps_ofProcess_alignsNamesAsLinux() throws IOException {
        LinuxKernel kernel = TestKernels.boot(PagingMode.X86_64_4LEVEL, Size.GIB);
        Task task = kernel.exec(ExecImage.bare("cat", 0x7ffd_0000_0000L));
        List<String> lines = file(kernel, task.tid() + "/maps").lines().toList();
        List<String> real = recorded("maps").lines().toList();
        assertThat(lines.getLast()).isEqualTo(real.getLast());
        String stack = lines.get(lines.size() - 2);
        assertThat(stack).isEqualTo("7ffcfffdf000-7ffd00000000 rw-p 00000000 00:00 0                          [stack]");
        assertThat(stack.indexOf('[')).isEqualTo(real.get(real.size() - 2).indexOf('['));
        // A line without a name ends in a space, as Linux prints it.
        assertThat(lines.getFirst()).isEqualTo("00400000-00401000 r-xp 00000000 00:00 0 ");
    }

    @Test
    void ledger_afterFaults_accountsForEveryFrame() {
        LinuxKernel kernel = TestKernels.boot(PagingMode.X86_64_4LEVEL, Size.GIB);
        Task task = kernel.exec(ExecImage.bare("cat", 0x7ffd_0000_0000L));
        kernel.access(task, 0x402000, Access.STORE);
        Ledger ledger = Ledger.of(kernel.memmap(), kernel.bootMemory().zones());
        assertThat(ledger.unaccountedFrames()).isZero();
        assertThat(ledger.frames(FrameOwner.ANON)).isPositive();
        Violations violations = new Violations();
        kernel.verify(violations);
        assertThat(violations.lines()).isEmpty();
    }

    @Test
    void meminfo_i386_showsHighAndLowMemory() {
        String meminfo = file(TestKernels.boot(PagingMode.I386_PAE, 2 * Size.GIB), "meminfo");
        assertThat(value(meminfo, "LowTotal")).isBetween(700_000L, 896 * 1024L);
        assertThat(value(meminfo, "HighTotal")).isEqualTo((2048 - 896) * 1024);
        assertThat(value(meminfo, "HighTotal") + value(meminfo, "LowTotal")).isEqualTo(value(meminfo, "MemTotal"));
    }

    @Test
    void iomem_x86_reservesPageZeroAndNestsTheKernel() {
        String iomem = file(TestKernels.boot(PagingMode.X86_64_4LEVEL, 8 * Size.GIB), "iomem");
        assertThat(iomem).startsWith("00000000-00000fff : Reserved\n00001000-0009fbff : System RAM\n");
        assertThat(iomem).contains("00100000-bfffffff : System RAM\n  01000000-01dfffff : Kernel code\n");
        assertThat(iomem).contains("100000000-23fffffff : System RAM\n");
    }

    /** The dump is of a Firecracker machine with Linux 6.18 and 24 GiB: what lies in mainboard and PCI ranges is the same here where the model has the device. */
    @Test
    void ioports_pcWithPciAndSerialPort_haveTheLinesOfLinux() throws IOException {
        LinuxKernel kernel = TestKernels.boot(
                PagingMode.X86_64_4LEVEL,
                24 * Size.GIB,
                List.of(new DeviceDescription.Uart(0x3f8), new DeviceDescription.Framebuffer(1, 16 * Size.MIB)));
        // No driver of the model asks for the clock chip.
        String expected = recorded("ioports").replaceAll("  0070-0071 : rtc_cmos\n", "");
        assertThat(file(kernel, "ioports")).isEqualTo(expected);
    }

    @Test
    void iomem_pcWithPciCard_nestsItsWindowsBelowTheBus() {
        LinuxKernel kernel = TestKernels.boot(
                PagingMode.X86_64_4LEVEL, 24 * Size.GIB, List.of(new DeviceDescription.Framebuffer(1, 16 * Size.MIB)));
        assertThat(file(kernel, "iomem")).contains("""
                4000000000-7fffffffff : PCI Bus 0000:00
                  4000000000-4000ffffff : 0000:00:01.0
                    4000000000-4000ffffff : pwfb
                """).contains("""
                c0000000-febfffff : PCI Bus 0000:00
                  c0000000-c0000fff : 0000:00:01.0
                    c0000000-c0000fff : pwfb
                """);
        assertThat(IoMem.print(kernel.ioResources().iomem(), IoMem.Reader.OTHERS))
                .startsWith("00000000-00000000 : Reserved\n00000000-00000000 : System RAM\n");
    }

    private static String file(LinuxKernel kernel, String name) {
        return ProcTree.files(kernel).getOrDefault(name, "no such file");
    }

    private static String recorded(String name) throws IOException {
        try (InputStream in = ProcFormatTest.class.getResourceAsStream(name + "-6.18.txt")) {
            assertThat(in).isNotNull();
            return in == null ? "" : new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    /** The text with every number and the padding before it replaced: names, order, punctuation and line ends stay. */
    private static String shape(String text) {
        return text.replaceAll(" *-?\\d+", " N");
    }

    private static List<String> names(String text) {
        return text.lines().map(line -> line.split("[:\\s]", 2)[0]).toList();
    }

    private static String lastBlock(String smaps) {
        String withoutVsyscall = smaps.substring(0, smaps.indexOf("ffffffffff600000-"));
        int start = withoutVsyscall.lastIndexOf("[stack]");
        return withoutVsyscall
                .substring(withoutVsyscall.indexOf('\n', start) + 1)
                .replaceAll("VmFlags: .*", "VmFlags:");
    }

    private static long value(String text, String name) {
        return text.lines()
                .filter(line -> line.startsWith(name + ":"))
                .map(line -> Long.valueOf(line.replaceAll("[^0-9]", "")))
                .findFirst()
                .orElse(-1L);
    }
}
