package io.pagewalk.kernel.memblock;

import io.pagewalk.kernel.page.AddressConversion;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.zone.ZoneLayout;
import io.pagewalk.kernel.zone.ZoneType;
import java.util.Collections;
import java.util.List;

/**
 * What boot needs to know about a machine, in the kernel's terms.
 *
 * @param layout zones of the architecture
 * @param memory RAM by node; every piece of usable RAM belongs to one node
 * @param taken what memblock reserves before it allocates anything itself: the kernel image, the first megabyte of a PC
 * @param kept known differences between present and managed pages, by zone; they replace the estimate
 * @param cpuToNode node of each CPU, by CPU number
 * @param distances distances between nodes, a row for each node
 * @param conversion direct map
 * @param structPageBytes size of {@code struct page}: 64, or 32 on i386
 * @param perCpuPages frames of the first per-CPU chunk for each CPU
 * @param parameters the kernel's command line
 */
public record BootPlan(
        ZoneLayout layout,
        List<NodeMemory> memory,
        List<Taken> taken,
        List<Kept> kept,
        List<Integer> cpuToNode,
        List<List<Integer>> distances,
        AddressConversion conversion,
        int structPageBytes,
        int perCpuPages,
        BootParameters parameters) {
    /** Per-CPU frames of a distribution kernel on x86-64: {@code percpu: Embedded 53 pages/cpu} in a boot log of 6.18. */
    public static final int PER_CPU_PAGES = 53;

    /**
     * RAM of one node.
     *
     * @param start first byte
     * @param end first byte after it
     * @param node node number
     */
    public record NodeMemory(long start, long end, int node) {}

    /**
     * Memory that is in use before the allocator starts.
     *
     * @param start first byte
     * @param end first byte after it
     * @param owner who has it
     */
    public record Taken(long start, long end, FrameOwner owner) {}

    /**
     * Pages of a zone that never reach the allocator.
     *
     * @param node node number
     * @param zone kind of zone
     * @param pages present minus managed
     */
    public record Kept(int node, ZoneType zone, long pages) {}

    /** Copies the lists. */
    public BootPlan {
        memory = List.copyOf(memory);
        taken = List.copyOf(taken);
        kept = List.copyOf(kept);
        cpuToNode = List.copyOf(cpuToNode);
        distances = distances.stream().map(List::copyOf).toList();
    }

    /**
     * Describes a machine whose kernel has an empty command line.
     *
     * @param layout zones of the architecture
     * @param memory RAM by node
     * @param taken what memblock reserves first
     * @param kept known differences between present and managed pages
     * @param cpuToNode node of each CPU
     * @param distances distances between nodes
     * @param conversion direct map
     * @param structPageBytes size of {@code struct page}
     * @param perCpuPages frames of the first per-CPU chunk for each CPU
     */
    public BootPlan(
            ZoneLayout layout,
            List<NodeMemory> memory,
            List<Taken> taken,
            List<Kept> kept,
            List<Integer> cpuToNode,
            List<List<Integer>> distances,
            AddressConversion conversion,
            int structPageBytes,
            int perCpuPages) {
        this(
                layout,
                memory,
                taken,
                kept,
                cpuToNode,
                distances,
                conversion,
                structPageBytes,
                perCpuPages,
                BootParameters.NONE);
    }

    /**
     * Returns the same machine with another command line.
     *
     * @param line the command line
     */
    public BootPlan withParameters(BootParameters line) {
        return new BootPlan(
                layout, memory, taken, kept, cpuToNode, distances, conversion, structPageBytes, perCpuPages, line);
    }

    /**
     * Returns the plan of a PC with one node, as a test or a quick start needs it: one range of RAM from 1 MiB up, no hole.
     *
     * @param layout zones
     * @param ramBytes bytes of RAM
     * @param cpus CPUs
     * @param conversion direct map
     */
    public static BootPlan simple(ZoneLayout layout, long ramBytes, int cpus, AddressConversion conversion) {
        return new BootPlan(
                layout,
                List.of(new NodeMemory(0, ramBytes, 0)),
                List.of(new Taken(0, 1 << 20, FrameOwner.RESERVED)),
                List.of(),
                Collections.nCopies(cpus, 0),
                List.of(List.of(10)),
                conversion,
                64,
                PER_CPU_PAGES);
    }

    /** Returns the number of nodes. */
    public int nodes() {
        return distances.size();
    }

    /** Returns the first frame above all RAM: {@code max_pfn}. */
    public long endFrame() {
        return memory.stream().mapToLong(range -> range.end() >>> 12).max().orElse(0);
    }
}
