package io.pagewalk.hardware.mmu;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.Digest;
import io.pagewalk.base.SeededRandom;
import io.pagewalk.base.Violations;
import io.pagewalk.hardware.cpu.CpuModel;
import io.pagewalk.hardware.cpu.CpuModels;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.hardware.paging.Pkru;
import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.hardware.tlb.Replacement;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.SequencedSet;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * One access stream played access by access on one machine and by episodes on another must leave the same TLBs (contents and recency), page-walk caches, page
 * tables and counters, page faults, copy-on-write and reclaim inside episodes included.
 */
class EpisodeFuzzTest {
    private static final long SEED = Long.getLong("pagewalk.seed", 1);
    private static final int EPISODES = Integer.getInteger("pagewalk.episodes", 1500);
    private static final int PAGES_PER_EPISODE = 4;

    static Stream<Arguments> machines() {
        List<Arguments> machines = new ArrayList<>();
        for (CpuModel model : CpuModels.all()) {
            if (model.mmu().supportsEpisodes()) {
                for (PagingMode mode : model.modes()) {
                    machines.add(Arguments.of(model.name(), mode, Refill.HARDWARE));
                    machines.add(Arguments.of(model.name(), mode, Refill.SOFTWARE));
                }
            }
        }
        return machines.stream();
    }

    @ParameterizedTest(name = "{0} {1} {2}")
    @MethodSource("machines")
    void episodes_randomStream_equalEveryAccess(String cpu, PagingMode mode, Refill refill) {
        MmuGeometry geometry = CpuModels.byName(cpu).mmu();
        boolean hasKeys = CpuModels.byName(cpu).hasProtectionKeys() && mode.hasKeys();
        Side single = new Side(mode, geometry, refill, hasKeys);
        Side episodic = new Side(mode, geometry, refill, hasKeys);
        SeededRandom random = new SeededRandom(SEED).fork(cpu);
        long[] pool = single.tables.pool(random, 300);
        List<long[]> stream = new ArrayList<>();
        for (int episode = 0; episode < EPISODES; episode++) {
            stream.clear();
            fillEpisode(random, pool, stream);
            for (long[] access : stream) {
                single.access(access[0], (int) access[1]);
            }
            episodic.playEpisode(stream);
            String where = "episode " + episode + " of " + cpu + " " + mode.modeName() + ", seed " + SEED
                    + " (replay: -Dtest=EpisodeFuzzTest -Dpagewalk.seed=" + SEED + ")";
            assertThat(episodic.mmu.stats()).as(where).isEqualTo(single.mmu.stats());
            assertThat(episodic.digest()).as(where).isEqualTo(single.digest());
            between(random, single, episodic);
        }
        Violations violations = new Violations();
        episodic.mmu.verify(violations);
        violations.throwIfAny();
        assertThat(episodic.tables.memory.residentFrames()).isEqualTo(single.tables.memory.residentFrames());
        assertThat(episodic.keyFaults > 0).as("faults of protection keys").isEqualTo(hasKeys);
        assertThat(episodic.disturbed).as("episodes that were disturbed").isPositive();
        assertThat(episodic.counted).as("accesses only counted").isGreaterThan(EPISODES);
    }

    @Test
    void supportsEpisodes_otherReplacementOrFewWays_isFalse() {
        MmuGeometry skylake = CpuModels.byName("skylake").mmu();
        assertThat(skylake.supportsEpisodes()).isTrue();
        assertThat(skylake.with(Replacement.RANDOM).supportsEpisodes()).isFalse();
        assertThat(skylake.with(Replacement.FIFO).supportsEpisodes()).isFalse();
        assertThat(CpuModels.byName("pentium-m").mmu().supportsEpisodes()).isFalse();
    }

    private static void fillEpisode(SeededRandom random, long[] pool, List<long[]> stream) {
        Set<Long> data = new HashSet<>();
        Set<Long> code = new HashSet<>();
        int length = 1 + random.nextInt(40);
        int near = random.nextInt(pool.length - 12);
        while (stream.size() < length) {
            int kind = random.nextInt(3);
            int spread = random.nextInt(10) == 0 ? random.nextInt(pool.length) : near + random.nextInt(8);
            long page = pool[spread];
            Set<Long> pages = kind == Access.FETCH ? code : data;
            if (pages.size() == PAGES_PER_EPISODE && !pages.contains(page)) {
                return;
            }
            pages.add(page);
            stream.add(new long[] {page + random.nextLong(4096), kind});
        }
    }

    private static void between(SeededRandom random, Side single, Side episodic) {
        int dice = random.nextInt(60);
        // Key 0 always allows everything, so that an access succeeds in the end.
        int register = (int) random.nextLong() & ~3;
        for (Side side : List.of(single, episodic)) {
            if (side.hasKeys && dice >= 50) {
                side.mmu.writePkru(register);
            }
            if (dice == 0) {
                side.mmu.invalidateAllNonGlobal();
            } else if (dice < 4) {
                side.load(dice % 2);
            }
        }
    }

