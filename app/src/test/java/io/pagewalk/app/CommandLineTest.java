package io.pagewalk.app;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.app.cli.CommandLineInterface;
import io.pagewalk.app.cli.Terminal;
import io.pagewalk.hardware.mmu.Access;
import io.pagewalk.workload.trace.AccessSink;
import io.pagewalk.workload.trace.InitialMap;
import io.pagewalk.workload.trace.SyscallEvent;
import io.pagewalk.workload.trace.TraceHeader;
import io.pagewalk.workload.trace.TraceWriter;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The real command line in one process: a small trace from end to end, and every kind of input that cannot be used. */
class CommandLineTest {
    private static final int SYS_MMAP = 9;
    private static final int SYS_EXIT_GROUP = 231;
    private static final long HEAP = 0x7f00_0000_0000L;

    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    private Path directory;

    @SuppressWarnings("NullAway.Init") // made before each test
    private Path trace;

    /** What one command printed and returned. */
    private record Outcome(int code, String out, String err) {
        String json(String name) {
            return out.lines()
                    .map(String::strip)
                    .filter(line -> line.startsWith("\"" + name + "\": "))
                    .map(line -> line.substring(name.length() + 4).replaceFirst(",$", ""))
                    .findFirst()
                    .orElse("no " + name);
        }
    }

    @BeforeEach
    void writeTrace() {
        trace = directory.resolve("small.pwt");
        try (TraceWriter writer = new TraceWriter(trace, TraceWriter.FAST_LEVEL)) {
            AccessSink sink = writer.sink();
            for (int i = 0; i < 100; i++) {
                sink.access(Access.FETCH, 0x400000 + 4 * i, 4);
                sink.access(Access.STORE, 0x7ffc_ffff_f000L - 8L * i, 8);
            }
            // mmap(NULL, 1 MiB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
            sink.syscall(new SyscallEvent(SYS_MMAP, 0, 1 << 20, 3, 0x22, -1, 0, HEAP, null));
            for (int page = 0; page < 256; page++) {
                sink.access(Access.STORE, HEAP + 4096L * page, 8);
                sink.access(Access.LOAD, HEAP + 4096L * page + 64, 8);
            }
            sink.access(Access.LOAD, 0x6000_0000_0000L, 8);
            sink.syscall(new SyscallEvent(SYS_EXIT_GROUP, 0, 0, 0, 0, 0, 0, 0, null));
            sink.exitProcess(0);
            writer.finish(new TraceHeader(
                    List.of("/bin/small", "--fast"),
                    "2026-11-21",
                    "6.18.0",
                    "test",
                    0.5,
                    List.of(
                            new InitialMap(0x400000, 0x401000, "r-xp", 0, null, null),
                            new InitialMap(0x7ffc_fffd_f000L, 0x7ffd_0000_0000L, "rw-p", 0, null, "[stack]")),
                    0,
                    0x400000,
                    0x7ffc_ffff_f000L,
                    List.of()));
        }
    }

    @Test
    void run_sameCommandTwice_givesTheSameDigest() {
        Outcome first = run("run", trace.toString(), "--json", "-");
        Outcome second = run("run", trace.toString(), "--json", "-");
        assertThat(first.err()).isEmpty();
        assertThat(first.code()).isZero();
        assertThat(first.json("digest")).matches("\"[0-9a-f]{16}\"").isEqualTo(second.json("digest"));
    }

    @Test
    void run_eachReplayMode_givesTheSameDigest() {
        List<String> digests = Stream.of("accesses", "runs", "episodes")
                .map(mode -> run("run", trace.toString(), "--replay", mode, "--json", "-")
                        .json("digest"))
                .distinct()
                .toList();
        assertThat(digests).hasSize(1);
    }

