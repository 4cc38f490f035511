package io.pagewalk.lab.machines;

import io.pagewalk.base.BadInput;
import io.pagewalk.base.Size;
import io.pagewalk.lab.machines.HostZones.HostZone;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The machine that the program runs on, described from its {@code /proc} and {@code /sys}.
 *
 * <p>The memory map is the first of these that can be read: {@code /proc/iomem} and {@code /sys/firmware/memmap} (both hide it from ordinary
 * users), then the zones' borders in {@code /proc/zoneinfo}, whose holes are not known by position. Boot reservations are each zone's present
 * less managed pages.
 */
public final class HostMachine {
    private static final Pattern RESOURCE = Pattern.compile("( *)([0-9a-f]+)-([0-9a-f]+) : (.*)");
    private static final int PAGE_SHIFT = 12;
    private static final int MOST_BYTES = 1 << 24;

    /** Settings that decide about watermarks, overcommit and limits; others are not part of a machine. */
    private static final List<String> SYSCTLS = List.of(
            "admin_reserve_kbytes",
            "lowmem_reserve_ratio",
            "max_map_count",
            "min_free_kbytes",
            "overcommit_memory",
            "overcommit_ratio",
            "swappiness",
            "user_reserve_kbytes",
            "watermark_boost_factor",
            "watermark_scale_factor");

    private final Path root;

    private HostMachine(Path root) {
        this.root = root;
    }

    /**
     * Describes a machine.
     *
     * @param root where {@code proc} and {@code sys} lie: {@code /}, or a directory with recorded files
     * @throws BadInput when not even {@code proc/zoneinfo} and {@code proc/meminfo} can be read
     */
    public static MachineSpec describe(Path root) {
        return new HostMachine(root).describe();
    }

    private MachineSpec describe() {
        List<HostZone> zones = HostZones.read(text("proc/zoneinfo"));
        if (zones.isEmpty()) {
            throw new BadInput(root.resolve("proc/zoneinfo")
                    + ": cannot be read; a machine is described from Linux's /proc, or choose one of "
                    + String.join(", ", MachineCatalogue.names()));
        }
        String iomem = text("proc/iomem");
        List<FirmwareRange> firmware = fromIomem(iomem);
        if (firmware.isEmpty()) {
            firmware = fromMemmap();
        }
        if (firmware.isEmpty()) {
            firmware = fromZones(zones);
        }
        String cpuinfo = text("proc/cpuinfo");
        int cpus = (int) Math.max(
                1, cpuinfo.lines().filter(line -> line.startsWith("processor")).count());
        List<NodeSpec> nodes = nodes(zones, cpus);
        SortedMap<String, Long> reserved = new TreeMap<>();
        for (HostZone zone : zones) {
            reserved.put(zone.node() + ":" + zone.name(), zone.present() - zone.managed());
        }
        HostCpu cpu = HostCpu.read(cpuinfo);
        return new MachineSpec(
                MachineCatalogue.HOST,
                "this machine: " + cpu.description() + ", " + cpus + " CPUs, " + Size.format(managedBytes(zones))
                        + " managed",
                cpu.model(),
                cpu.hasProtectionKeys(),
                cpu.paging(),
                cpus,
                firmware,
                nodes,
                distances(nodes.size()),
                kernelImage(iomem),
                "",
                reserved,
                new DiskSpec("vda", 100_000, 2 * Size.GIB, 128),
                false,
                sysctls(),
                "",
                List.of());
    }

    private static long managedBytes(List<HostZone> zones) {
        return zones.stream().mapToLong(HostZone::managed).sum() << PAGE_SHIFT;
    }

    private static List<FirmwareRange> fromIomem(String iomem) {
        List<FirmwareRange> map = new ArrayList<>();
        for (String line : iomem.lines().toList()) {
            Matcher matcher = RESOURCE.matcher(line);
            if (matcher.matches() && matcher.group(1).isEmpty() && isFirmwareType(matcher.group(4))) {
                add(
                        map,
                        Long.parseUnsignedLong(matcher.group(2), 16),
                        Long.parseUnsignedLong(matcher.group(3), 16),
                        matcher.group(4));
            }
        }
        return map;
    }

    private static boolean isFirmwareType(String type) {
        return type.equals(FirmwareRange.USABLE)
                || type.equalsIgnoreCase(FirmwareRange.RESERVED)
                || type.startsWith("ACPI ")
                || type.startsWith("Persistent Memory")
                || type.startsWith("Unusable");
    }

