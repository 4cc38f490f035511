package io.pagewalk.app.cli;

import io.pagewalk.base.BadInput;
import io.pagewalk.base.CSource;
import io.pagewalk.observe.files.WholeFile;
import io.pagewalk.oracle.conformance.BoardReport;
import io.pagewalk.oracle.conformance.CaseResult;
import io.pagewalk.oracle.conformance.ConformanceCase;
import io.pagewalk.oracle.conformance.ConformanceDocument;
import io.pagewalk.oracle.conformance.Scoreboard;
import io.pagewalk.oracle.fuzz.Area;
import io.pagewalk.oracle.fuzz.Verification;
import io.pagewalk.oracle.fuzz.VerifyReport;
import io.pagewalk.oracle.fuzz.VerifyRequest;
import io.pagewalk.oracle.fuzz.VerifyResult;
import io.pagewalk.oracle.machine.HelperProgram;
import io.pagewalk.oracle.programs.ProgramCheck;
import io.pagewalk.oracle.programs.ProgramReport;
import io.pagewalk.oracle.programs.ProgramResult;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code pagewalk verify}. */
@Command(
        name = "verify",
        description =
                "Holds the model against the kernel of this computer: the same random calls on both, the cases of the scoreboard, or a program of yours.",
        customSynopsis = {
            "pagewalk verify [--area LIST] [--ops N] [--seed N] [--minutes M] [--json FILE|-] [--quiet]",
            "pagewalk verify --scoreboard [--case TEXT] [--json FILE|-] [--quiet]",
            "pagewalk verify [--json FILE|-] [--quiet] -- CMD [ARGS]"
        },
        sortOptions = false,
        footer = {
            "",
            "Needs Linux on x86-64 and a C compiler. Exit code 1 when a difference has no known reason.",
            "What is compared and how to read a difference: docs/VERIFY.md. All cases of the scoreboard: docs/CONFORMANCE.md",
            "",
            "Examples:",
            "  pagewalk verify",
            "  pagewalk verify --area map,mremap,fork --ops 1000000 --seed 7",
            "  pagewalk verify --scoreboard --case mremap",
            "  pagewalk verify -- cat /etc/hostname"
        })
final class VerifyCommand implements Callable<Integer> {
    private static final int UNEXPLAINED = 1;

    private final Terminal terminal;
    private final Program program;

    @Option(
            names = "--area",
            paramLabel = "LIST",
            defaultValue = "all",
            description =
                    "Groups of calls with commas, or all: map,protect,mremap,advise,lock,heap,file,shared,contents,"
                            + "mincore,sync,seal,policy,fork,thread,limit,segment. Default: ${DEFAULT-VALUE}.")
    @SuppressWarnings("NullAway.Init") // picocli sets it before anything runs
    private String areas;

    @Option(
            names = "--ops",
            paramLabel = "N",
            defaultValue = "100000",
            description = "How many operations. Default: ${DEFAULT-VALUE}.")
    private long operations;

    @Option(
            names = "--seed",
            paramLabel = "N",
            defaultValue = "1",
            description =
                    "Seed of the first history; each further one takes the next number. Default: ${DEFAULT-VALUE}.")
    private long seed;

    @Option(names = "--minutes", paramLabel = "M", defaultValue = "0", description = "Ends after so many minutes.")
    private double minutes;

    @Option(
            names = "--scoreboard",
            description = "Makes single assertions of other projects' tests instead of random histories.")
    private boolean isScoreboard;

    @Option(
            names = "--case",
            paramLabel = "TEXT",
            defaultValue = "",
            description = "With --scoreboard: only cases whose name contains this.")
    @SuppressWarnings("NullAway.Init") // picocli sets it before anything runs
    private String caseName;

    @Option(names = "--document", paramLabel = "FILE", hidden = true, description = "Writes docs/CONFORMANCE.md anew.")
    private @Nullable Path document;

    @Option(names = "--json", paramLabel = "FILE|-", description = "Writes the same numbers as JSON.")
    private @Nullable String json;

