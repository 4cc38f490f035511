package io.pagewalk.lab.experiment.allocators;

import io.pagewalk.base.BadInput;
import io.pagewalk.base.KernelBug;
import io.pagewalk.base.SeededRandom;
import io.pagewalk.base.Size;
import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.memblock.BootMemory;
import io.pagewalk.kernel.memblock.BootPlan;
import io.pagewalk.kernel.page.AddressConversion;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.slub.CacheRequest;
import io.pagewalk.kernel.slub.KmemCache;
import io.pagewalk.kernel.slub.SlabAllocator;
import io.pagewalk.kernel.slub.SlabFlags;
import io.pagewalk.kernel.slub.SlabOptions;
import io.pagewalk.kernel.slub.SlabParameters;
import io.pagewalk.kernel.slub.SlabView;
import io.pagewalk.kernel.sysctl.Sysctls;
import io.pagewalk.kernel.zone.ZoneLayout;
import io.pagewalk.lab.experiment.Ink;
import io.pagewalk.lab.experiment.Json;
import io.pagewalk.lab.experiment.Report;
import io.pagewalk.lab.experiment.Svg;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** How SLUB carves pages into objects, and what freelists and lists of slabs hold as objects come and go. */
public final class SlabExperiment implements Report {
    /** The experiment's name. */
    public static final String NAME = "slab";

    private static final long RAM_BYTES = 32 * Size.MIB;
    private static final int MOST_OBJECTS = 400;
    private static final int REUSED = 3;

    /** How the cache stood after a step. */
    private record Stage(String action, List<SlabView> slabs, long slabPages) {}

    private final long seed;
    private final int size;
    private final int count;
    private final int freed;
    private final PageAllocator pages;
    private final KmemCache cache;
    private final List<Long> objects = new ArrayList<>();
    private final List<Stage> stages = new ArrayList<>();

    private SlabExperiment(long seed, int size, int count, int freed) {
        this.seed = seed;
        this.size = size;
        this.count = count;
        this.freed = freed;
        long frames = RAM_BYTES >>> 12;
        PhysicalMemory memory = new PhysicalMemory(frames);
        BootPlan plan = BootPlan.simple(ZoneLayout.x8664(), RAM_BYTES, 1, AddressConversion.x8664FourLevel(frames));
        pages = BootMemory.boot(plan, new Sysctls(), memory::clearFrame).allocator();
        SlabAllocator slabs = new SlabAllocator(memory, pages, SlabParameters.wide(1), SlabOptions.DEFAULT);
        cache = slabs.create(CacheRequest.of("experiment", size, SlabFlags.NO_MERGE));
    }

    /**
     * Runs it.
     *
     * @param seed chooses which objects are freed
     * @param size of an object, 8 bytes to 8 KiB
     * @param count objects to allocate, 1 to 400
     * @param freed objects to free, fewer than {@code count}
     */
    public static SlabExperiment run(long seed, int size, int count, int freed) {
        if (size < 8 || size > 8192) {
            throw new BadInput("--size", size + " bytes", "8 to 8192");
        }
        if (count < 1 || count > MOST_OBJECTS) {
            throw new BadInput("--objects", Integer.toString(count), "a number from 1 to " + MOST_OBJECTS);
        }
        if (freed < 0 || freed >= count) {
            throw new BadInput("--free", Integer.toString(freed), "a number from 0 to one less than --objects");
        }
        SlabExperiment experiment = new SlabExperiment(seed, size, count, freed);
        experiment.story();
        return experiment;
    }

    private void story() {
        for (int i = 0; i < count; i++) {
            objects.add(allocate());
        }
        stage(count + " objects allocated");
        SeededRandom random = new SeededRandom(seed).fork(NAME);
        for (int i = 0; i < freed; i++) {
            cache.free(objects.remove(random.nextInt(objects.size())));
        }
        stage(freed + " of them freed, chosen by the seed");
        for (int i = 0; i < REUSED; i++) {
            objects.add(allocate());
        }
        stage(REUSED + " allocated again: the freelist gives back what was freed last");
        cache.shrink();
        stage("kmem_cache_shrink(): the CPU gives its slabs up, and empty ones go back to the page allocator");
        objects.forEach(cache::free);
        objects.clear();
        cache.shrink();
        stage("all freed, and shrunk once more");
    }

    private long allocate() {
        long object = cache.alloc(Gfp.GFP_KERNEL);
        KernelBug.on(object == KmemCache.NULL, "no memory for an object on an empty machine");
        return object;
    }

    private void stage(String action) {
        List<SlabView> views = cache.views();
        stages.add(new Stage(
                action,
                views,
                views.stream().mapToLong(view -> 1L << view.order()).sum()));
    }

    private static String place(SlabView slab) {
        return switch (slab.place()) {
            case CPU -> "the CPU's slab";
            case CPU_PARTIAL -> "CPU partial list";
            case NODE_PARTIAL -> "node partial list";
            case FULL -> "full, on no list";
        };
    }

