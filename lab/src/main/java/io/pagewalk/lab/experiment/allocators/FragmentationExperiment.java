package io.pagewalk.lab.experiment.allocators;

import io.pagewalk.base.BadInput;
import io.pagewalk.base.Size;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.lab.experiment.Ink;
import io.pagewalk.lab.experiment.Json;
import io.pagewalk.lab.experiment.Progress;
import io.pagewalk.lab.experiment.Report;
import io.pagewalk.lab.experiment.Svg;
import io.pagewalk.lab.experiment.allocators.ScatteredMachine.Compacting;
import io.pagewalk.lab.experiment.allocators.ScatteredMachine.Grouping;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** How many large blocks can be had from memory that is half free but littered with pages that cannot move. */
public final class FragmentationExperiment implements Report {
    /** The experiment's name. */
    public static final String NAME = "fragmentation";

    private static final int ROW_CHARACTERS = 96;
    private static final int MOST_ROWS = 24;

    /**
     * What the experiment is asked for.
     *
     * @param seed of the history
     * @param ramBytes memory of the machine
     * @param order of the requests
     * @param litterPercent of the pages taken, those that the kernel keeps
     */
    public record Settings(long seed, long ramBytes, int order, int litterPercent) {
        /** Refuses what cannot be run. */
        public Settings {
            if (ramBytes < 64 * Size.MIB || ramBytes > Size.GIB) {
                throw new BadInput("--ram", Size.format(ramBytes), "64M to 1G");
            }
            if (order < 1 || order > MemMap.MAX_PAGE_ORDER) {
                throw new BadInput("--order", Integer.toString(order), "a number from 1 to " + MemMap.MAX_PAGE_ORDER);
            }
            if (litterPercent < 0 || litterPercent > 50) {
                throw new BadInput("--litter", Integer.toString(litterPercent), "a percentage from 0 to 50");
            }
        }
    }

    /** What lies in an aligned block of the requests' order. */
    enum Slot {
        /** Nothing. */
        FREE,
        /** Pages of the program, which can move, and free ones. */
        MOVABLE,
        /** At least one page of the kernel. */
        KERNEL
    }

    /**
     * How one machine fared.
     *
     * @param grouping whether free pages are grouped by mobility
     * @param compacting whether requests may wait for compaction
     * @param freePages before the requests
     * @param index Linux's fragmentation index of the zone for the order, in thousandths
     * @param unusablePercent of the zone's free memory that lies in smaller blocks
     * @param requests made
     * @param served those that got a block
     * @param migrated pages that compaction moved
     * @param stalls requests that waited for compaction
     * @param successes those of them that it helped
     * @param slots memory before the requests
     */
    record Variant(
            Grouping grouping,
            Compacting compacting,
            long freePages,
            int index,
            int unusablePercent,
            int requests,
            int served,
            long migrated,
            long stalls,
            long successes,
            List<Slot> slots) {
        String name() {
            return (grouping == Grouping.ON ? "grouping" : "no grouping")
                    + (compacting == Compacting.ON ? ", compaction" : ", no compaction");
        }

        long count(Slot slot) {
            return slots.stream().filter(each -> each == slot).count();
        }
    }

    private final Settings settings;
    private final List<Variant> variants;

    private FragmentationExperiment(Settings settings, List<Variant> variants) {
        this.settings = settings;
        this.variants = variants;
    }

    /**
     * Runs it.
     *
     * @param settings sizes and seed
     * @param progress told how far it is
     */
    public static FragmentationExperiment run(Settings settings, Progress progress) {
        List<Variant> variants = new ArrayList<>();
        for (Grouping grouping : List.of(Grouping.OFF, Grouping.ON)) {
            for (Compacting compacting : List.of(Compacting.OFF, Compacting.ON)) {
                variants.add(new ScatteredMachine(settings, grouping).ask(settings.order(), grouping, compacting));
                progress.update(variants.size(), 4);
            }
        }
        return new FragmentationExperiment(settings, variants);
    }

