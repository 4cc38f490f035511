package io.pagewalk.lab.experiment.oldways;

import io.pagewalk.base.Size;
import io.pagewalk.lab.experiment.Ink;
import io.pagewalk.lab.experiment.MemoryBar;
import io.pagewalk.lab.experiment.oldways.Stray.Harm;
import io.pagewalk.lab.experiment.oldways.Stray.Kind;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** The comparison for a terminal of 120 columns. */
final class ComparisonText {
    private static final int NAME_COLUMNS = 34;
    private static final int BAR_ROWS = 2;
    private static final int BAR_CELLS = 80;

    private final Comparison comparison;
    private final Ink ink;
    private final StringBuilder out = new StringBuilder(8192);

    ComparisonText(Comparison comparison, Ink ink) {
        this.comparison = comparison;
        this.ink = ink;
    }

    String write() {
        head();
        isolation();
        byKind();
        room();
        cost();
        picture();
        line("");
        line("repeat with  %s", repeat(comparison.settings()));
        return out.toString();
    }

    private void head() {
        Settings settings = comparison.settings();
        line("%s", ink.bold("Paging and segmentation: one history of programs on seven machines"));
        line(
                "  memory     %s, of which %s for programs",
                Size.format(settings.ramBytes()), Size.format(settings.programBytes()));
        line(
                "  history    seed %d: %,d requests by %,d programs, segments of %s on average, load up to %d %%",
                settings.seed(),
                settings.steps(),
                comparison.history().programs(),
                Size.format(settings.segmentBytes()),
                settings.loadPercent());
    }

    private void isolation() {
        heading("Isolation: what became of stray stores");
        line(
                "  %-" + NAME_COLUMNS + "s %7s %8s %8s %8s %10s %8s %10s",
                "",
                "stores",
                "caught",
                "nobody",
                "itself",
                "neighbour",
                "system",
                "damaged");
        for (Outcome outcome : comparison.outcomes()) {
            Outcome.Isolation isolation = outcome.isolation();
            line(
                    "  %-" + NAME_COLUMNS + "s %7d %8s %8s %8s %10s %8s %,10d",
                    outcome.name(),
                    isolation.all(),
                    percent(isolation.sum(Harm.CAUGHT), isolation.all()),
                    percent(isolation.sum(Harm.NOBODY), isolation.all()),
                    percent(isolation.sum(Harm.ITSELF), isolation.all()),
                    percent(isolation.sum(Harm.NEIGHBOUR), isolation.all()),
                    percent(isolation.sum(Harm.SYSTEM), isolation.all()),
                    isolation.damagedBytes());
        }
        line("  damaged: bytes that programs found changed when they ended; 'itself' damages them too");
    }

    private void byKind() {
        heading("Stray stores caught, by what went wrong");
        line(
                "  %-" + NAME_COLUMNS + "s %s",
                "",
                Arrays.stream(Kind.values())
                        .map(kind -> String.format(Locale.ROOT, "%17s", kind.label()))
                        .collect(Collectors.joining()));
        for (Outcome outcome : comparison.outcomes()) {
            Outcome.Isolation isolation = outcome.isolation();
            StringBuilder row = new StringBuilder();
            for (Kind kind : Kind.values()) {
                row.append(String.format(
                        Locale.ROOT, "%17s", percent(isolation.count(kind, Harm.CAUGHT), isolation.made(kind))));
            }
            line("  %-" + NAME_COLUMNS + "s %s", outcome.name(), row);
        }
        line("  and the exceptions that were raised:");
        for (Outcome outcome : comparison.outcomes()) {
            if (!outcome.isolation().faults().isEmpty()) {
                line(
                        "  %-" + NAME_COLUMNS + "s %s",
                        outcome.name(),
                        outcome.isolation().faults().entrySet().stream()
                                .map(fault -> fault.getKey() + " x " + fault.getValue())
                                .collect(Collectors.joining(", ")));
            }
        }
    }

