package io.pagewalk.kernel.cma;

import static io.pagewalk.kernel.buddy.PageAllocator.NO_PAGE;
import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.SeededRandom;
import io.pagewalk.base.Size;
import io.pagewalk.base.Violations;
import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.buddy.PageIsolation.Purpose;
import io.pagewalk.kernel.buddy.PageList;
import io.pagewalk.kernel.buddy.PageMover;
import io.pagewalk.kernel.compaction.Compaction;
import io.pagewalk.kernel.compaction.ContiguousAllocator;
import io.pagewalk.kernel.compaction.ContiguousAllocator.Outcome;
import io.pagewalk.kernel.memblock.BootMemory;
import io.pagewalk.kernel.memblock.BootParameters;
import io.pagewalk.kernel.memblock.BootPlan;
import io.pagewalk.kernel.page.AddressConversion;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.page.FrameRange;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.page.MigrateType;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.sysctl.Sysctls;
import io.pagewalk.kernel.zone.Zone;
import io.pagewalk.kernel.zone.ZoneLayout;
import java.util.Arrays;
import java.util.Objects;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The page allocator with compaction, contiguous ranges and a CMA area beside a model that knows only who has each frame. A step is a request, a free, a move of
 * pages by compaction, or a range emptied on demand; after each the frame numbers and sums must agree. A bounded number of steps by default,
 * {@code -Dpagewalk.fuzz.ops=10000000} for more; replay one seed with {@code -Dpagewalk.seed=N}.
 */
class MobilityFuzzTest {
    private static final int DEFAULT_STEPS = 120_000;
    private static final int VERIFY_EVERY = 20_000;
    private static final byte FREE = 0;
    private static final byte FIXED = 1;
    private static final byte MOVABLE = 2;

    /** The allocator and the model. */
    private static final class World implements PageMover {
        private final SeededRandom random;
        private final BootMemory memory;
        private final PageAllocator allocator;
        private final Compaction compaction;
        private final ContiguousAllocator contiguous;
        private final CmaArea cma;
        /** Who has each frame. */
        private final byte[] use;
        /** Blocks in use: first frame, order, in no order; the place of a movable page's block by its frame. */
        private long[] pfns = new long[1 << 16];

        private int[] orders = new int[1 << 16];
        private final int[] placeOfMovable;
        private int blocks;
        private long used;
        private long moved;

        private World(long seed) {
            random = new SeededRandom(seed);
            long ram = (64 + 64 * (seed % 3)) * Size.MIB;
            BootPlan plan = BootPlan.simple(ZoneLayout.x8664(), ram, 2, AddressConversion.x8664FourLevel(ram >>> 12))
                    .withParameters(BootParameters.parse(seed % 2 == 0 ? "cma=12M" : "cma=8M kernelcore=48M"));
            memory = BootMemory.boot(plan, new Sysctls(), pfn -> {});
            allocator = memory.allocator();
            compaction = new Compaction(allocator);
            compaction.setMover(this);
            allocator.setCompactor(compaction);
            contiguous = new ContiguousAllocator(allocator, compaction);
            FrameRange range = Objects.requireNonNull(memory.cma());
            cma = new CmaArea("fuzz", range.startPfn(), (int) range.frames(), allocator, contiguous);
            use = new byte[(int) memory.memMap().frames()];
            placeOfMovable = new int[use.length];
            Arrays.fill(use, FIXED);
            for (int pfn = 0; pfn < use.length; pfn++) {
                if (memory.memMap().owner(pfn) == FrameOwner.FREE) {
                    use[pfn] = FREE;
                }
            }
        }

        private void took(long pfn, int order, boolean isMovable, String where) {
            assertThat(pfn & ((1L << order) - 1)).as(where).isZero();
            for (int i = (int) pfn; i < (int) pfn + (1 << order); i++) {
                if (use[i] != FREE) {
                    throw new AssertionError(where + ": frame " + i + " was handed out while in use");
                }
                use[i] = isMovable ? MOVABLE : FIXED;
            }
            if (blocks == pfns.length) {
                pfns = Arrays.copyOf(pfns, blocks * 2);
                orders = Arrays.copyOf(orders, blocks * 2);
            }
            pfns[blocks] = pfn;
            orders[blocks] = order;
            if (isMovable) {
                placeOfMovable[(int) pfn] = blocks;
                memory.memMap().setFlags(pfn, PageFlags.LRU);
                memory.memMap().setOwner(pfn, FrameOwner.ANON);
            }
            blocks++;
            used += 1L << order;
        }

