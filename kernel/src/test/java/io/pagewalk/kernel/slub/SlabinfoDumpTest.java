package io.pagewalk.kernel.slub;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.Size;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Geometry against recorded {@code /proc/slabinfo} of real machines, and against this one.
 *
 * <p>A dump does not say how many CPUs its kernel saw. The least number of objects is {@code 4 * (fls(cpus) + 1)}, so it is one of few; the one given here fits every cache of the dump.
 */
class SlabinfoDumpTest {
    private static final Pattern SPACES = Pattern.compile("\\s+");

    /** One line: what does not change while the machine runs. */
    private record Line(String name, int size, int objects, int pages) {}

    private static List<Line> read(Path path) throws IOException {
        List<Line> lines = new ArrayList<>();
        for (String line : Files.readAllLines(path)) {
            String[] column = SPACES.split(line, -1);
            if (!line.startsWith("#") && !line.startsWith("slabinfo")) {
                lines.add(new Line(
                        column[0],
                        Integer.parseInt(column[3]),
                        Integer.parseInt(column[4]),
                        Integer.parseInt(column[5])));
            }
        }
        return lines;
    }

    private static Path dump(String file) {
        Path data = Path.of(System.getProperty("pagewalk.data", "../../shared/data"));
        Path path = data.resolve("proc/slabinfo").resolve(file);
        Assumptions.assumeTrue(Files.isReadable(path), "no recorded slabinfo: " + path + " is missing");
        return path;
    }

    @ParameterizedTest
    @CsvSource({
        // file, least objects of a slab, caches
        "001.txt, 20, 300", // 5.x, slab_debug=FZPU, 8 to 15 CPUs
        "003.txt, 28, 129", // 3.10, two nodes, 32 to 63 CPUs
        "005.txt, 20, 126", // 4.x, 8 to 15 CPUs
        "006.txt, 12, 36", // 4.x, 2 or 3 CPUs
        "007.txt, 20, 292", // 5.14 or later, two nodes, 8 to 15 CPUs
    })
    void order_ofEveryRecordedCache_isDerivedFromItsSize(String file, int minObjects, int caches) throws IOException {
        SlabParameters parameters = SlabParameters.wide(1).withMinObjects(minObjects);
        List<Line> lines = read(dump(file));
        assertThat(lines).hasSize(caches);
        assertThat(lines.stream().map(line -> derive(line, parameters)).toList())
                .isEqualTo(lines);
    }

    private static Line derive(Line line, SlabParameters parameters) {
        int order = SlabGeometry.calculateOrder(line.size(), parameters);
        return new Line(line.name(), line.size(), (4096 << order) / line.size(), 1 << order);
    }

    /** The caches of one dump whose objects' own size is in their name, with all debugging on: track with 16 return addresses, no request size. */
    @ParameterizedTest
    @CsvSource({"8, 8", "16, 16", "32, 32", "64, 64", "96, 8", "128, 128", "192, 8", "256, 256", "512, 512"})
    void size_ofRecordedDebuggedKmalloc_isDerived(int bytes, int align) throws IOException {
        SlabParameters parameters = new SlabParameters(0, 3, 20, 1, 64, 8, 152, false);
        int flags = SlabFlags.DEBUG_DEFAULT | SlabFlags.KMALLOC;
        int size = SlabGeometry.of(bytes, align, flags, false, parameters).size();
        assertThat(read(dump("001.txt")))
                .anyMatch(line -> line.name().equals("kmalloc-" + bytes) && line.size() == size);
    }

    private static void assumeThisIs618() throws IOException {
        String release = Files.readString(Path.of("/proc/sys/kernel/osrelease"));
        Assumptions.assumeTrue(release.startsWith("6.18"), "this kernel is " + release.strip() + ", not 6.18");
        Assumptions.assumeTrue(Files.isReadable(Path.of("/proc/slabinfo")), "/proc/slabinfo is for root");
        Assumptions.assumeTrue(System.getProperty("os.arch", "").equals("amd64"), "not x86-64");
    }

    /** The model's named caches against a running 6.18: objsize, objperslab, pagesperslab. */
    @Test
    void bootCaches_onThisMachine_areLikeItsOwn() throws IOException {
        assumeThisIs618();
        int cpus = Runtime.getRuntime().availableProcessors();
        TestSlabs machine = new TestSlabs(SlabOptions.DEFAULT, 256 * Size.MIB, cpus, 8);
        BootCaches.create(machine.slabs);
        int compared = 0;
        List<String> different = new ArrayList<>();
        for (Line real : read(Path.of("/proc/slabinfo"))) {
            KmemCache own = machine.slabs.find(real.name());
            if (own == null) {
                continue;
            }
            compared++;
            Line line = new Line(real.name(), own.size(), own.objectsPerSlab(), 1 << own.order());
            if (!line.equals(real)) {
                different.add(line + " is really " + real);
            }
        }
        assertThat(different).isEmpty();
        assertThat(compared).isGreaterThan(150);
        machine.verify();
    }

    /** Everything that a running 6.18 shows in /sys/kernel/slab, derived from object size, alignment and flags of each of its caches. */
    @Test
    void geometry_ofEveryCacheOfThisMachine_isDerived() throws IOException {
        assumeThisIs618();
        Path root = Path.of("/sys/kernel/slab");
        Assumptions.assumeTrue(Files.isReadable(root.resolve("task_struct/cpu_partial")), "no /sys/kernel/slab");
        SlabParameters parameters = SlabParameters.wide(Runtime.getRuntime().availableProcessors());
        int compared = 0;
        List<String> different = new ArrayList<>();
        List<Path> caches;
        try (var directory = Files.list(root)) {
            caches = directory
                    .filter(path -> !Files.isSymbolicLink(path))
                    .sorted()
                    .toList();
        }
        for (Path cache : caches) {
            int flags = (number(cache, "hwcache_align") == 1 ? SlabFlags.HWCACHE_ALIGN : 0)
                    | (number(cache, "destroy_by_rcu") == 1 ? SlabFlags.TYPESAFE_BY_RCU : 0);
            boolean hasConstructor = !text(cache, "ctor").isEmpty();
            SlabGeometry g = SlabGeometry.of(
                    number(cache, "object_size"), number(cache, "align"), flags, hasConstructor, parameters);
            String derived = g.align() + " " + g.order() + " " + g.objects() + " " + g.cpuPartialObjects() + " "
                    + g.minPartial() + " " + g.size();
            String real = number(cache, "align") + " " + number(cache, "order") + " " + number(cache, "objs_per_slab")
                    + " " + number(cache, "cpu_partial") + " " + number(cache, "min_partial") + " "
                    + number(cache, "slab_size");
            compared++;
            // Caches whose users place the free pointer themselves (use_freeptr_offset) keep it inside.
            boolean placesPointer = g.size() != number(cache, "slab_size") && flags != 0;
            if (!derived.equals(real) && !placesPointer) {
                different.add(cache.getFileName() + ": " + derived + " is really " + real);
            }
        }
        assertThat(different).isEmpty();
        assertThat(compared).isGreaterThan(100);
    }

    private static String text(Path cache, String file) throws IOException {
        return Files.readString(cache.resolve(file)).strip();
    }

    private static int number(Path cache, String file) throws IOException {
        return Integer.parseInt(text(cache, file));
    }
}
