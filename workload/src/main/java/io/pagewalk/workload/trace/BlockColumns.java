package io.pagewalk.workload.trace;

/**
 * The columns of one block while it is being written.
 *
 * <p>{@code events == sum of the episodes' event counts}, and {@code episodes == sum of the spans' episode counts}.
 */
final class BlockColumns {
    /** Place of each column in the file. */
    static final int PAGES = 0;

    static final int EVENTS = 1;
    static final int EPISODES = 2;
    static final int SPANS = 3;
    static final int CONTROLS = 4;
    static final int TOKENS = 5;
    static final int COLUMNS = 6;

    final ByteColumn pages = new ByteColumn(1 << 12);
    final ByteColumn events = new ByteColumn(1 << 20);
    final ByteColumn episodes = new ByteColumn(1 << 16);
    final ByteColumn spans = new ByteColumn(1 << 12);
    final ByteColumn controls = new ByteColumn(1 << 12);
    final ByteColumn tokens = new ByteColumn(1 << 20);

    final TraceCounts counts = new TraceCounts();

    ByteColumn column(int place) {
        return switch (place) {
            case PAGES -> pages;
            case EVENTS -> events;
            case EPISODES -> episodes;
            case SPANS -> spans;
            case CONTROLS -> controls;
            case TOKENS -> tokens;
            default -> throw new IllegalArgumentException("column " + place);
        };
    }

    boolean isEmpty() {
        return spans.size() == 0 && controls.size() == 0;
    }

    void clear() {
        for (int i = 0; i < COLUMNS; i++) {
            column(i).clear();
        }
        counts.clear();
    }
}
