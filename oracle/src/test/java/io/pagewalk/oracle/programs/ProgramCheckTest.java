package io.pagewalk.oracle.programs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pagewalk.oracle.machine.HelperProgram;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Real programs on the kernel of this computer and on the model. */
class ProgramCheckTest {
    private static final Path CAPSTONE = Path.of("/usr/include/capstone/capstone.h");

    @TempDir
    Path directory;

    @BeforeEach
    void assumeRecorder() {
        assumeTrue(HelperProgram.obstacle().isEmpty(), "real programs: not Linux on x86-64");
        assumeTrue(Files.exists(CAPSTONE), "real programs: libcapstone-dev is not installed");
        assumeTrue(HelperProgram.runsModelledKernel(), "real programs: this computer runs Linux of another version");
    }

    @Test
    void live_cat_hasTheAddressesAndMinorFaultsOfTheRealKernel() {
        ProgramResult result =
                ProgramCheck.live(List.of("cat", "/etc/hostname"), directory.resolve("cat.pwt"), done -> {});
        assertThat(result.startDifferences()).isEmpty();
        assertThat(result.otherAddresses()).isEmpty();
        assertThat(result.differences()).isEmpty();
        assertThat(result.modelMinorFaults()).isEqualTo(result.realMinorFaults());
        assertThat(result.areas()).isGreaterThan(20);
        assertThat(result.accesses()).isGreaterThan(100_000);
    }

    @Test
    void live_programWrittenAtOnce_hasTheMinorFaultsThatItsLargeFoliosCost() throws Exception {
        assumeTrue(Files.isReadable(Path.of("/proc/kpageflags")), "folios of files: only root sees them");
        // Programs of every day will not do: what they draw from AT_RANDOM moves their faults by one now and then.
        Path linked = compile("""
                static const char table[4 << 20] = {1};
                int main(void) {
                    volatile char sum = 0;
                    for (unsigned at = 0; at < sizeof table; at += 77777) sum += table[at];
                    return 0;
                }
                """, "-static");
        Path program = directory.resolve("program");
        try (FileChannel file = FileChannel.open(program, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            file.write(ByteBuffer.wrap(Files.readAllBytes(linked)));
            file.force(true);
        }
        assertThat(program.toFile().setExecutable(true)).isTrue();
        ProgramResult result =
                ProgramCheck.live(List.of(program.toString()), directory.resolve("program.pwt"), done -> {});
        assertThat(result.differences()).isEmpty();
        assertThat(result.modelMinorFaults()).isEqualTo(result.realMinorFaults());
    }

    @ParameterizedTest
    @ValueSource(strings = {"cat", "perl", "bash", "sort", "gzip", "tar", "mawk", "dpkg", "openssl", "gcc"})
    void start_debianProgram_hasTheFirstLayoutOfTheRealKernel(String name) {
        assumeTrue(Files.exists(Path.of("/usr/bin", name)), name + " is not installed");
        assertThat(ProgramCheck.start(List.of("/usr/bin/" + name, "--version"), List.of()))
                .isEmpty();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 7, 8, 15, 16, 4000, 4096, 100_000})
    void start_environmentsOfManySizes_leaveTheStackPointerOfTheRealKernel(int bytes) {
        assertThat(ProgramCheck.start(List.of("/bin/true", "x"), List.of("A=" + "y".repeat(bytes), "B=z")))
                .isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"-static", "-static-pie", "-no-pie", "-Wl,-z,max-page-size=0x200000", "-Wl,-z,execstack"})
    void start_linkedInManyWays_hasTheFirstLayoutOfTheRealKernel(String option) throws Exception {
        Path program = compile("char zeroes[100000]; char data[9000] = {1}; int main(void) { return 0; }", option);
        assertThat(ProgramCheck.start(List.of(program.toString()), List.of("LANG=C")))
                .isEmpty();
    }

    private Path compile(String code, String option) throws Exception {
        Path source = Files.writeString(directory.resolve("p.c"), code);
        Path program = directory.resolve("p");
        Process compiler = new ProcessBuilder("gcc", "-O1", option, "-o", program.toString(), source.toString())
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start();
        assumeTrue(compiler.waitFor() == 0, "real programs: gcc cannot link with " + option);
        return program;
    }
}
