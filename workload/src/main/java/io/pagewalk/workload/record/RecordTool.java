package io.pagewalk.workload.record;

/** What a program is recorded with. */
public enum RecordTool {
    /** Valgrind's lackey: needs no compiler; about a million accesses a second. */
    LACKEY,
    /** {@code qemu-x86_64} with Pagewalk's plugin: needs a C compiler once; some hundred times as fast. */
    QEMU,
    /** Single steps under ptrace: the program runs as it does without a recorder, at the same addresses; some fifty thousand instructions a second. */
    STEP
}