    /** A machine with a small kernel that maps on fault, copies on write, and now and then takes a page away. */
    private static final class Side {
        final PageTables tables;
        final Mmu mmu;
        final long[] roots;
        final SeededRandom kernel = new SeededRandom(SEED).fork("kernel");
        final List<long[]> mapped = new ArrayList<>();
        final boolean hasKeys;
        int current;
        long disturbed;
        long keyFaults;
        long counted;

        Side(PagingMode mode, MmuGeometry geometry, Refill refill, boolean hasKeys) {
            this.hasKeys = hasKeys;
            tables = new PageTables(mode);
            mmu = new Mmu(tables.memory, mode, geometry, refill, new SeededRandom(SEED));
            roots = new long[] {tables.newTable(), tables.newTable()};
            load(0);
        }

        void load(int space) {
            current = space;
            mmu.loadRoot(roots[space], mmu.geometry().asidBits() == 0 ? 0 : space + 1, true);
        }

        long digest() {
            Digest digest = new Digest();
            mmu.addToDigest(digest);
            return digest.value();
        }

        void access(long vaddr, int kind) {
            for (int attempt = 0; ; attempt++) {
                assertThat(attempt).as("attempts at one access").isLessThan(5);
                int fault = mmu.access(vaddr, kind);
                if (fault != 0 && MmuFault.kind(fault) == MmuFault.TLB_REFILL) {
                    fault = mmu.refillFromTables(vaddr, kind, Privilege.USER);
                }
                if (fault == 0) {
                    return;
                }
                handle(vaddr, fault);
            }
        }

        private void handle(long vaddr, int fault) {
            PagingMode mode = tables.mode;
            if (kernel.nextInt(6) == 0 && !mapped.isEmpty()) {
                long[] victim = mapped.remove(kernel.nextInt(mapped.size()));
                if (victim[2] == current && victim[0] >>> 12 != vaddr >>> 12) {
                    tables.set(roots[current], victim[0], (int) victim[1], 0);
                    mmu.invalidatePage(victim[0], mmu.asid());
                }
            }
            boolean isStore = MmuFault.access(fault) == Access.STORE;
            keyFaults += (MmuFault.errorCode(fault) & MmuFault.ERROR_KEY) != 0 ? 1 : 0;
            if (MmuFault.kind(fault) == MmuFault.PROTECTION) {
                int level = level(vaddr);
                tables.map(roots[current], vaddr, level, tables.dataFrame(kernel, level), all());
                mmu.invalidatePage(vaddr, mmu.asid());
                return;
            }
            int level = kernel.nextInt(6) == 0 && mode.allowsLeaf(2) ? 2 : 1;
            if (tables.get(roots[current], vaddr, 2) != 0) {
                level = 1;
            }
            int flags = PteFlags.READ | PteFlags.EXEC | PteFlags.USER;
            if (isStore) {
                flags = all();
            } else if (kernel.nextInt(3) == 0) {
                flags |= PteFlags.WRITE;
            }
            if (hasKeys) {
                flags |= kernel.nextInt(Pkru.KEYS) << PteFlags.KEY_SHIFT;
            }
            tables.map(roots[current], vaddr, level, tables.dataFrame(kernel, level), flags);
            mapped.add(new long[] {vaddr, level, current});
        }

        private static int all() {
            return PteFlags.READ | PteFlags.WRITE | PteFlags.EXEC | PteFlags.USER;
        }

        private int level(long vaddr) {
            for (int level = tables.mode.levels(); level > 1; level--) {
                long entry = tables.get(roots[current], vaddr, level);
                if (tables.mode.isPresent(entry) && tables.mode.isLeaf(entry, level)) {
                    return level;
                }
            }
            return 1;
        }

        /** The contract of {@link Mmu#supportsEpisodes}, as a replayer follows it. */
        void playEpisode(List<long[]> stream) {
            Set<Long> touched = new HashSet<>();
            Set<Long> stored = new HashSet<>();
            SequencedSet<Long> order = new LinkedHashSet<>();
            long[] hits = new long[2];
            long before = mmu.disturbances();
            for (int i = 0; i < stream.size(); i++) {
                long vaddr = stream.get(i)[0];
                int kind = (int) stream.get(i)[1];
                int side = kind == Access.FETCH ? 1 : 0;
                long key = (vaddr & -4096L) | side;
                order.remove(key);
                order.add(key);
                boolean isFirst = touched.add(key);
                boolean isFirstStore = kind == Access.STORE && stored.add(key);
                if (!isFirst && !isFirstStore) {
                    hits[side]++;
                    counted++;
                    continue;
                }
                access(vaddr, kind);
                if (mmu.disturbances() != before) {
                    disturbed++;
                    end(hits, order);
                    for (long[] rest : stream.subList(i + 1, stream.size())) {
                        access(rest[0], (int) rest[1]);
                    }
                    return;
                }
            }
            end(hits, order);
        }

        private void end(long[] hits, SequencedSet<Long> order) {
            mmu.countHits(Access.LOAD, hits[0]);
            mmu.countHits(Access.FETCH, hits[1]);
            for (long key : order) {
                mmu.recency(key & -4096L, (key & 1) == 1 ? Access.FETCH : Access.LOAD);
            }
        }
    }
}
