package io.pagewalk.observe.proc;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.Size;
import io.pagewalk.hardware.mmu.Access;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.system.ExecImage;
import io.pagewalk.kernel.system.LinuxKernel;
import io.pagewalk.kernel.system.Task;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tools that people read {@code /proc} with, unchanged, on the files of a simulated machine: what they print is what the model counts. */
class RealToolsTest {
    private static final List<String> EXPORTER_NAMES = List.of("prometheus-node-exporter", "node_exporter");
    private static final List<String> COLLECTORS = List.of("meminfo", "vmstat", "zoneinfo", "buddyinfo", "slabinfo");
    private static final Pattern LISTENING = Pattern.compile("Listening on.*address=(127\\.0\\.0\\.1:\\d+)");
    private static final int SLAB_OBJECTS = 100;

    @TempDir
    private Path proc;

    private Map<String, String> files = new TreeMap<>();

    @BeforeEach
    void writeTree() {
        LinuxKernel kernel = TestKernels.boot(PagingMode.X86_64_4LEVEL, 8 * Size.GIB);
        Task task = kernel.exec(ExecImage.bare("cat", 0x7ffd_0000_0000L));
        kernel.access(task, 0x402000, Access.STORE);
        for (int i = 0; i < SLAB_OBJECTS; i++) {
            assertThat(kernel.slabs().kmalloc(64, Gfp.GFP_KERNEL)).isNotZero();
        }
        files = ProcTree.files(kernel);
        ProcTree.write("--proc", files, proc);
    }

    @Test
    void nodeExporter_onTree_collectsAllAndReadsTheValues() throws IOException, InterruptedException {
        String exporter = EXPORTER_NAMES.stream()
                .filter(RealToolsTest::isInstalled)
                .findFirst()
                .orElse("");
        Assumptions.assumeFalse(exporter.isEmpty(), "node_exporter is not installed");
        String metrics = scrape(exporter);
        for (String collector : COLLECTORS) {
            assertThat(metrics).contains("node_scrape_collector_success{collector=\"" + collector + "\"} 1\n");
        }
        long totalKb = number(files.get("meminfo"), "MemTotal: +(\\d+)");
        assertThat(metric(metrics, "node_memory_MemTotal_bytes")).isEqualTo(totalKb * 1024);
        assertThat(metric(metrics, "node_vmstat_pgfault")).isEqualTo(number(files.get("vmstat"), "pgfault (\\d+)"));
        assertThat(metric(metrics, "node_buddyinfo_blocks{node=\"0\",size=\"10\",zone=\"Normal\"}"))
                .isEqualTo(number(files.get("buddyinfo"), "Normal .* (\\d+) *$"));
        assertThat(metric(metrics, "node_zoneinfo_min_pages{node=\"0\",zone=\"DMA\"}"))
                .isEqualTo(number(files.get("zoneinfo"), " min +(\\d+)"));
        assertThat(metric(metrics, "node_slabinfo_active_objects{slab=\"kmalloc-64\"}"))
                .isEqualTo(number(files.get("slabinfo"), "^kmalloc-64 +(\\d+)"))
                .isGreaterThanOrEqualTo(SLAB_OBJECTS);
    }

    @Test
    void slabtop_onTree_listsTheCaches() throws IOException, InterruptedException {
        String listing = onTree("slabinfo", "slabtop", "-o");
        Matcher row = Pattern.compile("(?m)^ *(\\d+) +(\\d+) +\\d+% +0\\.06K +\\d+ +64 +\\d+K kmalloc-64 *$")
                .matcher(listing);
        assertThat(row.find()).as(listing).isTrue();
        assertThat(Long.parseLong(row.group(1))).isEqualTo(number(files.get("slabinfo"), "^kmalloc-64 +\\d+ +(\\d+)"));
        assertThat(Long.parseLong(row.group(2))).isEqualTo(number(files.get("slabinfo"), "^kmalloc-64 +(\\d+)"));
    }

