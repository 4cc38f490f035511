package io.pagewalk.lab.experiment.oldways;

/** Which hole a new segment is put in (Knuth, The Art of Computer Programming, volume 1, section 2.5). Among equals the lowest address wins. */
public enum Fit {
    /** The lowest hole that is large enough. */
    FIRST("first fit"),
    /** The lowest hole that is large enough and ends above the segment placed last; from the bottom when there is none. */
    NEXT("next fit"),
    /** The smallest hole that is large enough. */
    BEST("best fit"),
    /** The largest hole. */
    WORST("worst fit");

    private final String label;

    Fit(String label) {
        this.label = label;
    }

    /** Returns the name in words. */
    public String label() {
        return label;
    }
}