    private void room() {
        heading("Fragmentation, while memory is full");
        line(
                "  %-" + NAME_COLUMNS + "s %8s %10s %10s %10s %10s %20s",
                "",
                "used",
                "external",
                "internal",
                "requests",
                "refused",
                "though enough free");
        for (Outcome outcome : comparison.outcomes()) {
            Outcome.Room room = outcome.room();
            line(
                    "  %-" + NAME_COLUMNS + "s %8s %10s %10s %,10d %,10d %,20d",
                    outcome.name(),
                    percent(room.used()),
                    percent(room.external()),
                    percent(room.internal()),
                    room.requests(),
                    room.refused(),
                    room.refusedThoughFree());
        }
        line("  external: free memory that the largest possible request cannot get; internal: given but not asked for");
    }

    private void cost() {
        heading("Cost");
        line(
                "  %-" + NAME_COLUMNS + "s %11s %12s %12s %10s %10s %8s %8s",
                "",
                "accesses",
                "table reads",
                "cycles per",
                "moved",
                "tables",
                "patched",
                "faults");
        line(
                "  %-" + NAME_COLUMNS + "s %11s %12s %12s %10s %10s %8s %8s",
                "",
                "",
                "per 1000",
                "access",
                "",
                "",
                "words",
                "");
        for (Outcome outcome : comparison.outcomes()) {
            Outcome.Cost cost = outcome.cost();
            line(
                    "  %-" + NAME_COLUMNS + "s %,11d %12.2f %12.3f %10s %10s %,8d %,8d",
                    outcome.name(),
                    cost.accesses(),
                    1000.0 * cost.references() / Math.max(1, cost.accesses()),
                    cost.cyclesPerAccess(),
                    Size.format(cost.movedBytes()),
                    Size.format(cost.tableBytes()),
                    cost.patchedWords(),
                    cost.faults());
        }
        line(
                "  table reads: descriptors or page-table entries, at %d cycles each; moved: copied to make room",
                PagingSystem.referenceCycles());
    }

    private void picture() {
        heading("Memory when programs asked for the most (a letter for each program, . free; a character is "
                + Size.format(comparison.settings().programBytes() / (BAR_ROWS * BAR_CELLS)) + ")");
        for (Outcome outcome : comparison.outcomes()) {
            MemoryBar bar = new MemoryBar(outcome.fullest().totalBytes(), BAR_ROWS, BAR_CELLS);
            outcome.pieces().forEach(piece -> bar.add(piece.start(), piece.end(), piece.owner()));
            for (int row = 0; row < BAR_ROWS; row++) {
                line("  %-" + NAME_COLUMNS + "s %s", row == 0 ? outcome.name() : "", bar.row(row, ink));
            }
        }
    }

    static String repeat(Settings settings) {
        Settings usual = Settings.DEFAULT;
        return "pagewalk experiment " + Comparison.NAME + " --seed " + settings.seed()
                + (settings.ramBytes() == usual.ramBytes() ? "" : " --ram " + settings.ramBytes())
                + (settings.steps() == usual.steps() ? "" : " --steps " + settings.steps())
                + (settings.segmentBytes() == usual.segmentBytes() ? "" : " --segment " + settings.segmentBytes())
                + (settings.loadPercent() == usual.loadPercent() ? "" : " --load " + settings.loadPercent());
    }

    static String percent(double share) {
        return String.format(Locale.ROOT, "%.1f %%", 100 * share);
    }

    private static String percent(int part, int all) {
        return all == 0 ? "-" : percent((double) part / all);
    }

    private void heading(String words) {
        out.append('\n').append(ink.bold(words)).append('\n');
    }

    @SuppressWarnings("AnnotateFormatMethod") // the annotation would be one more dependency for one private method
    private void line(String format, Object... values) {
        out.append(String.format(Locale.ROOT, format, values).stripTrailing()).append('\n');
    }
}
