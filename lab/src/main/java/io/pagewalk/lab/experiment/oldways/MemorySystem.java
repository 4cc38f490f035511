package io.pagewalk.lab.experiment.oldways;

import io.pagewalk.base.Violations;
import java.util.List;

/**
 * An operating system with its memory hardware, as programs see it: they start with three segments, add and resize more, access them, and end.
 *
 * <p>A program writes every byte that it is given at once, with a pattern by which damage is found later. A refused request leaves everything as it was.
 */
public interface MemorySystem {
    /** Segment number of code. */
    int CODE = 0;

    /** Segment number of static data and heap. */
    int DATA = 1;

    /** Segment number of the stack. */
    int STACK = 2;

    /** Segments that a program can have. */
    int SEGMENTS = 8;

    /** Owner of a free piece. */
    int OWNER_FREE = -1;

    /** Owner of memory that the system keeps for itself. */
    int OWNER_SYSTEM = -2;

    /**
     * A piece of physical memory for a picture.
     *
     * @param start first byte, counted from the first byte of the memory for programs
     * @param end first byte behind
     * @param owner a program, {@link #OWNER_FREE} or {@link #OWNER_SYSTEM}
     */
    record Piece(long start, long end, int owner) {}

    /**
     * How memory stands.
     *
     * @param totalBytes memory for programs that the processor can reach
     * @param usedBytes what programs were given
     * @param freeBytes what is left; {@code used + free == total}
     * @param askedBytes what running programs have asked for
     * @param largestRequestBytes the largest request that could be served without moving anything
     * @param largestFreeBytes the largest contiguous free piece of physical memory
     * @param tableBytes tables that the hardware reads to translate
     */
    record State(
            long totalBytes,
            long usedBytes,
            long freeBytes,
            long askedBytes,
            long largestRequestBytes,
            long largestFreeBytes,
            long tableBytes) {}

    /**
     * What the system has spent since it started.
     *
     * @param memoryReferences 32-bit transfers to read and update translation tables
     * @param bytesCopied to move segments
     * @param moves how many segments were moved
     * @param relocatedWords words patched at load
     * @param faults page faults served
     */
    record Costs(long memoryReferences, long bytesCopied, long moves, long relocatedWords, long faults) {}

    /** Returns the name for tables and pictures. */
    String name();

    /**
     * Starts a program.
     *
     * @param program its number, not running
     * @param code bytes, at least 1
     * @param data bytes, at least 1
     * @param stack bytes, at least 1
     * @return whether there was room
     */
    boolean start(int program, int code, int data, int stack);

    /**
     * Gives a running program one more segment.
     *
     * @param program its number
     * @param segment a number that it does not use, 3 to 7
     * @param bytes at least 1
     * @return whether there was room
     */
    boolean add(int program, int segment, int bytes);

    /**
     * Changes the size of a segment.
     *
     * @param program its number
     * @param segment one that it has
     * @param bytes at least 1
     * @return whether there was room
     */
    boolean resize(int program, int segment, int bytes);

    /**
     * Takes a segment away.
     *
     * @param program its number
     * @param segment one that it has, 3 to 7
     */
    void remove(int program, int segment);

    /**
     * Ends a program.
     *
     * @param program its number
     * @return how many bytes of its memory no longer held what it had written
     */
    long exit(int program);

    /**
     * Returns the size of a segment that a program asked for.
     *
     * @param program any number
     * @param segment 0 to 7
     * @return bytes, 0 when the program or the segment is not there
     */
    int size(int program, int segment);

    /** Returns the programs that run, in ascending order. */
    List<Integer> programs();

    /**
     * Makes one access inside a segment and finds out whether the byte still is what the program wrote.
     *
     * @param program its number
     * @param segment one that it has
     * @param offset below its size
     * @param kind LOAD, STORE or FETCH of {@code hardware.mmu.Access}
     * @return whether the byte is right
     */
    boolean access(int program, int segment, int offset, int kind);

    /**
     * Makes a stray store.
     *
     * @param program who
     * @param stray what goes wrong
     */
    Stray.Result stray(int program, Stray stray);

    /**
     * Returns what a request takes from memory.
     *
     * @param bytes as asked
     */
    long rounded(int bytes);

    /** Returns how memory stands. */
    State state();

    /** Returns what was spent. */
    Costs costs();

    /** Returns physical memory in ascending order, without gaps. */
    List<Piece> pieces();

    /**
     * Checks the system's own invariants.
     *
     * @param out receives what is broken
     */
    void verify(Violations out);
}