    /** Returns the place of each object in the order of allocation: 1 is the next to be handed out, 0 is in use. */
    private static int[] turns(SlabView slab) {
        int[] turns = new int[slab.objects()];
        int turn = 1;
        for (int object : slab.cpuFree()) {
            turns[object] = turn++;
        }
        for (int object : slab.slabFree()) {
            turns[object] = turn++;
        }
        return turns;
    }

    private String geometry() {
        long bytes = 4096L << cache.order();
        return String.format(
                Locale.ROOT,
                "objects of %d bytes, %d apart, %d in a slab of %s (order %d), %d bytes left over",
                size,
                cache.size(),
                cache.objectsPerSlab(),
                Size.format(bytes),
                cache.order(),
                bytes - (long) cache.objectsPerSlab() * cache.size());
    }

    @Override
    public String text(Ink ink) {
        StringBuilder out = new StringBuilder();
        out.append(ink.bold("A slab cache: " + geometry())).append('\n');
        out.append("  ##: in use; a number: free, with its turn on the freelist (1 is handed out next)\n");
        for (Stage stage : stages) {
            out.append('\n').append("  ").append(ink.bold(stage.action())).append('\n');
            if (stage.slabs().isEmpty()) {
                out.append("    no slab\n");
            }
            for (SlabView slab : stage.slabs()) {
                slab(out, slab, ink);
            }
        }
        out.append("\nrepeat with  ").append(repeat()).append('\n');
        return out.toString();
    }

    private static void slab(StringBuilder out, SlabView slab, Ink ink) {
        int perRow = 24;
        int[] turns = turns(slab);
        for (int from = 0; from < turns.length; from += perRow) {
            String head = from == 0
                    ? String.format(
                            Locale.ROOT,
                            "pfn %-5d %-17s %3d of %d used",
                            slab.pfn(),
                            place(slab),
                            slab.used().size(),
                            slab.objects())
                    : "";
            out.append(String.format(Locale.ROOT, "    %-40s |", head));
            for (int i = from; i < Math.min(turns.length, from + perRow); i++) {
                out.append(turns[i] == 0 ? ink.on(0, "##") : ink.faint(String.format(Locale.ROOT, "%2d", turns[i])))
                        .append('|');
            }
            out.append('\n');
        }
    }

    @Override
    public String svg() {
        int perRow = 32;
        int cell = 24;
        int left = 250;
        int rows = stages.stream()
                .flatMap(stage -> stage.slabs().stream())
                .mapToInt(slab -> (slab.objects() + perRow - 1) / perRow)
                .sum();
        Svg svg = new Svg(left + perRow * cell + 30, 90 + stages.size() * 44 + rows * (cell + 4), "A slab cache");
        svg.bold(24, 34, 18, "A slab cache");
        svg.note(24, 55, 12, geometry() + "; blue: in use, light: free with its turn on the freelist");
        double y = 84;
        for (Stage stage : stages) {
            svg.bold(24, y, 13, stage.action());
            y += 10;
            if (stage.slabs().isEmpty()) {
                svg.note(24, y + 12, 12, "no slab");
            }
            for (SlabView slab : stage.slabs()) {
                svg.text(24, y + 16, 12, "pfn " + slab.pfn() + ", " + place(slab));
                int[] turns = turns(slab);
                for (int i = 0; i < turns.length; i++) {
                    double x = left + (double) (i % perRow) * cell;
                    int row = i / perRow;
                    double top = y + row * (cell + 4.0);
                    svg.rect(x, top, cell - 2, cell - 2, turns[i] == 0 ? Svg.colour(0) : Svg.FREE, "#777777");
                    if (turns[i] != 0) {
                        svg.centred(x + cell / 2.0 - 1, top + 15, 10, Integer.toString(turns[i]));
                    }
                }
                int slabRows = (turns.length + perRow - 1) / perRow;
                y += slabRows * (cell + 4.0);
            }
            y += 30;
        }
        return svg.finish();
    }

    @Override
    public String json() {
        return Json.object(NAME, json -> {
            json.writeNumberProperty("seed", seed);
            json.writeNumberProperty("object_size", size);
            json.writeNumberProperty("size", cache.size());
            json.writeNumberProperty("objects_per_slab", cache.objectsPerSlab());
            json.writeNumberProperty("order", cache.order());
            json.writeArrayPropertyStart("stages");
            for (Stage stage : stages) {
                json.writeStartObject();
                json.writeStringProperty("action", stage.action());
                json.writeNumberProperty("pages", stage.slabPages());
                json.writeArrayPropertyStart("slabs");
                for (SlabView slab : stage.slabs()) {
                    json.writeStartObject();
                    json.writeNumberProperty("pfn", slab.pfn());
                    json.writeStringProperty("place", slab.place().name().toLowerCase(Locale.ROOT));
                    json.writeNumberProperty("used", slab.used().size());
                    json.writeArrayPropertyStart("freelist");
                    slab.cpuFree().forEach(json::writeNumber);
                    slab.slabFree().forEach(json::writeNumber);
                    json.writeEndArray();
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
                Locale.ROOT,
                "pagewalk experiment slab --seed %d --size %d --objects %d --free %d",
                seed,
                size,
                count,
                freed);
    }
}
