package io.pagewalk.oracle.fuzz;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pagewalk.base.BadInput;
import io.pagewalk.oracle.machine.HelperProgram;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Random histories on this computer's kernel and on the model. Needs Linux 6.18 on x86-64 and a C compiler; other kernels are not asked. */
class VerificationTest {
    @TempDir
    Path directory = Path.of(".");

    @BeforeEach
    void needsTheModelledKernel() {
        assumeTrue(HelperProgram.obstacle().isEmpty(), "needs Linux on x86-64");
        assumeTrue(HelperProgram.runsModelledKernel(), "needs Linux " + HelperProgram.modelledVersion());
        assumeTrue(Files.isExecutable(Path.of("/usr/bin/gcc")), "needs gcc");
    }

    @ParameterizedTest(name = "{0}")
    @ValueSource(
            strings = {
                "map,protect,heap",
                "map,lock,mincore,sync",
                "map,shared,file,protect,clear",
                "map,seal,protect,thread,exec",
                "map,pool,fork,segment",
                "map,advise,mremap,fork,segment",
            })
    void run_onThisKernel_findsNothingUnexplained(String areas) {
        VerifyRequest request = new VerifyRequest(Area.parse(areas), 12_000, 1, 0);
        VerifyResult result = Verification.run(HelperProgram.prepare(directory), request, done -> {});
        assertThat(VerifyReport.text(request, result)).contains("mismatches unexplained               0");
        assertThat(result.helperFailures()).isEmpty();
        assertThat(result.operations()).isEqualTo(12_000);
    }

    @Test
    void run_whenTheHelperIsKilled_reportsItAndNoMismatch() {
        VerifyRequest request = new VerifyRequest(Area.parse("map"), 12_000, 1, 0);
        VerifyResult result = Verification.run(HelperProgram.prepare(directory), request, done -> killHelper());
        assertThat(result.unexplained()).isEmpty();
        assertThat(result.helperFailures()).hasSize(3).allMatch(line -> line.contains("killed by signal 9"));
        assertThat(VerifyReport.text(request, result)).contains("helper failures");
    }

    private void killHelper() {
        ProcessHandle.current()
                .children()
                .filter(child -> child.info().command().orElse("").startsWith(directory.toString()))
                .forEach(ProcessHandle::destroyForcibly);
    }

    @Test
    void parse_unknownArea_listsTheKnownOnes() {
        assertThat(Area.parse("map, fork")).isEqualTo(Set.of(Area.MAP, Area.FORK));
        org.assertj.core.api.Assertions.assertThatThrownBy(() -> Area.parse("mapp"))
                .isInstanceOf(BadInput.class)
                .hasMessageContaining("mremap");
    }
}
