package io.pagewalk.oracle.fuzz;

import io.pagewalk.kernel.syscall.SyscallNumbers;
import io.pagewalk.oracle.machine.Answer;
import io.pagewalk.oracle.machine.Step;
import io.pagewalk.oracle.machine.StepText;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

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

    /** A program that makes the same steps and prints the answers; processes and threads become comments in their places. */
    String cProgram(String comment) {
        StringBuilder text = new StringBuilder();
        text.append("/* ").append(comment.replace("*/", "* /")).append("\n");
        text.append("   gcc -O1 -static program.c && setarch -R ./a.out DATAFILE */\n");
        text.append("#define _GNU_SOURCE\n");
        for (String header : new String[] {
            "errno.h",
            "fcntl.h",
            "setjmp.h",
            "signal.h",
            "stdint.h",
            "stdio.h",
            "stdlib.h",
            "sys/mman.h",
            "sys/resource.h",
            "sys/syscall.h",
            "unistd.h"
        }) {
            text.append("#include <").append(header).append(">\n");
        }
        text.append(C_PROLOGUE);
        for (int i = 0; i < steps.size(); i++) {
            Step step = steps.get(i);
            text.append("    ").append(cStatement(step));
            if (i < expected.size()) {
                text.append(" /* Linux: ").append(expected.get(i).describe()).append(" */");
            }
            text.append('\n');
        }
        return text.append("    FILE *maps = fopen(\"/proc/self/maps\", \"r\");\n")
                .append("    for (int c; (c = getc(maps)) != EOF;)\n        putchar(c);\n")
                .append("    return 0;\n}\n")
                .toString();
    }

    private String cStatement(Step step) {
        String prefix = step.slot() == 0 ? "" : "/* in slot " + step.slot() + " */ ";
        return prefix
                + switch (step.kind()) {
                    case CALL -> cCall(step);
                    case LOAD -> String.format(Locale.ROOT, "load(0x%xUL);", step.a0());
                    case STORE -> String.format(Locale.ROOT, "store(0x%xUL, 0x%xUL);", step.a0(), step.a1());
                    case MINCORE ->
                        String.format(Locale.ROOT, "call(SYS_mincore, 0x%xUL, 0x%xUL, vec);", step.a0(), step.a1());
                    case SUM ->
                        String.format(
                                Locale.ROOT,
                                "for (unsigned long at = 0; at < 0x%xUL; at += 8) load(0x%xUL + at);",
                                step.a1(),
                                step.a0());
                    case FORK ->
                        step.isThread()
                                ? "/* slot " + step.a0() + " starts as a thread */"
                                : "/* slot " + step.a0() + " starts: */ if (fork() == 0) { pause(); }";
                    case FETCH -> String.format(Locale.ROOT, "((void (*)(void)) 0x%xUL)();", step.a0());
                    case EXIT, WAIT -> "/* slot " + step.slot() + " ends */";
                };
    }

    private String cCall(Step step) {
        StringBuilder text = new StringBuilder("call(SYS_").append(StepText.name(step, numbers));
        long[] args = step.args();
        for (int i = 0; i < StepText.arguments(step, numbers); i++) {
            text.append(", ").append(StepText.number(args[i])).append("L");
        }
        return text.append(");").toString();
    }

    private static final String C_PROLOGUE = """
            static sigjmp_buf back;
            static unsigned char vec[65536];
            static struct rusage before, after;
            static void on_signal(int number, siginfo_t *info, void *context)
            {
                printf("signal %d code %d\\n", number, info->si_code);
                siglongjmp(back, 1);
            }
            static void faults(void)
            {
                getrusage(RUSAGE_THREAD, &after);
                printf("  minor %ld major %ld\\n", after.ru_minflt - before.ru_minflt, after.ru_majflt - before.ru_majflt);
            }
            #define call(...) do { getrusage(RUSAGE_THREAD, &before); long result = syscall(__VA_ARGS__); int e = errno; \\
                printf("%s = %#lx errno %d\\n", #__VA_ARGS__, result, result == -1 ? e : 0); faults(); } while (0)
            #define load(at) do { getrusage(RUSAGE_THREAD, &before); \\
                if (!sigsetjmp(back, 1)) printf("load %#lx: %#lx\\n", (unsigned long) (at), *(volatile unsigned long *) (at)); faults(); } while (0)
            #define store(at, value) do { getrusage(RUSAGE_THREAD, &before); \\
                if (!sigsetjmp(back, 1)) *(volatile unsigned long *) (at) = (value); printf("store %#lx\\n", (unsigned long) (at)); faults(); } while (0)

            int main(int argc, char **argv)
            {
                static char stack[65536];
                stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
                struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
                setvbuf(stdout, 0, _IONBF, 0);
                sigaltstack(&alternate, 0);
                sigaction(SIGSEGV, &action, 0);
                sigaction(SIGBUS, &action, 0);
                if (argc > 1) { /* a file of 82020 bytes */
                    open(argv[1], O_RDWR), open(argv[1], O_RDONLY), open(argv[1], O_RDWR), open(argv[1], O_WRONLY);
                    ftruncate(memfd_create("seven", 0), 82020), ftruncate(memfd_create("eight", 0), 82020);
                }
            """;

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
