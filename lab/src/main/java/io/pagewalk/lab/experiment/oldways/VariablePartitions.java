package io.pagewalk.lab.experiment.oldways;

import io.pagewalk.base.Bits;
import io.pagewalk.base.KernelBug;
import io.pagewalk.base.Violations;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToLongFunction;

/**
 * Memory divided into pieces of any size: what an operating system without pages has to manage.
 *
 * <p>Sizes are rounded up to {@value #GRANULE_BYTES} bytes. Invariant: the pieces cover the memory without gap or overlap, and no two neighbours are both free, so
 * {@code used + free == total} at any time.
 */
public final class VariablePartitions {
    /** A paragraph of the 8086, and the alignment of most allocators since. */
    public static final int GRANULE_BYTES = 16;

    /** Returned instead of an address when no hole is large enough. */
    public static final long NONE = -1;

    /** Tag of a free piece. */
    public static final long FREE = -1;

    /**
     * One piece.
     *
     * @param start first byte
     * @param bytes length, a multiple of the granule
     * @param tag who has it, or {@link #FREE}
     */
    public record Piece(long start, long bytes, long tag) {
        /** Returns the first byte behind. */
        public long end() {
            return start + bytes;
        }

        /** Returns whether nobody has it. */
        public boolean isFree() {
            return tag == FREE;
        }
    }

    /** Told about each piece that compaction moves, in an order in which no source is overwritten before it was copied. */
    @FunctionalInterface
    public interface Mover {
        /**
         * Copies a piece.
         *
         * @param tag who has it
         * @param from where it lies
         * @param to where it shall lie; may overlap {@code from}
         * @param bytes its length
         */
        void move(long tag, long from, long to, long bytes);
    }

    private final long start;
    private final long bytes;
    private final Fit fit;
    private final List<Piece> pieces = new ArrayList<>();
    private long rover;

    /**
     * Creates memory that is all free.
     *
     * @param start first byte, a multiple of the granule
     * @param bytes length, a multiple of the granule
     * @param fit which hole to take
     */
    public VariablePartitions(long start, long bytes, Fit fit) {
        this.start = start;
        this.bytes = bytes;
        this.fit = fit;
        this.rover = start;
        pieces.add(new Piece(start, bytes, FREE));
    }

    /**
     * Places a segment at the low end of a hole.
     *
     * @param wanted bytes, at least 1
     * @param tag who gets it, not {@link #FREE}
     * @return its address, or {@link #NONE}
     */
    public long allocate(long wanted, long tag) {
        long size = rounded(wanted);
        int index = choose(size);
        if (index < 0) {
            return NONE;
        }
        Piece hole = pieces.get(index);
        pieces.set(index, new Piece(hole.start, size, tag));
        if (hole.bytes > size) {
            pieces.add(index + 1, new Piece(hole.start + size, hole.bytes - size, FREE));
        }
        rover = hole.start + size;
        return hole.start;
    }

    private int choose(long size) {
        return switch (fit) {
            case FIRST -> firstFrom(start, size);
            case NEXT -> {
                int above = firstFrom(rover, size);
                yield above >= 0 ? above : firstFrom(start, size);
            }
            case BEST -> extreme(size, Piece::bytes);
            case WORST -> extreme(size, piece -> -piece.bytes);
        };
    }

    private int firstFrom(long address, long size) {
        for (int i = 0; i < pieces.size(); i++) {
            Piece piece = pieces.get(i);
            if (piece.isFree() && piece.bytes >= size && piece.end() > address) {
                return i;
            }
        }
        return -1;
    }

    private int extreme(long size, ToLongFunction<Piece> badness) {
        int best = -1;
        for (int i = 0; i < pieces.size(); i++) {
            Piece piece = pieces.get(i);
            if (piece.isFree()
                    && piece.bytes >= size
                    && (best < 0 || badness.applyAsLong(piece) < badness.applyAsLong(pieces.get(best)))) {
                best = i;
            }
        }
        return best;
    }

    /**
     * Frees a segment and joins it with free neighbours.
     *
     * @param address as returned by {@link #allocate}
     */
    public void free(long address) {
        int index = indexOf(address);
        Piece piece = pieces.get(index);
        pieces.set(index, new Piece(piece.start, piece.bytes, FREE));
        join(index);
    }

    /**
     * Changes the size of a segment where it lies.
     *
     * @param address as returned by {@link #allocate}
     * @param wanted new size in bytes, at least 1
     * @return whether there was room; if not, nothing changed
     */
    public boolean resize(long address, long wanted) {
        int index = indexOf(address);
        Piece piece = pieces.get(index);
        Piece next = index + 1 < pieces.size() ? pieces.get(index + 1) : null;
        long hole = next != null && next.isFree() ? next.bytes : 0;
        long size = rounded(wanted);
        if (size > piece.bytes + hole) {
            return false;
        }
        if (hole > 0) {
            pieces.remove(index + 1);
        }
        long left = piece.bytes + hole - size;
        pieces.set(index, new Piece(piece.start, size, piece.tag));
        if (left > 0) {
            pieces.add(index + 1, new Piece(piece.start + size, left, FREE));
            join(index + 1);
        }
        return true;
    }

