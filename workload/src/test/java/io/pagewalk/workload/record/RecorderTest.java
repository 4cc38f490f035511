package io.pagewalk.workload.record;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pagewalk.base.BadInput;
import io.pagewalk.workload.read.EventLog;
import io.pagewalk.workload.trace.InitialMap;
import io.pagewalk.workload.trace.SyscallEvent;
import io.pagewalk.workload.trace.TraceWriter;
import io.pagewalk.workload.trace.TracedFile;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Records real programs; each test says in one line which tool is missing where it is skipped. */
class RecorderTest {
    @TempDir
    Path directory;

    private final EventLog log = new EventLog();
    private final ByteArrayOutputStream errors = new ByteArrayOutputStream();
    private final Recorder recorder =
            new Recorder(InputStream.nullInputStream(), ProcessBuilder.Redirect.DISCARD, errors);

    private Recording record(RecordTool tool, String... command) {
        return recorder.record(RecordOptions.with(tool).withoutNative(), List.of(command), log);
    }

    @ParameterizedTest
    @EnumSource
    void record_threads_givesEachItsNumberAndExit(RecordTool tool) throws Exception {
        Tools.assumeInstalled(tool);
        Path program = Tools.compile("threads.c", directory, "-lpthread");
        Recording recording = record(tool, program.toString());
        assertThat(recording.exitStatus()).isEqualTo(3);
        assertThat(recording.counts().threads()).isEqualTo(6);
        assertThat(log.switches).contains(1, 2, 3, 4, 5);
        assertThat(Stream.of(56, 435).flatMap(number -> log.calls(number).stream()))
                .as("clone and clone3 that made a thread")
                .filteredOn(call -> call.result() > 0)
                .hasSize(5);
        assertThat(log.lines).contains("exit of thread 5: 0").last().isEqualTo("exit 3");
        assertThat(log.counts)
                .containsExactly(
                        recording.counts().loads(),
                        recording.counts().stores(),
                        recording.counts().fetches());
        assertThat(log.counts[1]).isGreaterThan(5 * 300000 / 64);
    }

    @ParameterizedTest
    @EnumSource
    void record_forkThenSignal_leavesOutTheChild(RecordTool tool) throws Exception {
        Tools.assumeInstalled(tool);
        Path program = Tools.compile("children.c", directory);
        Recording recording = record(tool, program.toString());
        assertThat(recording.exitStatus()).isEqualTo(139);
        assertThat(log.lines).last().isEqualTo("exit 139");
        assertThat(log.calls(61)).hasSize(1);
        assertThat(log.counts[1]).isLessThan(4000000 / 64);
        int wait = log.lines.lastIndexOf("call 61 = " + log.calls(61).getFirst().result());
        assertThat(log.lines.subList(wait, log.lines.size()))
                .as("what the parent did after wait")
                .hasSizeGreaterThan(5);
    }

    @ParameterizedTest
    @EnumSource
    void record_program_knowsItsLayoutAndFiles(RecordTool tool) throws Exception {
        Tools.assumeInstalled(tool);
        Path file = Files.writeString(directory.resolve("some file"), "twelve bytes");
        Recording recording = record(tool, "cmp", file.toString(), file.toString());
        List<InitialMap> maps = recording.header().maps();
        assertThat(maps).isSortedAccordingTo((a, b) -> Long.compareUnsigned(a.start(), b.start()));
        long entry = recording.header().entry();
        long stackPointer = recording.header().stackPointer();
        assertThat(maps).anyMatch(map -> map.prot().equals("r-xp") && map.start() <= entry && entry < map.end());
        assertThat(maps)
                .anyMatch(
                        map -> "[stack]".equals(map.name()) && map.start() < stackPointer && stackPointer < map.end());
        assertThat(maps).anyMatch(map -> map.path() != null && map.path().endsWith("/cmp"));
        assertThat(log.lines.getFirst()).isEqualTo("fetch " + Long.toHexString(entry) + " 3");
        assertThat(log.calls(12).getFirst().result())
                .isEqualTo(recording.header().brkStart());
        Path real = file.toRealPath();
        assertThat(recording.header().files())
                .filteredOn(traced -> traced.path().equals(real.toString()))
                .singleElement()
                .extracting(TracedFile::sizeBytes)
                .isEqualTo(12L);
        assertThat(log.calls(257)).extracting(SyscallEvent::path).contains(real.toString());
    }

    @ParameterizedTest
    @EnumSource
    void record_shell_endsWhereItIsReplaced(RecordTool tool) {
        Tools.assumeInstalled(tool);
        Recording recording = record(tool, "sh", "-c", "exec true");
        assertThat(recording.replacedBy()).hasSize(1).allMatch(path -> path.endsWith("/true"));
        assertThat(recording.exitStatus()).isZero();
        assertThat(log.lines).last().isEqualTo("exit 0");
    }

    @Test
    void record_errorsOfTheProgram_comeThroughWithoutValgrinds() {
        Tools.assumeInstalled(RecordTool.LACKEY);
        Recording recording = record(RecordTool.LACKEY, "ls", "/no/such/place");
        assertThat(recording.exitStatus()).isEqualTo(2);
        assertThat(errors.toString(StandardCharsets.UTF_8))
                .contains("/no/such/place")
                .doesNotContain("aspacem");
    }

    @Test
    void record_standardInputOfBothRuns_isTheSame() {
        Tools.assumeInstalled(RecordTool.LACKEY);
        Recording recording = recorder.record(RecordOptions.with(RecordTool.LACKEY), List.of("true"), log);
        assertThat(recording.header().nativeSeconds()).isBetween(0.0, 10.0);
    }

    @Test
    void record_unknownProgram_leavesNoFile() throws IOException {
        assertThatThrownBy(() -> recorder.record(
                        RecordOptions.with(RecordTool.LACKEY),
                        List.of("no-such-program"),
                        directory.resolve("out.pwt"),
                        TraceWriter.FAST_LEVEL))
                .isInstanceOf(BadInput.class)
                .hasMessage("no-such-program: no such program");
        try (var files = Files.list(directory)) {
            assertThat(files).isEmpty();
        }
    }

    @ParameterizedTest
    @EnumSource
    void record_sinkThatFails_endsTheProgram(RecordTool tool) {
        Tools.assumeInstalled(tool);
        EventLog failing = new EventLog() {
            @Override
            public void access(int kind, long vaddr, int sizeBytes) {
                throw new BadInput("cannot write out.pwt: No space left on device");
            }
        };
        assertThatThrownBy(() ->
                        recorder.record(RecordOptions.with(tool).withoutNative(), List.of("sleep", "1000"), failing))
                .isInstanceOf(BadInput.class)
                .hasMessageContaining("No space left");
    }

    @ParameterizedTest
    @EnumSource
    void minorFaults_program_makesItsCallsUnderEachTool(RecordTool tool) throws Exception {
        Tools.assumeInstalled(tool);
        MinorFaultProgram program = MinorFaultProgram.runNatively(directory);
        Recording recording = program.record(tool, directory.resolve("faults.pwt"));
        assertThat(recording.exitStatus()).isZero();
        assertThat(recording.counts().syscalls()).isEqualTo(12);
        /* 100 + 100 + 50 + 10 + 20 + 5 + 8 + 25 + 10 touches, and a few pages of text, data and stack */
        assertThat(program.between()).isBetween(323L, 335L);
    }
}
