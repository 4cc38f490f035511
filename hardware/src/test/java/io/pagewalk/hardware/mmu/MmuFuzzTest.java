package io.pagewalk.hardware.mmu;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.SeededRandom;
import io.pagewalk.base.Violations;
import io.pagewalk.hardware.cpu.CpuModel;
import io.pagewalk.hardware.cpu.CpuModels;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.hardware.paging.Pkru;
import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.hardware.tlb.Replacement;
import io.pagewalk.hardware.tlb.Tlb;
import io.pagewalk.hardware.tlb.TlbArray;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The real MMU beside the naive one, each with page tables of its own, under the same random accesses, page-table edits (with and without the flush they need),
 * context switches, invalidations and writes of the register of protection keys. After every step outcome, physical address and all counters must be equal.
 *
 * <p>One more seed: {@code mvn test -pl hardware -am -Dtest=MmuFuzzTest -Dpagewalk.seed=N -Dsurefire.failIfNoSpecifiedTests=false}.
 */
class MmuFuzzTest {
    private static final long SEED = Long.getLong("pagewalk.seed", 1);
    private static final int STEPS = Integer.getInteger("pagewalk.steps", 4000);

    private static final int CHECK = Integer.getInteger("pagewalk.check", 64);

    static Stream<Arguments> machines() {
        List<Arguments> machines = new ArrayList<>();
        for (CpuModel model : CpuModels.all()) {
            for (PagingMode mode : model.modes()) {
                for (Replacement replacement : Replacement.values()) {
                    if (replacement == Replacement.TREE_PLRU && !isPowerOfTwo(model.mmu())) {
                        continue;
                    }
                    Refill refill = replacement == Replacement.FIFO ? Refill.SOFTWARE : Refill.HARDWARE;
                    machines.add(Arguments.of(model.name(), mode, replacement, refill));
                }
                machines.add(Arguments.of(model.name(), mode, Replacement.LRU, Refill.SOFTWARE));
            }
        }
        return machines.stream();
    }

    private static boolean isPowerOfTwo(MmuGeometry geometry) {
        return Stream.of(geometry.l1Instruction(), geometry.l1Data(), geometry.l2(), geometry.l2Instruction())
                .flatMap(List::stream)
                .map(TlbArray::ways)
                .allMatch(ways -> Integer.bitCount(ways) == 1 && ways <= 64);
    }

    @ParameterizedTest(name = "{0} {1} {2} {3}")
    @MethodSource("machines")
    void access_randomHistory_equalsNaive(String cpu, PagingMode mode, Replacement replacement, Refill refill) {
        CpuModel model = CpuModels.byName(cpu);
        boolean hasKeys = model.hasProtectionKeys() && mode.hasKeys();
        new Run(SEED, mode, model.mmu().with(replacement), refill, hasKeys).play(cpu + " " + replacement);
    }

    private static final class Run {
        final long seed;
        final SeededRandom random;
        final PagingMode mode;
        final MmuGeometry geometry;
        final PageTables tables;
        final PageTables naiveTables;
        final Mmu mmu;
        final NaiveMmu naive;
        final long[] pool;
        final long[] roots = new long[3];
        final boolean hasKeys;
        int current;

        Run(long seed, PagingMode mode, MmuGeometry geometry, Refill refill, boolean keys) {
            this.seed = seed;
            this.mode = mode;
            this.geometry = geometry;
            random = new SeededRandom(seed).fork(mode.modeName());
            tables = new PageTables(mode);
            naiveTables = new PageTables(mode);
            SeededRandom draws = new SeededRandom(seed);
            mmu = new Mmu(tables.memory, mode, geometry, refill, draws);
            naive = new NaiveMmu(naiveTables.memory, mode, geometry, refill, draws);
            for (int i = 0; i < roots.length; i++) {
                roots[i] = tables.newTable();
                naiveTables.newTable();
            }
            hasKeys = keys;
            pool = tables.pool(random, 400);
            for (int i = 0; i < 300; i++) {
                edit();
            }
        }

        void play(String what) {
            load(0);
            for (int step = 0; step < STEPS; step++) {
                String where = "step " + step + " of " + what + " " + mode.modeName() + ", seed " + seed
                        + " (replay: -Dtest=MmuFuzzTest -Dpagewalk.seed=" + seed + ")";
                if (hasKeys && random.nextInt(20) == 0) {
                    writePkru();
                }
                int dice = random.nextInt(1000);
                if (dice < 930) {
                    touch(where, step);
                } else if (dice < 975) {
                    edit();
                } else if (dice < 985) {
                    load(random.nextInt(roots.length));
                } else {
                    invalidate(dice);
                }
                assertThat(mmu.stats()).as(where).isEqualTo(naive.stats());
                if (step % CHECK == 0) {
                    assertThat(mmu.tlbs().stream().map(Tlb::live).toList())
                            .as(where)
                            .isEqualTo(naive.live());
                }
            }
            Violations violations = new Violations();
            mmu.verify(violations);
            violations.throwIfAny();
            assertThat(tables.memory.residentFrames()).isEqualTo(naiveTables.memory.residentFrames());
        }

