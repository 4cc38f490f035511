package io.pagewalk.lab.experiment.oldways;

import io.pagewalk.base.Size;
import io.pagewalk.lab.experiment.Svg;
import io.pagewalk.lab.experiment.oldways.Stray.Harm;
import java.util.List;
import java.util.Locale;

/** The comparison as a picture: memory at the end, stray stores, fragmentation over time. */
final class ComparisonSvg {
    private static final int WIDTH = 1100;
    private static final int HEIGHT = 1010;
    private static final int LEFT = 250;
    private static final int RIGHT = 1070;
    private static final int ROW = 34;
    private static final int BAR = 24;
    private static final int CHART = 240;

    private static final String[] HARM_COLOURS = {"#4caf50", "#e0e0e0", "#ffd54f", "#ef5350", "#8e24aa"};

    private final Svg svg;
    private final Comparison comparison;
    private final List<Outcome> outcomes;

    private ComparisonSvg(Comparison comparison) {
        this.comparison = comparison;
        this.outcomes = comparison.outcomes();
        svg = new Svg(WIDTH, HEIGHT, "Paging and segmentation");
    }

    static String draw(Comparison comparison) {
        ComparisonSvg picture = new ComparisonSvg(comparison);
        picture.svg.bold(30, 36, 20, "Paging and segmentation: one history of programs on seven machines");
        Settings settings = comparison.settings();
        picture.svg.note(
                30,
                58,
                13,
                String.format(
                        Locale.ROOT,
                        "%s for programs, %,d requests by %,d programs, seed %d",
                        Size.format(settings.programBytes()),
                        settings.steps(),
                        comparison.history().programs(),
                        settings.seed()));
        picture.maps(95);
        picture.isolation(395);
        picture.fragmentation(720);
        return picture.svg.finish();
    }

    private void maps(int top) {
        svg.bold(30, top, 15, "Memory when fullest");
        svg.note(
                LEFT,
                top,
                12,
                "a colour for each program, light: free; at the right the requests refused in the whole history");
        int y = top + 14;
        double right = RIGHT - 90.0;
        for (Outcome outcome : outcomes) {
            svg.right(LEFT - 10.0, y + 17.0, 13, outcome.name());
            double scale = (right - LEFT) / outcome.fullest().totalBytes();
            svg.rect(LEFT, y, right - LEFT, BAR, Svg.FREE, "#999999");
            for (MemorySystem.Piece piece : outcome.pieces()) {
                if (piece.owner() >= 0) {
                    double from = LEFT + piece.start() * scale;
                    double to = Math.min(right, LEFT + piece.end() * scale);
                    if (to > from) {
                        svg.rect(from, y, to - from, BAR, Svg.colour(piece.owner()), "#777777");
                    }
                }
            }
            svg.right(
                    RIGHT,
                    y + 17.0,
                    13,
                    outcome.room().refused() + " of " + outcome.room().requests());
            y += ROW;
        }
    }

    private void isolation(int top) {
        svg.bold(30, top, 15, "Stray stores");
        double x = LEFT;
        for (Harm harm : Harm.values()) {
            svg.rect(x, top - 11.0, 12, 12, HARM_COLOURS[harm.ordinal()], "#777777");
            svg.text(x + 17, top, 12, harm.label());
            x += 130;
        }
        int y = top + 14;
        for (Outcome outcome : outcomes) {
            svg.right(LEFT - 10.0, y + 17.0, 13, outcome.name());
            double at = LEFT;
            Outcome.Isolation isolation = outcome.isolation();
            for (Harm harm : Harm.values()) {
                double width = (double) (RIGHT - LEFT) * isolation.sum(harm) / Math.max(1, isolation.all());
                if (width > 0) {
                    svg.rect(at, y, width, BAR, HARM_COLOURS[harm.ordinal()], "#777777");
                }
                if (width > 30) {
                    svg.centred(at + width / 2, y + 17.0, 12, Integer.toString(isolation.sum(harm)));
                }
                at += width;
            }
            y += ROW;
        }
    }

    private void fragmentation(int top) {
        svg.bold(30, top, 15, "External fragmentation");
        svg.note(
                LEFT,
                top,
                12,
                "share of the free memory that the largest possible request cannot get, over the history");
        double bottom = top + 20.0 + CHART;
        double right = RIGHT - 260.0;
        for (int percent = 0; percent <= 100; percent += 25) {
            double y = bottom - percent * CHART / 100.0;
            svg.line("#dddddd", LEFT, y, right, y);
            svg.right(LEFT - 8.0, y + 4, 12, percent + " %");
        }
        int steps = comparison.history().steps().size();
        for (int i = 0; i < outcomes.size(); i++) {
            List<Outcome.Sample> samples = outcomes.get(i).samples();
            double[] points = new double[2 * samples.size()];
            for (int s = 0; s < samples.size(); s++) {
                points[2 * s] = LEFT + (right - LEFT) * samples.get(s).step() / steps;
                points[2 * s + 1] = bottom - samples.get(s).external() * CHART;
            }
            svg.line(Svg.lineColour(i), points);
            double y = top + 40.0 + 26 * i;
            svg.line(Svg.lineColour(i), right + 14, y - 4, right + 34, y - 4);
            svg.text(
                    right + 40,
                    y,
                    12,
                    outcomes.get(i).name() + ", "
                            + ComparisonText.percent(outcomes.get(i).room().external()));
        }
        svg.note(LEFT, bottom + 18, 12, "requests, from the first to the last");
        svg.note(right + 14, top + 20.0, 12, "mean while memory is full");
    }
}
