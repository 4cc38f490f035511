package io.pagewalk.app.cli;

import io.pagewalk.base.Size;
import io.pagewalk.lab.experiment.allocators.BuddyExperiment;
import io.pagewalk.lab.experiment.allocators.FragmentationExperiment;
import io.pagewalk.lab.experiment.allocators.SlabExperiment;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The experiments with the kernel's allocators. */
final class AllocatorCommands {
    private AllocatorCommands() {}

    /** {@code pagewalk experiment buddy}. */
    @Command(
            name = BuddyExperiment.NAME,
            description =
                    "How the page allocator splits a free block to serve a request, and merges blocks when they are freed.",
            sortOptions = false,
            footer = {
                "",
                "Example:",
                "  pagewalk experiment buddy --zone 1M --script 128K,132K,4K,-2,-1,-3 --svg buddy.svg"
            })
    static final class Buddy implements Runnable {
        private final Terminal terminal;

        @Option(
                names = "--zone",
                paramLabel = "SIZE",
                defaultValue = "512K",
                description = "The free memory, a power of two from 4K to 4M. Default: ${DEFAULT-VALUE}.")
        @SuppressWarnings("NullAway.Init") // picocli sets it before anything runs
        private String zone;

        @Option(
                names = "--script",
                paramLabel = "STEPS",
                defaultValue = BuddyExperiment.SCRIPT,
                description =
                        "What happens: a size is a request, -N frees what request N got. Default: ${DEFAULT-VALUE}.")
        @SuppressWarnings("NullAway.Init") // picocli sets it before anything runs
        private String script;

        @Mixin
        private final ReportOptions report = new ReportOptions();

        Buddy(Terminal terminal) {
            this.terminal = terminal;
        }

        @Override
        public void run() {
            report.tell(terminal, progress -> BuddyExperiment.run(Size.parse("--zone", zone), script));
        }
    }

    /** {@code pagewalk experiment slab}. */
    @Command(
            name = SlabExperiment.NAME,
            description = "How SLUB carves pages into objects: freelists, partial and full slabs.",
            sortOptions = false,
            footer = {"", "Example:", "  pagewalk experiment slab --size 700 --objects 50 --free 30 --svg slab.svg"})
    static final class Slab implements Runnable {
        private final Terminal terminal;

        @Option(
                names = "--seed",
                paramLabel = "N",
                defaultValue = "1",
                description = "Chooses which objects are freed. Default: ${DEFAULT-VALUE}.")
        private long seed;

        @Option(
                names = "--size",
                paramLabel = "BYTES",
                defaultValue = "256",
                description = "Size of an object, 8 to 8192. Default: ${DEFAULT-VALUE}.")
        private int size;

        @Option(
                names = "--objects",
                paramLabel = "N",
                defaultValue = "40",
                description = "Objects to allocate. Default: ${DEFAULT-VALUE}.")
        private int objects;

        @Option(
                names = "--free",
                paramLabel = "N",
                defaultValue = "22",
                description = "Objects to free again. Default: ${DEFAULT-VALUE}.")
        private int freed;

        @Mixin
        private final ReportOptions report = new ReportOptions();

        Slab(Terminal terminal) {
            this.terminal = terminal;
        }

        @Override
        public void run() {
            report.tell(terminal, progress -> SlabExperiment.run(seed, size, objects, freed));
        }
    }

    /** {@code pagewalk experiment fragmentation}. */
    @Command(
            name = FragmentationExperiment.NAME,
            description = {
                "Large requests in memory that is free but scattered.",
                "Programs fill memory while the kernel takes a page now and then, then give half of it back at random. How many blocks of an order"
                        + " can be had, with and without grouping by mobility, with and without compaction?"
            },
            sortOptions = false,
            footer = {"", "Example:", "  pagewalk experiment fragmentation --order 9 --litter 2 --svg fragmentation.svg"
            })
    static final class Fragmentation implements Runnable {
        private final Terminal terminal;

        @Option(
                names = "--seed",
                paramLabel = "N",
                defaultValue = "1",
                description = "Seed of the history. Default: ${DEFAULT-VALUE}.")
        private long seed;

        @Option(
                names = "--ram",
                paramLabel = "SIZE",
                defaultValue = "128M",
                description = "Memory of the machine, 64M to 1G. Default: ${DEFAULT-VALUE}.")
        @SuppressWarnings("NullAway.Init") // picocli sets it before anything runs
        private String ram;

        @Option(
                names = "--order",
                paramLabel = "N",
                defaultValue = "4",
                description = "Order of the requests, 1 to 10. Default: ${DEFAULT-VALUE}.")
        private int order;

        @Option(
                names = "--litter",
                paramLabel = "PERCENT",
                defaultValue = "5",
                description = "Share of the pages taken that the kernel keeps. Default: ${DEFAULT-VALUE}.")
        private int litter;

        @Mixin
        private final ReportOptions report = new ReportOptions();

        Fragmentation(Terminal terminal) {
            this.terminal = terminal;
        }

        @Override
        public void run() {
            report.tell(
                    terminal,
                    progress -> FragmentationExperiment.run(
                            new FragmentationExperiment.Settings(seed, Size.parse("--ram", ram), order, litter),
                            progress));
        }
    }
}
