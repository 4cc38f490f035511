package io.pagewalk.lab.experiment.oldways;

/** One thing that happens in a history. */
sealed interface Step {
    /** A program starts. */
    record Start(int program, int code, int data, int stack) implements Step {}

    /** A program asks for one more segment. */
    record Add(int program, int segment, int bytes) implements Step {}

    /** A program asks for another size of a segment. */
    record Resize(int program, int segment, int bytes) implements Step {}

    /** A program gives a segment back. */
    record Remove(int program, int segment) implements Step {}

    /** A program ends. */
    record Exit(int program) implements Step {}

    /** A program runs: accesses inside its segments, drawn from a seed. */
    record Run(int program, int accesses, long seed) implements Step {}

    /** A program stores through a wrong pointer. */
    record Err(int program, Stray stray) implements Step {}
}