    @Test
    void run_otherSeedAndMachine_keepsTheProgramsSide() {
        Outcome laptop = run("run", trace.toString(), "--json", "-");
        Outcome server = run("run", trace.toString(), "--seed", "2", "--machine", "server-2node", "--json", "-");
        for (String count : List.of("accesses", "fetches", "loads", "stores", "syscalls")) {
            assertThat(server.json(count)).as(count).isEqualTo(laptop.json(count));
        }
        assertThat(laptop.json("accesses")).isEqualTo("713");
        assertThat(laptop.json("stores")).isEqualTo("356");
        assertThat(server.json("digest")).isNotEqualTo(laptop.json("digest"));
    }

    @Test
    void run_json_holdsTheDocumentedNames() {
        Outcome outcome = run("run", trace.toString(), "--json", "-");
        for (String name : List.of(
                "accesses",
                "fetches",
                "loads",
                "stores",
                "syscalls",
                "wall_seconds",
                "accesses_per_second",
                "digest",
                "faults",
                "tlb",
                "walks",
                "walk_memory_refs",
                "rss_peak_kb",
                "page_table_kb",
                "native_seconds",
                "linux_version",
                "seed")) {
            assertThat(outcome.json(name)).as(name).doesNotStartWith("no ");
        }
        assertThat(outcome.json("faults"))
                .contains("\"minor\": ")
                .contains("\"major\": 0")
                .contains("\"segv\": 1");
        assertThat(outcome.json("tlb"))
                .contains("\"l1i\": {\"hits\": ")
                .contains("\"l1d\": {")
                .contains("\"l2\": {")
                .contains("\"misses\": ");
        assertThat(outcome.json("native_seconds")).isEqualTo("0.5");
        assertThat(outcome.json("linux_version")).isEqualTo("\"6.18\"");
        assertThat(outcome.json("ledger")).contains("\"unaccounted\": 0");
    }

    @Test
    void run_text_tellsTheStory() {
        Outcome outcome = run("run", trace.toString());
        assertThat(outcome.out())
                .contains("small on laptop (Linux 6.18)")
                .contains("Translation")
                .contains("Page faults")
                .contains("unaccounted 0")
                .contains("pagewalk run --seed 1 " + trace);
        assertThat(outcome.out()).doesNotContain("\u001b");
    }

    @Test
    void run_procAndJsonFiles_areWrittenWhole() throws IOException {
        Path proc = directory.resolve("proc");
        Path json = directory.resolve("r.json");
        Outcome outcome = run("run", trace.toString(), "--proc", proc.toString(), "--json", json.toString(), "--quiet");
        assertThat(outcome.code()).isZero();
        assertThat(outcome.out()).isEmpty();
        assertThat(Files.readString(json)).startsWith("{").contains("\"workload\": \"small\"");
        assertThat(proc.resolve("meminfo")).isRegularFile();
        try (Stream<Path> files = Files.walk(proc)) {
            assertThat(files.map(path -> path.getFileName().toString()).toList())
                    .contains("maps", "smaps", "status", "stat", "statm");
        }
        try (Stream<Path> files = Files.list(directory)) {
            assertThat(files.map(path -> path.getFileName().toString()).toList())
                    .containsExactlyInAnyOrder("small.pwt", "proc", "r.json");
        }
    }

