package io.pagewalk.kernel.buddy;

import io.pagewalk.base.host.HostSettings;
import io.pagewalk.kernel.page.MigrateType;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What the page allocator of the running kernel was asked for while a command ran: the tracepoints {@code kmem:mm_page_alloc} and {@code kmem:mm_page_free},
 * with the state of its free lists before and after.
 *
 * <p>It records in an instance of its own of the trace file system, and puts back the one sysctl that it sets: the per-CPU lists are kept short, because
 * what lies on them is not visible from outside.
 */
final class HostPageTrace {
    /** As the GFP flags of an event: it frees. */
    static final int FREES = -1;

    /** Value of {@code vm.percpu_pagelist_high_fraction} while it records. */
    static final int HIGH_FRACTION = 5000;

    private static final Path PER_CPU_SETTING = Path.of("/proc/sys/vm/percpu_pagelist_high_fraction");
    private static final Path PAGE_TYPES = Path.of("/proc/pagetypeinfo");
    private static final int BUFFER_KB = 49152;

    private static final Pattern EVENT = Pattern.compile(
            ".*\\[(\\d+)\\] \\S+ +[\\d.]+: (mm_page_alloc|mm_page_free): pfn=0x(\\p{XDigit}+) .*order=0x(\\p{XDigit}+)(?:.*gfp_flags=0x(\\p{XDigit}+))?.*");

    private final List<HostZone> zones;
    private final long[] pageFlags;
    private final SortedMap<String, long[]> before;
    private final SortedMap<String, long[]> pageblocks;
    private SortedMap<String, long[]> after = new TreeMap<>();
    private int[] cpus = new int[1 << 16];
    private long[] pfns = new long[1 << 16];
    private int[] orders = new int[1 << 16];
    private int[] gfps = new int[1 << 16];
    private int events;
    private int snapshotAt;

    private HostPageTrace() throws IOException {
        zones = readZones();
        pageFlags = readPageFlags(zones);
        before = readFreeBlocks();
        pageblocks = readPageblocks();
    }

    /** One zone of the only node, as {@code /proc/zoneinfo} has it. */
    record HostZone(String name, long startPfn, long spanned, long present, long managed) {}

    /** Returns whether this kernel can be recorded: by root, with one node, where the trace file system and its events exist. */
    static boolean isPossible() {
        return Files.isReadable(PAGE_TYPES)
                && Files.isReadable(Path.of("/proc/kpageflags"))
                && Files.isWritable(PER_CPU_SETTING)
                && Files.isDirectory(Path.of("/sys/kernel/tracing"))
                && !Files.exists(Path.of("/sys/devices/system/node/node1"));
    }

    List<HostZone> zones() {
        return zones;
    }

    /** Returns whether a frame had a flag of {@code /proc/kpageflags} at the start. */
    boolean has(int pfn, int flag) {
        return (pageFlags[pfn] >>> flag & 1) != 0;
    }

    /** Returns whether a frame had no flag at all at the start. */
    boolean isBlank(int pfn) {
        return pageFlags[pfn] == 0;
    }

    /** Returns the free blocks of an order at the start or at the end, of one type of pageblock. */
    long freeBlocks(String zone, int order, int type, boolean atStart) {
        long[] counts = (atStart ? before : after).get(zone + " " + type);
        return counts == null ? 0 : counts[order];
    }

    /** Returns how many pageblocks of a zone had a type. */
    long pageblocks(String zone, int type) {
        long[] counts = pageblocks.get(zone);
        return counts == null ? 0 : counts[type];
    }

    int events() {
        return events;
    }

    /** Returns the number of events before the snapshot was complete. */
    int snapshotAt() {
        return snapshotAt;
    }

    int cpus() {
        return Arrays.stream(cpus, 0, events).max().orElse(0) + 1;
    }

    int cpu(int event) {
        return cpus[event];
    }

    long pfn(int event) {
        return pfns[event];
    }

    int order(int event) {
        return orders[event];
    }

    /** Returns the flags of a request, or {@link #FREES}. */
    int gfp(int event) {
        return gfps[event];
    }

    /** Records while a command runs. */
    static HostPageTrace record(Path scratch, List<String> command) throws IOException, InterruptedException {
        Path tracing = Files.createDirectory(scratch.resolve("tracing"));
        run(List.of("mount", "-t", "tracefs", "nodev", tracing.toString()));
        Path instance = tracing.resolve("instances/pagewalk-test");
        HostSettings settings = HostSettings.take();
        try (settings) {
            Files.createDirectory(instance);
            Files.writeString(instance.resolve("buffer_size_kb"), Integer.toString(BUFFER_KB));
            Files.writeString(instance.resolve("options/fields"), "1");
            settings.set(PER_CPU_SETTING, Integer.toString(HIGH_FRACTION));
            Files.writeString(instance.resolve("events/kmem/mm_page_alloc/enable"), "1");
            Files.writeString(instance.resolve("events/kmem/mm_page_free/enable"), "1");
            HostPageTrace result = new HostPageTrace();
            Files.writeString(instance.resolve("trace_marker"), "snapshot");
            run(command);
            Files.writeString(instance.resolve("tracing_on"), "0");
            result.after = readFreeBlocks();
            result.parse(instance.resolve("trace"));
            return result;
        } finally {
            Files.deleteIfExists(instance);
            run(List.of("umount", tracing.toString()));
        }
    }

