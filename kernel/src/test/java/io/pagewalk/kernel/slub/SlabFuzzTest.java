package io.pagewalk.kernel.slub;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.SeededRandom;
import io.pagewalk.base.Size;
import io.pagewalk.kernel.page.Gfp;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Random allocations, frees, shrinks and CPU changes beside a naive model: a sorted map of the address ranges in use and the bytes written into each.
 *
 * <p>More operations: {@code -Dpagewalk.fuzz.ops=N}; another history: {@code -Dpagewalk.fuzz.seed=N}.
 */
class SlabFuzzTest {
    private static final int DEFAULT_OPS = 60_000;

    /** One allocation: what the naive model knows. */
    private record Live(long vaddr, long bytes, KmemCacheOrKmalloc from, long stamp) {}

    /** Where it came from, null for kmalloc. */
    private record KmemCacheOrKmalloc(
            @org.jspecify.annotations.Nullable KmemCache cache) {}

    @ParameterizedTest
    @DisplayName("objects never overlap and keep what was written")
    @ValueSource(strings = {"plain", "hardened", "nosheaves", "debug", "narrow"})
    void history_random_agreesWithNaiveModel(String kind) {
        long seed = Long.getLong("pagewalk.fuzz.seed", 1);
        long ops = Long.getLong("pagewalk.fuzz.ops", DEFAULT_OPS) / (kind.equals("debug") ? 8 : 1);
        TestSlabs machine = switch (kind) {
            case "hardened" -> new TestSlabs(SlabOptions.DEFAULT.hardened(seed));
            case "nosheaves" -> new TestSlabs(SlabOptions.DEFAULT.withoutSheaves());
            case "debug" -> new TestSlabs(SlabOptions.DEFAULT.withDebug("FZPU"));
            case "narrow" -> new TestSlabs(SlabOptions.DEFAULT, 64 * Size.MIB, 1, 4);
            default -> TestSlabs.plain();
        };
        try {
            new History(machine, seed).run(ops);
        } catch (RuntimeException | AssertionError failure) {
            throw new AssertionError(
                    "seed " + seed + ": mvn -pl kernel -am test -Dtest=SlabFuzzTest -Dpagewalk.fuzz.seed=" + seed
                            + " -Dpagewalk.fuzz.ops=" + ops,
                    failure);
        }
    }

    private static final class History {
        private final TestSlabs machine;
        private final SeededRandom random;
        private final TreeMap<Long, Live> byAddress = new TreeMap<>();
        private final List<Live> live = new ArrayList<>();
        private final List<KmemCache> caches = new ArrayList<>();
        private final int[] sizes = {8, 24, 64, 104, 192, 576, 1568, 5840};
        private long stamp;

        History(TestSlabs machine, long seed) {
            this.machine = machine;
            this.random = new SeededRandom(seed);
            for (int size : sizes) {
                caches.add(machine.slabs.create(CacheRequest.of("fuzz-" + size, size, 0)));
            }
            caches.add(machine.slabs.create(CacheRequest.of("fuzz-rcu", 192, SlabFlags.TYPESAFE_BY_RCU)));
            caches.add(machine.slabs.create(CacheRequest.of("fuzz-ctor", 120, 0).constructedBy(v -> {})));
            caches.add(
                    machine.slabs.create(CacheRequest.of("fuzz-sheaf", 176, 0).withSheaves(32)));
            caches.add(machine.slabs.create(CacheRequest.of("fuzz-rcl", 136, SlabFlags.RECLAIM_ACCOUNT)));
        }

        void run(long ops) {
            for (long i = 0; i < ops; i++) {
                step(i);
                if (i % Math.max(2_000, ops / 50) == 0) {
                    machine.verify();
                }
            }
            machine.verify();
            while (!live.isEmpty()) {
                free(live.size() - 1);
            }
            for (KmemCache cache : caches) {
                assertThat(cache.shrink()).as(cache.name()).isFalse();
                assertThat(cache.activeObjects()).isZero();
            }
            machine.verify();
            assertThat(machine.log).isEmpty();
        }

