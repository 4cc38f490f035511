package io.pagewalk.lab.run;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pagewalk.kernel.system.BootOptions.PageCacheStart;
import io.pagewalk.kernel.system.LinuxKernel;
import io.pagewalk.lab.machines.HostMachine;
import io.pagewalk.observe.proc.ProcTree;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/** The model of the machine that the test runs on has that machine's zones: each against {@code /proc/zoneinfo}. */
class HostZoneinfoTest {
    private static final Path PROC = Path.of("/proc");

    /* What boot and the sysctls settle. The rest of the file moves while a kernel runs. */
    private static final List<String> SETTLED = List.of(
            "boost",
            "min",
            "low",
            "high",
            "promo",
            "spanned",
            "present",
            "managed",
            "cma",
            "protection:",
            "start_pfn:");

    @Test
    void boot_host_hasTheZonesOfThisMachine() throws IOException {
        assumeTrue(Files.isReadable(PROC.resolve("zoneinfo")), "needs /proc/zoneinfo");
        List<String> real = settled(Files.readString(PROC.resolve("zoneinfo"), StandardCharsets.UTF_8));
        assumeTrue(real.stream().noneMatch(line -> line.matches("boost [1-9].*")), "a zone is boosted at this moment");
        LinuxKernel kernel = Boot.boot(HostMachine.describe(Path.of("/")), new TreeMap<>(), 1, PageCacheStart.COLD);
        String model = requireNonNull(ProcTree.files(kernel).get("zoneinfo"));
        assertThat(settled(model)).hasSizeGreaterThan(20).isEqualTo(real);
    }

    /** Returns the settled lines, each with single spaces, without the per-CPU lists, whose {@code high} is another. */
    private static List<String> settled(String zoneinfo) {
        return zoneinfo.lines()
                .map(line -> line.strip().replaceAll("\\s+", " "))
                .filter(line ->
                        line.startsWith("Node ") || SETTLED.contains(line.substring(0, Math.max(0, line.indexOf(' ')))))
                .toList();
    }
}
