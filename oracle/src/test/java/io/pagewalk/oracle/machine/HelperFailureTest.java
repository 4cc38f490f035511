package io.pagewalk.oracle.machine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A helper that hangs, ends or is killed says nothing about the model: it is told apart and reported. */
class HelperFailureTest {
    private static final long SHORT_NANOS = 1_000_000_000L;
    private static final Step A_STEP = Step.of(0, Step.Kind.LOAD, 0x100000000000L, 0);

    @TempDir
    Path directory = Path.of(".");

    private final Answer[] answers = new Answer[NativeMachine.MAX_BATCH];
    private final boolean[] leaders = {true};

    @BeforeEach
    void needsLinux() {
        assumeTrue(HelperProgram.obstacle().isEmpty(), "needs Linux on x86-64");
        assumeTrue(Files.isExecutable(Path.of("/usr/bin/gcc")), "needs gcc");
    }

    private NativeMachine start(Watchdog watchdog) {
        Path data = directory.resolve("data");
        HelperProfile.writeData(data);
        return NativeMachine.start(HelperProgram.prepare(directory), data, watchdog);
    }

    private static void signal(String signal, long pid) throws IOException, InterruptedException {
        assertThat(new ProcessBuilder("kill", "-" + signal, Long.toString(pid))
                        .start()
                        .waitFor())
                .isZero();
    }

    @Test
    void perform_ofAHelperThatLives_answers() {
        try (Watchdog watchdog = new Watchdog(SHORT_NANOS);
                NativeMachine real = start(watchdog)) {
            real.perform(List.of(A_STEP), leaders, answers);
            assertThat(answers[0].signal()).isNotZero();
        }
    }

    @Test
    void perform_ofAHelperThatHangs_failsAfterTheLimit() throws Exception {
        try (Watchdog watchdog = new Watchdog(SHORT_NANOS);
                NativeMachine real = start(watchdog)) {
            signal("STOP", real.pid());
            assertThatThrownBy(() -> real.perform(List.of(A_STEP), leaders, answers))
                    .isInstanceOf(HelperFailure.class)
                    .hasMessage("the helper did not answer for 1 s");
        }
    }

    @Test
    void perform_ofAHelperThatWasKilled_namesTheSignal() throws Exception {
        try (Watchdog watchdog = new Watchdog(SHORT_NANOS);
                NativeMachine real = start(watchdog)) {
            signal("KILL", real.pid());
            assertThatThrownBy(() -> real.perform(List.of(A_STEP), leaders, answers))
                    .isInstanceOf(HelperFailure.class)
                    .hasMessage("the helper was killed by signal 9");
        }
    }

    @Test
    void perform_ofAHelperThatEnds_namesTheStatus() {
        try (Watchdog watchdog = new Watchdog(SHORT_NANOS);
                NativeMachine real = start(watchdog)) {
            Step exitGroup = Step.call(0, 231, 5);
            assertThatThrownBy(() -> real.perform(List.of(exitGroup), leaders, answers))
                    .isInstanceOf(HelperFailure.class)
                    .hasMessage("the helper ended with status 5");
        }
    }

    @Test
    void start_withoutData_namesTheStatus() {
        try (Watchdog watchdog = new Watchdog(SHORT_NANOS)) {
            HelperProgram helper = HelperProgram.prepare(directory);
            assertThatThrownBy(() -> NativeMachine.start(helper, directory.resolve("missing"), watchdog))
                    .isInstanceOf(HelperFailure.class)
                    .hasMessage("the helper ended with status 3");
        }
    }
}