        private void give(int block) {
            long pfn = pfns[block];
            int order = orders[block];
            if (use[(int) pfn] == MOVABLE) {
                memory.memMap().clearFlags(pfn, PageFlags.LRU);
            }
            Arrays.fill(use, (int) pfn, (int) pfn + (1 << order), FREE);
            blocks--;
            pfns[block] = pfns[blocks];
            orders[block] = orders[blocks];
            if (use[(int) pfns[block]] == MOVABLE) {
                placeOfMovable[(int) pfns[block]] = block;
            }
            used -= 1L << order;
            allocator.freePages(pfn, order);
        }

        @Override
        public boolean isolate(long pfn, int flags) {
            if (use[(int) pfn] != MOVABLE) {
                throw new AssertionError("frame " + pfn + " cannot be moved, but was tried");
            }
            // Now and then somebody else holds the page.
            if (random.nextInt(200) == 0) {
                return false;
            }
            memory.memMap().clearFlags(pfn, PageFlags.LRU);
            memory.memMap().get(pfn);
            return true;
        }

        @Override
        public void putBack(long pfn) {
            memory.memMap().setFlags(pfn, PageFlags.LRU);
            memory.memMap().putTestZero(pfn);
        }

        @Override
        public int migrate(PageList pages, Target target, MigrateMode mode) {
            PageList failed = new PageList();
            boolean isShort = false;
            while (!pages.isEmpty()) {
                long from = pages.removeFirst();
                long to = isShort ? NO_PAGE : target.allocate(from);
                isShort |= to == NO_PAGE;
                if (to == NO_PAGE) {
                    failed.add(from);
                } else if (random.nextInt(100) == 0) {
                    target.release(to);
                    failed.add(from);
                } else {
                    move(from, to);
                }
            }
            int left = failed.size();
            while (!failed.isEmpty()) {
                pages.add(failed.removeFirst());
            }
            return isShort ? NO_MEMORY : left;
        }

        private void move(long from, long to) {
            if (use[(int) to] != FREE) {
                throw new AssertionError("frame " + to + " is a target while in use");
            }
            int place = placeOfMovable[(int) from];
            assertThat(pfns[place]).isEqualTo(from);
            use[(int) to] = MOVABLE;
            use[(int) from] = FREE;
            pfns[place] = to;
            placeOfMovable[(int) to] = place;
            memory.memMap().setFlags(to, PageFlags.LRU);
            memory.memMap().setOwner(to, FrameOwner.ANON);
            memory.memMap().putTestZero(from);
            allocator.freePages(from, 0);
            moved++;
        }

        private void verify(String where) {
            Violations out = new Violations();
            allocator.verify(out);
            cma.verify(out);
            if (out.count() > 0) {
                throw new AssertionError(where + ": " + out.lines());
            }
            long inUse = 0;
            for (int pfn = 0; pfn < use.length; pfn++) {
                FrameOwner owner = memory.memMap().owner(pfn);
                boolean isFree = owner == FrameOwner.FREE || owner == FrameOwner.PCP;
                if (isFree != (use[pfn] == FREE)) {
                    throw new AssertionError(where + ": frame " + pfn + " belongs to " + owner);
                }
                inUse += use[pfn] != FREE ? 1 : 0;
                if (use[pfn] == FIXED && owner == FrameOwner.KERNEL && !isCmaTaken(pfn)) {
                    assertThat(memory.memMap().pageblockType(pfn))
                            .as("%s: frame %d, which cannot be moved", where, pfn)
                            .isNotEqualTo(MigrateType.CMA);
                }
            }
            assertThat(inUse).as(where).isGreaterThanOrEqualTo(used);
        }

        private boolean isCmaTaken(long pfn) {
            return pfn >= cma.basePfn() && pfn < cma.basePfn() + cma.pages();
        }