    private List<FirmwareRange> fromMemmap() {
        List<FirmwareRange> map = new ArrayList<>();
        for (Path entry : children("sys/firmware/memmap")) {
            String start = text(entry.resolve("start")).strip();
            String end = text(entry.resolve("end")).strip();
            if (start.startsWith("0x") && end.startsWith("0x")) {
                add(
                        map,
                        Long.parseUnsignedLong(start.substring(2), 16),
                        Long.parseUnsignedLong(end.substring(2), 16),
                        text(entry.resolve("type")).strip());
            }
        }
        map.sort(Comparator.comparingLong(FirmwareRange::start));
        return map;
    }

    private static List<FirmwareRange> fromZones(List<HostZone> zones) {
        List<FirmwareRange> map = new ArrayList<>();
        for (HostZone zone : zones) {
            long start = zone.startPfn() << PAGE_SHIFT;
            long present = zone.present() << PAGE_SHIFT;
            if (zone.name().equals("DMA") && zone.spanned() > zone.present()) {
                // The hole of the first zone of a PC lies below 1 MiB, every other one at the zone's end.
                long lowBytes = Size.MIB - start - ((zone.spanned() - zone.present()) << PAGE_SHIFT);
                if (lowBytes > 0) {
                    add(map, start, start + lowBytes - 1, FirmwareRange.USABLE);
                    add(map, start + lowBytes, Size.MIB - 1, FirmwareRange.RESERVED);
                    start = Size.MIB;
                    present -= lowBytes;
                }
            }
            add(map, start, start + present - 1, FirmwareRange.USABLE);
        }
        map.sort(Comparator.comparingLong(FirmwareRange::start));
        return map;
    }

    private static void add(List<FirmwareRange> map, long start, long last, String type) {
        // Without the right to see addresses all of them read as zero.
        if (start >= 0 && last > start && last < 1L << 56) {
            map.add(new FirmwareRange(start, last + 1, type));
        }
    }

    private static List<FirmwareRange> kernelImage(String iomem) {
        List<FirmwareRange> image = new ArrayList<>();
        for (String line : iomem.lines().toList()) {
            Matcher matcher = RESOURCE.matcher(line);
            if (matcher.matches() && matcher.group(4).startsWith("Kernel ")) {
                add(
                        image,
                        Long.parseUnsignedLong(matcher.group(2), 16),
                        Long.parseUnsignedLong(matcher.group(3), 16),
                        matcher.group(4));
            }
        }
        return image;
    }

    private List<NodeSpec> nodes(List<HostZone> zones, int cpus) {
        int last = zones.stream().mapToInt(HostZone::node).max().orElse(0);
        List<NodeSpec> nodes = new ArrayList<>();
        for (int node = 0; node <= last; node++) {
            List<FirmwareRange> ranges = new ArrayList<>();
            long start = Long.MAX_VALUE;
            long end = 0;
            for (HostZone zone : zones) {
                if (zone.node() == node) {
                    start = Math.min(start, zone.startPfn() << PAGE_SHIFT);
                    end = Math.max(end, (zone.startPfn() + zone.spanned()) << PAGE_SHIFT);
                }
            }
            add(ranges, start, end - 1, FirmwareRange.USABLE);
            String list = text("sys/devices/system/node/node" + node + "/cpulist");
            List<Integer> own = CpuList.parse("cpulist", list.isEmpty() && node == 0 ? "0-" + (cpus - 1) : list);
            nodes.add(new NodeSpec(ranges, own));
        }
        return nodes;
    }

    private List<List<Integer>> distances(int nodes) {
        List<List<Integer>> rows = new ArrayList<>();
        for (int node = 0; node < nodes; node++) {
            String row =
                    text("sys/devices/system/node/node" + node + "/distance").strip();
            List<Integer> cells = row.isEmpty()
                    ? List.of()
                    : Stream.of(row.split("\\s+", -1)).map(Integer::valueOf).toList();
            if (cells.size() != nodes) {
                return MemoryLayout.distances(nodes);
            }
            rows.add(cells);
        }
        return rows;
    }

    private SortedMap<String, String> sysctls() {
        SortedMap<String, String> result = new TreeMap<>();
        for (String name : SYSCTLS) {
            String value = text("proc/sys/vm/" + name).strip();
            if (!value.isEmpty()) {
                result.put("vm." + name, value.replaceAll("\\s+", " "));
            }
        }
        return result;
    }

    private List<Path> children(String directory) {
        try (Stream<Path> list = Files.list(root.resolve(directory))) {
            return list.sorted().toList();
        } catch (IOException e) {
            return List.of();
        }
    }

    private String text(String relative) {
        return text(root.resolve(relative));
    }

    /** Returns a file's text, or an empty one when it cannot be read: each source has a fallback. */
    private static String text(Path file) {
        // Not readString(): its first read of a file without a size asks for one byte, and a sysctl answers the first
        // read only.
        try (InputStream in = Files.newInputStream(file)) {
            return new String(in.readNBytes(MOST_BYTES), StandardCharsets.UTF_8);
        } catch (IOException e) {
            return "";
        }
    }
}