    @Test
    void run_plainText_replaysIt() throws IOException {
        Path text = Files.writeString(directory.resolve("t.txt"), "l 7f0010000000 8\ns 7f0010000008 8\nI 400000 4\n");
        Outcome outcome = run("run", text.toString(), "--json", "-");
        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.json("accesses")).isEqualTo("3");
    }

    @Test
    void run_accessOutsideAnyMapping_isTheProgramsFault() throws IOException {
        Path text = Files.writeString(directory.resolve("t.txt"), "s 7f0010000008 8\nl 10 8\nl ffff800000000000 8\n");
        Outcome outcome = run("run", text.toString(), "--json", "-");
        assertThat(outcome.code()).isZero();
        assertThat(outcome.json("faults")).contains("\"segv\": 2");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "run TRACE --machine mainframe | 'mainframe' | server-2node",
                "verify --scoreboard --case nonsense | 'nonsense' | docs/CONFORMANCE.md",
                "run TRACE --cpu 8086 | '8086' | skylake",
                "run TRACE --cpu sifive-u74 | 'sifive-u74' | icelake",
                "run TRACE --set vm.no_such=1 | no_such | vm.overcommit_memory",
                "run TRACE --set vm.overcommit_memory=9 | overcommit_memory | 0 to 2",
                "run TRACE --set nonsense | 'nonsense' | NAME=VALUE",
                "run TRACE --ram 12K | '12K' | at least 64M",
                "run TRACE --ram lots | 'lots' | a size such as",
                "run TRACE --nodes 99 | 99 | a number from 1 to 64",
                "run TRACE --seed x | --seed | 'x'",
                "run TRACE --cmdline cma=64Q | kernel parameter cma | a size such as 512M",
                "run TRACE --cmdline transparent_hugepage=often | transparent_hugepage: found 'often' | always, madvise or never",
                "run TRACE --cmdline cma | --cmdline: found 'cma' | cma=SIZE, default_hugepagesz=SIZE",
                "run TRACE --cmdline slab_debug=FX | slab_debug | F Z P U T A O or -",
                "machine show laptop --cmdline kernelcore=101% | kernel parameter kernelcore | 0% to 100%",
                "machine show laptop --cmdline quiet | --cmdline: found 'quiet' | slab_debug",
                "run TRACE --replay fast | 'fast' | accesses, runs, episodes",
                "run TRACE --cache hot | 'hot' | cold, warm",
                "run TRACE --jsno - | '--jsno' | --json",
                "run TRACE --json /no/such/dir/f.json | --json | no such directory",
                "run TRACE --proc /no/such/dir/p | --proc | no such directory",
                "run | no trace | pagewalk run TRACE",
                "run no-such-trace | 'no-such-trace' | no such file",
                "run --bogus | '--bogus' | --machine",
                "fly | 'fly' | run, record, trace, machine",
                "record -- ls | no output | -o FILE.pwt",
                "record -o DIR/x.pwt | no command | -- CMD",
                "record -o DIR/x.pwt --with dtrace -- ls | 'dtrace' | lackey, qemu",
                "record -o DIR/x.pwt -- no-such-program-here | no-such-program-here | no-such-program-here",
                "trace info DIR/none.pwt | none.pwt | no such file",
                "trace convert DIR/none.txt DIR/o.pwt | none.txt | no such file",
                "machine show nowhere | 'nowhere' | laptop",
                "machine show DIR/none.yaml | none.yaml | no such file",
            })
    void badInput_eachKind_endsWithOneLineAndCode2(String command, String names, String tells) throws IOException {
        Outcome outcome = run(words(command));
        assertThat(outcome.err()).startsWith("pagewalk: ").contains(names).contains(tells);
        assertThat(outcome.err().lines()).hasSize(1);
        assertThat(outcome.err()).doesNotContain("Exception");
        assertThat(outcome.out()).isEmpty();
        assertThat(outcome.code()).isEqualTo(CommandLineInterface.BAD_INPUT);
        try (Stream<Path> files = Files.list(directory)) {
            assertThat(files).containsExactly(trace);
        }
    }

    @Test
    void brokenTraces_eachKind_endWithOneLineAndCode2() throws IOException {
        byte[] good = Files.readAllBytes(trace);
        byte[] flipped = good.clone();
        flipped[good.length / 2] ^= 0x55;
        refused("empty.pwt", new byte[0], "empty");
        refused("empty.txt", new byte[0], "empty");
        refused("cut.pwt", Arrays.copyOf(good, good.length * 2 / 3), "cut.pwt");
        refused("flipped.pwt", flipped, "flipped.pwt");
        refused("noise.pwt", "this is no trace".getBytes(StandardCharsets.UTF_8), "noise.pwt");
        refused("noise.txt", "l 7f0010000000 8\nhello world\n".getBytes(StandardCharsets.UTF_8), "noise.txt:2");
    }

    private void refused(String name, byte[] content, String tells) throws IOException {
        Path file = Files.write(directory.resolve(name), content);
        Path json = directory.resolve("out.json");
        Outcome outcome = run("run", file.toString(), "--json", json.toString());
        assertThat(outcome.err()).as(name).startsWith("pagewalk: ").contains(tells);
        assertThat(outcome.err().lines()).as(name).hasSize(1);
        assertThat(outcome.code()).as(name).isEqualTo(CommandLineInterface.BAD_INPUT);
        assertThat(json).doesNotExist();
    }

    @Test
    void version_namesTheModelledLinux() throws IOException {
        String modelled = Files.readString(Path.of("..", "LINUX_VERSION")).strip();
        assertThat(run("--version").out()).isEqualTo("pagewalk 0.1.0 (models Linux " + modelled + ")\n");
    }

    @Test
    void help_eachCommand_showsAnExampleOrOptions() {
        assertThat(run("--help").out()).contains("pagewalk run gzip");
        assertThat(run("run", "--help").out()).contains("--machine").contains("pagewalk run -- ls -l /usr/bin");
        assertThat(run("record", "--help").out()).contains("pagewalk record -o ls.pwt -- ls");
        assertThat(run("machine", "show", "--help").out()).contains("pagewalk machine show host");
    }

    @Test
    void machineList_namesEveryMachineAndCpu() {
        String out = run("machine", "list").out();
        assertThat(out).contains("laptop", "server-1t", "i386-512m", "riscv-board", "host", "skylake", "zen4");
    }

    @ParameterizedTest
    @CsvSource({"laptop", "server-2node", "server-1t", "i386-512m", "i386-2g", "i386-2g-2g", "riscv-board"})
    void machineShow_eachShipped_accountsForEveryFrame(String name) {
        Outcome outcome = run("machine", "show", name);
        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.out()).contains("unaccounted 0");
    }

    @ParameterizedTest
    @CsvSource({"laptop", "server-2node", "server-1t", "i386-512m", "i386-2g", "i386-2g-2g", "riscv-board"})
    void machineShow_layoutOfEachShipped_coversAllAddresses(String name) {
        Outcome picture = run("machine", "show", name, "--layout");
        assertThat(picture.err()).isEmpty();
        assertThat(picture.out()).contains("user-space virtual memory", "vmalloc/ioremap space", "direct mapping of");
        assertThat(picture.out().lines().filter(line -> line.endsWith("|") || line.endsWith(":") || line.endsWith("+")))
                .as("lines of the picture are as wide as its edges")
                .extracting(String::length)
                .containsOnly(picture.out()
                        .lines()
                        .filter(line -> line.endsWith("+"))
                        .findFirst()
                        .orElseThrow()
                        .length());
        Outcome json = run("machine", "show", name, "--layout", "--json");
        assertThat(json.out()).startsWith("{\n  \"name\": \"" + name).contains("\"use\": \"direct_map\"");
    }

    @ParameterizedTest
    @CsvSource({"laptop, 4000000000-400fffffff, 02.0, 0000:00:02.0", "i386-2g, c0000000-c1ffffff, 01.0, 0000:00:01.0"})
    void machineShow_procOfMachineWithDevices_hasTheirPortsAndWindows(
            String name, String window, String slot, String function) throws IOException {
        Path proc = directory.resolve("proc");
        assertThat(run("machine", "show", name, "--proc", proc.toString()).err())
                .isEmpty();
        assertThat(Files.readString(proc.resolve("ioports"))).contains("  03f8-03ff : serial\n");
        assertThat(Files.readString(proc.resolve("iomem")))
                .contains("  " + window + " : " + function + "\n    " + window + " : pwfb\n");
    }

    @Test
    void machineShow_protectionKeys_tellsWhetherAndWhyNot() {
        assertThat(run("machine", "show", "laptop").out()).contains("keys     protection keys for user pages (PKU)");
        assertThat(run("machine", "show", "laptop", "--cmdline", "nopku").out()).contains("switched off by nopku");
        assertThat(run("machine", "show", "laptop", "--cpu", "skylake").out())
                .contains("none: the CPU has no protection keys");
        assertThat(run("machine", "show", "riscv-board").out()).contains("none: the CPU has no protection keys");
    }

    @Test
    void cmdline_eachParameter_reachesTheKernel() throws IOException {
        Path proc = directory.resolve("proc");
        Outcome outcome = run(
                "machine",
                "show",
                "laptop",
                "--cmdline",
                "cma=64M movablecore=1G slab_debug=Z,kmalloc-64 slab_nomerge",
                "--proc",
                proc.toString());
        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.out()).contains("0 Movable");
        assertThat(Files.readString(proc.resolve("meminfo"))).contains("CmaTotal:          65536 kB\n");
        assertThat(Files.readString(proc.resolve("pagetypeinfo"))).contains("          CMA ");
        assertThat(Files.readString(proc.resolve("vmstat"))).contains("\ncma_alloc_success 0\n");
        // Red zones make the objects of this cache larger; without merging more caches have slabs of their own.
        assertThat(Files.readString(proc.resolve("slabinfo")))
                .containsPattern("(?m)^kmalloc-64 +\\d+ +\\d+ +(7[2-9]|8\\d|9\\d|1\\d\\d) ")
                .containsPattern("(?m)^kmalloc-128 +\\d+ +\\d+ +128 ");
        Outcome half = run("machine", "show", "laptop", "--cmdline", "kernelcore=50%");
        assertThat(half.out()).containsPattern("0 Movable +\\d+ +20[89]\\d{4} +20[89]\\d{4} ");
    }

    @Test
    void cmdline_ofRun_isInTheRepeatedCommandAndTheDigest() throws IOException {
        Outcome plain = run("run", trace.toString(), "--json", "-");
        Outcome with = run("run", trace.toString(), "--cmdline", "cma=64M slab_nomerge", "--json", "-");
        assertThat(with.err()).isEmpty();
        assertThat(with.out()).contains("--cmdline 'cma=64M slab_nomerge'");
        assertThat(with.json("accesses")).isEqualTo(plain.json("accesses"));
        assertThat(with.json("digest")).isNotEqualTo(plain.json("digest"));
        Path machine = Files.writeString(
                directory.resolve("m.yaml"),
                "name: mine\ncpu: icelake\ncpus: 1\nram: 1G\ncmdline: slab_nomerge cma=16M\n");
        assertThat(run("machine", "show", machine.toString(), "--cmdline", "cma=32M", "--proc", directory + "/p")
                        .err())
                .isEmpty();
        assertThat(Files.readString(directory.resolve("p/meminfo"))).contains("CmaTotal:          32768 kB\n");
        Files.writeString(machine, "name: mine\ncpu: icelake\ncpus: 1\nram: 1G\ncmdline: slab_nomerg\n");
        assertThat(run("machine", "show", machine.toString()).err())
                .contains("m.yaml:5 cmdline: found 'slab_nomerg', expected one of cma=SIZE")
                .hasLineCount(1);
    }

    @Test
    void machineShow_layoutOfSplits_showsWhatKmapIsNeededFor() {
        // 3G/1G leaves 128 MiB of the kernel's GiB unmapped (MAXMEM), 2G/2G as much of its two.
        assertThat(run("machine", "show", "i386-2g", "--layout").out())
                .contains("3 GiB for programs and 1 GiB for the kernel", "1.1 GiB HIGHMEM only through kmap()");
        assertThat(run("machine", "show", "i386-2g-2g", "--layout").out())
                .contains("2 GiB for programs and 2 GiB for the kernel", "128 MiB HIGHMEM only through kmap()");
    }

    private String[] words(String command) {
        return command.strip()
                .replace("TRACE ", trace + " ")
                .replaceFirst("TRACE$", trace.toString())
                .replace("DIR", directory.toString())
                .split(" ", -1);
    }

    private static Outcome run(String... args) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        int code;
        try (PrintStream outStream = new PrintStream(out, true, StandardCharsets.UTF_8);
                PrintStream errStream = new PrintStream(err, true, StandardCharsets.UTF_8)) {
            code = new CommandLineInterface(new Terminal(outStream, errStream, false, false, false)).run(args);
        }
        return new Outcome(code, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
    }
}