        private long free() {
            long sum = 0;
            for (Zone zone : memory.zones()) {
                sum += zone.freePages + zone.freeIsolated + zone.pcpPages();
            }
            return sum;
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void allocator_requestsMovesAndRanges_agreesWithOwnersOfFrames(long defaultSeed) {
        long seed = Long.getLong("pagewalk.seed", defaultSeed);
        long steps = Long.getLong("pagewalk.fuzz.ops", DEFAULT_STEPS);
        World world = new World(seed);
        SeededRandom random = world.random;
        long managed = world.memory.totalRamPages();
        int[] kernelTypes = {Gfp.GFP_KERNEL, Gfp.GFP_KERNEL | Gfp.RECLAIMABLE, Gfp.GFP_ATOMIC};
        long[] cmaPfns = new long[16];
        int[] cmaCounts = new int[16];
        long cmaFrames = 0;
        int ranges = 0;
        for (long step = 0; step < steps; step++) {
            String where = "-Dtest=MobilityFuzzTest -Dpagewalk.seed=" + seed + ", step " + step;
            world.allocator.setCpu(random.nextInt(2));
            int kind = random.nextInt(10_000);
            boolean wantsMore = random.nextInt(10) < (step / 4000 % 2 == 0 ? 7 : 3);
            if (kind < 3) {
                world.compaction.compactNodes();
            } else if (kind < 20) {
                int slot = random.nextInt(cmaPfns.length);
                if (cmaCounts[slot] > 0) {
                    int first = (int) cmaPfns[slot];
                    Arrays.fill(world.use, first, first + cmaCounts[slot], FREE);
                    assertThat(world.cma.release(first, cmaCounts[slot]))
                            .as(where)
                            .isTrue();
                    cmaFrames -= cmaCounts[slot];
                    cmaCounts[slot] = 0;
                } else {
                    int count = 1 + random.nextInt(600);
                    long pfn = world.cma.allocate(count, random.nextInt(6));
                    if (pfn != NO_PAGE) {
                        takeFixed(world, pfn, count, where);
                        cmaPfns[slot] = pfn;
                        cmaCounts[slot] = count;
                        cmaFrames += count;
                    }
                }
            } else if (kind < 25) {
                long start = random.nextInt(world.use.length - 700);
                int count = 1 + random.nextInt(700);
                if (world.contiguous.allocate(start, start + count, Purpose.RANGE) == Outcome.DONE) {
                    takeFixed(world, start, count, where);
                    Arrays.fill(world.use, (int) start, (int) start + count, FREE);
                    world.contiguous.free(start, count);
                    ranges++;
                }
            } else if (wantsMore || world.blocks == 0) {
                boolean isMovable = random.nextInt(3) > 0;
                int order = isMovable ? 0 : random.nextInt(8) == 0 ? random.nextInt(11) : random.nextInt(3);
                int gfp = isMovable ? Gfp.GFP_HIGHUSER_MOVABLE : kernelTypes[random.nextInt(kernelTypes.length)];
                long pfn = world.allocator.allocPages(gfp | Gfp.NOWARN | Gfp.NORETRY, order);
                if (pfn != NO_PAGE) {
                    world.took(pfn, order, isMovable, where);
                }
            } else {
                world.give(random.nextInt(world.blocks));
            }
            assertThat(world.free() + world.used + cmaFrames)
                    .as("%s: free and used frames", where)
                    .isEqualTo(managed);
            if (step % VERIFY_EVERY == 0) {
                world.verify(where);
            }
        }
        assertThat(world.moved).isPositive();
        assertThat(ranges).isPositive();
        for (int slot = 0; slot < cmaPfns.length; slot++) {
            if (cmaCounts[slot] > 0) {
                Arrays.fill(world.use, (int) cmaPfns[slot], (int) cmaPfns[slot] + cmaCounts[slot], FREE);
                world.cma.release(cmaPfns[slot], cmaCounts[slot]);
            }
        }
        while (world.blocks > 0) {
            world.give(world.blocks - 1);
        }
        world.allocator.drainAllPages();
        world.verify("seed " + seed + ", at the end");
        assertThat(world.memory.zones().stream()
                        .mapToLong(zone -> zone.freePages)
                        .sum())
                .isEqualTo(managed);
    }

    private static void takeFixed(World world, long first, int count, String where) {
        for (int i = (int) first; i < (int) first + count; i++) {
            if (world.use[i] != FREE) {
                throw new AssertionError(where + ": frame " + i + " was handed out while in use");
            }
            world.use[i] = FIXED;
        }
    }
}