    /** Returns how each machine fared: without and with grouping, each without and with compaction. */
    List<Variant> variants() {
        return List.copyOf(variants);
    }

    @Override
    public String text(Ink ink) {
        StringBuilder out = new StringBuilder();
        String blocks = Size.format(4096L << settings.order());
        out.append(ink.bold("Fragmentation: requests of order " + settings.order() + " (" + blocks
                        + ") in scattered memory"))
                .append('\n');
        out.append(String.format(
                Locale.ROOT,
                "  %s of RAM filled to 90 %%, %d %% of the pages by the kernel; then the program gave half of its pages back at random%n%n",
                Size.format(settings.ramBytes()),
                settings.litterPercent()));
        out.append(String.format(
                Locale.ROOT,
                "  %-28s %8s %9s %9s %8s %9s %8s %8s %10s%n",
                "",
                "free",
                "unusable",
                "index",
                "served",
                "of free",
                "stalls",
                "helped",
                "moved"));
        for (Variant variant : variants) {
            out.append(String.format(
                    Locale.ROOT,
                    "  %-28s %,8d %7d %% %9s %,8d %7.1f %% %,8d %,8d %,10d%n",
                    variant.name(),
                    variant.freePages(),
                    variant.unusablePercent(),
                    index(variant.index()),
                    variant.served(),
                    100.0 * (variant.served() << settings.order()) / variant.freePages(),
                    variant.stalls(),
                    variant.successes(),
                    variant.migrated()));
        }
        out.append("""
                  free, moved: pages; unusable: free memory in smaller blocks; served: blocks; stalls: requests that waited for compaction
                  index: 1.000 fragmentation, 0.000 lack of memory, -1.000 a block is there
                """);
        for (Variant variant : List.of(variants.getFirst(), variants.getLast())) {
            picture(out, variant, ink);
        }
        out.append("\nrepeat with  ").append(repeat()).append('\n');
        return out.toString();
    }

    private void picture(StringBuilder out, Variant variant, Ink ink) {
        int perCharacter = variant.slots().size() / (MOST_ROWS * ROW_CHARACTERS) + 1;
        out.append('\n')
                .append(ink.bold("Memory before the requests, "
                        + (variant.grouping() == Grouping.ON ? "grouped by mobility" : "not grouped")))
                .append(String.format(
                        Locale.ROOT,
                        "   . free %,d   m movable %,d   K holds a kernel page %,d   (a character: %s)%n",
                        variant.count(Slot.FREE),
                        variant.count(Slot.MOVABLE),
                        variant.count(Slot.KERNEL),
                        Size.format((4096L << settings.order()) * perCharacter)));
        StringBuilder row = new StringBuilder();
        for (int i = 0; i < variant.slots().size(); i += perCharacter) {
            Slot worst = Slot.FREE;
            for (Slot slot : variant.slots().subList(i, Math.min(variant.slots().size(), i + perCharacter))) {
                worst = slot.compareTo(worst) > 0 ? slot : worst;
            }
            row.append(
                    switch (worst) {
                        case FREE -> ink.faint(".");
                        case MOVABLE -> ink.on(1, "m");
                        case KERNEL -> ink.on(4, "K");
                    });
            if ((i / perCharacter + 1) % ROW_CHARACTERS == 0
                    || i + perCharacter >= variant.slots().size()) {
                out.append("  ").append(row).append('\n');
                row.setLength(0);
            }
        }
    }

    private static String index(int thousandths) {
        return String.format(Locale.ROOT, "%.3f", thousandths / 1000.0);
    }

