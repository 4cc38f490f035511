package io.pagewalk.observe.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pagewalk.base.BadInput;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WholeFileTest {
    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    private Path directory;

    @Test
    void write_newAndAgain_leavesOneFileWithTheLastText() throws IOException {
        Path file = directory.resolve("a.json");
        WholeFile.write("--json", file, "one");
        WholeFile.write("--json", file, "two");
        assertThat(file).hasContent("two");
        assertThat(entries()).containsExactly("a.json");
    }

    @Test
    void write_missingDirectory_isRefusedAndLeavesNothing() throws IOException {
        assertThatThrownBy(() -> WholeFile.write("--json", directory.resolve("no/a.json"), "x"))
                .isInstanceOf(BadInput.class)
                .hasMessageContaining("--json: cannot write");
        assertThat(entries()).isEmpty();
    }

    @Test
    void writeTree_again_replacesTheWholeTree() throws IOException {
        Path tree = directory.resolve("proc");
        WholeFile.writeTree("--proc", tree, ".mark", Map.of(".mark", "", "1/maps", "old", "2/maps", "old"));
        WholeFile.writeTree("--proc", tree, ".mark", Map.of(".mark", "", "1/maps", "new"));
        assertThat(tree.resolve("1/maps")).hasContent("new");
        assertThat(tree.resolve("2")).doesNotExist();
        assertThat(entries()).containsExactly("proc");
    }

    @Test
    void writeTree_directoryWithOtherFiles_isLeftAlone() throws IOException {
        Files.writeString(directory.resolve("mine.txt"), "precious");
        assertThatThrownBy(() -> WholeFile.writeTree("--proc", directory, ".mark", Map.of(".mark", "")))
                .isInstanceOf(BadInput.class)
                .hasMessageContaining("holds other files");
        assertThat(directory.resolve("mine.txt")).hasContent("precious");
    }

    private List<String> entries() throws IOException {
        try (Stream<Path> paths = Files.list(directory)) {
            return paths.map(path -> path.getFileName().toString()).sorted().toList();
        }
    }
}
