package io.pagewalk.oracle.fuzz;

import io.pagewalk.kernel.syscall.SyscallNumbers;
import io.pagewalk.oracle.machine.Answer;
import io.pagewalk.oracle.machine.Step;
import io.pagewalk.oracle.machine.StepText;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;

/** A short history as text for people: lines of a script, a C program, a test. */
final class Listings {
    private final List<Step> steps;
    private final List<Answer> expected;
    private final SyscallNumbers numbers = new SyscallNumbers();

    Listings(List<Step> steps, List<Answer> expected) {
        this.steps = steps;
        this.expected = expected;
    }

    /** One step a line, with what the kernel answered. */
    List<String> script() {
        List<String> lines = new ArrayList<>();
        for (int i = 0; i < steps.size(); i++) {
            String line = StepText.print(steps.get(i), numbers);
            lines.add(i < expected.size() ? line + " -> " + answer(expected.get(i)) : line);
        }
        return lines;
    }

    /** Result, signal, minor and major faults, value. */
    static String answer(Answer answer) {
        StringBuilder text = new StringBuilder(StepText.number(answer.result()));
        text.append(' ').append(answer.signal());
        text.append(' ').append(answer.minor());
        text.append(' ').append(answer.major());
        return text.append(' ').append(StepText.number(answer.value())).toString();
    }

    /** A program that makes the same steps, with real processes and threads in the same order, and prints the same lines as {@link #script}. */
    String cProgram(String comment) {
        StringBuilder cases = new StringBuilder();
        List<Integer> owners = new ArrayList<>();
        Set<Integer> threads = new TreeSet<>();
        for (int i = 0; i < steps.size(); i++) {
            Step step = steps.get(i);
            String text = "\"" + StepText.print(step, numbers) + "\"";
            if (step.isThread()) {
                threads.add((int) step.a0());
            }
            int isProcess = threads.contains(step.slot()) ? 0 : 1;
            if (step.kind() == Step.Kind.EXIT) {
                cCase(cases, owners, step.slot(), "leave(" + isProcess + ");", "");
            }
            String answer = i < expected.size() ? " /* Linux: " + answer(expected.get(i)) + " */" : "";
            int owner = step.kind() == Step.Kind.EXIT ? waiter(step, isProcess) : step.slot();
            cCase(cases, owners, owner, cStatement(step, text, isProcess), answer);
        }
        cCase(cases, owners, 0, "show_maps();", "");
        StringBuilder text = new StringBuilder();
        text.append("/* ").append(comment.replace("*/", "* /")).append('\n');
        text.append("   gcc -O1 -static program.c && ./a.out FILE */\n");
        text.append(prologue());
        text.append("\nstatic int owner(int turn)\n{\n    static const signed char owners[] = {");
        owners.forEach(owner -> text.append(owner).append(", "));
        text.append("-1};\n    return owners[turn];\n}\n");
        text.append("\nstatic void steps(int slot, int turn)\n{\n    switch (turn) {\n");
        return text.append(cases).append("    }\n}\n").toString();
    }

    /** A process ends when the one that waits for it has it; a thread when another thread of its address space sees it gone, which the first process can tell as well. */
    private static int waiter(Step exit, int isProcess) {
        return isProcess == 1 ? (int) exit.a0() : 0;
    }

    private static void cCase(StringBuilder cases, List<Integer> owners, int owner, String statement, String answer) {
        cases.append("    case ").append(owners.size()).append(": ").append(statement);
        cases.append(" break;").append(answer).append('\n');
        owners.add(owner);
    }

    private static String prologue() {
        try (InputStream in = Listings.class.getResourceAsStream("listing.c")) {
            if (in == null) {
                throw new IOException("the resource listing.c is missing from the build");
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private String cStatement(Step step, String text, int isProcess) {
        return switch (step.kind()) {
            case CALL -> cCall(step, text);
            case LOAD -> String.format(Locale.ROOT, "load(%s, 0x%xUL, 8);", text, step.a0());
            case FETCH -> String.format(Locale.ROOT, "fetch(%s, 0x%xUL);", text, step.a0());
            case LIMIT ->
                String.format(
                        Locale.ROOT,
                        "limit(%s, %d, %d, 0x%xUL, 0x%xUL);",
                        text,
                        step.a0(),
                        step.a1(),
                        step.a2(),
                        step.a3());
            case CLEAR -> String.format(Locale.ROOT, "clear(%s, %d, %d);", text, step.a0(), step.a1());
            case STORE -> String.format(Locale.ROOT, "store(%s, 0x%xUL, 0x%xUL);", text, step.a0(), step.a1());
            case MINCORE ->
                String.format(
                        Locale.ROOT,
                        "call(%s, SYS_mincore, 0x%xUL, 0x%xUL, (long) S->vec, 0, 0, 0);",
                        text,
                        step.a0(),
                        step.a1());
            case SUM -> String.format(Locale.ROOT, "load(%s, 0x%xUL, 0x%xUL);", text, step.a0(), step.a1());
            case FORK -> String.format(Locale.ROOT, "start(%s, %d, 0x%xL);", text, step.a0(), step.a1());
            case POOL -> String.format(Locale.ROOT, "pool(%s, %d, %d);", text, step.a0(), step.a1());
            case EXEC -> String.format(Locale.ROOT, "execute(%s, %d);", text, step.slot());
            case EXIT, WAIT -> String.format(Locale.ROOT, "await_end(%s, %d, %d);", text, step.slot(), isProcess);
        };
    }

    private String cCall(Step step, String quoted) {
        StringBuilder text = new StringBuilder("call(" + quoted + ", SYS_").append(StepText.name(step, numbers));
        for (long arg : step.args()) {
            text.append(", ").append(StepText.number(arg)).append('L');
        }
        return text.append(");").toString();
    }

    /** A test that makes the same steps on the model alone and expects what the kernel answered. */
    String junitTest(Difference difference, long seed) {
        StringBuilder text = new StringBuilder();
        text.append("    /** ")
                .append(difference.what())
                .append(": Linux ")
                .append(difference.expected())
                .append(". */\n");
        text.append("    @Test\n    void seed")
                .append(seed)
                .append("step")
                .append(difference.index())
                .append("_answersAsLinux() {\n");
        text.append("        assertThat(ModelReplay.differences(\"\"\"\n");
        for (String line : script()) {
            text.append("                ").append(line).append('\n');
        }
        return text.append("                \"\"\")).isEmpty();\n    }\n").toString();
    }
}
