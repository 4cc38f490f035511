package io.pagewalk.workload.trace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pagewalk.base.BadInput;
import io.pagewalk.hardware.mmu.Access;
import io.pagewalk.workload.trace.TraceBlock.Columns;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TraceRoundTripTest {
    private static final TraceHeader HEADER = new TraceHeader(
            List.of("/bin/prog", "-x", "a\tb\\c\nd"),
            "2026-11-21",
            "6.18.0",
            "test",
            0.125,
            List.of(
                    new InitialMap(0x400000, 0x500000, "r-xp", 0x1000, "/bin/prog", null),
                    new InitialMap(0x7ffffffde000L, 0x7ffffffff000L, "rw-p", 0, null, "[stack]")),
            0x600000,
            0x401000,
            0x7fffffffe000L,
            List.of(new TracedFile("/bin/prog", 12345, 77, 8, 1)));

    @TempDir
    Path directory;

    @ParameterizedTest
    @CsvSource({"1,200000,3", "2,200000,6", "3,400000,40", "4,300000,30000"})
    void read_randomStream_tellsEachTouchInOrder(long seed, int accesses, int pages) {
        Path file = directory.resolve("t.pwt");
        List<String> expected = new ArrayList<>();
        try (TraceWriter writer = new TraceWriter(file, TraceWriter.FAST_LEVEL)) {
            new RandomStream(seed).tell(accesses, pages, List.of(writer.sink(), new Lines(expected)));
            writer.finish(HEADER);
        }
        List<String> actual = new ArrayList<>();
        TraceCounts sums = new TraceCounts();
        try (TraceFile trace = TraceFile.open(file)) {
            assertThat(trace.header()).isEqualTo(HEADER);
            TraceBlock block = trace.newBlock();
            TouchReader touches = new TouchReader(block);
            for (int i = 0; i < trace.blocks(); i++) {
                trace.readBlock(i, block, Columns.ALL);
                touches.restart();
                sums.add(block.counts());
                tell(block, touches, actual);
            }
            assertThat(trace.counts().accesses()).isEqualTo(sums.accesses()).isEqualTo(accesses);
            assertThat(trace.counts().events).isEqualTo(sums.events);
            assertThat(trace.counts().syscalls).isEqualTo(sums.syscalls).isPositive();
        }
        assertThat(actual).hasSameSizeAs(expected);
        assertThat(actual).isEqualTo(expected);
    }

    @Test
    void startEpisode_skippingSome_readsTheLaterOneRight() {
        Path file = directory.resolve("t.pwt");
        try (TraceWriter writer = new TraceWriter(file, TraceWriter.FAST_LEVEL)) {
            for (int i = 0; i < 40; i++) {
                writer.sink().access(Access.STORE, 0x1000L * i, 4);
            }
            writer.finish(HEADER);
        }
        try (TraceFile trace = TraceFile.open(file)) {
            TraceBlock block = trace.newBlock();
            trace.readBlock(0, block, Columns.ALL);
            TouchReader touches = new TouchReader(block);
            touches.startEpisode(3, 12);
            assertThat(touches.next()).isTrue();
            assertThat(touches.vaddr()).isEqualTo(12 * 0x1000L);
            touches.startEpisode(9, 36);
            assertThat(touches.next()).isTrue();
            assertThat(touches.vaddr()).isEqualTo(36 * 0x1000L);
            assertThat(touches.isEvent()).isTrue();
        }
    }

    @Test
    void open_truncatedAnywhere_saysSoAndHowFarItIsGood() throws IOException {
        byte[] whole = wholeTrace(3);
        Path cut = directory.resolve("cut.pwt");
        for (int length = 9; length < whole.length; length += 1 + whole.length / 97) {
            Files.write(cut, Arrays.copyOf(whole, length));
            assertThatThrownBy(() -> TraceFile.open(cut).close())
                    .isInstanceOf(BadInput.class)
                    .hasMessageContaining("cut short at byte " + length)
                    .hasMessageContaining("good up to byte");
        }
    }

    @Test
    void read_anyByteFlipped_neverPassesUnseen() throws IOException {
        byte[] whole = wholeTrace(4);
        Path bad = directory.resolve("bad.pwt");
        for (int place = 0; place < whole.length; place += 1 + whole.length / 211) {
            byte[] flipped = whole.clone();
            flipped[place] ^= 0x10;
            Files.write(bad, flipped);
            for (Columns columns : Columns.values()) {
                assertThatThrownBy(() -> readAll(bad, columns))
                        .as("byte %d of %d, %s", place, whole.length, columns)
                        .isInstanceOf(BadInput.class);
            }
        }
    }

    @Test
    void open_missingEmptyOrForeign_namesTheFile() throws IOException {
        Path empty = Files.createFile(directory.resolve("empty.pwt"));
        Path foreign = Files.writeString(directory.resolve("foreign.pwt"), "I 1000,4\nL 2000,8\n and so on");
        assertThatThrownBy(() -> TraceFile.open(directory.resolve("none.pwt")).close())
                .isInstanceOf(BadInput.class)
                .hasMessageContaining("none.pwt: no such file");
        assertThatThrownBy(() -> TraceFile.open(empty).close())
                .isInstanceOf(BadInput.class)
                .hasMessageContaining("found an empty file");
        assertThatThrownBy(() -> TraceFile.open(foreign).close())
                .isInstanceOf(BadInput.class)
                .hasMessageContaining("does not begin as a trace does");
    }

    @Test
    void close_withoutFinish_leavesNoFile() throws IOException {
        try (TraceWriter writer = new TraceWriter(directory.resolve("x.pwt"), TraceWriter.FAST_LEVEL)) {
            writer.sink().access(Access.LOAD, 0x1000, 8);
        }
        try (var files = Files.list(directory)) {
            assertThat(files).isEmpty();
        }
    }

    private byte[] wholeTrace(long seed) throws IOException {
        Path file = directory.resolve("whole.pwt");
        try (TraceWriter writer = new TraceWriter(file, TraceWriter.FAST_LEVEL)) {
            new RandomStream(seed).tell(20000, 9000, List.of(writer.sink()));
            writer.finish(HEADER);
        }
        return Files.readAllBytes(file);
    }

    private static void readAll(Path file, Columns columns) {
        try (TraceFile trace = TraceFile.open(file)) {
            TraceBlock block = trace.newBlock();
            for (int i = 0; i < trace.blocks(); i++) {
                trace.readBlock(i, block, columns);
            }
        }
    }

    private static void tell(TraceBlock block, TouchReader touches, List<String> lines) {
        ControlReader controls = block.controls();
        int episode = 0;
        int event = 0;
        for (int span = 0; span <= block.spanCount(); span++) {
            while (controls.next(span)) {
                lines.add(
                        switch (controls.kind()) {
                            case SWITCH_THREAD -> "thread " + controls.thread();
                            case SYSCALL -> controls.syscall().toString();
                            case EXIT_THREAD -> "exit " + controls.thread() + " " + controls.status();
                            case EXIT_PROCESS -> "end " + controls.status();
                        });
            }
            if (span == block.spanCount()) {
                break;
            }
            int[] touchCounts = new int[3];
            for (int i = 0; i < block.spans()[span * TraceBlock.SPAN_WIDTH]; i++) {
                int events = 0;
                touches.startEpisode(episode, event);
                while (touches.next()) {
                    touchCounts[touches.kind()]++;
                    events += touches.isEvent() ? 1 : 0;
                    lines.add(Access.name(touches.kind()) + " " + (touches.vaddr() >>> 12)
                            + (touches.isSecondHalf() ? " half" : ""));
                }
                assertThat(events).isEqualTo(EpisodeFormat.eventCount(block.episodes()[episode]));
                event += events;
                episode++;
            }
            for (int kind = 0; kind < 3; kind++) {
                int at = span * TraceBlock.SPAN_WIDTH + TraceBlock.SPAN_LOADS + 2 * kind;
                assertThat(block.spans()[at] + block.spans()[at + 1]).isEqualTo(touchCounts[kind]);
            }
        }
    }

    /** Writes down what a sink hears, page by page. */
    private static final class Lines implements AccessSink {
        private final List<String> lines;
        private int thread;

        Lines(List<String> lines) {
            this.lines = lines;
        }

        @Override
        public void access(int kind, long vaddr, int sizeBytes) {
            long last = (vaddr + sizeBytes - 1) >>> 12;
            for (long page = vaddr >>> 12; page <= last; page++) {
                lines.add(Access.name(kind) + " " + page + (page > vaddr >>> 12 ? " half" : ""));
            }
        }

        @Override
        public void switchThread(int newThread) {
            if (newThread != thread) {
                lines.add("thread " + newThread);
                thread = newThread;
            }
        }

        @Override
        public void syscall(SyscallEvent event) {
            lines.add(event.toString());
        }

        @Override
        public void exitThread(int exited, int status) {
            lines.add("exit " + exited + " " + status);
        }

        @Override
        public void exitProcess(int status) {
            lines.add("end " + status);
        }
    }
}
