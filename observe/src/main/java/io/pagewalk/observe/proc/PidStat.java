package io.pagewalk.observe.proc;

import io.pagewalk.kernel.vma.Mm;

/** {@code /proc/PID/stat}: a process for programs, 52 fields in one line ({@code fs/proc/array.c:do_task_stat()}). */
public final class PidStat {
    private static final long NANOS_PER_TICK = 10_000_000;
    private static final int PAGE_BYTES = 4096;

    /** {@code PF_RANDOMIZE}, which every process started by exec carries. */
    private static final long TASK_FLAGS = 0x0040_0000L;

    private static final int SIGCHLD = 17;

    private PidStat() {}

    /**
     * Prints the file.
     *
     * @param process the process
     */
    public static String print(ProcessState process) {
        Mm mm = process.mm();
        StringBuilder text = new StringBuilder();
        text.append(process.pid())
                .append(" (")
                .append(process.comm())
                .append(") ")
                .append(process.state());
        // ppid pgrp session tty_nr tpgid flags
        add(text, process.parentPid(), process.pid(), process.parentPid(), 0, -1, TASK_FLAGS);
        // minflt cminflt majflt cmajflt utime stime cutime cstime
        add(text, process.minorFaults(), 0, process.majorFaults(), 0);
        add(text, process.userNanos() / NANOS_PER_TICK, process.systemNanos() / NANOS_PER_TICK, 0, 0);
        // priority nice num_threads itrealvalue starttime
        add(text, 20, 0, process.threads(), 0, process.startNanos() / NANOS_PER_TICK);
        // vsize rss rsslim
        add(text, mm.totalVm() * PAGE_BYTES, mm.rssPages());
        text.append(' ').append(Long.toUnsignedString(-1L));
        // startcode endcode startstack kstkesp kstkeip
        add(text, mm.startCode(), mm.endCode(), mm.startStack(), 0, 0);
        // signal blocked sigignore sigcatch wchan nswap cnswap exit_signal processor rt_priority policy
        add(text, 0, 0, 0, 0, 0, 0, 0, SIGCHLD, process.cpu(), 0, 0);
        // delayacct_blkio_ticks guest_time cguest_time
        add(text, 0, 0, 0);
        // start_data end_data start_brk arg_start arg_end env_start env_end exit_code
        add(
                text,
                mm.startData(),
                mm.endData(),
                mm.startBrk(),
                mm.argStart(),
                mm.argEnd(),
                mm.envStart(),
                mm.envEnd(),
                process.exitCode());
        return text.append('\n').toString();
    }

    private static void add(StringBuilder text, long... values) {
        for (long value : values) {
            text.append(' ').append(value);
        }
    }
}