    @Option(
            names = {"-q", "--quiet"},
            description = "Prints nothing when nothing is wrong.")
    private boolean isQuiet;

    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Shows this help.")
    @SuppressWarnings("UnusedVariable") // picocli reads it
    private boolean isHelpWanted;

    VerifyCommand(Terminal terminal, Program program) {
        this.terminal = terminal;
        this.program = program;
    }

    @Override
    public Integer call() {
        VerifyRequest request = new VerifyRequest(Area.parse(areas), operations, seed, minutes);
        JsonTarget target = new JsonTarget(json, terminal);
        target.check();
        List<ConformanceCase> cases = isScoreboard ? Scoreboard.casesNamed(caseName) : List.of();
        HelperProgram helper = HelperProgram.prepare(CSource.cacheDirectory());
        warnOfOtherKernel();
        if (program.isGiven()) {
            return program(target);
        }
        return isScoreboard ? scoreboard(helper, cases, target) : histories(helper, request, target);
    }

    private void warnOfOtherKernel() {
        if (!HelperProgram.runsModelledKernel()) {
            terminal.err()
                    .println("pagewalk: warning: this computer runs Linux " + HelperProgram.kernelVersion()
                            + ", the model is Linux " + HelperProgram.modelledVersion()
                            + "; differences may be between the two versions");
        }
    }

    private int scoreboard(HelperProgram helper, List<ConformanceCase> cases, JsonTarget target) {
        List<CaseResult> results;
        try (ProgressLine progress = new ProgressLine(terminal.err(), "cases")) {
            results = Scoreboard.run(
                    helper, cases, terminal.isErrTerminal() ? done -> progress.update(done, cases.size()) : done -> {});
        }
        boolean isGood = results.stream().noneMatch(CaseResult::isModelWrong);
        if (!target.replacesText() && !(isQuiet && isGood)) {
            terminal.out().print(BoardReport.text(results));
        }
        target.write(() -> ScoreboardJson.write(results));
        if (document != null) {
            WholeFile.write("--document", document, ConformanceDocument.update(document, results));
        }
        return isGood ? CommandLineInterface.OK : UNEXPLAINED;
    }

    private int program(JsonTarget target) {
        Path trace = null;
        try (ProgressLine progress = new ProgressLine(terminal.err(), "accesses")) {
            trace = Files.createTempFile("pagewalk-verify", ".pwt");
            ProgramResult result = ProgramCheck.live(
                    program.command(), trace, terminal.isErrTerminal() ? done -> progress.update(done, 0) : done -> {});
            if (!target.replacesText() && !(isQuiet && result.agrees())) {
                terminal.out().print(ProgramReport.text(result));
            }
            target.write(() -> ProgramJson.write(result));
            return result.agrees() ? CommandLineInterface.OK : UNEXPLAINED;
        } catch (IOException e) {
            throw new BadInput("verify: no temporary file: " + e.getMessage(), e);
        } finally {
            if (trace != null) {
                trace.toFile().delete();
            }
        }
    }

    private int histories(HelperProgram helper, VerifyRequest request, JsonTarget target) {
        VerifyResult result;
        try (ProgressLine progress = new ProgressLine(terminal.err(), "operations")) {
            result = Verification.run(
                    helper, request, terminal.isErrTerminal() ? done -> progress.update(done, operations) : done -> {});
        }
        boolean isGood =
                result.unexplained().isEmpty() && result.helperFailures().isEmpty();
        if (!target.replacesText() && !(isQuiet && isGood)) {
            terminal.out().print(VerifyReport.text(request, result));
        }
        target.write(() -> VerifyJson.write(request, result));
        if (!result.unexplained().isEmpty()) {
            return UNEXPLAINED;
        }
        if (!result.helperFailures().isEmpty()) {
            throw new BadInput("verify: " + result.helperFailures().getFirst());
        }
        return CommandLineInterface.OK;
    }
}
