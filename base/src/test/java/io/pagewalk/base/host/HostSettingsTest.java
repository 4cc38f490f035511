package io.pagewalk.base.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HostSettingsTest {
    private static final String BEFORE = "always [madvise] never\n";

    @TempDir
    Path directory = Path.of(".");

    private Path words = directory;
    private Path number = directory;

    @BeforeEach
    void write() throws IOException {
        words = Files.writeString(directory.resolve("words"), BEFORE);
        number = Files.writeString(directory.resolve("number"), "7\n");
    }

    /** Changes two files as another program, which ends as it is told: {@code exit}, {@code halt}, or when its input ends. */
    private Process other(String end) throws IOException {
        Process process = new ProcessBuilder(
                        ProcessHandle.current().info().command().orElse("java"),
                        "-cp",
                        System.getProperty("java.class.path"),
                        "-Djava.io.tmpdir=" + System.getProperty("java.io.tmpdir"),
                        Other.class.getName(),
                        words.toString(),
                        number.toString(),
                        end)
                .redirectErrorStream(true)
                .start();
        assertThat(process.inputReader().readLine()).isEqualTo("changed");
        return process;
    }

    /** The other program. */
    static final class Other {
        private Other() {}

        public static void main(String[] args) throws IOException {
            HostSettings settings = HostSettings.take();
            settings.set(Path.of(args[0]), "never");
            settings.set(Path.of(args[1]), "8");
            System.out.println("changed");
            switch (args[2]) {
                case "exit" -> System.exit(0);
                case "halt" -> Runtime.getRuntime().halt(1);
                default -> {
                    System.in.read();
                    settings.close();
                }
            }
        }
    }

    @Test
    void chosen_isTheWordInBrackets_orAllThereIs() throws IOException {
        assertThat(HostSettings.chosen(words)).isEqualTo("madvise");
        assertThat(HostSettings.chosen(number)).isEqualTo("7");
    }

    @Test
    void close_putsBackWhatWasFirst() throws IOException {
        try (HostSettings settings = HostSettings.take()) {
            assertThat(settings.set(words, "never")).isTrue();
            assertThat(settings.set(words, "always")).isTrue();
            assertThat(settings.valueOr(words, "none")).isEqualTo("always");
            assertThat(settings.valueOr(number, "none")).isEqualTo("none");
        }
        assertThat(words).hasContent("madvise");
        assertThat(number).hasContent("7");
    }

    @Test
    void renew_writesAgainWhatSomebodyHasChanged() throws IOException {
        try (HostSettings settings = HostSettings.take(Map.of(number, "9"))) {
            Files.writeString(number, "1");
            assertThat(Objects.requireNonNull(settings).renew()).isTrue();
            assertThat(number).hasContent("9");
        }
        assertThat(number).hasContent("7");
    }

    @Test
    void take_ofAFileThatCannotBeWritten_changesNothing() {
        Map<Path, String> wanted = new LinkedHashMap<>();
        wanted.put(number, "9");
        wanted.put(directory.resolve("missing"), "1");
        assertThat(HostSettings.take(wanted)).isNull();
        assertThat(number).hasContent("7");
    }

    @Test
    void take_twice_isRefused() throws IOException {
        try (HostSettings settings = HostSettings.take()) {
            assertThat(HostSettings.rely()).isNull();
            assertThatThrownBy(HostSettings::take).isInstanceOf(OverlappingFileLockException.class);
            assertThat(settings.set(number, "9")).isTrue();
        }
    }

    @Test
    void rely_leavesEverythingAsItIs() {
        try (HostSettings settings = HostSettings.rely()) {
            assertThatThrownBy(() -> Objects.requireNonNull(settings).set(number, "9"))
                    .isInstanceOf(IllegalStateException.class);
        }
        assertThat(number).hasContent("7");
    }

    @Test
    void programThatEnds_putsBack() throws Exception {
        assertThat(other("exit").waitFor(20, TimeUnit.SECONDS)).isTrue();
        assertThat(List.of(Files.readString(words), Files.readString(number))).containsExactly("madvise", "7");
    }

    @Test
    void programThatIsKilled_isPutBackByTheNext() throws Exception {
        assertThat(other("halt").waitFor(20, TimeUnit.SECONDS)).isTrue();
        assertThat(words).hasContent("never");
        try (HostSettings settings = HostSettings.rely()) {
            assertThat(settings).isNotNull();
            assertThat(List.of(Files.readString(words), Files.readString(number)))
                    .containsExactly("madvise", "7");
        }
    }

    @Test
    void rely_waitsForTheProgramThatChangesSettings() throws Exception {
        Process other = other("wait");
        assertThat(words).hasContent("never");
        CompletableFuture<String> seen = CompletableFuture.supplyAsync(() -> {
            try (HostSettings settings = HostSettings.rely()) {
                return settings == null ? "nothing" : HostSettings.chosen(words);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
        assertThat(seen).isNotDone();
        other.outputWriter().close();
        assertThat(seen.get(20, TimeUnit.SECONDS)).isEqualTo("madvise");
        assertThat(other.waitFor(20, TimeUnit.SECONDS)).isTrue();
    }
}