        private void step(long i) {
            // Waves: the machine fills and empties again, so that slabs pass through all lists.
            int target = (i >> 13 & 1) == 0 ? 12_000 : 500;
            int choice = random.nextInt(1000);
            if (choice < 3) {
                machine.pages.setCpu(random.nextInt(machine.pages.cpus()));
            } else if (choice == 3) {
                caches.get(random.nextInt(caches.size())).shrink();
            } else if (choice < 10 && !live.isEmpty()) {
                reallocate(random.nextInt(live.size()));
            } else if (live.isEmpty() || random.nextInt(2 * target) > live.size()) {
                allocate();
            } else {
                free(random.nextInt(live.size()));
            }
        }

        private void allocate() {
            if (random.nextInt(3) > 0) {
                KmemCache cache = caches.get(random.nextInt(caches.size()));
                enter(cache.alloc(random.nextInt(8) == 0 ? Gfp.GFP_ATOMIC : Gfp.GFP_KERNEL), cache.objectSize(), cache);
            } else {
                long bytes = 1L + random.nextInt(random.nextInt(50) == 0 ? 40_000 : 1 << random.nextInt(13));
                int gfp = random.nextInt(4) == 0 ? Gfp.GFP_KERNEL | Gfp.RECLAIMABLE : Gfp.GFP_KERNEL;
                enter(machine.slabs.kmalloc(bytes, gfp), bytes, null);
            }
        }

        private void enter(long vaddr, long bytes, @org.jspecify.annotations.Nullable KmemCache cache) {
            if (vaddr == 0) {
                assertThat(live.size()).as("memory ran out early").isGreaterThan(5_000);
                machine.log.clear();
                return;
            }
            Live entry = new Live(vaddr, bytes, new KmemCacheOrKmalloc(cache), ++stamp);
            var before = byAddress.floorEntry(vaddr);
            var after = byAddress.ceilingEntry(vaddr);
            assertThat(before == null || before.getKey() + before.getValue().bytes() <= vaddr)
                    .as("overlap below")
                    .isTrue();
            assertThat(after == null || vaddr + bytes <= after.getKey())
                    .as("overlap above")
                    .isTrue();
            byAddress.put(vaddr, entry);
            live.add(entry);
            mark(entry);
        }

        private void mark(Live entry) {
            machine.write(entry.vaddr(), (int) entry.stamp());
            machine.write(entry.vaddr() + entry.bytes() / 2, (int) entry.stamp());
            machine.write(entry.vaddr() + entry.bytes() - 1, (int) entry.stamp());
        }

        private void check(Live entry) {
            byte expected = (byte) entry.stamp();
            assertThat(machine.memory.readByte(machine.physical(entry.vaddr()))).isEqualTo(expected);
            assertThat(machine.memory.readByte(machine.physical(entry.vaddr() + entry.bytes() / 2)))
                    .isEqualTo(expected);
            assertThat(machine.memory.readByte(machine.physical(entry.vaddr() + entry.bytes() - 1)))
                    .isEqualTo(expected);
        }

        private void free(int i) {
            Live entry = remove(i);
            check(entry);
            KmemCache cache = entry.from().cache();
            if (cache == null) {
                machine.slabs.kfree(entry.vaddr());
            } else {
                cache.free(entry.vaddr());
            }
        }

        private Live remove(int i) {
            Live entry = live.get(i);
            Live last = live.removeLast();
            if (i < live.size()) {
                live.set(i, last);
            }
            byAddress.remove(entry.vaddr());
            return entry;
        }

        private void reallocate(int i) {
            Live entry = live.get(i);
            if (entry.from().cache() != null) {
                return;
            }
            remove(i);
            long bytes = 1L + random.nextInt(3000);
            long moved = machine.slabs.krealloc(entry.vaddr(), bytes, Gfp.GFP_KERNEL);
            if (moved != 0 && bytes >= entry.bytes()) {
                assertThat(machine.memory.readByte(machine.physical(moved))).isEqualTo((byte) entry.stamp());
                assertThat(machine.memory.readByte(machine.physical(moved + entry.bytes() - 1)))
                        .isEqualTo((byte) entry.stamp());
            }
            enter(moved == 0 ? entry.vaddr() : moved, moved == 0 ? entry.bytes() : bytes, null);
        }
    }
}
