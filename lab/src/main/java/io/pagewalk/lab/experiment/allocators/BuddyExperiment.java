package io.pagewalk.lab.experiment.allocators;

import io.pagewalk.base.BadInput;
import io.pagewalk.base.Size;
import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.lab.experiment.Ink;
import io.pagewalk.lab.experiment.Json;
import io.pagewalk.lab.experiment.Report;
import io.pagewalk.lab.experiment.Svg;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** How the buddy system splits a free block until it fits a request, and merges blocks again when they are freed. */
public final class BuddyExperiment implements Report {
    /** The experiment's name. */
    public static final String NAME = "buddy";

    /** The story of the textbooks: a split for 128 KB, a merge, and 132 KB that take 256 KB. */
    public static final String SCRIPT = "256K,128K,-2,132K,-1,-3";

    private static final long PAGE_BYTES = 4096;
    private static final int CELLS = 64;
    private static final int MOST_STEPS = 200;

    /** A request that was served. */
    private record Held(int number, int page, int order, long bytes) {
        long wasteBytes() {
            return (PAGE_BYTES << order) - bytes;
        }
    }

    /** How the arena stood after a step, and what the step was. */
    private record Stage(String action, String told, List<Held> held, List<BuddyArena.FreeBlock> free) {
        long wasteBytes() {
            return held.stream().mapToLong(Held::wasteBytes).sum();
        }

        String freeLists() {
            return free.isEmpty()
                    ? "none"
                    : free.stream()
                            .collect(Collectors.groupingBy(
                                    BuddyArena.FreeBlock::order, TreeMap::new, Collectors.counting()))
                            .entrySet()
                            .stream()
                            .map(entry -> "order " + entry.getKey() + ": " + entry.getValue())
                            .collect(Collectors.joining(", "));
        }
    }

    private final String script;
    private final long arenaBytes;
    private final BuddyArena arena;
    private final List<Stage> stages = new ArrayList<>();
    private final List<Held> held = new ArrayList<>();
    private int requests;

    private BuddyExperiment(long arenaBytes, String script) {
        this.arenaBytes = arenaBytes;
        this.script = script;
        arena = new BuddyArena(PageAllocator.orderOf(arenaBytes));
        stage("start", "one free block of order " + PageAllocator.orderOf(arenaBytes));
    }

    /**
     * Runs it.
     *
     * @param arenaBytes the free memory: a power of two from 4 KiB to 4 MiB
     * @param script steps with commas between: a size is a request, {@code -N} frees what request N got
     */
    public static BuddyExperiment run(long arenaBytes, String script) {
        if (arenaBytes < PAGE_BYTES
                || arenaBytes > PAGE_BYTES << MemMap.MAX_PAGE_ORDER
                || Long.bitCount(arenaBytes) != 1) {
            throw new BadInput("--zone", Size.format(arenaBytes), "a power of two from 4K to 4M");
        }
        String[] steps = script.split(",", -1);
        if (steps.length > MOST_STEPS) {
            throw new BadInput("--script", steps.length + " steps", "at most " + MOST_STEPS);
        }
        BuddyExperiment experiment = new BuddyExperiment(arenaBytes, script);
        for (String step : steps) {
            String word = step.strip();
            if (word.startsWith("-")) {
                experiment.free(word);
            } else {
                experiment.request(word);
            }
        }
        return experiment;
    }

    private void request(String word) {
        long bytes = Size.parse("--script", word);
        int number = ++requests;
        if (bytes > PAGE_BYTES << MemMap.MAX_PAGE_ORDER) {
            throw new BadInput("--script", "'" + word + "'", "a request of at most 4M");
        }
        int order = PageAllocator.orderOf(bytes);
        List<BuddyArena.FreeBlock> before = arena.freeBlocks();
        int page = arena.allocate(order);
        String action = "request " + number + ": " + Size.format(bytes);
        if (page < 0) {
            stage(action, "refused: no free block of order " + order + " or larger");
            return;
        }
        Held made = new Held(number, page, order, bytes);
        held.add(made);
        int from = before.stream()
                .filter(block -> page >= block.page() && page < block.page() + (1 << block.order()))
                .mapToInt(BuddyArena.FreeBlock::order)
                .findFirst()
                .orElse(order);
        StringBuilder told = new StringBuilder("order " + order + " = " + Size.format(PAGE_BYTES << order));
        if (from == order) {
            told.append(" from its own list");
        } else {
            told.append(" from a block of order ").append(from).append(": ");
            told.append(from - order == 1 ? "1 split" : (from - order) + " splits");
        }
        if (made.wasteBytes() > 0) {
            told.append("; ").append(Size.format(made.wasteBytes())).append(" of it wasted");
        }
        stage(action, told.toString());
    }

    private void free(String word) {
        Held given = held.stream()
                .filter(each -> word.equals("-" + each.number()))
                .findFirst()
                .orElseThrow(() -> new BadInput(
                        "--script", "'" + word + "'", "- and the number of a request that was served and not freed"));
        arena.free(given.page(), given.order());
        held.remove(given);
        int to = arena.freeBlocks().stream()
                .filter(block -> given.page() >= block.page() && given.page() < block.page() + (1 << block.order()))
                .mapToInt(BuddyArena.FreeBlock::order)
                .findFirst()
                .orElse(given.order());
        stage(
                "free " + given.number() + ": " + Size.format(given.bytes()),
                to == given.order()
                        ? "its buddy is in use: stays a block of order " + to
                        : "merges with free buddies to order " + to);
    }

