package io.pagewalk.app;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.app.cli.CommandLineInterface;
import io.pagewalk.app.cli.Terminal;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code pagewalk experiment} from the command line to its files. */
class ExperimentCommandTest {
    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    private Path directory;

    /** What one command printed and returned. */
    private record Outcome(int code, String out, String err) {}

    @Test
    void experiment_withoutName_listsAll() {
        Outcome outcome = run(false, "experiment");
        assertThat(outcome.code()).isZero();
        assertThat(outcome.out().lines().map(line -> line.split(" ", 2)[0]))
                .containsExactly("paging-vs-segmentation", "buddy", "slab", "fragmentation");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "paging-vs-segmentation --ram 256K --steps 200 --segment 4K",
                "buddy",
                "slab",
                "fragmentation --ram 64M"
            })
    void eachExperiment_withFiles_writesThemWholeAndRepeats(String command) throws Exception {
        Path svg = directory.resolve("a.svg");
        Path json = directory.resolve("a.json");
        String[] words = ("experiment " + command + " --svg " + svg + " --json " + json).split(" ", -1);
        Outcome text = run(false, words);
        assertThat(text.err()).isEmpty();
        assertThat(text.code()).isZero();
        assertThat(text.out()).contains("repeat with  pagewalk experiment").doesNotContain("\u001b");
        assertThat(text.out().lines().mapToInt(String::length).max().orElse(0)).isLessThan(150);
        assertThat(DocumentBuilderFactory.newInstance()
                        .newDocumentBuilder()
                        .parse(svg.toFile())
                        .getDocumentElement()
                        .getTagName())
                .isEqualTo("svg");
        String repeat = text.out()
                .lines()
                .filter(line -> line.startsWith("repeat with"))
                .findFirst()
                .orElseThrow();
        Outcome again = run(false, (repeat.replace("repeat with  pagewalk ", "") + " --json -").split(" ", -1));
        assertThat(again.out()).isEqualTo(Files.readString(json));
        assertThat(run(true, words).out()).contains("\u001b[");
        try (Stream<Path> files = Files.list(directory)) {
            assertThat(files).containsExactlyInAnyOrder(svg, json);
        }
    }

    @Test
    void quiet_printsNothing() {
        assertThat(run(false, "experiment", "buddy", "--quiet").out()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "experiment fly | 'fly' | buddy, slab, fragmentation",
                "experiment buddy --zone 3M | 3 MiB | power of two",
                "experiment buddy --script lots | 'lots' | a size such as",
                "experiment buddy --script 4K,-9 | '-9' | number of a request",
                "experiment buddy --svg /no/such/dir/a.svg | --svg | no such directory",
                "experiment slab --size 0 | 0 bytes | 8 to 8192",
                "experiment slab --free 99 | 99 | --objects",
                "experiment fragmentation --order 11 | 11 | 1 to 10",
                "experiment fragmentation --ram 1M | 1 MiB | 64M to 1G",
                "experiment paging-vs-segmentation --ram 3000 | --ram | 4 KiB",
                "experiment paging-vs-segmentation --segment 1M | --segment | 16 KiB",
                "experiment paging-vs-segmentation --seed x | --seed | 'x'",
                "experiment paging-vs-segmentation --json /no/such/dir/a.json | --json | no such directory",
            })
    void badInput_eachKind_endsWithOneLineAndCode2(String command, String names, String tells) throws IOException {
        Outcome outcome = run(false, command.strip().split(" ", -1));
        assertThat(outcome.err()).startsWith("pagewalk: ").contains(names).contains(tells);
        assertThat(outcome.err().lines()).hasSize(1);
        assertThat(outcome.out()).isEmpty();
        assertThat(outcome.code()).isEqualTo(CommandLineInterface.BAD_INPUT);
    }

    @ParameterizedTest
    @ValueSource(strings = {"paging-vs-segmentation", "buddy", "slab", "fragmentation"})
    void help_eachExperiment_showsAnExampleThatWorks(String name) {
        String help = run(false, "experiment", name, "--help").out();
        String example = help.lines()
                .map(String::strip)
                .filter(line -> line.startsWith("pagewalk experiment " + name))
                .findFirst()
                .orElseThrow();
        String pasted =
                example.replace("pagewalk ", "").replaceFirst("--svg \\S+", "--svg " + directory.resolve("x.svg"));
        Outcome outcome = run(false, pasted.split(" ", -1));
        assertThat(outcome.err()).isEmpty();
        assertThat(outcome.code()).isZero();
        assertThat(directory.resolve("x.svg")).isNotEmptyFile();
    }

    private static Outcome run(boolean usesColour, String... args) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        int code;
        try (PrintStream outStream = new PrintStream(out, true, StandardCharsets.UTF_8);
                PrintStream errStream = new PrintStream(err, true, StandardCharsets.UTF_8)) {
            code = new CommandLineInterface(new Terminal(outStream, errStream, false, false, usesColour)).run(args);
        }
        return new Outcome(code, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
    }
}
