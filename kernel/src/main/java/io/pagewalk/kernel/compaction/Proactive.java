package io.pagewalk.kernel.compaction;

/** The scores between which proactive compaction keeps a node: {@code mm/compaction.c:fragmentation_score_wmark()}. */
final class Proactive {
    private Proactive() {}

    static int lowMark(long proactiveness) {
        return (int) Math.max(100 - proactiveness, 5);
    }

    static int highMark(long proactiveness) {
        return Math.min(lowMark(proactiveness) + 10, 100);
    }
}