        /** Mostly near the last pages, so that hits, sets and recency all matter. */
        private void touch(String where, int step) {
            int spread = step / 500 % 2 == 0 ? 60 : pool.length;
            long vaddr = pool[random.nextInt(spread)] + random.nextLong(4096);
            if (random.nextInt(200) == 0) {
                vaddr ^= 1L << (mode.virtualBits() - 1 + random.nextInt(2));
            }
            int kind = random.nextInt(3);
            Privilege privilege = random.nextInt(4) == 0 ? Privilege.SUPERVISOR : Privilege.USER;
            int result = privilege == Privilege.USER ? mmu.access(vaddr, kind) : mmu.access(vaddr, kind, privilege);
            int expected = naive.access(vaddr, kind, privilege);
            assertThat(result).as(where).isEqualTo(expected);
            if (result != 0 && MmuFault.kind(result) == MmuFault.TLB_REFILL) {
                result = mmu.refillFromTables(vaddr, kind, privilege);
                assertThat(result).as(where).isEqualTo(naive.refillFromTables(vaddr, kind, privilege));
            }
            if (result == 0) {
                assertThat(mmu.physicalAddress(vaddr, kind))
                        .as(where)
                        .isEqualTo(naive.physicalAddress(vaddr, kind))
                        .isNotNegative();
            } else if (random.nextInt(3) > 0 && mode.isCanonical(vaddr)) {
                map(vaddr);
            }
            if (random.nextInt(20) == 0) {
                mmu.recency(vaddr, kind);
                naive.recency(vaddr, kind);
            }
        }

        private void map(long vaddr) {
            int level = 1;
            while (level < mode.levels() && random.nextInt(3) == 0 && mode.allowsLeaf(level + 1)) {
                level++;
            }
            int flags = PteFlags.READ | (random.nextInt(5) > 0 ? PteFlags.USER : 0);
            flags |= random.nextInt(3) > 0 ? PteFlags.WRITE : 0;
            flags |= random.nextInt(2) > 0 ? PteFlags.EXEC : 0;
            flags |= random.nextInt(8) == 0 ? PteFlags.GLOBAL : 0;
            flags |= random.nextInt(2) == 0 ? PteFlags.ACCESSED : 0;
            flags |= random.nextInt(4) == 0 ? PteFlags.DIRTY : 0;
            flags |= hasKeys ? random.nextInt(4) << PteFlags.KEY_SHIFT : 0;
            long pfn = tables.dataFrame(random, level);
            tables.map(roots[current], vaddr, level, pfn, flags);
            naiveTables.map(roots[current], vaddr, level, pfn, flags);
        }

        /** Changes a page table, and does not always tell the TLB. */
        private void edit() {
            long vaddr = pool[random.nextInt(pool.length)];
            int level = 1 + random.nextInt(mode.levels());
            long entry = tables.get(roots[current], vaddr, level);
            if (entry != 0 && random.nextInt(3) == 0) {
                long changed = entry ^ (1L << strayBit());
                tables.set(roots[current], vaddr, level, changed);
                naiveTables.set(roots[current], vaddr, level, changed);
            } else if (level == 1 && entry != 0 && random.nextInt(3) == 0) {
                tables.set(roots[current], vaddr, 1, 0);
                naiveTables.set(roots[current], vaddr, 1, 0);
            } else {
                map(vaddr);
            }
            if (random.nextInt(3) > 0) {
                mmu.invalidatePage(vaddr, mmu.asid());
                naive.invalidatePage(vaddr, mmu.asid());
            }
        }

        /** A bit outside the frame number, as far as this CPU's physical addresses go. */
        private int strayBit() {
            return switch (mode) {
                case I386 -> random.nextInt(9);
                case SV39, SV48, SV57 -> random.nextInt(2) == 0 ? random.nextInt(8) : 54 + random.nextInt(10);
                default -> random.nextInt(2) == 0 ? random.nextInt(9) : 52 + random.nextInt(12);
            };
        }

        /** Few keys and many rights, so that entries lose and regain them. */
        private void writePkru() {
            int key = random.nextInt(5) == 0 ? random.nextInt(Pkru.KEYS) : random.nextInt(4);
            int register = Pkru.with(mmu.pkru(), key, random.nextInt(2) * random.nextInt(4));
            mmu.writePkru(register);
            naive.writePkru(register);
        }

        private void load(int space) {
            current = space;
            int asid = geometry.asidBits() == 0 ? 0 : space + 1;
            boolean keep = random.nextBoolean();
            mmu.loadRoot(roots[space], asid, keep);
            naive.loadRoot(roots[space], asid, keep);
        }

        private void invalidate(int dice) {
            int asid = geometry.asidBits() == 0 ? 0 : 1 + random.nextInt(roots.length);
            switch (dice) {
                case 985 -> {
                    mmu.invalidateAll();
                    naive.invalidateAll();
                }
                case 986, 987 -> {
                    mmu.invalidateAllNonGlobal();
                    naive.invalidateAllNonGlobal();
                }
                case 988, 989 -> {
                    mmu.invalidateAsid(asid);
                    naive.invalidateAsid(asid);
                }
                default -> {
                    long vaddr = pool[random.nextInt(pool.length)];
                    mmu.invalidatePage(vaddr, asid);
                    naive.invalidatePage(vaddr, asid);
                }
            }
        }
    }
}
