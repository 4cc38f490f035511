package io.pagewalk.lab.experiment.oldways;

import io.pagewalk.base.SeededRandom;
import io.pagewalk.base.Violations;
import io.pagewalk.hardware.mmu.Access;
import io.pagewalk.lab.experiment.Progress;
import io.pagewalk.lab.experiment.oldways.MemorySystem.Piece;
import io.pagewalk.lab.experiment.oldways.MemorySystem.State;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;

/** One history on one system, with everything that is counted on the way. */
final class Trial {
    private static final int SAMPLES = 200;
    private static final int RUN_MAX = 32;

    private final MemorySystem system;
    private final History history;
    private final int[][] harms = new int[Stray.Kind.values().length][Stray.Harm.values().length];
    private final SortedMap<String, Integer> faults = new TreeMap<>();
    private final List<Outcome.Sample> samples = new ArrayList<>();
    private State fullest;
    private List<Piece> pieces = List.of();
    private long damagedBytes;
    private long wrongReads;
    private int requests;
    private int refused;
    private int refusedThoughFree;
    private long accesses;
    private long references;
    private int busySteps;
    private double usedSum;
    private double externalSum;
    private double internalSum;
    private long tableSum;

    private Trial(History history, MemorySystem system) {
        this.system = system;
        this.history = history;
        fullest = system.state();
    }

    /** Runs a history from beginning to end, then ends the programs that still run. */
    static Outcome run(History history, MemorySystem system, Progress progress) {
        return new Trial(history, system).run(progress);
    }

    private Outcome run(Progress progress) {
        List<Step> steps = history.steps();
        int interval = Math.max(1, steps.size() / SAMPLES);
        for (int i = 0; i < steps.size(); i++) {
            perform(steps.get(i));
            boolean isBusy = i >= history.busyFrom() && !(steps.get(i) instanceof Step.Run);
            if (isBusy || i % interval == 0) {
                look(i, isBusy, i % interval == 0);
            }
            if (i == history.fullestStep()) {
                fullest = system.state();
                pieces = system.pieces();
            }
            progress.update(i + 1, steps.size());
        }
        Violations violations = new Violations();
        system.verify(violations);
        violations.throwIfAny();
        system.programs().forEach(program -> damagedBytes += system.exit(program));
        return outcome();
    }

    private Outcome outcome() {
        MemorySystem.Costs costs = system.costs();
        int looks = Math.max(1, busySteps);
        return new Outcome(
                system.name(),
                new Outcome.Isolation(
                        Arrays.stream(harms)
                                .map(kind -> Arrays.stream(kind).boxed().toList())
                                .toList(),
                        faults,
                        damagedBytes,
                        wrongReads),
                new Outcome.Room(
                        requests,
                        refused,
                        refusedThoughFree,
                        usedSum / looks,
                        externalSum / looks,
                        internalSum / looks),
                new Outcome.Cost(
                        accesses,
                        references,
                        (double) references * PagingSystem.referenceCycles() / Math.max(1, accesses),
                        costs.bytesCopied(),
                        costs.moves(),
                        costs.relocatedWords(),
                        costs.faults(),
                        tableSum / looks),
                List.copyOf(samples),
                fullest,
                pieces);
    }

    private void perform(Step step) {
        switch (step) {
            case Step.Start start -> {
                long wanted =
                        system.rounded(start.code()) + system.rounded(start.data()) + system.rounded(start.stack());
                note(wanted, () -> system.start(start.program(), start.code(), start.data(), start.stack()));
            }
            case Step.Add add -> {
                if (system.size(add.program(), MemorySystem.CODE) != 0) {
                    note(system.rounded(add.bytes()), () -> system.add(add.program(), add.segment(), add.bytes()));
                }
            }
            case Step.Resize resize -> resize(resize);
            case Step.Remove remove -> {
                if (system.size(remove.program(), remove.segment()) != 0) {
                    system.remove(remove.program(), remove.segment());
                }
            }
            case Step.Exit exit -> {
                if (system.size(exit.program(), MemorySystem.CODE) != 0) {
                    damagedBytes += system.exit(exit.program());
                }
            }
            case Step.Run run -> {
                if (system.size(run.program(), MemorySystem.CODE) != 0) {
                    access(run);
                }
            }
            case Step.Err err -> err(err.program(), err.stray());
        }
    }

    private void resize(Step.Resize resize) {
        int old = system.size(resize.program(), resize.segment());
        if (old == 0) {
            return;
        }
        if (resize.bytes() <= old) {
            system.resize(resize.program(), resize.segment(), resize.bytes());
            return;
        }
        note(
                system.rounded(resize.bytes()) - system.rounded(old),
                () -> system.resize(resize.program(), resize.segment(), resize.bytes()));
    }

    private void note(long wanted, BooleanSupplier request) {
        requests++;
        long free = system.state().freeBytes();
        if (!request.getAsBoolean()) {
            refused++;
            refusedThoughFree += free >= wanted ? 1 : 0;
        }
    }

    /** Short walks through segments: half of them fetch code, the others load and store elsewhere. */
    private void access(Step.Run run) {
        SeededRandom random = new SeededRandom(run.seed());
        long before = system.costs().memoryReferences();
        int left = run.accesses();
        while (left > 0) {
            int segment = random.nextBoolean()
                    ? MemorySystem.CODE
                    : MemorySystem.DATA + random.nextInt(MemorySystem.SEGMENTS - 1);
            int size = system.size(run.program(), segment);
            if (size == 0) {
                continue;
            }
            int offset = random.nextInt(size);
            int kind =
                    segment == MemorySystem.CODE ? Access.FETCH : random.nextInt(3) == 0 ? Access.STORE : Access.LOAD;
            int length = Math.min(left, Math.min(1 + random.nextInt(RUN_MAX), size - offset));
            for (int i = 0; i < length; i++) {
                wrongReads += system.access(run.program(), segment, offset + i, kind) ? 0 : 1;
            }
            left -= length;
            accesses += length;
        }
        references += system.costs().memoryReferences() - before;
    }

    private void err(int program, Stray stray) {
        boolean isPossible = system.size(program, stray.segment()) != 0
                && (stray.kind() != Stray.Kind.FOREIGN || system.size(stray.other(), MemorySystem.DATA) != 0);
        if (!isPossible) {
            return;
        }
        Stray.Result result = system.stray(program, stray);
        harms[stray.kind().ordinal()][result.harm().ordinal()]++;
        if (result.harm() == Stray.Harm.CAUGHT) {
            faults.merge(result.fault(), 1, Integer::sum);
        }
    }

    private void look(int step, boolean isBusy, boolean isSample) {
        State state = system.state();
        double used = (double) state.usedBytes() / state.totalBytes();
        double external = state.freeBytes() == 0 ? 0 : 1 - (double) state.largestRequestBytes() / state.freeBytes();
        if (isBusy) {
            busySteps++;
            usedSum += used;
            externalSum += external;
            internalSum += state.usedBytes() == 0 ? 0 : 1 - (double) state.askedBytes() / state.usedBytes();
            tableSum += state.tableBytes();
        }
        if (isSample) {
            samples.add(new Outcome.Sample(step, external, used));
        }
    }
}
