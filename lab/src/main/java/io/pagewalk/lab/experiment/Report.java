package io.pagewalk.lab.experiment;

/** What an experiment has shown, in three forms. The same settings give the same characters. */
public interface Report {
    /**
     * Returns it for a terminal.
     *
     * @param ink whether it may carry colours
     */
    String text(Ink ink);

    /** Returns it as a picture, a whole SVG document. */
    String svg();

    /** Returns it for programs, one JSON object and a line end. */
    String json();
}
