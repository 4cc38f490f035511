package io.pagewalk.lab.experiment.oldways;

/**
 * A store through a wrong pointer.
 *
 * @param kind what went wrong
 * @param segment the program's segment that the pointer was meant for
 * @param distance how far it is off, by kind
 * @param other another program that runs, for {@link Kind#FOREIGN}
 */
public record Stray(Kind kind, int segment, int distance, int other) {
    /** What went wrong. */
    public enum Kind {
        /** A loop runs {@code distance} bytes (0 to 255) beyond the end of the segment. */
        OVERRUN("buffer overrun"),
        /** An index is wild: up to 1 MiB beyond the end. */
        FAR("wild index"),
        /** The program stores into its own code. */
        CODE("store into code"),
        /** A null pointer with a small offset. */
        NULL("null pointer"),
        /** The program uses an address of another program's data. */
        FOREIGN("foreign pointer"),
        /** The program uses an address of the system's data. */
        SYSTEM("system's address");

        private final String label;

        Kind(String label) {
            this.label = label;
        }

        /** Returns the kind in words. */
        public String label() {
            return label;
        }
    }

    /** Whom a stray store hits. */
    public enum Harm {
        /** The hardware refused it. */
        CAUGHT("caught"),
        /** Free memory, no memory, or padding: the store goes unnoticed and nobody misses the byte. */
        NOBODY("hit nobody"),
        /** The program's own memory, silently. */
        ITSELF("hit itself"),
        /** Another program's memory, silently. */
        NEIGHBOUR("hit a neighbour"),
        /** The system's memory, silently. */
        SYSTEM("hit the system");

        private final String label;

        Harm(String label) {
            this.label = label;
        }

        /** Returns the outcome in words. */
        public String label() {
            return label;
        }
    }

    /**
     * What became of one.
     *
     * @param harm whom it hit
     * @param fault the fault's name when it was caught, otherwise empty
     */
    public record Result(Harm harm, String fault) {
        /** Returns a store that was made. */
        static Result landed(Harm harm) {
            return new Result(harm, "");
        }

        /** Returns a store that the hardware refused. */
        static Result caught(String fault) {
            return new Result(Harm.CAUGHT, fault);
        }
    }
}
