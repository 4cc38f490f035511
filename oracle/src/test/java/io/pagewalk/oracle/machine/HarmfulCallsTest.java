package io.pagewalk.oracle.machine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Steps that would harm the program that makes them are told before they are made. */
class HarmfulCallsTest {
    private static final long PAGE = 4096;
    private static final long AT = 0x100000000000L;
    private static final long FILE = AT + (1 << 20);
    private static final int FIXED_PRIVATE = 0x32;
    private static final int PRIVATE_FIXED = 0x12;
    private static final int SHARED_FIXED = 0x11;
    private static final int DATA_FD = 3;
    private static final int PIDFD_SELF = -10000;
    private static final int MADV_DONTNEED = 4;

    @TempDir
    Path directory = Path.of(".");

    private Watchdog watchdog = new Watchdog(5_000_000_000L);
    private ModelMachine model;

    @BeforeEach
    void start() {
        assumeTrue(HelperProgram.obstacle().isEmpty(), "needs Linux on x86-64");
        assumeTrue(Files.isExecutable(Path.of("/usr/bin/gcc")), "needs gcc");
        Path data = directory.resolve("data");
        HelperProfile.writeData(data);
        HelperProgram helper = HelperProgram.prepare(directory);
        try (NativeMachine real = NativeMachine.start(helper, data, watchdog)) {
            model = ModelMachine.boot(HelperProfile.of(real, helper.program(), data, 0));
        }
        model.perform(call("mmap", AT, 16 * PAGE, 3, FIXED_PRIVATE, -1, 0));
    }

    @AfterEach
    void stop() {
        watchdog.close();
    }

    private Step call(String name, long... args) {
        return Step.call(0, model.kernel().syscallNumbers().number(name), args);
    }

    private void vector(long at, long start, long bytes) {
        model.perform(Step.of(0, Step.Kind.STORE, at, start));
        model.perform(Step.of(0, Step.Kind.STORE, at + 8, bytes));
    }

    private boolean accepts(long vector, int parts) {
        return model.accepts(call("process_madvise", PIDFD_SELF, vector, parts, MADV_DONTNEED, 0));
    }

    @Test
    void accepts_aVectorThatNamesMemoryOfTheHelper_isFalse() {
        vector(AT, AT + PAGE, PAGE);
        vector(AT + 16, ModelMachine.CONTROL - PAGE, 3 * PAGE);
        assertThat(accepts(AT, 1)).isTrue();
        assertThat(accepts(AT, 2)).isFalse();
    }

    @Test
    void accepts_aVectorInMemoryOfTheHelper_isFalse() {
        assertThat(accepts(ModelMachine.CONTROL, 1)).isFalse();
    }

    @Test
    void accepts_aVectorInAFileThatNobodyHasTouched_isReadFromTheFile() {
        long vector = FILE + 10 * PAGE;
        model.perform(call("mmap", FILE, 16 * PAGE, 3, SHARED_FIXED, DATA_FD, 0));
        vector(vector, 0, 0x40_0000 + PAGE);
        model.perform(call("munmap", FILE, 16 * PAGE));
        model.perform(call("mmap", FILE, 16 * PAGE, 1, PRIVATE_FIXED, DATA_FD, 0));
        long touched = model.task(0).minorFaults();
        assertThat(accepts(vector, 1)).isFalse();
        assertThat(model.task(0).minorFaults()).isEqualTo(touched);
    }

    @Test
    void accepts_aVectorOfAddressesThatNoProgramHas_isTrue() {
        vector(AT, -1L << 60, PAGE);
        vector(AT + 16, 0, 0);
        assertThat(accepts(AT, 2)).isTrue();
        assertThat(accepts(AT + 64 * PAGE, 1)).isTrue();
    }
}
