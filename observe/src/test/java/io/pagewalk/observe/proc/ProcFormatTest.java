package io.pagewalk.observe.proc;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.Size;
import io.pagewalk.base.Violations;
import io.pagewalk.hardware.machine.DeviceDescription;
import io.pagewalk.hardware.mmu.Access;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.cma.CmaArea;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.syscall.SyscallArgs;
import io.pagewalk.kernel.system.BootOptions;
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
import java.util.Map;
import java.util.Objects;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/** The files against ones that Linux 6.18 printed on an x86-64 virtual machine with two CPUs (in the test resources), and against the host's own where it runs 6.18. */
class ProcFormatTest {
    private static final int MADV_MERGEABLE = 12;
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

    /** Recorded on the machine of the other dumps; blanks and widths count, since readers cut this file by columns. */
    @Test
    void pagetypeinfo_threeZones_hasTheColumnsOfLinux() throws IOException {
        String file = file(TestKernels.boot(PagingMode.X86_64_4LEVEL, 8 * Size.GIB), "pagetypeinfo");
        assertThat(columns(file)).isEqualTo(columns(recorded("pagetypeinfo")));
        Path host = Path.of("/proc/pagetypeinfo");
        Assumptions.assumeTrue(System.getProperty("os.version").startsWith("6.18.") && Files.isReadable(host));
        List<String> lines = Files.readAllLines(host);
        // A host with other zones has other lines, but each is one of ours by its columns.
        assertThat(columns(file).lines().toList())
                .containsAll(lines.stream()
                        .filter(line -> line.matches("(?!.*zone).*|.*zone +(DMA|DMA32|Normal)\\b.*"))
                        .map(ProcFormatTest::columns)
                        .toList());
    }

    /** {@code mm/vmstat.c} and {@code mm/cma.c}: with the contiguous memory allocator there are one migrate type and two events more. */
    @Test
    void machineFiles_withCma_showItsTypeAndEvents() {
        LinuxKernel kernel = TestKernels.boot(
                PagingMode.X86_64_4LEVEL,
                8 * Size.GIB,
                List.of(),
                BootOptions.defaults().withCommandLine("cma=64M"));
        CmaArea cma = Objects.requireNonNull(kernel.cma());
        assertThat(cma.allocate(1 << 10, 0)).isNotEqualTo(PageAllocator.NO_PAGE);
        assertThat(cma.allocate(1 << 20, 0)).isEqualTo(PageAllocator.NO_PAGE);
        assertThat(cma.allocate(1 << 30, 0)).isEqualTo(PageAllocator.NO_PAGE);
        assertThat(file(kernel, "vmstat"))
                .contains("htlb_buddy_alloc_fail 0\ncma_alloc_success 1\ncma_alloc_fail 2\nunevictable_pgs_culled 0\n");
        assertThat(file(kernel, "pagetypeinfo")).contains("""
                Number of blocks type     Unmovable      Movable  Reclaimable   HighAtomic          CMA      Isolate\s
                """);
    }

    /**
     * Names and values of what {@code /proc/sys/vm} held on the machine of the dumps. Two values are not in the record: {@code mmap_min_addr} is a choice of who
     * configures a kernel, and {@code user_reserve_kbytes} was computed there before most of the memory was plugged in.
     */
    @Test
    void sysctls_afterBoot_haveTheNamesAndDefaultsOfLinux() throws IOException {
        Map<String, String> files = ProcTree.files(TestKernels.boot(PagingMode.X86_64_4LEVEL, 24 * Size.GIB));
        List<String> ours = files.entrySet().stream()
                .filter(file -> file.getKey().startsWith("sys/vm/"))
                .filter(file -> !file.getKey().matches(".*/(mmap_min_addr|user_reserve_kbytes)"))
                .map(file -> file.getKey().substring("sys/vm/".length()) + "=" + file.getValue())
                .toList();
        assertThat(ours).allMatch(file -> file.endsWith("\n"));
        assertThat(ours.stream().map(String::strip).toList())
                .containsExactlyElementsOf(recorded("sys-vm").lines().toList());
    }

