package io.pagewalk.kernel.page;

/**
 * Frames {@code [startPfn, endPfn)} that had one owner when the machine booted.
 *
 * @param startPfn first frame
 * @param endPfn first frame after it, above {@code startPfn}
 * @param owner whose frames they are
 */
public record FrameRange(long startPfn, long endPfn, FrameOwner owner) {
    /** Checks the borders. */
    public FrameRange {
        if (startPfn < 0 || endPfn <= startPfn) {
            throw new IllegalArgumentException("frames [" + startPfn + ", " + endPfn + ") are no range");
        }
    }

    /** Returns the number of frames. */
    public long frames() {
        return endPfn - startPfn;
    }

    /** Returns the place of the first of ascending ranges that ends above a frame. */
    static int atOrAfter(FrameRange[] ranges, long pfn) {
        int low = 0;
        int high = ranges.length;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (ranges[middle].endPfn() > pfn) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        return low;
    }
}
