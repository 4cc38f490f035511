package io.pagewalk.kernel.zone;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** A recorded {@code /proc/zoneinfo}, read for its sizes. */
record ZoneinfoDump(List<DumpedZone> zones) {
    /** One zone with the numbers of its lines; {@code high} of the pagesets is kept as {@code pcp high}. */
    record DumpedZone(int node, String name, Map<String, Long> numbers, List<Long> protection, int cpus) {
        long get(String key) {
            return numbers.getOrDefault(key, 0L);
        }

        /** Old kernels print no managed pages; their arithmetic used present ones. */
        long managed() {
            return numbers.containsKey("managed") ? get("managed") : get("present");
        }
    }

    static ZoneinfoDump read(Path file) throws IOException {
        List<DumpedZone> zones = new ArrayList<>();
        for (String part : ("\n" + Files.readString(file)).split("\nNode ", -1)) {
            if (!part.isBlank()) {
                zones.add(zone(part));
            }
        }
        return new ZoneinfoDump(zones);
    }

    int cpus() {
        return zones.stream().mapToInt(DumpedZone::cpus).max().orElse(0);
    }

    private static DumpedZone zone(String text) {
        List<String> lines = text.lines().map(String::strip).toList();
        String[] title = lines.getFirst().split("[, ]+", -1);
        Map<String, Long> numbers = new TreeMap<>();
        List<Long> protection = List.of();
        int cpus = 0;
        for (String line : lines) {
            String[] words = line.replace(":", " ").split(" +", -1);
            if (line.startsWith("protection")) {
                protection = Arrays.stream(line.replaceAll("[^0-9,]", "").split(",", -1))
                        .map(Long::valueOf)
                        .toList();
            } else if (line.startsWith("cpu:")) {
                cpus++;
            } else if (line.startsWith("vm stats threshold:")) {
                numbers.putIfAbsent("threshold", Long.valueOf(words[words.length - 1]));
            } else if (words.length == 2 && words[1].matches("[0-9]+")) {
                numbers.putIfAbsent(line.startsWith("high:") ? "pcp high" : words[0], Long.valueOf(words[1]));
            }
        }
        return new DumpedZone(Integer.parseInt(title[0]), title[2], numbers, protection, cpus);
    }
}