    @Test
    void sysctls_onHostWithThisVersion_haveTheHostsFilesAndForm() throws IOException {
        Path directory = Path.of("/proc/sys/vm");
        Assumptions.assumeTrue(System.getProperty("os.version").startsWith("6.18.") && Files.isDirectory(directory));
        LinuxKernel kernel = TestKernels.boot(PagingMode.X86_64_4LEVEL, 8 * Size.GIB);
        for (String name : kernel.sysctls().names()) {
            Path host = directory.resolve(name);
            assertThat(host).exists();
            // Two of the files are for root alone.
            if (Files.isReadable(host)) {
                assertThat(shape(file(kernel, "sys/vm/" + name))).as(name).isEqualTo(shape(read(host)));
            }
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

    /** The line as Linux 6.12 prints it on an emulated CPU with keys, before the last of each block. */
    @Test
    void smaps_cpuWithKeys_tellsTheKeyOfEachArea() {
        LinuxKernel kernel = TestKernels.bootWithKeys(Size.GIB);
        Task task = kernel.exec(ExecImage.bare("cat", 0x7ffd_0000_0000L));
        int key = 0;
        for (int i = 0; i < 11; i++) {
            key = (int) kernel.syscall(
                    task, new SyscallArgs().set(kernel.syscallNumbers().number("pkey_alloc"), 0, 0));
        }
        SyscallArgs protect =
                new SyscallArgs().set(kernel.syscallNumbers().number("pkey_mprotect"), 0x402000, 0x2000, 3, key);
        assertThat(kernel.syscall(task, protect)).isZero();
        String smaps = file(kernel, task.tid() + "/smaps");
        assertThat(smaps.substring(smaps.indexOf("00402000-"))).contains("""
                THPeligible:           0
                ProtectionKey:        11
                VmFlags: rd wr mr mw me ac \n""");
        assertThat(smaps.substring(0, smaps.indexOf("00402000-"))).contains("ProtectionKey:         0\n");
        assertThat(smaps).as("[vsyscall]").endsWith("ProtectionKey:         0\nVmFlags: ex \n");
        assertThat(file(kernel, task.tid() + "/smaps_rollup")).doesNotContain("ProtectionKey");
    }

    @Test
    void smapsRollup_ofProcess_addsUpTheBlocks() throws IOException {
        LinuxKernel kernel = TestKernels.boot(PagingMode.X86_64_4LEVEL, Size.GIB);
        Task task = kernel.exec(ExecImage.bare("cat", 0x7ffd_0000_0000L));
        kernel.access(task, 0x402000, Access.STORE);
        assertThat(kernel.fork(task)).isNotNull();
        kernel.access(task, 0x403000, Access.STORE);
        String rollup = file(kernel, task.tid() + "/smaps_rollup");
        String header = "00400000-7ffd00000000 ---p 00000000 00:00 0                              [rollup]";
        String recorded = recorded("smaps_rollup");
        assertThat(rollup).startsWith(header);
        assertThat(shape(rollup.substring(rollup.indexOf('\n'))))
                .isEqualTo(shape(recorded.substring(recorded.indexOf('\n'))));
        assertThat(header.indexOf('[')).isEqualTo(recorded.indexOf('['));
        String smaps = file(kernel, task.tid() + "/smaps");
        for (String name : List.of("Rss", "Pss", "Shared_Dirty", "Private_Dirty", "Referenced", "Anonymous")) {
            long sum = smaps.lines()
                    .filter(line -> line.startsWith(name + ":"))
                    .mapToLong(line -> value(line, name))
                    .sum();
            assertThat(value(rollup, name)).as(name).isEqualTo(sum).isPositive();
        }
        assertThat(value(rollup, "Pss_Anon")).isEqualTo(value(rollup, "Pss"));
    }

    @Test
    void smaps_mergedPages_areCountedAsKsm() {
        LinuxKernel kernel = TestKernels.boot(PagingMode.X86_64_4LEVEL, Size.GIB);
        Task task = kernel.exec(ExecImage.bare("cat", 0x7ffd_0000_0000L));
        for (long page = 0x402000; page < 0x404000; page += 0x1000) {
            assertThat(kernel.store(task, page, 5)).isZero();
        }
        SyscallArgs madvise =
                new SyscallArgs().set(kernel.syscallNumbers().number("madvise"), 0x402000, 0x2000, MADV_MERGEABLE);
        assertThat(kernel.syscall(task, madvise)).isZero();
        for (int scan = 0; scan < 4; scan++) {
            kernel.ksm().scan(100);
        }
        String smaps = file(kernel, task.tid() + "/smaps");
        String data = smaps.substring(smaps.indexOf("00402000-"));
        assertThat(value(data, "KSM")).isEqualTo(8);
        assertThat(value(data, "Pss")).isEqualTo(4);
        assertThat(data.substring(data.indexOf("VmFlags"))).startsWith("VmFlags: rd wr mr mw me ac mg \n");
        assertThat(value(file(kernel, task.tid() + "/smaps_rollup"), "KSM")).isEqualTo(8);
        assertThat(file(kernel, task.tid() + "/ksm_merging_pages")).isEqualTo("2\n");
        assertThat(file(kernel, task.tid() + "/ksm_stat")).isEqualTo("""
                        ksm_rmap_items 2
                        ksm_zero_pages 0
                        ksm_merging_pages 2
                        ksm_process_profit 8064
                        ksm_merge_any: no
                        ksm_mergeable: yes
                        """);
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

    /** The flags that {@code remap_pfn_range()} sets, in the order of bits that {@code show_smap_vma_flags()} prints: pf, io, de, dd. */
    @Test
    void mapsAndSmaps_ofMappedCard_sayThatItIsNoMemory() {
        LinuxKernel kernel = TestKernels.boot(
                PagingMode.X86_64_4LEVEL, 2 * Size.GIB, List.of(new DeviceDescription.Framebuffer(1, 16 * Size.MIB)));
        Task task = kernel.exec(ExecImage.bare("draw", 0x7ffd_0000_0000L));
        SyscallArgs open = new SyscallArgs().set(kernel.syscallNumbers().number("openat"), -100, 0, 2);
        open.path = "/dev/fb0";
        long fd = kernel.syscall(task, open);
        long at = kernel.syscall(
                task, new SyscallArgs().set(kernel.syscallNumbers().number("mmap"), 0, 16 << 12, 3, 1, fd, 4 << 12));
        assertThat(kernel.access(task, at, Access.STORE)).isZero();
        String first = Long.toHexString(at) + "-" + Long.toHexString(at + (16 << 12));
        assertThat(file(kernel, task.tid() + "/maps"))
                .containsPattern("(?m)^" + first + " rw-s 00004000 [0-9a-f]{2}:[0-9a-f]{2} \\d+ +/dev/fb0$");
        String smaps = file(kernel, task.tid() + "/smaps");
        String card = smaps.substring(smaps.indexOf(first));
        assertThat(card).contains("VmFlags: rd wr sh mr mw me ms pf io de dd \n");
        assertThat(card.substring(0, card.indexOf("VmFlags"))).doesNotContain("pf");
        assertThat(card.lines().skip(1).findFirst().orElse("")).matches("Size: +64 kB");
        assertThat(value(card, "Rss")).isZero();
        assertThat(value(card, "Pss")).isZero();
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

    /** Reads as programs do, with one call: a second one gives nothing more, whatever the first left. */
    private static String read(Path sysctl) throws IOException {
        byte[] buffer = new byte[4096];
        try (InputStream in = Files.newInputStream(sysctl)) {
            return new String(buffer, 0, Math.max(0, in.read(buffer)), StandardCharsets.US_ASCII);
        }
    }

    /** The text with every number and the padding before it replaced by as many marks. */
    private static String columns(String text) {
        return Pattern.compile(" *\\d+").matcher(text).replaceAll(number -> "#".repeat(number.end() - number.start()));
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