    @Test
    void vmstatSlabs_onTree_listsEveryCache() throws IOException, InterruptedException {
        List<String> rows = onTree("slabinfo", "vmstat", "-m").lines().toList();
        List<String> caches = files.getOrDefault("slabinfo", "").lines().skip(2).toList();
        // Its header is repeated on each screenful.
        assertThat(rows.stream().filter(row -> !row.startsWith("Cache ")).map(RealToolsTest::firstWord))
                .containsExactlyInAnyOrderElementsOf(
                        caches.stream().map(RealToolsTest::firstWord).toList());
    }

    @Test
    void free_onTree_printsTheTotals() throws IOException, InterruptedException {
        String printed = onTree("meminfo", "free", "-k");
        assertThat(number(printed, "Mem: +(\\d+)")).isEqualTo(number(files.get("meminfo"), "MemTotal: +(\\d+)"));
        assertThat(number(printed, "Mem: +\\d+ +\\d+ +(\\d+)"))
                .isEqualTo(number(files.get("meminfo"), "MemFree: +(\\d+)"));
        assertThat(number(printed, "Mem:.* (\\d+) *$"))
                .isEqualTo(number(files.get("meminfo"), "MemAvailable: +(\\d+)"));
    }

    /** What a tool prints in a mount namespace of its own in which one file of {@code /proc} is ours. */
    private String onTree(String file, String tool, String... options) throws IOException, InterruptedException {
        Assumptions.assumeTrue(isInstalled(tool), tool + " is not installed");
        List<String> unshare = List.of("unshare", "--mount", "--propagation", "private");
        Assumptions.assumeTrue(
                isInstalled("unshare") && succeeds(unshare, "true"),
                "a mount namespace needs root, or unshare is missing");
        String script = "mount --bind \"$1\" \"/proc/$2\" && shift 2 && exec \"$@\"";
        List<String> command = new ArrayList<>(unshare);
        command.addAll(List.of("sh", "-c", script, "sh", proc.resolve(file).toString(), file, tool));
        command.addAll(Arrays.asList(options));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String printed = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(printed).isZero();
        return printed;
    }

    private String scrape(String exporter) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(
                exporter, "--path.procfs=" + proc, "--web.listen-address=127.0.0.1:0", "--collector.disable-defaults"));
        COLLECTORS.forEach(collector -> command.add("--collector." + collector));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        try (BufferedReader log = process.inputReader();
                HttpClient client = HttpClient.newHttpClient()) {
            String address = "";
            for (String line = log.readLine(); line != null && address.isEmpty(); line = log.readLine()) {
                Matcher listening = LISTENING.matcher(line.replace("\"", ""));
                address = listening.find() ? listening.group(1) : "";
            }
            assertThat(address).as("address in the exporter's log").isNotEmpty();
            HttpRequest request = HttpRequest.newBuilder(URI.create("http://" + address + "/metrics"))
                    .timeout(Duration.ofSeconds(30))
                    .build();
            return client.send(request, BodyHandlers.ofString()).body();
        } finally {
            process.destroy();
            process.waitFor();
        }
    }

    private static boolean isInstalled(String program) {
        return Arrays.stream(System.getenv().getOrDefault("PATH", "").split(File.pathSeparator))
                .anyMatch(directory -> Files.isExecutable(Path.of(directory, program)));
    }

    private static boolean succeeds(List<String> prefix, String program) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(prefix);
        command.add(program);
        return new ProcessBuilder(command)
                        .redirectErrorStream(true)
                        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                        .start()
                        .waitFor()
                == 0;
    }

    private static long metric(String metrics, String name) {
        return metrics.lines()
                .filter(line -> line.startsWith(name + " "))
                .map(line -> (long) Double.parseDouble(line.substring(name.length() + 1)))
                .findFirst()
                .orElse(-1L);
    }

    private static long number(@Nullable String text, String pattern) {
        Matcher matcher = Pattern.compile(pattern, Pattern.MULTILINE).matcher(text == null ? "" : text);
        assertThat(matcher.find()).as(pattern).isTrue();
        return Long.parseLong(matcher.group(1));
    }

    private static String firstWord(String row) {
        return row.strip().split("\\s+", 2)[0];
    }
}
