package io.pagewalk.kernel.io;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.SeededRandom;
import io.pagewalk.base.Violations;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Regions of drivers beside a list that is searched from end to end. */
class ResourceFuzzTest {
    private static final long OPERATIONS = Long.getLong("pagewalk.fuzz.ops", 40_000);
    private static final int PORTS = 256;

    private record Region(int start, int size) {
        boolean overlaps(int otherStart, int otherSize) {
            return start < otherStart + otherSize && otherStart < start + size;
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4})
    void regions_randomHistory_agreeWithAList(long seed) {
        CountedObjects objects = new CountedObjects();
        List<String> log = new ArrayList<>();
        ResourceTree tree = new ResourceTree("PCI IO", PORTS - 1, Resource.IO, objects, log::add);
        // Borders that no region may cross: two buses, one with a card in it.
        int[][] inner = {{32, 95}, {64, 79}, {128, 255}};
        for (int[] range : inner) {
            assertThat(tree.insertResource(new Resource("bus", range[0], range[1], Resource.IO)))
                    .isZero();
        }
        List<Region> model = new ArrayList<>();
        SeededRandom random = new SeededRandom(seed);
        for (long op = 0; op < OPERATIONS / 4; op++) {
            int start = random.nextInt(PORTS);
            int size = 1 + random.nextInt(random.nextInt(4) == 0 ? 64 : 8);
            String what = "seed " + seed + " operation " + op + " range " + start + "+" + size;
            if (random.nextInt(2) == 0) {
                boolean isFree = start + size <= PORTS
                        && model.stream().noneMatch(one -> one.overlaps(start, size))
                        && !crosses(inner, start, start + size - 1);
                assertThat(tree.requestRegion(start, size, "driver", 0) != null)
                        .as(what)
                        .isEqualTo(isFree);
                if (isFree) {
                    model.add(new Region(start, size));
                }
            } else {
                Region target = !model.isEmpty() && random.nextInt(4) != 0
                        ? model.get(random.nextInt(model.size()))
                        : new Region(start, size);
                int lines = log.size();
                tree.releaseRegion(target.start(), target.size());
                assertThat(log.size() == lines).as(what).isEqualTo(model.remove(target));
            }
            assertThat(tree.regions()).as(what).isEqualTo(model.size());
            if (op % 64 == 0) {
                Violations violations = new Violations();
                tree.verify(violations);
                assertThat(violations.lines()).as(what).isEmpty();
            }
        }
        assertThat(objects.count()).isEqualTo(model.size());
    }

    private static boolean crosses(int[][] inner, int start, int end) {
        for (int[] range : inner) {
            boolean touches = start <= range[1] && range[0] <= end;
            boolean isInside = start >= range[0] && end <= range[1];
            if (touches && !isInside) {
                return true;
            }
        }
        return false;
    }
}
