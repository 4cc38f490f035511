package io.pagewalk.kernel.vma;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.SeededRandom;
import io.pagewalk.base.Violations;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The tree beside a sorted list. */
class VmaTreeFuzzTest {
    private static final long PAGE = 4096;
    private static final int PAGES = 4000;
    private static final int STEPS = 30_000;

    private final Mm mm = new TestMachine().mm();
    private final VmaTree tree = new VmaTree();
    private final List<Vma> model = new ArrayList<>();

    @ParameterizedTest(name = "seed {0}")
    @ValueSource(longs = {1, 2, 3})
    void randomHistory_agreesWithSortedList(long seed) {
        SeededRandom random = new SeededRandom(seed);
        for (int step = 0; step < STEPS; step++) {
            // Growing and shrinking in turns fills, splits, joins and empties chunks.
            boolean growing = step / 5000 % 2 == 0;
            if (random.nextInt(10) < (growing ? 7 : 3)) {
                insert(random);
            } else {
                remove(random);
            }
            resize(random);
            query(random, "seed " + seed + " step " + step);
            if (step % 500 == 0) {
                Violations out = new Violations();
                tree.verify("fuzz", out);
                out.throwIfAny();
            }
        }
        assertThat(tree).containsExactlyElementsOf(model);
    }

    private void insert(SeededRandom random) {
        long start = random.nextInt(PAGES) * PAGE;
        long end = start + (1 + random.nextInt(2)) * PAGE;
        if (naiveIntersection(start, end) == null) {
            Vma vma = new Vma(mm, start, end, 0, 0, null);
            tree.insert(vma);
            int at = 0;
            while (at < model.size() && model.get(at).start() < start) {
                at++;
            }
            model.add(at, vma);
        }
    }

    private void remove(SeededRandom random) {
        if (!model.isEmpty()) {
            tree.remove(model.remove(random.nextInt(model.size())));
        }
    }

    private void resize(SeededRandom random) {
        if (model.isEmpty()) {
            return;
        }
        int at = random.nextInt(model.size());
        Vma vma = model.get(at);
        long low = at == 0 ? 0 : model.get(at - 1).end();
        long high = at + 1 == model.size()
                ? PAGES * PAGE + 8 * PAGE
                : model.get(at + 1).start();
        long start = Math.max(low, vma.start() - random.nextInt(2) * PAGE);
        long end = Math.min(high, Math.max(start + PAGE, vma.end() + (random.nextInt(3) - 1) * PAGE));
        tree.setRange(vma, start, end, 7);
    }

    private void query(SeededRandom random, String where) {
        long vaddr = random.nextInt(PAGES) * PAGE + random.nextInt(4096);
        long start = random.nextInt(PAGES) * PAGE;
        long size = (1 + random.nextInt(12)) * PAGE;
        long low = random.nextInt(PAGES) * PAGE;
        long high = low + random.nextInt(PAGES) * PAGE;
        assertThat(tree.size()).as(where).isEqualTo(model.size());
        assertThat(tree.find(vaddr)).as(where).isSameAs(naiveIntersection(vaddr, vaddr + 1));
        assertThat(tree.findFirst(vaddr)).as(where).isSameAs(naiveIntersection(vaddr, Long.MAX_VALUE));
        assertThat(tree.findIntersection(start, start + size))
                .as(where)
                .isSameAs(naiveIntersection(start, start + size));
        assertThat(tree.findLastBelow(vaddr)).as(where).isSameAs(naiveLastBelow(vaddr));
        assertThat(tree.highestGap(low, high, size)).as(where).isEqualTo(naiveGap(low, high, size, true));
        assertThat(tree.lowestGap(low, high, size)).as(where).isEqualTo(naiveGap(low, high, size, false));
        if (!model.isEmpty()) {
            int at = random.nextInt(model.size());
            assertThat(tree.next(model.get(at))).as(where).isSameAs(at + 1 < model.size() ? model.get(at + 1) : null);
            assertThat(tree.previous(model.get(at))).as(where).isSameAs(at > 0 ? model.get(at - 1) : null);
        }
    }

    private @Nullable Vma naiveIntersection(long start, long end) {
        for (Vma vma : model) {
            if (vma.end() > start) {
                return vma.start() < end ? vma : null;
            }
        }
        return null;
    }

    private @Nullable Vma naiveLastBelow(long vaddr) {
        Vma result = null;
        for (Vma vma : model) {
            if (vma.start() < vaddr) {
                result = vma;
            }
        }
        return result;
    }

    private long naiveGap(long low, long high, long size, boolean highest) {
        long best = -1;
        long below = 0;
        for (int i = 0; i <= model.size(); i++) {
            long top = i < model.size() ? model.get(i).start() : Long.MAX_VALUE;
            long from = Math.max(low, below);
            long to = Math.min(high, top);
            if (to - from >= size && (highest || best < 0)) {
                best = highest ? to - size : from;
            }
            below = i < model.size() ? model.get(i).end() : below;
        }
        return best;
    }
}
