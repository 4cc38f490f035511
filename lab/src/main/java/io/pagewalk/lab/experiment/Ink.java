package io.pagewalk.lab.experiment;

/** Colours of the terminal, or none. What is said in colour is also said in letters. */
public enum Ink {
    /** Plain characters. */
    PLAIN,
    /** Escape sequences of terminals with 256 colours. */
    COLOUR;

    private static final String RESET = "\u001b[0m";

    /** Backgrounds that black letters can be read on. */
    private static final int[] BACKGROUNDS = {117, 156, 222, 182, 216, 159, 193, 225, 187, 153, 223, 120};

    /**
     * Returns a heading.
     *
     * @param text its words
     */
    public String bold(String text) {
        return this == PLAIN ? text : "\u001b[1m" + text + RESET;
    }

    /**
     * Returns text that steps back.
     *
     * @param text its words
     */
    public String faint(String text) {
        return this == PLAIN ? text : "\u001b[2m" + text + RESET;
    }

    /**
     * Returns text on the background of a colour.
     *
     * @param colour any number; colours repeat, and {@link Svg#colour} gives the same number a similar one
     * @param text its words
     */
    public String on(int colour, String text) {
        return this == PLAIN
                ? text
                : "\u001b[30;48;5;" + BACKGROUNDS[Math.floorMod(colour, BACKGROUNDS.length)] + "m" + text + RESET;
    }
}
