package io.pagewalk.oracle.mutants;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pagewalk.oracle.machine.HelperProgram;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;

/**
 * Planted bugs that random histories must find. A build tries some, another day's others; {@code -Dpagewalk.mutants=all} tries all and writes the table of docs/MUTATIONS.md, and
 * {@code -Dpagewalk.mutants=NAME,NAME} tries those.
 */
class MutationTest {
    private static final List<Mutant> ALL = Mutants.ALL;
    private static final int SLICE = 6;
    private static final int MAY_BE_MISSED = 2;
    private static final long MAX_OPERATIONS = 200_000;
    private static final long HISTORY_STEPS = 4000;
    private static final int SHORT_SCRIPT = 12;

    @TempDir
    Path directory = Path.of(".");

    /** What became of one bug. */
    private record Outcome(Mutant mutant, boolean isFound, long operations, String difference, List<String> steps) {}

    @ParameterizedTest(name = "{0}")
    @FieldSource("ALL")
    void edit_ofEachMutant_matchesAsOftenAsItSays(Mutant mutant) throws IOException {
        byte[] original = classFile(mutant.fullClassName());
        byte[] changed = mutant.apply(original, MutationTest.class.getClassLoader());
        assertThat(changed).isNotEqualTo(original);
    }

    @Test
    void names_ofMutants_areUnique() {
        assertThat(ALL.stream().map(Mutant::name)).doesNotHaveDuplicates();
        assertThat(ALL).hasSizeGreaterThanOrEqualTo(40);
    }

    @Test
    void edit_thatMatchesNothingOrMore_isRefused() throws IOException {
        byte[] original = classFile("io.pagewalk.kernel.vma.Msync");
        ClassLoader loader = MutationTest.class.getClassLoader();
        Mutant nothing = new Mutant("x", "", "kernel.vma.Msync", "msync", new Edit.Drop("missing", 0), 1, 1);
        Mutant more = new Mutant("x", "", "kernel.vma.Msync", "msync", new Edit.Constant(-12, 0), 1, 1);
        assertThatThrownBy(() -> nothing.apply(original, loader)).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> more.apply(original, loader)).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void histories_ofModelsWithABug_findIt() throws Exception {
        needsTheModelledKernel();
        String wanted = System.getProperty("pagewalk.mutants", "");
        List<Outcome> outcomes = new ArrayList<>();
        for (Mutant mutant : chosen(wanted)) {
            Outcome outcome = hunt(mutant);
            outcomes.add(outcome);
            System.out.println(line(outcome));
        }
        if (wanted.equals("all")) {
            Files.writeString(Path.of("..", "docs", "MUTATIONS.md"), table(outcomes));
        }
        List<Outcome> missed =
                outcomes.stream().filter(outcome -> !outcome.isFound()).toList();
        assertThat(missed).hasSizeLessThanOrEqualTo(MAY_BE_MISSED);
    }

    @Test
    void shrink_ofALongHistory_leavesFewStepsWithTheSameDifference() throws Exception {
        needsTheModelledKernel();
        Mutant mutant = named("count-locked-unmap");
        Outcome outcome = hunt(mutant);
        assertThat(outcome.isFound()).isTrue();
        List<String> request = new ArrayList<>(List.of("shrink", directory.toString()));
        request.addAll(outcome.steps());
        String[] answer = side(mutant).apply(request.toArray(String[]::new));
        assertThat(outcome.difference()).startsWith(answer[0]);
        assertThat(answer.length - 3).isBetween(1, SHORT_SCRIPT);
        List<String> again = new ArrayList<>(List.of("replay", directory.toString()));
        again.addAll(Arrays.asList(answer).subList(3, answer.length));
        assertThat(side(mutant).apply(again.toArray(String[]::new))[0]).isEqualTo(answer[0]);
    }

    private void needsTheModelledKernel() {
        assumeTrue(HelperProgram.obstacle().isEmpty(), "needs Linux on x86-64");
        assumeTrue(HelperProgram.runsModelledKernel(), "needs Linux " + HelperProgram.modelledVersion());
        assumeTrue(Files.isExecutable(Path.of("/usr/bin/gcc")), "needs gcc");
    }

