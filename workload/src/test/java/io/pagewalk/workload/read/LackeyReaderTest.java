package io.pagewalk.workload.read;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pagewalk.base.BadInput;
import io.pagewalk.base.SeededRandom;
import io.pagewalk.workload.trace.SyscallEvent;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The samples are cut from what valgrind 3.19 wrote of small programs on Linux 6.18: runs of accesses are shortened, all other lines are whole. */
class LackeyReaderTest {
    private final EventLog log = new EventLog();

    private ReadCounts read(String text) throws IOException {
        return new LackeyReader("sample", log, n -> {})
                .read(new ByteArrayInputStream(text.getBytes(StandardCharsets.ISO_8859_1)));
    }

    private static String sample(String name) throws IOException {
        try (InputStream in = Objects.requireNonNull(LackeyReaderTest.class.getResourceAsStream(name))) {
            return new String(in.readAllBytes(), StandardCharsets.ISO_8859_1);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"lackey-cat.txt", "lackey-threads.txt", "lackey-fork-exec.txt", "lackey-killed.txt"})
    void read_sample_countsWhatLinesSay(String name) throws IOException {
        String text = sample(name);
        ReadCounts counts = read(text);
        long modifies = text.lines().filter(line -> line.startsWith(" M")).count();
        assertThat(counts.fetches())
                .isEqualTo(text.lines().filter(line -> line.startsWith("I ")).count());
        assertThat(counts.loads())
                .isEqualTo(modifies
                        + text.lines().filter(line -> line.startsWith(" L")).count());
        assertThat(counts.stores())
                .isEqualTo(modifies
                        + text.lines().filter(line -> line.startsWith(" S")).count());
        assertThat(log.counts).containsExactly(counts.loads(), counts.stores(), counts.fetches());
        long results = text.lines()
                .filter(line ->
                        line.contains("Success(") || line.contains("Failure(") || line.contains("NoWriteResult"))
                .count();
        long withoutResult = name.equals("lackey-fork-exec.txt") ? 2 : 0; /* an interrupted pause and the execve */
        assertThat(counts.syscalls()).isEqualTo(results + withoutResult);
    }

    @Test
    void read_cat_givesCallsInTheirPlaces() throws IOException {
        read(sample("lackey-cat.txt"));
        assertThat(log.calls.getFirst()).isEqualTo(new SyscallEvent(12, 0, 0, 0, 0, 0, 0, 0x4035000, null));
        assertThat(log.calls(257))
                .contains(new SyscallEvent(257, 4294967196L, 0x40290b1, 524288, 0, 0, 0, 4, "/etc/ld.so.cache"));
        assertThat(log.calls(21))
                .containsExactly(new SyscallEvent(21, 0x402a2a0, 4, 0, 0, 0, 0, -2, "/etc/ld.so.preload"));
        assertThat(log.calls(158)).containsExactly(new SyscallEvent(158, 4098, 0x4a27740, 0, 0, 0, 0, 0, null));
        assertThat(log.calls(334)).hasSize(1).allMatch(call -> call.result() == -38);
        assertThat(log.calls(326).getFirst().a4()).isEqualTo(9223372035781033984L);
        assertThat(log.lines).last().isEqualTo("exit 0");
    }

    @Test
    void read_asynchronousCall_standsWhereItReturned() throws IOException {
        read("""
                 L 1000,8
                SYSCALL[7,1](0) sys_read ( 4, 0x2000, 832 ) --> [async] ...\s
                --7--   SCHED[1]: releasing lock (VG_(client_syscall)[async]) -> VgTs_WaitSys
                --7--   SCHED[2]:  acquired lock (thread_wrapper(starting new thread))
                 S 3000,4
                --7--   SCHED[1]:  acquired lock (VG_(client_syscall)[async])
                SYSCALL[7,1](0) ... [async] --> Success(0x340)\s
                 M 1000,8
                """);
        assertThat(log.lines)
                .containsExactly(
                        "load 1000 8",
                        "thread 1",
                        "store 3000 4",
                        "thread 0",
                        "call 0 = 832",
                        "store 1000 8",
                        "load 1000 8",
                        "exit 0");
    }

    @Test
    void read_threads_numbersThemByClone() throws IOException {
        ReadCounts counts = read(sample("lackey-threads.txt"));
        assertThat(counts.threads()).isEqualTo(6);
        assertThat(log.switches).containsExactly(1, 0, 2, 3, 0, 4, 0, 5, 0);
        assertThat(log.calls(56)).hasSize(5).allMatch(call -> call.a0() == 0x3d0f00 && call.result() > 0);
        assertThat(log.lines)
                .contains("exit of thread 1: 0", "exit of thread 5: 0")
                .last()
                .isEqualTo("exit 3");
    }

