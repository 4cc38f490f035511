package io.pagewalk.app;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The rules of the house that a text search can check. */
class SourceStyleTest {
    private static final int MOST_LINES = 600;
    private static final int NEVER_LINES = 1000;

    /** Files that may pass 600 lines, each with its reason. */
    private static final Map<String, String> LONG_FILES = Map.of(
            "LinuxKernel.java", "the one object that workloads drive and observers read",
            "Mm.java", "every field of mm_struct with its accessor");

    /** Tests that may wait by the clock, each for what tells nobody when it is done. */
    private static final Map<String, String> WAITING_TESTS = Map.of(
            "KsmHistoryTest.java", "the ksmd of this computer scans when its timer says so",
            "HostKhugepaged.java", "so does its khugepaged");

    private static final Pattern TEST_METHOD =
            Pattern.compile("@(?:Test|ParameterizedTest)\\b[^{]*?void (\\w+)\\(", Pattern.DOTALL);
    private static final Pattern TEST_NAME = Pattern.compile("[a-z][A-Za-z0-9]*(_[a-z0-9][A-Za-z0-9]*){1,3}");

    @Test
    void sources_areShort() throws IOException {
        List<String> tooLong = new ArrayList<>();
        for (Path file : javaFiles("main", "test")) {
            long lines = Files.readString(file).lines().count();
            boolean isListed = LONG_FILES.containsKey(file.getFileName().toString());
            if (lines > NEVER_LINES || (lines > MOST_LINES && !isListed)) {
                tooLong.add(file + ": " + lines + " lines");
            }
        }
        assertThat(tooLong).isEmpty();
    }

    @Test
    void tests_areNamedOperationConditionResult() throws IOException {
        List<String> badNames = new ArrayList<>();
        for (Path file : javaFiles("test")) {
            TEST_METHOD.matcher(Files.readString(file)).results().forEach(match -> {
                if (!TEST_NAME.matcher(match.group(1)).matches()) {
                    badNames.add(file.getFileName() + ": " + match.group(1));
                }
            });
        }
        assertThat(badNames).isEmpty();
    }

    @Test
    void tests_neitherSleepNorAreDisabled() throws IOException {
        assertThat(filesWith(
                        javaFiles("test").stream()
                                .filter(file -> !WAITING_TESTS.containsKey(
                                        file.getFileName().toString()))
                                .toList(),
                        Pattern.compile("Thread" + "\\.sleep\\(|^\\s*@Disa" + "bled", Pattern.MULTILINE)))
                .isEmpty();
    }

    @Test
    void comments_holdNoOpenEnds() throws IOException {
        assertThat(filesWith(
                        javaFiles("main", "test"), Pattern.compile("\\b(TO" + "DO|FIX" + "ME|XX" + "X|HA" + "CK)\\b")))
                .isEmpty();
    }

    @Test
    void publicClasses_haveAFirstSentence() throws IOException {
        Pattern bare = Pattern.compile(
                "(?<!\\*/)\\n(?:@[A-Za-z.]+(?:\\([^\\n]*\\))?\\n)*public (?:final |abstract |sealed |non-sealed )*(?:class|interface|record|enum|@interface) ");
        List<String> missing = new ArrayList<>();
        for (Path file : javaFiles("main")) {
            String text = Files.readString(file);
            if (bare.matcher(text).find()
                    && !Pattern.compile("\\*/\\s*(?:@[^\\n]*\\s*|//[^\\n]*\\s*)*public ")
                            .matcher(text)
                            .find()) {
                missing.add(file.toString());
            }
        }
        assertThat(missing).isEmpty();
    }

    private static List<String> filesWith(List<Path> files, Pattern pattern) throws IOException {
        List<String> found = new ArrayList<>();
        for (Path file : files) {
            if (pattern.matcher(Files.readString(file)).find()) {
                found.add(file.toString());
            }
        }
        return found;
    }

    private static List<Path> javaFiles(String... sets) throws IOException {
        List<Path> files = new ArrayList<>();
        // The tests of a module run in its own directory.
        Path root = Path.of("..").toAbsolutePath().normalize();
        for (String module : List.of("base", "hardware", "kernel", "workload", "observe", "lab", "app", "bench")) {
            for (String set : sets) {
                Path directory =
                        root.resolve(module).resolve("src").resolve(set).resolve("java");
                if (Files.isDirectory(directory)) {
                    try (Stream<Path> paths = Files.walk(directory)) {
                        paths.filter(path -> path.toString().endsWith(".java"))
                                .sorted()
                                .forEach(files::add);
                    }
                }
            }
        }
        return files;
    }
}
