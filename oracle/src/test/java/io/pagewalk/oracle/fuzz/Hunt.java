package io.pagewalk.oracle.fuzz;

import io.pagewalk.base.KernelBug;
import io.pagewalk.kernel.syscall.SyscallNumbers;
import io.pagewalk.oracle.machine.HelperFailure;
import io.pagewalk.oracle.machine.HelperProgram;
import io.pagewalk.oracle.machine.Judge;
import io.pagewalk.oracle.machine.Step;
import io.pagewalk.oracle.machine.StepText;
import io.pagewalk.oracle.machine.Watchdog;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * One side of a mutation check, made once by the loader of the model with the bug and once by that of the model without. Only texts go in and out, since the two sides have different classes.
 *
 * <p>{@code history DIRECTORY SEED STEPS} makes a random history and returns what differed, if anything, and its steps; {@code replay DIRECTORY STEP...} makes given steps and returns what
 * differed; {@code shrink DIRECTORY STEP...} makes them short and returns what is left.
 */
public final class Hunt implements Function<String[], String[]> {
    private static final long TIMEOUT_NANOS = 20_000_000_000L;
    private static final long SHRINK_NANOS = 20_000_000_000L;

    private final SyscallNumbers numbers = new SyscallNumbers();

    /** Needed by the loaders. */
    public Hunt() {}

    @Override
    public String[] apply(String[] request) {
        HelperProgram helper = HelperProgram.prepare(Path.of(request[1]));
        Path data = helper.directory().resolve("data-" + System.identityHashCode(this) + "-" + System.nanoTime());
        try (Watchdog watchdog = new Watchdog(TIMEOUT_NANOS)) {
            Judge judge = new Judge(helper, data, watchdog);
            return switch (request[0]) {
                case "history" -> history(judge, Long.parseLong(request[2]), Long.parseLong(request[3]));
                case "replay" -> answer(Shrinker.replay(judge, steps(request), null), List.of());
                case "shrink" -> shrink(judge, steps(request));
                default -> throw new IllegalArgumentException(request[0]);
            };
        } finally {
            data.toFile().delete();
        }
    }

    private String[] history(Judge judge, long seed, long wanted) {
        List<Step> steps = List.of();
        Difference found;
        try (History history = History.start(judge)) {
            steps = history.steps();
            try {
                found = Verification.play(history, Area.all(), seed, wanted, Long.MAX_VALUE, done -> {});
            } catch (HelperFailure failure) {
                throw failure;
            } catch (RuntimeException broken) {
                found = broken(broken, steps.size());
            }
        } catch (KernelBug broken) {
            found = broken(broken, 0);
        }
        return answer(found, found == null ? steps : steps.subList(0, Math.min(found.index() + 1, steps.size())));
    }

    private static Difference broken(RuntimeException cause, int index) {
        return new Difference("model", "no defect", String.valueOf(cause), Math.max(0, index - 1));
    }

    private String[] shrink(Judge judge, List<Step> steps) {
        Difference found = Shrinker.replay(judge, steps, null);
        if (found == null) {
            return answer(null, List.of());
        }
        Shrinker.Shortened result = Shrinker.shrink(judge, steps, found, SHRINK_NANOS);
        return answer(result.difference(), result.steps());
    }

    private List<Step> steps(String[] request) {
        List<Step> result = new ArrayList<>();
        for (int i = 2; i < request.length; i++) {
            result.add(StepText.parse(request[i], numbers));
        }
        return result;
    }

    /** What differed, what Linux said, what the model said (three empty texts for no difference), then the steps. */
    private String[] answer(@Nullable Difference found, List<Step> steps) {
        List<String> result = new ArrayList<>();
        result.add(found == null ? "" : found.what());
        result.add(found == null ? "" : found.expected());
        result.add(found == null ? "" : found.actual());
        steps.forEach(step -> result.add(StepText.print(step, numbers)));
        return result.toArray(String[]::new);
    }
}