    /**
     * Slides all segments down, so that all free memory is one hole at the top.
     *
     * @param mover copies the contents
     */
    public void compact(Mover mover) {
        slide(pieces.size(), mover);
    }

    /**
     * Slides the segments so that all free memory is one hole right behind one of them: those up to it go down, those above it go up.
     *
     * @param address as returned by {@link #allocate}; the segment itself may move
     * @param mover copies the contents
     */
    public void openHoleBehind(long address, Mover mover) {
        slide(indexOf(address) + 1, mover);
    }

    /** Slides the first pieces down and the others up. */
    private void slide(int downCount, Mover mover) {
        List<Piece> low = new ArrayList<>();
        List<Piece> high = new ArrayList<>();
        long bottom = start;
        for (Piece piece : pieces.subList(0, downCount)) {
            if (!piece.isFree()) {
                low.add(moved(piece, bottom, mover));
                bottom += piece.bytes;
            }
        }
        long top = start + bytes;
        for (int i = pieces.size() - 1; i >= downCount; i--) {
            Piece piece = pieces.get(i);
            if (!piece.isFree()) {
                top -= piece.bytes;
                high.addFirst(moved(piece, top, mover));
            }
        }
        pieces.clear();
        pieces.addAll(low);
        if (top > bottom) {
            pieces.add(new Piece(bottom, top - bottom, FREE));
        }
        pieces.addAll(high);
        rover = bottom;
    }

    private static Piece moved(Piece piece, long to, Mover mover) {
        if (to != piece.start) {
            mover.move(piece.tag, piece.start, to, piece.bytes);
        }
        return new Piece(to, piece.bytes, piece.tag);
    }

    /** Returns all pieces in ascending order, free ones included. */
    public List<Piece> pieces() {
        return List.copyOf(pieces);
    }

    /** Returns the bytes that nobody has. */
    public long freeBytes() {
        return pieces.stream().filter(Piece::isFree).mapToLong(Piece::bytes).sum();
    }

    /** Returns the largest hole. */
    public long largestFreeBytes() {
        return pieces.stream()
                .filter(Piece::isFree)
                .mapToLong(Piece::bytes)
                .max()
                .orElse(0);
    }

    /**
     * Returns who has a byte.
     *
     * @param address any
     * @return its tag, or {@link #FREE} also outside this memory
     */
    public long ownerOf(long address) {
        for (Piece piece : pieces) {
            if (address >= piece.start && address < piece.end()) {
                return piece.tag;
            }
        }
        return FREE;
    }

    /**
     * Returns a size as it takes memory.
     *
     * @param wanted bytes, at least 1
     */
    public static long rounded(long wanted) {
        return Bits.roundUp(wanted, GRANULE_BYTES);
    }

    /**
     * Checks that the pieces cover the memory once and that no two free ones are neighbours.
     *
     * @param out receives what is broken
     */
    public void verify(Violations out) {
        long at = start;
        boolean wasFree = false;
        for (Piece piece : pieces) {
            out.expectEqual("partitions", "start of a piece == end of the one below", at, piece.start);
            if (piece.isFree() && wasFree) {
                out.add("partitions", "two free neighbours at " + Bits.hex(piece.start));
            }
            if (piece.bytes <= 0 || !Bits.isAligned(piece.bytes, GRANULE_BYTES)) {
                out.add("partitions", "a piece of " + piece.bytes + " bytes at " + Bits.hex(piece.start));
            }
            wasFree = piece.isFree();
            at = piece.end();
        }
        out.expectEqual("partitions", "end of the last piece == end of memory", start + bytes, at);
    }

    private int indexOf(long address) {
        for (int i = 0; i < pieces.size(); i++) {
            if (pieces.get(i).start == address && !pieces.get(i).isFree()) {
                return i;
            }
        }
        throw new KernelBug("no segment starts at " + Bits.hex(address));
    }

    private void join(int index) {
        int i = index;
        if (i + 1 < pieces.size() && pieces.get(i + 1).isFree()) {
            Piece next = pieces.remove(i + 1);
            pieces.set(i, new Piece(pieces.get(i).start, pieces.get(i).bytes + next.bytes, FREE));
        }
        if (i > 0 && pieces.get(i - 1).isFree()) {
            Piece own = pieces.remove(i);
            i--;
            pieces.set(i, new Piece(pieces.get(i).start, pieces.get(i).bytes + own.bytes, FREE));
        }
    }
}