    @Override
    public String svg() {
        int columns = 128;
        int cell = 8;
        int left = 30;
        int rows = (variants.getFirst().slots().size() + columns - 1) / columns;
        int pictureHeight = rows * cell + 40;
        Svg svg = new Svg(left * 2 + columns * cell, 250 + 2 * pictureHeight, "Fragmentation");
        svg.bold(
                left,
                36,
                19,
                "Fragmentation: blocks of " + Size.format(4096L << settings.order()) + " in scattered memory");
        svg.note(
                left,
                58,
                12,
                Size.format(settings.ramBytes()) + " of RAM, filled to 90 % with " + settings.litterPercent()
                        + " % kernel pages, then half of the program's pages freed; bars: share of the free memory that requests could get");
        double y = 84;
        for (Variant variant : variants) {
            double share = (double) (variant.served() << settings.order()) / variant.freePages();
            svg.right(left + 210.0, y + 17, 13, variant.name());
            svg.rect(left + 220.0, y, 600, 24, Svg.FREE, "#999999");
            svg.rect(left + 220.0, y, 600 * share, 24, Svg.colour(1), "#777777");
            svg.text(
                    left + 830.0,
                    y + 17,
                    13,
                    String.format(Locale.ROOT, "%,d blocks, %.1f %%", variant.served(), 100 * share));
            y += 34;
        }
        y += 30;
        for (Variant variant : List.of(variants.getFirst(), variants.getLast())) {
            svg.bold(
                    left,
                    y,
                    13,
                    variant.grouping() == Grouping.ON
                            ? "Before the requests, grouped by mobility"
                            : "Before the requests, not grouped");
            svg.note(
                    left + 350.0,
                    y,
                    12,
                    "a square is a block; light: free, green: movable pages, orange: at least one kernel page");
            y += 10;
            for (int i = 0; i < variant.slots().size(); i++) {
                int top = i / columns * cell;
                String fill = switch (variant.slots().get(i)) {
                    case FREE -> Svg.FREE;
                    case MOVABLE -> Svg.colour(1);
                    case KERNEL -> "#e8743b";
                };
                svg.rect(left + (double) (i % columns) * cell, y + top, cell - 1, cell - 1, fill, "none");
            }
            y += pictureHeight - 10;
        }
        return svg.finish();
    }

    @Override
    public String json() {
        return Json.object(NAME, json -> {
            json.writeNumberProperty("seed", settings.seed());
            json.writeNumberProperty("ram_bytes", settings.ramBytes());
            json.writeNumberProperty("order", settings.order());
            json.writeNumberProperty("litter_percent", settings.litterPercent());
            json.writeArrayPropertyStart("variants");
            for (Variant variant : variants) {
                json.writeStartObject();
                json.writeStringProperty("grouping", variant.grouping().name().toLowerCase(Locale.ROOT));
                json.writeStringProperty(
                        "compaction", variant.compacting().name().toLowerCase(Locale.ROOT));
                json.writeNumberProperty("free_pages", variant.freePages());
                json.writeNumberProperty("unusable_percent", variant.unusablePercent());
                json.writeNumberProperty("fragmentation_index_thousandths", variant.index());
                json.writeNumberProperty("requests", variant.requests());
                json.writeNumberProperty("served", variant.served());
                json.writeNumberProperty("compact_stall", variant.stalls());
                json.writeNumberProperty("compact_success", variant.successes());
                json.writeNumberProperty("migrated_pages", variant.migrated());
                json.writeNumberProperty("blocks_free", variant.count(Slot.FREE));
                json.writeNumberProperty("blocks_movable", variant.count(Slot.MOVABLE));
                json.writeNumberProperty("blocks_kernel", variant.count(Slot.KERNEL));
                json.writeEndObject();
            }
            json.writeEndArray();
            json.writeStringProperty("repeat", repeat());
        });
    }

    private String repeat() {
        return String.format(
                Locale.ROOT,
                "pagewalk experiment fragmentation --seed %d --ram %d --order %d --litter %d",
                settings.seed(),
                settings.ramBytes(),
                settings.order(),
                settings.litterPercent());
    }
}