    private static Mutant named(String name) {
        return ALL.stream().filter(m -> m.name().equals(name)).findFirst().orElseThrow();
    }

    private static List<Mutant> chosen(String wanted) {
        if (wanted.equals("all")) {
            return ALL;
        }
        if (!wanted.isEmpty()) {
            return Arrays.stream(wanted.split(",", -1)).map(MutationTest::named).toList();
        }
        List<Mutant> mixed = new ArrayList<>(ALL);
        Collections.shuffle(mixed, new Random(LocalDate.now(ZoneOffset.UTC).toEpochDay()));
        return mixed.subList(0, SLICE);
    }

    /** Makes histories until one differs in which the same steps, on the model without the bug, do not. */
    private Outcome hunt(Mutant mutant) throws ReflectiveOperationException {
        Function<String[], String[]> side = side(mutant);
        long operations = 0;
        for (long seed = 1; operations < MAX_OPERATIONS; seed++) {
            String[] answer = side.apply(
                    new String[] {"history", directory.toString(), Long.toString(seed), Long.toString(HISTORY_STEPS)});
            List<String> steps = Arrays.asList(answer).subList(3, answer.length);
            operations += steps.size();
            if (!answer[0].isEmpty()) {
                List<String> again = new ArrayList<>(List.of("replay", directory.toString()));
                again.addAll(steps);
                String[] healthy = new io.pagewalk.oracle.fuzz.Hunt().apply(again.toArray(String[]::new));
                if (healthy[0].isEmpty()) {
                    String difference = answer[0] + ": Linux " + answer[1] + "; model " + answer[2];
                    return new Outcome(mutant, true, operations, difference, steps);
                }
            }
        }
        return new Outcome(mutant, false, operations, "", List.of());
    }

    @SuppressWarnings("unchecked")
    private static Function<String[], String[]> side(Mutant mutant) throws ReflectiveOperationException {
        ClassLoader loader = new MutantLoader(mutant);
        return (Function<String[], String[]>) loader.loadClass("io.pagewalk.oracle.fuzz.Hunt")
                .getDeclaredConstructor()
                .newInstance();
    }

    private static byte[] classFile(String name) throws IOException {
        try (InputStream in =
                MutationTest.class.getClassLoader().getResourceAsStream(name.replace('.', '/') + ".class")) {
            assertThat(in).as("class file of %s", name).isNotNull();
            return in.readAllBytes();
        }
    }

    private static String line(Outcome outcome) {
        return String.format(
                Locale.ROOT,
                "| `%s` | %s | %s | %s |",
                outcome.mutant().name(),
                outcome.mutant().bug(),
                outcome.isFound() ? String.format(Locale.ROOT, "%,d", outcome.operations()) : "not found",
                outcome.difference().replaceAll("/\\S*/data-\\S+", "DATA").replace("|", "\\|"));
    }

    private static String table(List<Outcome> outcomes) {
        long found = outcomes.stream().filter(Outcome::isFound).count();
        StringBuilder text = new StringBuilder();
        text.append("# Mutation check: do random histories find bugs?\n\n");
        text.append(String.format(
                Locale.ROOT,
                "Each line is a bug that was planted into the model's compiled classes, chosen before anybody looked whether histories find it. **%d of %d were found** within %,d operations.\n",
                found,
                outcomes.size(),
                MAX_OPERATIONS));
        text.append(
                "A bug counts as found when a history differs from this computer's kernel, and the same steps on the model without the bug do not.\n\n");
        text.append(
                        "This file is written by `mvn -pl oracle -am verify -Dpagewalk.mutants=all`; an ordinary build tries ")
                .append(SLICE)
                .append(" of them, other ones each day.\n\n");
        text.append("| bug | what the kernel would do wrong | operations | first difference |\n|---|---|---:|---|\n");
        outcomes.forEach(outcome -> text.append(line(outcome)).append('\n'));
        return text.toString();
    }
}
