package io.pagewalk.workload.replay;

import java.util.List;
import java.util.SortedMap;

/**
 * What a replay did.
 *
 * @param loads loads of the program
 * @param stores stores of the program
 * @param fetches instructions fetched
 * @param syscalls system calls of the program
 * @param segvFaults accesses that ended in SIGSEGV
 * @param busFaults accesses that ended in SIGBUS
 * @param killedByOom whether the out-of-memory killer ended the program before its trace did
 * @param divergences system calls whose result differed from the recorded one
 * @param firstDivergences the first few of them in words
 * @param notModelled system calls that the kernel has no code for, by name, with how often they were made
 * @param episodesByTouch episodes that a kernel event disturbed, so that they were replayed access by access
 */
public record ReplayResult(
        long loads,
        long stores,
        long fetches,
        long syscalls,
        long segvFaults,
        long busFaults,
        boolean killedByOom,
        long divergences,
        List<String> firstDivergences,
        SortedMap<String, Long> notModelled,
        long episodesByTouch) {
    /** Returns all accesses of the program. */
    public long accesses() {
        return loads + stores + fetches;
    }
}
