package io.pagewalk.lab.machines;

import io.pagewalk.base.BadInput;
import io.pagewalk.base.Size;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** The reader of machine descriptions in YAML; the format is documented in {@code docs/MACHINES.md}. */
final class MachineYaml {
    private static final Set<String> KEYS = new LinkedHashSet<>(List.of(
            "name",
            "summary",
            "cpu",
            "pku",
            "paging",
            "cpus",
            "ram",
            "firmware",
            "nodes",
            "distances",
            "kernel",
            "split",
            "reserved",
            "disk",
            "refill",
            "sysctl",
            "cmdline",
            "devices"));
    private static final Pattern RANGE = Pattern.compile("(?:0x)?([0-9a-fA-F]+)-(?:0x)?([0-9a-fA-F]+)(?: +(.+))?");
    private static final Pattern DURATION = Pattern.compile("([0-9]+(?:\\.[0-9]+)?)(ns|us|ms|s)");
    private static final int MOST_CPUS = 8192;
    private static final int MOST_NODES = 1024;

    private MachineYaml() {}

    /**
     * Reads one description.
     *
     * @param file name for messages
     * @param text its content
     * @throws BadInput with file and line
     */
    static MachineSpec read(String file, String text) {
        YamlMap yaml = YamlMap.parse(file, text);
        yaml.allowOnly(KEYS);
        String paging = yaml.text("paging", "x86-64-4level");
        int cpus = (int) yaml.number("cpus", 1, MOST_CPUS);
        List<FirmwareRange> firmware = firmware(yaml, paging);
        List<NodeSpec> nodes = nodes(yaml, firmware, cpus);
        return new MachineSpec(
                yaml.text("name"),
                yaml.text("summary", ""),
                yaml.text("cpu"),
                protectionKeys(yaml),
                paging,
                cpus,
                firmware,
                nodes,
                distances(yaml, nodes.size()),
                ranges(yaml, "kernel", "Kernel code"),
                split(yaml, paging),
                reserved(yaml),
                disk(yaml),
                isSoftwareRefill(yaml),
                sysctls(yaml),
                KernelCommandLine.checked(yaml.where("cmdline"), yaml.text("cmdline", "")),
                DeviceYaml.read(yaml, paging));
    }

    private static List<FirmwareRange> firmware(YamlMap yaml, String paging) {
        if (yaml.has("firmware") == yaml.has("ram")) {
            throw new BadInput(
                    yaml.where("ram"),
                    yaml.has("ram") ? "both" : "neither",
                    "either 'ram: SIZE' or 'firmware:' with a memory map");
        }
        if (yaml.has("ram")) {
            return MemoryLayout.firmware(paging, MemoryLayout.ramBytes(yaml.where("ram"), yaml.text("ram"), paging));
        }
        List<FirmwareRange> map = ranges(yaml, "firmware", FirmwareRange.USABLE);
        long end = 0;
        for (FirmwareRange range : map) {
            if (range.start() < end) {
                throw new BadInput(
                        yaml.where("firmware"), "ranges that overlap or go back", "ranges in ascending order");
            }
            end = range.end();
        }
        if (map.stream()
                        .filter(FirmwareRange::isUsable)
                        .mapToLong(FirmwareRange::sizeBytes)
                        .sum()
                < MemoryLayout.SMALLEST_RAM / 2) {
            throw new BadInput(yaml.where("firmware"), "too little " + FirmwareRange.USABLE, "at least 32M of it");
        }
        return map;
    }

    private static List<NodeSpec> nodes(YamlMap yaml, List<FirmwareRange> firmware, int cpus) {
        if (!yaml.isList("nodes")) {
            int count = yaml.has("nodes") ? (int) yaml.number("nodes", 1, MOST_NODES) : 1;
            return MemoryLayout.nodes(firmware, count, cpus);
        }
        List<NodeSpec> nodes = new ArrayList<>();
        for (YamlMap node : yaml.maps("nodes")) {
            node.allowOnly(new LinkedHashSet<>(List.of("ranges", "cpus")));
            nodes.add(new NodeSpec(
                    ranges(node, "ranges", FirmwareRange.USABLE),
                    CpuList.parse(node.where("cpus"), node.text("cpus", ""))));
        }
        long listed =
                nodes.stream().flatMap(node -> node.cpus().stream()).distinct().count();
        long highest = nodes.stream()
                .flatMap(node -> node.cpus().stream())
                .mapToInt(cpu -> cpu)
                .max()
                .orElse(-1);
        if (listed != cpus || highest != cpus - 1) {
            throw new BadInput(
                    yaml.where("nodes"),
                    listed + " CPUs in the nodes",
                    "each of the CPUs 0 to " + (cpus - 1) + " in one node");
        }
        return nodes;
    }

