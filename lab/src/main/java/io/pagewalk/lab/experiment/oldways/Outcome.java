package io.pagewalk.lab.experiment.oldways;

import io.pagewalk.lab.experiment.oldways.MemorySystem.Piece;
import java.util.List;
import java.util.SortedMap;

/**
 * How one system fared.
 *
 * @param name the system's name
 * @param isolation what became of stray stores
 * @param room how memory was used
 * @param cost what it took
 * @param samples how memory stood from time to time
 * @param fullest how memory stood when the history asked for the most
 * @param pieces physical memory at that time
 */
record Outcome(
        String name,
        Isolation isolation,
        Room room,
        Cost cost,
        List<Sample> samples,
        MemorySystem.State fullest,
        List<Piece> pieces) {
    /**
     * What became of stray stores.
     *
     * @param harms how many, by kind, then by harm
     * @param faults how often each fault was raised, in the order of their names
     * @param damagedBytes bytes that programs found changed when they ended
     * @param wrongReads accesses that met a changed byte before that
     */
    record Isolation(List<List<Integer>> harms, SortedMap<String, Integer> faults, long damagedBytes, long wrongReads) {
        /** Returns the stores of one kind with one outcome. */
        int count(Stray.Kind kind, Stray.Harm harm) {
            return harms.get(kind.ordinal()).get(harm.ordinal());
        }

        /** Returns the stores of one kind. */
        int made(Stray.Kind kind) {
            return harms.get(kind.ordinal()).stream()
                    .mapToInt(Integer::intValue)
                    .sum();
        }

        /** Returns the stores of all kinds with one outcome. */
        int sum(Stray.Harm harm) {
            return harms.stream().mapToInt(kind -> kind.get(harm.ordinal())).sum();
        }

        /** Returns how many stores were made. */
        int all() {
            return harms.stream()
                    .flatMap(List::stream)
                    .mapToInt(Integer::intValue)
                    .sum();
        }
    }

    /**
     * How memory was used; shares are means over the time when memory was full.
     *
     * @param requests starts, additional segments and growing ones
     * @param refused those that were refused
     * @param refusedThoughFree those of them for which enough was free, in pieces
     * @param used what programs were given, of the memory for programs
     * @param external what was free but too scattered for one segment of that size: {@code 1 - largest request / free}
     * @param internal what programs were given but had not asked for, of what they were given
     */
    record Room(int requests, int refused, int refusedThoughFree, double used, double external, double internal) {}

    /**
     * What it took.
     *
     * @param accesses of running programs
     * @param references 32-bit transfers to translation tables during these
     * @param cyclesPerAccess what these transfers cost
     * @param movedBytes copied to make room
     * @param moves segments moved
     * @param patchedWords addresses patched when programs were loaded
     * @param faults page faults served
     * @param tableBytes translation tables, the mean over the time when memory was full
     */
    record Cost(
            long accesses,
            long references,
            double cyclesPerAccess,
            long movedBytes,
            long moves,
            long patchedWords,
            long faults,
            long tableBytes) {}

    /**
     * How memory stood after a step.
     *
     * @param step which
     * @param external free but scattered, as in {@link Room}
     * @param used of the memory for programs
     */
    record Sample(int step, double external, double used) {}
}
