package io.pagewalk.oracle.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pagewalk.oracle.machine.HelperProgram;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The whole board. The host's half needs Linux 6.18 on x86-64, root and a C compiler. */
class ScoreboardTest {
    private static final Path DOCUMENT = Path.of("..", "docs", "CONFORMANCE.md");

    @TempDir
    Path directory = Path.of(".");

    @Test
    void cases_ofAllSources_haveNamesInTheDocument() throws IOException {
        String document = Files.readString(DOCUMENT);
        List<String> missing = Board.cases().stream()
                .map(ScoreboardTest::line)
                .filter(line -> !document.contains(line))
                .toList();
        assertThat(missing)
                .as("docs/CONFORMANCE.md is stale: see its first lines")
                .isEmpty();
    }

    @Test
    void run_onBothSides_isNoWorseThanTheDocumentSays() throws IOException {
        assumeTrue(HelperProgram.obstacle().isEmpty(), "needs Linux on x86-64");
        assumeTrue(HelperProgram.runsModelledKernel(), "needs Linux " + HelperProgram.modelledVersion());
        assumeTrue(Files.isExecutable(Path.of("/usr/bin/gcc")), "needs gcc");
        assumeTrue("root".equals(System.getProperty("user.name")), "needs root");
        List<CaseResult> results = Scoreboard.run(HelperProgram.prepare(directory), Board.cases(), done -> {});
        assertThat(results.stream().filter(CaseResult::isModelWrong))
                .as(BoardReport.text(results))
                .isEmpty();
        Set<String> lines = Set.copyOf(Files.readAllLines(DOCUMENT));
        List<CaseResult> worse = results.stream()
                .filter(result -> lines.contains(line(result.test())) && !result.isGood())
                .toList();
        // What somebody else uses, such as the pool of huge pages, may be wanting for a few cases.
        List<CaseResult> notRun = worse.stream()
                .filter(result -> result.model().isPass() && result.host().kind() == CaseResult.Kind.NOT_RUN)
                .toList();
        notRun.forEach(result -> System.out.println("not run on this computer: "
                + result.test().name() + ": " + result.host().reason()));
        assertThat(notRun).hasSizeLessThan(results.size() / 10);
        assertThat(worse.stream()
                        .filter(result -> !notRun.contains(result))
                        .map(result -> result.test().name()))
                .as("the document says that they pass on both sides")
                .isEmpty();
    }

    private static String line(ConformanceCase test) {
        return "- `" + test.origin() + "` " + test.says();
    }

    @Test
    void run_ofAWrongCase_failsOnTheModel() {
        ConformanceCase wrong = new CaseTable("own")
                .add("wrong", "munmap gives 1", s -> s.gives(1, "munmap", s.map(4096, 3), 4096))
                .add("unknown", "a call that is not there", s -> s.ok("io_uring_setup", 0, 0))
                .cases()
                .getFirst();
        List<CaseResult> results = Scoreboard.run(null, List.of(wrong), done -> {});
        assertThat(results.getFirst().model().kind()).isEqualTo(CaseResult.Kind.FAIL);
        assertThat(results.getFirst().model().reason()).contains("munmap").contains("instead of 1");
    }
}
