package io.pagewalk.oracle.conformance;

import io.pagewalk.base.BadInput;
import io.pagewalk.base.KernelBug;
import io.pagewalk.kernel.syscall.SyscallNumbers;
import io.pagewalk.oracle.machine.HelperFailure;
import io.pagewalk.oracle.machine.HelperProfile;
import io.pagewalk.oracle.machine.HelperProgram;
import io.pagewalk.oracle.machine.Judge;
import io.pagewalk.oracle.machine.NativeMachine;
import io.pagewalk.oracle.machine.Watchdog;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/** Runs cases, each in a fresh process tree on both sides. */
public final class Scoreboard {
    private static final long HELPER_TIMEOUT_NANOS = 20_000_000_000L;

    private final @Nullable HelperProgram helper;
    private final SyscallNumbers numbers = new SyscallNumbers();

    private Scoreboard(@Nullable HelperProgram helper) {
        this.helper = helper;
    }

    /**
     * Runs cases on the model and on the running kernel.
     *
     * @param helper the compiled helper, or null to run on the model alone
     * @param cases which
     * @param progress told how many are done
     * @return one result a case, in the same order
     */
    public static List<CaseResult> run(
            @Nullable HelperProgram helper, List<ConformanceCase> cases, LongConsumer progress) {
        return new Scoreboard(helper).run(cases, progress);
    }

    /**
     * Returns the cases whose name contains a text.
     *
     * @param text part of a name, or empty for all
     */
    public static List<ConformanceCase> casesNamed(String text) {
        List<ConformanceCase> found = Board.cases().stream()
                .filter(test -> test.name().contains(text))
                .toList();
        if (found.isEmpty()) {
            throw new BadInput("--case", text, "part of the name of a case, as docs/CONFORMANCE.md lists them");
        }
        return found;
    }

    private List<CaseResult> run(List<ConformanceCase> cases, LongConsumer progress) {
        List<CaseResult> results = new ArrayList<>();
        if (helper == null) {
            HelperProfile profile = HelperProfile.standard(Path.of("/tmp/data"));
            for (ConformanceCase test : cases) {
                CaseResult.Outcome none =
                        new CaseResult.Outcome(CaseResult.Kind.NOT_RUN, "this computer does not judge");
                results.add(new CaseResult(test, onModel(test, profile, "/tmp/case"), none));
                progress.accept(results.size());
            }
            return results;
        }
        String unique = ProcessHandle.current().pid() + "-" + System.nanoTime();
        Path data = helper.directory().resolve("data-" + unique);
        Path directory = helper.directory().resolve("case-" + unique);
        try (Watchdog watchdog = new Watchdog(HELPER_TIMEOUT_NANOS)) {
            HelperProfile.writeData(data);
            Judge judge = new Judge(helper, data, watchdog);
            HelperProfile profile;
            try (NativeMachine first = NativeMachine.start(helper, data, watchdog)) {
                profile = HelperProfile.of(first, helper.program(), data, 0);
            }
            for (ConformanceCase test : cases) {
                results.add(new CaseResult(
                        test, onModel(test, profile, directory.toString()), onHost(test, judge, directory)));
                progress.accept(results.size());
            }
        } finally {
            delete(data);
        }
        return results;
    }

    private static void delete(Path data) {
        try {
            Files.deleteIfExists(data);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static CaseResult.Outcome onModel(ConformanceCase test, HelperProfile profile, String directory) {
        try (Side side = new ModelSide(profile, directory)) {
            test.body().accept(new Subject(side));
            String violation = side.violation();
            if (violation.isEmpty()) {
                return CaseResult.Outcome.PASS;
            }
            return failure(test, "the machine is inconsistent afterwards: " + violation);
        } catch (NotModelled missing) {
            String reason = test.notModelled() != null ? test.notModelled() : missing.getMessage();
            return new CaseResult.Outcome(CaseResult.Kind.NOT_MODELLED, String.valueOf(reason));
        } catch (CaseFailure wrong) {
            return failure(test, Objects.requireNonNullElse(wrong.getMessage(), "failed"));
        } catch (KernelBug | IndexOutOfBoundsException | NullPointerException | IllegalStateException bug) {
            return failure(test, "the model breaks: " + bug);
        }
    }

    private static CaseResult.Outcome failure(ConformanceCase test, String reason) {
        return test.notModelled() != null
                ? new CaseResult.Outcome(CaseResult.Kind.NOT_MODELLED, test.notModelled())
                : new CaseResult.Outcome(CaseResult.Kind.FAIL, reason);
    }

    private CaseResult.Outcome onHost(ConformanceCase test, Judge judge, Path directory) {
        if (test.notOnHost() != null) {
            return new CaseResult.Outcome(CaseResult.Kind.NOT_RUN, test.notOnHost());
        }
        try (Side side = new NativeSide(judge, directory, numbers)) {
            test.body().accept(new Subject(side));
            return CaseResult.Outcome.PASS;
        } catch (NotOnHost missing) {
            return new CaseResult.Outcome(CaseResult.Kind.NOT_RUN, String.valueOf(missing.getMessage()));
        } catch (CaseFailure wrong) {
            return new CaseResult.Outcome(CaseResult.Kind.FAIL, String.valueOf(wrong.getMessage()));
        } catch (HelperFailure failure) {
            return new CaseResult.Outcome(CaseResult.Kind.NO_RESULT, String.valueOf(failure.getMessage()));
        }
    }
}
