package io.pagewalk.base;

/**
 * Input from outside that cannot be used: one line that says where it is, what was found and what was expected.
 *
 * <p>Thrown at the outer edge only (files, command lines, recorded traces). The command line prints {@link #getMessage()} and exits with code 2.
 */
public final class BadInput extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /**
     * Creates the one line {@code where: found FOUND, expected EXPECTED}.
     *
     * @param where file with line or byte offset, or the option's name
     * @param found what stands there, already shortened for people
     * @param expected what would have been accepted
     */
    public BadInput(String where, String found, String expected) {
        super(where + ": found " + found + ", expected " + expected);
    }

    /**
     * Creates a line in the caller's own words, for trouble that has no "found": a tool that is not installed, a disk that is full.
     *
     * @param line the whole line, without a line end
     */
    public BadInput(String line) {
        super(line);
    }

    /**
     * Creates a line in the caller's own words that keeps its cause for a debugger.
     *
     * @param line the whole line, without a line end
     * @param cause what went wrong below
     */
    public BadInput(String line, Throwable cause) {
        super(line, cause);
    }
}