    private static List<List<Integer>> distances(YamlMap yaml, int nodes) {
        if (!yaml.has("distances")) {
            return MemoryLayout.distances(nodes);
        }
        List<List<Integer>> rows = new ArrayList<>();
        for (List<String> row : yaml.rows("distances")) {
            List<Integer> cells = new ArrayList<>();
            for (String cell : row) {
                if (!cell.matches("[0-9]{2,3}") || Integer.parseInt(cell) > 255) {
                    throw new BadInput(yaml.where("distances"), "'" + cell + "'", "a distance from 10 to 255");
                }
                cells.add(Integer.valueOf(cell));
            }
            rows.add(cells);
        }
        if (rows.size() != nodes || rows.stream().anyMatch(row -> row.size() != nodes)) {
            throw new BadInput(yaml.where("distances"), "another shape", "a table of " + nodes + " rows of " + nodes);
        }
        return rows;
    }

    private static List<FirmwareRange> ranges(YamlMap yaml, String key, String defaultType) {
        List<FirmwareRange> result = new ArrayList<>();
        for (String text : yaml.texts(key)) {
            Matcher matcher = RANGE.matcher(text);
            long start = 0;
            long end = -1;
            if (matcher.matches()
                    && matcher.group(1).length() < 15
                    && matcher.group(2).length() < 15) {
                start = Long.parseLong(matcher.group(1), 16);
                end = Long.parseLong(matcher.group(2), 16) + 1;
            }
            if (end <= start) {
                throw new BadInput(
                        yaml.where(key),
                        "'" + text + "'",
                        "FIRST-LAST in hexadecimal and a type, such as 100000-3fffffff System RAM");
            }
            String type = matcher.group(3);
            result.add(new FirmwareRange(start, end, type == null ? defaultType : type.strip()));
        }
        return result;
    }

    private static SortedMap<String, Long> reserved(YamlMap yaml) {
        SortedMap<String, Long> result = new TreeMap<>();
        YamlMap map = yaml.map("reserved");
        if (map != null) {
            for (String zone : map.entries().keySet()) {
                if (!zone.matches("[0-9]+:(DMA|DMA32|Normal|HighMem|Movable)")) {
                    throw new BadInput(map.where(zone), "'" + zone + "'", "NODE:ZONE, such as 0:DMA32");
                }
                result.put(zone, map.number(zone, 0, Long.MAX_VALUE >> 12));
            }
        }
        return result;
    }

    private static DiskSpec disk(YamlMap yaml) {
        YamlMap disk = yaml.map("disk");
        if (disk == null) {
            return new DiskSpec("vda", 100_000, 2 * Size.GIB, 128);
        }
        disk.allowOnly(new LinkedHashSet<>(List.of("name", "latency", "bandwidth", "queue")));
        return new DiskSpec(
                disk.text("name", "vda"),
                nanos(disk.where("latency"), disk.text("latency")),
                Size.parse(disk.where("bandwidth"), disk.text("bandwidth")),
                disk.has("queue") ? (int) disk.number("queue", 1, 65_536) : 1);
    }

    private static long nanos(String where, String text) {
        Matcher matcher = DURATION.matcher(text);
        if (!matcher.matches()) {
            throw new BadInput(where, "'" + text + "'", "a time such as 80us or 5ms");
        }
        double unit = switch (matcher.group(2)) {
            case "ns" -> 1;
            case "us" -> 1e3;
            case "ms" -> 1e6;
            default -> 1e9;
        };
        return Math.round(Double.parseDouble(matcher.group(1)) * unit);
    }

    private static String split(YamlMap yaml, String paging) {
        if (!yaml.has("split")) {
            return "";
        }
        String name = yaml.text("split");
        if (!paging.startsWith("i386")) {
            throw new BadInput(yaml.where("split"), "paging " + paging, "a split only with paging i386 or i386-pae");
        }
        AddressSplit.byName(yaml.where("split"), name, paging);
        return name;
    }

    private static @Nullable Boolean protectionKeys(YamlMap yaml) {
        if (!yaml.has("pku")) {
            return null;
        }
        String pku = yaml.text("pku");
        if (!pku.equals("true") && !pku.equals("false")) {
            throw new BadInput(yaml.where("pku"), "'" + pku + "'", "true or false");
        }
        return Boolean.valueOf(pku);
    }

    private static boolean isSoftwareRefill(YamlMap yaml) {
        String refill = yaml.text("refill", "hardware");
        if (!refill.equals("hardware") && !refill.equals("software")) {
            throw new BadInput(yaml.where("refill"), "'" + refill + "'", "hardware or software");
        }
        return refill.equals("software");
    }

    private static SortedMap<String, String> sysctls(YamlMap yaml) {
        YamlMap map = yaml.map("sysctl");
        SortedMap<String, String> result = new TreeMap<>();
        if (map != null) {
            for (Map.Entry<String, String> entry : map.entries().entrySet()) {
                result.put(entry.getKey(), entry.getValue());
            }
        }
        return result;
    }
}
