package io.pagewalk.observe.proc;

import io.pagewalk.base.Bits;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.RssCounter;

/** {@code /proc/PID/statm}: seven sizes in pages ({@code fs/proc/array.c:proc_pid_statm()}). */
public final class PidStatm {
    private static final int PAGE_BYTES = 4096;

    private PidStatm() {}

    /**
     * Prints the file.
     *
     * @param process the process
     */
    public static String print(ProcessState process) {
        Mm mm = process.mm();
        long shared = mm.rss(RssCounter.FILE) + mm.rss(RssCounter.SHMEM);
        return mm.totalVm() + " " + mm.rssPages() + " " + shared + " " + textBytes(mm) / PAGE_BYTES + " 0 "
                + (mm.dataVm() + mm.stackVm()) + " 0\n";
    }

    /** Returns the program's text in whole pages. */
    static long textBytes(Mm mm) {
        return Bits.roundUp(mm.endCode(), PAGE_BYTES) - Bits.roundDown(mm.startCode(), PAGE_BYTES);
    }
}
