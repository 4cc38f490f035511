package io.pagewalk.app.cli;

import io.pagewalk.lab.experiment.Ink;
import io.pagewalk.lab.experiment.Progress;
import io.pagewalk.lab.experiment.Report;
import io.pagewalk.observe.files.WholeFile;
import java.nio.file.Path;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The options that say where an experiment's report goes. */
final class ReportOptions {
    @Option(names = "--svg", paramLabel = "FILE", description = "Writes the picture as SVG to a file.")
    private @Nullable Path svg;

    @Option(
            names = "--json",
            paramLabel = "FILE|-",
            description = "Writes the report as JSON to a file, or instead of the text with '-'.")
    private @Nullable String json;

    @Option(
            names = {"-q", "--quiet"},
            description = "Prints no report.")
    private boolean isQuiet;

    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Shows this help.")
    @SuppressWarnings("UnusedVariable") // picocli reads it
    private boolean isHelpWanted;

    /** Checks the files, runs an experiment, and tells what it has shown. */
    void tell(Terminal terminal, Function<Progress, Report> experiment) {
        if (svg != null) {
            WholeFile.check("--svg", svg);
        }
        JsonTarget target = new JsonTarget(json, terminal);
        target.check();
        Report report = run(terminal, experiment);
        if (svg != null) {
            WholeFile.write("--svg", svg, report.svg());
        }
        target.write(report::json);
        if (!isQuiet && !target.replacesText()) {
            terminal.out().print(report.text(terminal.usesColour() ? Ink.COLOUR : Ink.PLAIN));
        }
    }

    private static Report run(Terminal terminal, Function<Progress, Report> experiment) {
        if (!terminal.isErrTerminal()) {
            return experiment.apply(Progress.NONE);
        }
        try (ProgressLine progress = new ProgressLine(terminal.err(), "steps")) {
            return experiment.apply(progress::update);
        }
    }
}