    private void parse(Path text) throws IOException {
        try (BufferedReader trace = Files.newBufferedReader(text, StandardCharsets.ISO_8859_1)) {
            for (String line = trace.readLine(); line != null; line = trace.readLine()) {
                if (line.contains("snapshot")) {
                    snapshotAt = events;
                }
                if (line.contains("LOST")) {
                    throw new IOException("the trace buffer was too small: " + line);
                }
                Matcher event = EVENT.matcher(line);
                if (event.matches()) {
                    add(event);
                }
            }
        }
    }

    private void add(Matcher event) {
        if (events == pfns.length) {
            cpus = Arrays.copyOf(cpus, events * 2);
            pfns = Arrays.copyOf(pfns, events * 2);
            orders = Arrays.copyOf(orders, events * 2);
            gfps = Arrays.copyOf(gfps, events * 2);
        }
        cpus[events] = Integer.parseInt(event.group(1));
        pfns[events] = Long.parseUnsignedLong(event.group(3), 16);
        orders[events] = Integer.parseInt(event.group(4), 16);
        gfps[events] = event.group(2).equals("mm_page_free") ? FREES : Integer.parseInt(event.group(5), 16);
        events++;
    }

    private static List<HostZone> readZones() throws IOException {
        List<HostZone> zones = new ArrayList<>();
        String name = "";
        long spanned = 0;
        long present = 0;
        long managed = 0;
        for (String line : Files.readAllLines(Path.of("/proc/zoneinfo"))) {
            String[] words = line.strip().split("\\s+", -1);
            switch (words[0]) {
                case "Node" -> name = words[words.length - 1];
                case "spanned" -> spanned = Long.parseLong(words[1]);
                case "present" -> present = Long.parseLong(words[1]);
                case "managed" -> managed = Long.parseLong(words[1]);
                case "start_pfn:" -> {
                    if (spanned > 0) {
                        zones.add(new HostZone(name, Long.parseLong(words[1]), spanned, present, managed));
                    }
                }
                default -> {}
            }
        }
        return zones;
    }

    /** Returns {@code /proc/kpageflags} up to the end of the last zone. */
    private static long[] readPageFlags(List<HostZone> zones) {
        HostZone last = zones.getLast();
        long[] flags = new long[(int) (last.startPfn() + last.spanned())];
        ByteBuffer buffer = ByteBuffer.allocate(1 << 20).order(ByteOrder.LITTLE_ENDIAN);
        try (FileChannel file = FileChannel.open(Path.of("/proc/kpageflags"))) {
            int at = 0;
            while (at < flags.length) {
                buffer.clear();
                if (file.read(buffer) <= 0) {
                    break;
                }
                buffer.flip();
                while (buffer.remaining() >= Long.BYTES && at < flags.length) {
                    flags[at++] = buffer.getLong();
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return flags;
    }

    /** Returns the free blocks of each order, by {@code zone type}, types as numbers of {@link MigrateType}. */
    private static SortedMap<String, long[]> readFreeBlocks() throws IOException {
        SortedMap<String, long[]> blocks = new TreeMap<>();
        for (String line : Files.readAllLines(PAGE_TYPES)) {
            Matcher row =
                    Pattern.compile("Node +0, zone +(\\S+), type +(\\S+) (.*)").matcher(line);
            if (row.matches()) {
                long[] counts = Arrays.stream(row.group(3).strip().split("\\s+", -1))
                        .mapToLong(Long::parseLong)
                        .toArray();
                blocks.put(row.group(1) + " " + type(row.group(2)), counts);
            }
        }
        return blocks;
    }

    /** Returns how many pageblocks each type has, by zone. */
    private static SortedMap<String, long[]> readPageblocks() throws IOException {
        SortedMap<String, long[]> blocks = new TreeMap<>();
        boolean isCount = false;
        for (String line : Files.readAllLines(PAGE_TYPES)) {
            isCount |= line.startsWith("Number of blocks");
            Matcher row = Pattern.compile("Node 0, zone +(\\S+) (.*)").matcher(line);
            if (isCount && row.matches()) {
                blocks.put(
                        row.group(1),
                        Arrays.stream(row.group(2).strip().split("\\s+", -1))
                                .mapToLong(Long::parseLong)
                                .toArray());
            }
        }
        return blocks;
    }

    private static int type(String name) {
        return switch (name) {
            case "Unmovable" -> MigrateType.UNMOVABLE;
            case "Movable" -> MigrateType.MOVABLE;
            case "Reclaimable" -> MigrateType.RECLAIMABLE;
            case "HighAtomic" -> MigrateType.HIGHATOMIC;
            case "CMA" -> MigrateType.CMA;
            default -> MigrateType.ISOLATE;
        };
    }

    private static void run(List<String> command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        process.getOutputStream().close();
        try (InputStream output = process.getInputStream()) {
            String text = new String(output.readAllBytes(), StandardCharsets.UTF_8);
            if (process.waitFor() != 0) {
                throw new IOException(command + " failed: " + text);
            }
        }
    }
}
