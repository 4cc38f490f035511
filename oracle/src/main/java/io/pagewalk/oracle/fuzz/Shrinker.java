package io.pagewalk.oracle.fuzz;

import io.pagewalk.oracle.machine.Answer;
import io.pagewalk.oracle.machine.Judge;
import io.pagewalk.oracle.machine.Step;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Makes a failing history short: leaves steps out as long as the same difference is still seen (delta debugging, Zeller and Hildebrandt). */
final class Shrinker {
    private static final int REPETITIONS = 3;

    private final Judge judge;
    private final long endNanos;
    private final String what;
    private List<Step> best;
    private Difference difference;
    private @Nullable Difference last;

    private Shrinker(Judge judge, List<Step> steps, Difference difference, long limitNanos) {
        this.judge = judge;
        this.best = steps;
        this.difference = difference;
        this.what = difference.what();
        this.endNanos = System.nanoTime() + limitNanos;
    }

    /**
     * A short history and what it shows.
     *
     * @param steps the steps that are left
     * @param difference as the last replay showed it
     * @param isReproduced whether the difference was seen again at all
     * @param isVanished whether nothing at all differed when the same steps were made {@value #REPETITIONS} more times
     * @param expected what the kernel answered to each step
     */
    record Shortened(
            List<Step> steps, Difference difference, boolean isReproduced, boolean isVanished, List<Answer> expected) {}

    /** Shortens within a time limit. */
    static Shortened shrink(Judge judge, List<Step> steps, Difference difference, long limitNanos) {
        Shrinker shrinker = new Shrinker(judge, List.copyOf(steps), difference, limitNanos);
        boolean isReproduced = false;
        boolean isVanished = true;
        for (int i = 0; i < REPETITIONS && !isReproduced; i++) {
            isReproduced = shrinker.tryThese(shrinker.best);
            isVanished &= shrinker.last == null;
        }
        if (isReproduced) {
            shrinker.reduce();
            shrinker.moveToParents();
        }
        List<Answer> expected = new ArrayList<>();
        replay(judge, shrinker.best, expected);
        return new Shortened(shrinker.best, shrinker.difference, isReproduced, isVanished, expected);
    }

    private boolean hasTime() {
        return System.nanoTime() < endNanos;
    }

    private void reduce() {
        int size = Math.max(1, best.size() / 2);
        while (hasTime()) {
            boolean isShorter = false;
            for (int end = best.size(); end > 0 && hasTime(); end -= size) {
                int start = Math.max(0, end - size);
                if (end > best.size()) {
                    continue;
                }
                List<Step> candidate = new ArrayList<>(best.subList(0, start));
                candidate.addAll(best.subList(end, best.size()));
                isShorter |= !candidate.isEmpty() && tryThese(candidate);
            }
            if (!isShorter) {
                if (size == 1) {
                    return;
                }
                size = Math.max(1, size / 2);
            }
        }
    }

    /** A process that only exists to act is not needed: its parent acts instead. */
    private void moveToParents() {
        for (int i = best.size() - 1; i >= 0 && hasTime(); i--) {
            Step fork = i < best.size() ? best.get(i) : best.getLast();
            if (fork.kind() == Step.Kind.FORK) {
                List<Step> candidate = new ArrayList<>();
                for (Step step : best) {
                    if (!step.equals(fork)) {
                        candidate.add(step.slot() == fork.a0() ? step.in(fork.slot()) : step);
                    }
                }
                if (!candidate.isEmpty()) {
                    tryThese(candidate);
                }
            }
        }
    }

    private boolean tryThese(List<Step> candidate) {
        List<Step> made = new ArrayList<>();
        Difference found = replay(judge, candidate, null, made);
        last = found;
        if (found == null || !found.what().equals(what)) {
            return false;
        }
        best = List.copyOf(made.subList(0, found.index() + 1));
        difference = found;
        return true;
    }

    /** Makes the steps on both sides from the start and compares; collects the kernel's answers when asked. */
    static @Nullable Difference replay(Judge judge, List<Step> steps, @Nullable List<Answer> expected) {
        return replay(judge, steps, expected, new ArrayList<>());
    }

    private static @Nullable Difference replay(
            Judge judge, List<Step> steps, @Nullable List<Answer> expected, List<Step> made) {
        try (History history = History.start(judge)) {
            Difference found = null;
            int inBatch = 0;
            for (Step step : steps) {
                if (!history.model().accepts(step)) {
                    continue;
                }
                Difference broken = history.perform(step);
                inBatch++;
                if (broken != null || history.isBatchFull()) {
                    Difference answer = history.flush();
                    found = answer != null ? answer : broken;
                    inBatch = collect(history, expected, inBatch);
                    if (found != null) {
                        break;
                    }
                }
            }
            if (found == null) {
                found = history.flush();
                collect(history, expected, inBatch);
            }
            if (found == null) {
                found = history.checkFull();
            }
            if (found == null) {
                found = history.checkModel();
            }
            made.addAll(history.steps());
            return found;
        }
    }

    private static int collect(History history, @Nullable List<Answer> expected, int count) {
        for (int i = 0; expected != null && i < count; i++) {
            expected.add(history.lastExpected(i));
        }
        return 0;
    }
}
