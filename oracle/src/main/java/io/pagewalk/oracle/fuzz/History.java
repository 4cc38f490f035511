package io.pagewalk.oracle.fuzz;

import io.pagewalk.base.KernelBug;
import io.pagewalk.base.host.HostPool;
import io.pagewalk.base.host.HostSettings;
import io.pagewalk.kernel.syscall.SyscallNumbers;
import io.pagewalk.oracle.machine.Answer;
import io.pagewalk.oracle.machine.HelperFailure;
import io.pagewalk.oracle.machine.HelperProfile;
import io.pagewalk.oracle.machine.Judge;
import io.pagewalk.oracle.machine.ModelMachine;
import io.pagewalk.oracle.machine.NativeMachine;
import io.pagewalk.oracle.machine.Slots;
import io.pagewalk.oracle.machine.Step;
import io.pagewalk.oracle.machine.StepText;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** One tree of processes on both sides: steps are made on the model at once and on the kernel in batches, and compared. */
final class History implements AutoCloseable {
    private final NativeMachine real;
    private final ModelMachine model;
    private final StateCheck check;
    private final List<Step> steps = new ArrayList<>();
    private final List<Step> batch = new ArrayList<>();
    private final List<Answer> actual = new ArrayList<>();
    private final boolean[] isLeader = new boolean[NativeMachine.MAX_BATCH];
    private final Answer[] expected = new Answer[NativeMachine.MAX_BATCH];
    private final SyscallNumbers numbers;
    private long comparisons;

    private History(NativeMachine real, ModelMachine model) {
        this.real = real;
        this.model = model;
        this.check = new StateCheck(real, model);
        this.numbers = model.kernel().syscallNumbers();
    }

    /** Starts both sides. */
    static History start(Judge judge) {
        HelperProfile.writeData(judge.data());
        HostSettings settings = judge.settings();
        if (settings != null) {
            renew(settings);
        }
        NativeMachine real = NativeMachine.start(judge.helper(), judge.data(), judge.watchdog());
        try {
            return new History(
                    real,
                    ModelMachine.boot(HelperProfile.of(
                            real,
                            judge.helper().program(),
                            judge.data(),
                            settings == null ? 0 : Long.parseLong(settings.valueOr(HostPool.SIZE, "0")))));
        } catch (RuntimeException e) {
            real.close();
            throw e;
        }
    }

    /** Makes the settings again, since an earlier history may have changed them. */
    private static void renew(HostSettings settings) {
        try {
            if (!settings.renew()) {
                throw new HelperFailure(
                        "settings cannot be made again, the pool has " + Arrays.toString(HostPool.counts()));
            }
        } catch (IOException e) {
            throw new HelperFailure("settings cannot be made again", e);
        }
    }

    ModelMachine model() {
        return model;
    }

    /** All steps so far. */
    List<Step> steps() {
        return steps;
    }

    /** What the kernel answered to the steps of the last batch. */
    Answer lastExpected(int indexInBatch) {
        return expected[indexInBatch];
    }

    long comparisons() {
        return comparisons + check.comparisons();
    }

    boolean isBatchFull() {
        return batch.size() >= NativeMachine.MAX_BATCH;
    }

    /** Makes a step on the model; it must be acceptable. Returns a difference when the model itself breaks. */
    @Nullable
    Difference perform(Step requested) {
        Slots slots = model.slots();
        Step step = requested;
        if (step.kind() == Step.Kind.EXIT) {
            step = Step.of(step.slot(), Step.Kind.EXIT, slots.waiter(step.slot()), 0);
        }
        isLeader[batch.size()] = slots.isLeader(step.slot());
        steps.add(step);
        try {
            actual.add(model.perform(step));
        } catch (KernelBug | IndexOutOfBoundsException | NullPointerException bug) {
            return new Difference("model", "no defect", String.valueOf(bug), steps.size() - 1);
        }
        batch.add(step);
        return null;
    }

    /** Lets the kernel catch up and compares all answers. */
    @Nullable
    Difference flush() {
        if (batch.isEmpty()) {
            return null;
        }
        real.perform(batch, isLeader, expected);
        Difference found = null;
        int first = steps.size() - batch.size();
        for (int i = 0; i < batch.size() && found == null; i++) {
            comparisons += 5;
            found = compare(batch.get(i), expected[i], actual.get(i), first + i);
        }
        batch.clear();
        actual.clear();
        return found;
    }

    private @Nullable Difference compare(Step step, Answer left, Answer right, int index) {
        if (left.equals(right)) {
            return null;
        }
        String what = left.result() != right.result()
                ? "result"
                : left.signal() != right.signal()
                        ? "signal"
                        : left.minor() != right.minor()
                                ? "minor faults"
                                : left.major() != right.major() ? "major faults" : "value";
        return new Difference(what + " of " + StepText.name(step, numbers), left.describe(), right.describe(), index);
    }

    /** Compares areas and pages. */
    @Nullable
    Difference checkQuick() {
        return check.quick(steps.size() - 1);
    }

    /** Compares all that is compared. */
    @Nullable
    Difference checkFull() {
        return check.full(steps.size() - 1);
    }

    /** Runs the model's own check of the whole machine. */
    @Nullable
    Difference checkModel() {
        String violation = model.violation();
        return violation == null ? null : new Difference("model check", "consistent", violation, steps.size() - 1);
    }

    /** Ends the processes on the kernel. */
    void stop() {
        real.close();
    }

    @Override
    public void close() {
        stop();
    }
}
