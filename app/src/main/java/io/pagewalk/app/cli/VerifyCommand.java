package io.pagewalk.app.cli;

import io.pagewalk.base.BadInput;
import io.pagewalk.observe.files.WholeFile;
import io.pagewalk.oracle.fuzz.Area;
import io.pagewalk.oracle.fuzz.Verification;
import io.pagewalk.oracle.fuzz.VerifyReport;
import io.pagewalk.oracle.fuzz.VerifyRequest;
import io.pagewalk.oracle.fuzz.VerifyResult;
import io.pagewalk.oracle.machine.HelperProgram;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code pagewalk verify}. */
@Command(
        name = "verify",
        description = "Holds the model against the kernel of this computer: the same random calls on both.",
        customSynopsis = "pagewalk verify [--area LIST] [--ops N] [--seed N] [--minutes M] [--json FILE|-] [--quiet]",
        sortOptions = false,
        footer = {
            "",
            "Needs Linux on x86-64 and a C compiler. Exit code 1 when a difference has no known reason.",
            "What is compared and how to read a difference: docs/VERIFY.md",
            "",
            "Examples:",
            "  pagewalk verify",
            "  pagewalk verify --area map,mremap,fork --ops 1000000 --seed 7"
        })
final class VerifyCommand implements Callable<Integer> {
    private static final int UNEXPLAINED = 1;

    private final Terminal terminal;

    @Option(
            names = "--area",
            paramLabel = "LIST",
            defaultValue = "all",
            description =
                    "Groups of calls with commas, or all: map,protect,mremap,advise,lock,heap,file,shared,contents,"
                            + "mincore,sync,seal,fork,thread. Default: ${DEFAULT-VALUE}.")
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

    VerifyCommand(Terminal terminal) {
        this.terminal = terminal;
    }

    @Override
    public Integer call() {
        VerifyRequest request = new VerifyRequest(Area.parse(areas), operations, seed, minutes);
        if (json != null && !json.equals("-")) {
            WholeFile.check("--json", Path.of(json));
        }
        HelperProgram helper = HelperProgram.prepare(HelperProgram.defaultDirectory());
        if (!HelperProgram.runsModelledKernel()) {
            terminal.err()
                    .println("pagewalk: warning: this computer runs Linux " + HelperProgram.kernelVersion()
                            + ", the model is Linux " + HelperProgram.modelledVersion()
                            + "; differences may be between the two versions");
        }
        VerifyResult result;
        try (ProgressLine progress = new ProgressLine(terminal.err(), "operations")) {
            result = Verification.run(
                    helper, request, terminal.isErrTerminal() ? done -> progress.update(done, operations) : done -> {});
        }
        boolean isGood =
                result.unexplained().isEmpty() && result.helperFailures().isEmpty();
        boolean wantsJsonOut = "-".equals(json);
        if (!wantsJsonOut && !(isQuiet && isGood)) {
            terminal.out().print(VerifyReport.text(request, result));
        }
        if (json != null) {
            writeJson(json, VerifyJson.write(request, result));
        }
        if (!result.unexplained().isEmpty()) {
            return UNEXPLAINED;
        }
        if (!result.helperFailures().isEmpty()) {
            throw new BadInput("verify: " + result.helperFailures().getFirst());
        }
        return CommandLineInterface.OK;
    }

    private void writeJson(String target, String text) {
        if (target.equals("-")) {
            terminal.out().print(text);
            return;
        }
        WholeFile.write("--json", Path.of(target), text);
    }
}