    @Test
    void read_forkSignalExec_endsWithTheExec() throws IOException {
        read(sample("lackey-fork-exec.txt"));
        assertThat(log.calls(34)).extracting(SyscallEvent::result).containsExactly(-4L);
        assertThat(log.calls(15)).hasSize(1);
        assertThat(log.calls(58)).hasSize(1);
        assertThat(log.calls.getLast())
                .isEqualTo(new SyscallEvent(59, 0x10a00d, 0x1fff000620L, 0x1fff0007f0L, 0, 0, 0, 0, "/bin/echo"));
        assertThat(log.lines).last().isEqualTo("exit 0");
    }

    @Test
    void read_killedProgram_exitsWithItsSignal() throws IOException {
        read(sample("lackey-killed.txt"));
        assertThat(log.lines).last().isEqualTo("exit 139");
    }

    @Test
    void read_otherThreadsLineBehindResult_isReadToo() throws IOException {
        read("SYSCALL[7,1](24) sys_sched_yield ( )[sync] --> Success(0x0) I  1000,3\n\n L 2000,8\n");
        assertThat(log.lines).containsExactly("call 24 = 0", "fetch 1000 3", "load 2000 8", "exit 0");
    }

    @Test
    void read_pathWithBracketsAndCommas_isKeptWhole() throws IOException {
        read("SYSCALL[7,1](257) sys_openat ( -100, 0x2000(/tmp/a (b), c), 0, 5 )[sync] --> Success(0x3) \n");
        assertThat(log.calls.getFirst()).isEqualTo(new SyscallEvent(257, -100, 0x2000, 0, 5, 0, 0, 3, "/tmp/a (b), c"));
    }

    @Test
    void read_endMark_endsWithItsStatus() throws IOException {
        read("I  1000,3\n\n" + LackeyReader.END_MARK + "143   \nnot read\n");
        assertThat(log.lines).containsExactly("fetch 1000 3", "exit 143");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "hello",
                "I  ,3",
                "I  1000",
                "I  1000,",
                "I 1000,3",
                " L 10x0,8",
                " L 1000,0",
                " X 1000,8",
                "L 1000,8",
                " L 11112222333344445,8",
                " L 1000,8 ",
                "SYSCALL[7,1](x) sys_close ( 4 )[sync] --> Success(0x0) ",
                "SYSCALL[7,1](3) sys_close ( 4 )[sync] --> Success(zz) ",
                "SYSCALL[7,0](3) sys_close ( 4 )[sync] --> Success(0x0) ",
                "SYSCALL[7,1](3) ... [async] --> Success(0x0) "
            })
    void read_lineThatIsNone_namesIt(String line) {
        assertThatThrownBy(() -> read("I  1000,3\n" + line + "\n L 1000,8\n"))
                .isInstanceOf(BadInput.class)
                .hasMessageStartingWith("sample:2: found ")
                .hasMessageContaining(", expected ");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "I  1000,3\n L 10",
                "==7== Lackey, an example Valgrind tool\nI  1000,3\n",
                "SYSCALL[7,1](0) sys_read ( 4, 0x2000, 832 ) --> [async] ... \n",
                "I  1000,3\nSYSCALL[7,1](3) sys_close ( 4 )[sy"
            })
    void read_cutText_isTruncated(String text) {
        assertThatThrownBy(() -> read(text)).isInstanceOf(BadInput.class).hasMessageContaining("good up to line");
    }

    @Test
    void read_secondProcess_isRefused() {
        assertThatThrownBy(() -> read("""
                        SYSCALL[7,1](3) sys_close ( 4 )[sync] --> Success(0x0)\s
                        SYSCALL[8,1](3) sys_close ( 4 )[sync] --> Success(0x0)\s
                        """)).isInstanceOf(BadInput.class).hasMessageContaining("process 8");
    }

    @Test
    void read_emptyText_isRefused() {
        assertThatThrownBy(() -> read("")).isInstanceOf(BadInput.class).hasMessageContaining("empty");
    }

    @Test
    void read_damagedSamples_eitherReadOrNameTheLine() throws IOException {
        String[] samples = {sample("lackey-threads.txt"), sample("lackey-fork-exec.txt")};
        for (long seed = 0; seed < 2000; seed++) {
            SeededRandom random = new SeededRandom(seed);
            StringBuilder text = new StringBuilder(samples[random.nextInt(2)]);
            for (int i = random.nextInt(4); i >= 0; i--) {
                int at = random.nextInt(text.length() - 10);
                switch (random.nextInt(4)) {
                    case 0 -> text.setCharAt(at, (char) random.nextInt(256));
                    case 1 -> text.delete(at, at + 1 + random.nextInt(8));
                    case 2 -> text.insert(at, text.substring(at, at + 1 + random.nextInt(8)));
                    default -> text.setLength(Math.max(20, at));
                }
            }
            try {
                read(text.toString());
            } catch (BadInput e) {
                assertThat(e).as("seed %d", seed).hasMessageMatching("(?s)sample:\\d+: found .*, expected .*");
            }
        }
    }
}
