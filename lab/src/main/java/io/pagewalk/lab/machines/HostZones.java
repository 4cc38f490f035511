package io.pagewalk.lab.machines;

import java.util.ArrayList;
import java.util.List;

/** The zones that a real {@code /proc/zoneinfo} lists, as far as a machine description needs them. */
final class HostZones {
    /**
     * One populated zone.
     *
     * @param node number of its node
     * @param name such as {@code DMA32}
     * @param startPfn first frame
     * @param spanned frames from the first to the last, holes included
     * @param present frames that exist
     * @param managed frames that the buddy allocator was given
     */
    record HostZone(int node, String name, long startPfn, long spanned, long present, long managed) {}

    private HostZones() {}

    /**
     * Reads the file and leaves out zones without memory.
     *
     * @param zoneinfo its text
     */
    static List<HostZone> read(String zoneinfo) {
        List<HostZone> zones = new ArrayList<>();
        int node = -1;
        String name = "";
        long spanned = 0;
        long present = 0;
        long managed = 0;
        for (String line : zoneinfo.lines().toList()) {
            String[] words = line.strip().split("[\\s:,]+", -1);
            if (line.startsWith("Node ") && words.length >= 4) {
                node = Integer.parseInt(words[1]);
                name = words[3];
                spanned = 0;
                present = 0;
                managed = 0;
            } else if (words.length == 2) {
                switch (words[0]) {
                    case "spanned" -> spanned = Long.parseLong(words[1]);
                    case "present" -> present = Long.parseLong(words[1]);
                    case "managed" -> managed = Long.parseLong(words[1]);
                    case "start_pfn" -> {
                        if (present > 0) {
                            zones.add(new HostZone(node, name, Long.parseLong(words[1]), spanned, present, managed));
                        }
                    }
                    default -> {}
                }
            }
        }
        return zones;
    }
}
