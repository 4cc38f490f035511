package io.pagewalk.lab.experiment;

/** A stretch of memory drawn as rows of characters, each for an equal share of it. */
public final class MemoryBar {
    /** Owner of what nobody has. */
    public static final int FREE = -1;

    /** Owner of what is never handed out. */
    public static final int FIXED = -2;

    private final long totalBytes;
    private final int rowCells;
    private final long[] shareBytes;
    private final int[] owners;

    /**
     * Creates an empty bar.
     *
     * @param totalBytes what it stands for
     * @param rows how many rows
     * @param rowCells characters in each row
     */
    public MemoryBar(long totalBytes, int rows, int rowCells) {
        this.totalBytes = totalBytes;
        this.rowCells = rowCells;
        shareBytes = new long[rows * rowCells];
        owners = new int[rows * rowCells];
    }

    /**
     * Adds a piece. A cell goes to the piece that has most of it.
     *
     * @param start first byte
     * @param end first byte behind
     * @param owner 0 or more, {@link #FREE} or {@link #FIXED}
     */
    public void add(long start, long end, int owner) {
        int cells = owners.length;
        for (int cell = (int) (start * cells / totalBytes); cell < cells; cell++) {
            long from = Math.max(start, cell * totalBytes / cells);
            long to = Math.min(end, (cell + 1) * totalBytes / cells);
            if (cell * totalBytes / cells >= end) {
                return;
            }
            if (to - from > shareBytes[cell]) {
                shareBytes[cell] = to - from;
                owners[cell] = owner;
            }
        }
    }

    /**
     * Returns one row: a letter for each owner, {@code .} for what is free, {@code =} for what is never handed out.
     *
     * @param row which, from 0
     * @param ink whether letters stand on colours
     */
    public String row(int row, Ink ink) {
        StringBuilder out = new StringBuilder();
        int from = row * rowCells;
        while (from < (row + 1) * rowCells) {
            int to = from;
            while (to < (row + 1) * rowCells && owners[to] == owners[from]) {
                to++;
            }
            String cells = letter(owners[from]).repeat(to - from);
            out.append(owners[from] < 0 ? ink.faint(cells) : ink.on(owners[from], cells));
            from = to;
        }
        return out.toString();
    }

    /**
     * Returns the character of an owner.
     *
     * @param owner 0 or more, {@link #FREE} or {@link #FIXED}
     */
    public static String letter(int owner) {
        return switch (owner) {
            case FREE -> ".";
            case FIXED -> "=";
            default -> String.valueOf((char) ('a' + owner % 26));
        };
    }
}
