package io.pagewalk.kernel.vmalloc;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.SeededRandom;
import io.pagewalk.base.Size;
import io.pagewalk.kernel.page.Gfp;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Random requests beside a sorted list of areas that knows nothing of trees, pools and laziness but the rules: the lowest gap that fits, and addresses come back only with a purge. A
 * failure names the seed; {@code -Dpagewalk.fuzz.ops=N} makes it longer.
 */
class VmallocFuzzTest {
    /** One CPU, so that there is one node and no pool, as on i386. */
    private final VmallocFixture f = VmallocFixture.i386(Size.GIB);

    private record Range(long start, long end) {}

    private static long lowest(List<Range> taken, long bytes, long alignment, long low, long high) {
        taken.sort(Comparator.comparingLong(Range::start));
        long at = (low + alignment - 1) & -alignment;
        for (Range range : taken) {
            if (at + bytes <= range.start) {
                break;
            }
            if (range.end > at) {
                at = (range.end + alignment - 1) & -alignment;
            }
        }
        return at + bytes <= high ? at : 0;
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4})
    void requests_random_landWhereTheNaiveListSays(long seed) {
        int ops = Integer.getInteger("pagewalk.fuzz.ops", 4_000);
        SeededRandom random = new SeededRandom(seed);
        List<Range> busy = new ArrayList<>();
        List<Range> lazy = new ArrayList<>();
        long low = f.layout.vmallocStart();
        long high = f.layout.vmallocEnd();
        for (int op = 0; op < ops; op++) {
            String where = "seed " + seed + ", operation " + op;
            if (random.nextInt(100) < 55 || busy.isEmpty()) {
                long bytes = 1L + random.nextInt(random.nextInt(20) == 0 ? 3_000_000 : 40_000);
                long alignment = 4096L << random.nextInt(5);
                VmArea area = f.vmalloc.getVmArea(bytes, alignment, low, high, VmFlags.MAP, "fuzz");
                long size = ((bytes + 4095) & -4096L) + 4096;
                List<Range> taken = new ArrayList<>(busy);
                taken.addAll(lazy);
                long expected = lowest(taken, size, alignment, low, high);
                if (expected == 0) {
                    lazy.clear();
                    expected = lowest(new ArrayList<>(busy), size, alignment, low, high);
                }
                assertThat(area == null ? 0 : area.address()).as(where).isEqualTo(expected);
                if (area != null) {
                    busy.add(new Range(expected, expected + size));
                }
            } else if (random.nextInt(50) == 0) {
                f.vmalloc.purge();
                lazy.clear();
            } else {
                Range gone = busy.remove(random.nextInt(busy.size()));
                long purges = f.vmalloc.purges();
                f.vmalloc.vunmap(gone.start);
                lazy.add(gone);
                if (f.vmalloc.purges() != purges) {
                    lazy.clear();
                }
            }
            if (op % 512 == 0) {
                f.verify();
            }
            assertThat(f.vmalloc.areas()).as(where).hasSize(busy.size());
            assertThat(f.vmalloc.lazyPages())
                    .as(where)
                    .isEqualTo(lazy.stream()
                            .mapToLong(range -> (range.end - range.start) >>> 12)
                            .sum());
        }
        f.verify();
    }

    @ParameterizedTest
    @ValueSource(longs = {11, 12})
    void allocations_randomOnFourCpus_neverOverlapAndLeakNothing(long seed) {
        VmallocFixture four = VmallocFixture.x8664(256 * Size.MIB, 4);
        SeededRandom random = new SeededRandom(seed);
        List<Long> live = new ArrayList<>();
        int ops = Integer.getInteger("pagewalk.fuzz.ops", 4_000);
        for (int op = 0; op < ops; op++) {
            four.allocator.setCpu(random.nextInt(4));
            if (random.nextInt(100) < 52 && live.size() < 300) {
                long bytes = 1L + random.nextInt(random.nextInt(30) == 0 ? 5_000_000 : 60_000);
                long vaddr = random.nextInt(10) == 0
                        ? four.vmalloc.vmallocHuge(bytes, Gfp.GFP_KERNEL | Gfp.NOWARN, "fuzz")
                        : four.vmalloc.vmalloc(bytes, Gfp.GFP_KERNEL | Gfp.NOWARN, "fuzz");
                if (vaddr != 0) {
                    live.add(vaddr);
                }
            } else if (!live.isEmpty()) {
                four.vmalloc.vfree(live.remove(random.nextInt(live.size())));
            }
            if (op % 256 == 0) {
                four.verify();
            }
        }
        live.forEach(four.vmalloc::vfree);
        four.vmalloc.purge();
        four.verify();
        assertThat(four.vmalloc.allocatedPages()).as("seed %d", seed).isZero();
        assertThat(four.vmalloc.areas()).isEmpty();
    }
}
