package io.pagewalk.kernel.system;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.kernel.page.FailNth;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.slub.KmemCache;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Supplier;

/**
 * Lets every allocation of a scenario fail once, as {@code /proc/self/fail-nth} does: the scenario runs on a fresh machine for each of its allocations,
 * the n-th run with the n-th one failing. After each run the whole machine is verified, and once all was undone nothing may be held that the run without a failure
 * does not hold as well.
 *
 * <p>The steps get the machine and must take what the kernel answers: {@code -ENOMEM}, null or a signal is a right answer.
 */
final class FailNthSweep<S> {
    /** Makes what the scenario starts from, without failures. */
    interface Prepare<S> {
        S run(TestKernel machine);
    }

    /** One step. */
    interface Step<S> {
        void run(TestKernel machine, S state);
    }

    private static final int AT_MOST = 2000;

    private final String name;
    private final Supplier<TestKernel> boot;
    private final Prepare<S> prepare;
    private final Step<S> scenario;
    private final Step<S> undo;
    /** What is held after the run without a failure: frames by owner, objects by cache. */
    private final Map<String, Long> mayHold = new TreeMap<>();

    FailNthSweep(String name, Supplier<TestKernel> boot, Prepare<S> prepare, Step<S> scenario, Step<S> undo) {
        this.name = name;
        this.boot = boot;
        this.prepare = prepare;
        this.scenario = scenario;
        this.undo = undo;
    }

    /** Runs the sweep and returns how many allocations failed once. */
    int run() {
        runOnce(Long.MAX_VALUE);
        for (int nth = 1; nth <= AT_MOST; nth++) {
            if (!runOnce(nth)) {
                return nth - 1;
            }
        }
        throw new AssertionError(name + " makes more than " + AT_MOST + " allocations");
    }

    /** Returns whether the n-th allocation came, and failed. */
    private boolean runOnce(long nth) {
        TestKernel machine = boot.get();
        FailNth failNth = machine.kernel.allocator().failNth();
        S state = prepare.run(machine);
        failNth.arm(nth);
        scenario.run(machine, state);
        boolean hasFailed = failNth.hasFailed();
        failNth.arm(0);
        String where = name + ", allocation " + nth + " fails";
        verify(machine, where + ", after the scenario");
        undo.run(machine, state);
        // An empty slab that a cache keeps for the next object is no leak.
        machine.kernel.slabs().caches().forEach(KmemCache::shrink);
        verify(machine, where + ", after undoing it");
        // How live objects lie in their slabs depends on the history; a slab without any is a leak.
        for (KmemCache cache : machine.kernel.slabs().caches()) {
            assertThat(cache.slabs())
                    .as("%s: slabs of %s, each with an object at least", where, cache.name())
                    .isLessThanOrEqualTo(cache.allocatedObjects());
        }
        Map<String, Long> held = held(machine);
        if (mayHold.isEmpty()) {
            mayHold.putAll(held);
        }
        for (Map.Entry<String, Long> entry : held.entrySet()) {
            assertThat(entry.getValue())
                    .as("%s: %s that nobody freed", where, entry.getKey())
                    .isLessThanOrEqualTo(mayHold.getOrDefault(entry.getKey(), 0L));
        }
        return hasFailed;
    }

    private static void verify(TestKernel machine, String where) {
        try {
            machine.verify();
        } catch (RuntimeException | AssertionError e) {
            throw new AssertionError(where + ": " + e.getMessage(), e);
        }
    }

    private static Map<String, Long> held(TestKernel machine) {
        Map<String, Long> held = new TreeMap<>();
        for (FrameOwner owner : FrameOwner.values()) {
            if (owner != FrameOwner.FREE && owner != FrameOwner.PCP && owner != FrameOwner.SLAB) {
                held.put("frames of " + owner, machine.kernel.memmap().ownerFrames(owner));
            }
        }
        for (KmemCache cache : machine.kernel.slabs().caches()) {
            held.merge("objects of " + cache.name(), cache.allocatedObjects(), Long::sum);
        }
        return held;
    }
}