    private void stage(String action, String told) {
        stages.add(new Stage(action, told, List.copyOf(held), arena.freeBlocks()));
    }

    @Override
    public String text(Ink ink) {
        StringBuilder out = new StringBuilder();
        int cells = Math.min(CELLS, arena.pages());
        out.append(ink.bold("The buddy system: " + Size.format(arenaBytes) + " of pages, " + requests
                        + (requests == 1 ? " request" : " requests")))
                .append('\n');
        out.append(
                        "  digits: the request that has it (its last digit), -: wasted inside a block, [..]: one free block; a character is ")
                .append(Size.format(arenaBytes / cells))
                .append("\n");
        for (Stage stage : stages) {
            out.append('\n')
                    .append("  ")
                    .append(ink.bold(stage.action()))
                    .append("   ")
                    .append(stage.told());
            out.append("\n  ").append(bar(stage, cells, ink)).append("  free: ").append(stage.freeLists());
            out.append('\n');
        }
        out.append("\nrepeat with  ").append(repeat()).append('\n');
        return out.toString();
    }

    private String bar(Stage stage, int cells, Ink ink) {
        int pagesPerCell = arena.pages() / cells;
        String[] row = new String[cells];
        Arrays.fill(row, "");
        for (BuddyArena.FreeBlock block : stage.free()) {
            int length = Math.max(1, (1 << block.order()) / pagesPerCell);
            String drawn = length == 1 ? "." : "[" + ".".repeat(length - 2) + "]";
            row[block.page() / pagesPerCell] = ink.faint(drawn);
        }
        for (Held each : stage.held()) {
            int length = Math.max(1, (1 << each.order()) / pagesPerCell);
            int used =
                    Math.clamp((each.bytes() + pagesPerCell * PAGE_BYTES - 1) / (pagesPerCell * PAGE_BYTES), 1, length);
            String drawn = Integer.toString(each.number() % 10).repeat(used) + "-".repeat(length - used);
            row[each.page() / pagesPerCell] = ink.on(each.number(), drawn);
        }
        return String.join("", row);
    }

    @Override
    public String svg() {
        int row = 52;
        int left = 380;
        int width = 720;
        Svg svg = new Svg(left + width + 30, 90 + row * stages.size(), "The buddy system");
        svg.bold(24, 34, 19, "The buddy system: splits and merges in " + Size.format(arenaBytes));
        svg.note(
                24,
                55,
                12,
                "coloured: what a request asked for, grey: wasted inside its block, light: free blocks with their order");
        double y = 76;
        double scale = (double) width / arena.pages();
        for (Stage stage : stages) {
            svg.bold(24, y + 14, 13, stage.action());
            svg.note(24, y + 30, 11, stage.told());
            for (BuddyArena.FreeBlock block : stage.free()) {
                double x = left + block.page() * scale;
                double blockWidth = (1 << block.order()) * scale;
                svg.rect(x, y, blockWidth, 32, Svg.FREE, "#777777");
                if (blockWidth >= 12) {
                    svg.centred(x + blockWidth / 2, y + 20, 12, Integer.toString(block.order()));
                }
            }
            for (Held each : stage.held()) {
                double x = left + each.page() * scale;
                double blockWidth = (1 << each.order()) * scale;
                svg.rect(x, y, blockWidth, 32, "#b0b0b0", "#777777");
                svg.rect(x, y, (double) each.bytes() / PAGE_BYTES * scale, 32, Svg.colour(each.number()), "#777777");
                if (blockWidth >= 40) {
                    svg.centred(
                            x + blockWidth * each.bytes() / (PAGE_BYTES << each.order()) / 2,
                            y + 20,
                            12,
                            Size.format(each.bytes()));
                }
            }
            y += row;
        }
        return svg.finish();
    }

    @Override
    public String json() {
        return Json.object(NAME, json -> {
            json.writeNumberProperty("zone_bytes", arenaBytes);
            json.writeStringProperty("script", script);
            json.writeArrayPropertyStart("steps");
            for (Stage stage : stages) {
                json.writeStartObject();
                json.writeStringProperty("action", stage.action());
                json.writeStringProperty("result", stage.told());
                json.writeNumberProperty("wasted_bytes", stage.wasteBytes());
                json.writeArrayPropertyStart("held");
                for (Held each : stage.held()) {
                    json.writeStartObject();
                    json.writeNumberProperty("request", each.number());
                    json.writeNumberProperty("bytes", each.bytes());
                    json.writeNumberProperty("page", each.page());
                    json.writeNumberProperty("order", each.order());
                    json.writeEndObject();
                }
                json.writeEndArray();
                json.writeArrayPropertyStart("free");
                for (BuddyArena.FreeBlock block : stage.free()) {
                    json.writeStartObject();
                    json.writeNumberProperty("page", block.page());
                    json.writeNumberProperty("order", block.order());
                    json.writeEndObject();
                }
                json.writeEndArray();
                json.writeEndObject();
            }
            json.writeEndArray();
            json.writeStringProperty("repeat", repeat());
        });
    }

    private String repeat() {
        return String.format(
                Locale.ROOT, "pagewalk experiment buddy --zone %d --script %s", arenaBytes, script.replace(" ", ""));
    }
}
