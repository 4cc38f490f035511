package io.pagewalk.kernel.vma;

import io.pagewalk.base.KernelBug;
import io.pagewalk.base.Violations;
import java.util.Arrays;
import java.util.Iterator;
import java.util.NoSuchElementException;
import org.jspecify.annotations.Nullable;

/**
 * The areas of one address space in address order: the counterpart of {@code mm->mm_mt}, Linux's maple tree.
 *
 * <p>Finding an area allocates nothing; the area that was found last is looked at first. Addresses are user addresses, so at least 0 as signed numbers.
 */
public final class VmaTree implements Iterable<Vma> {
    /*
     * A sorted array of chunks, each a sorted array of at most 64 areas: a B-tree of two levels. 65,530 areas fill about 1,400
     * chunks, whose starts are searched in 11 steps and shifted in a fraction of a microsecond, so a third level would not pay.
     *
     *   chunkStart   [ 0x1000 | 0x7f00.. | ... ]      first address of each chunk
     *   chunkMaxGap  [  gap   |   gap    | ... ]      largest hole that ends at one of the chunk's areas
     *   chunks       [   *    |    *     | ... ]
     *                    |
     *                    +-> starts [..64], ends [..64], vmas [..64]
     *
     * The hole below an area belongs to the area above it: gap(i) == start(i) - end(i - 1), and the hole below the first area
     * reaches down to address 0. A gap search skips every chunk whose largest hole is too small.
     */
    private static final int CHUNK = 64;
    private static final int JOIN_BELOW = 40;

    private Chunk[] chunks = new Chunk[4];
    private long[] chunkStart = new long[4];
    private long[] chunkMaxGap = new long[4];
    private int chunkCount;
    private int size;
    private @Nullable Vma lastHit;

    /** Creates an empty tree. */
    public VmaTree() {}

    /** Returns how many areas there are. */
    public int size() {
        return size;
    }

    /**
     * Returns the area that holds an address ({@code vma_lookup()}), or null.
     *
     * @param vaddr any address
     */
    public @Nullable Vma find(long vaddr) {
        Vma hit = lastHit;
        if (hit != null && hit.contains(vaddr)) {
            return hit;
        }
        Vma first = findFirst(vaddr);
        return first != null && first.start() <= vaddr ? first : null;
    }

    /**
     * Returns the lowest area that ends above an address ({@code find_vma()}), or null.
     *
     * @param vaddr any address
     */
    public @Nullable Vma findFirst(long vaddr) {
        Vma hit = lastHit;
        if (hit != null && hit.contains(vaddr)) {
            return hit;
        }
        if (vaddr < 0 || chunkCount == 0) {
            return null;
        }
        int c = chunkOf(vaddr);
        Chunk chunk = chunks[c];
        int i = chunk.firstEndingAbove(vaddr);
        if (i == chunk.count) {
            if (c + 1 == chunkCount) {
                return null;
            }
            return chunks[c + 1].vmas[0];
        }
        Vma found = chunk.vmas[i];
        if (found != null && found.start() <= vaddr) {
            lastHit = found;
        }
        return found;
    }

    /**
     * Returns the lowest area that overlaps a range ({@code find_vma_intersection()}), or null.
     *
     * @param start first address
     * @param end first address behind
     */
    public @Nullable Vma findIntersection(long start, long end) {
        Vma vma = findFirst(start);
        return vma != null && vma.start() < end ? vma : null;
    }

    /**
     * Returns the highest area that starts below an address, or null ({@code vma_prev()} from there).
     *
     * @param vaddr any user address
     */
    public @Nullable Vma findLastBelow(long vaddr) {
        if (chunkCount == 0) {
            return null;
        }
        int c = chunkOf(vaddr);
        int i = chunks[c].firstStartingAtOrAbove(vaddr) - 1;
        if (i < 0) {
            return c == 0 ? null : chunks[c - 1].last();
        }
        return chunks[c].vmas[i];
    }

    /** Returns the lowest area, or null. */
    public @Nullable Vma first() {
        return chunkCount == 0 ? null : chunks[0].vmas[0];
    }

    /** Returns the highest area, or null. */
    public @Nullable Vma last() {
        return chunkCount == 0 ? null : chunks[chunkCount - 1].last();
    }

    /**
     * Returns the area above another, or null.
     *
     * @param vma an area of this tree
     */
    public @Nullable Vma next(Vma vma) {
        int c = chunkOf(vma.start());
        int i = chunks[c].indexOf(vma) + 1;
        if (i < chunks[c].count) {
            return chunks[c].vmas[i];
        }
        return c + 1 < chunkCount ? chunks[c + 1].vmas[0] : null;
    }

    /**
     * Returns the area below another, or null.
     *
     * @param vma an area of this tree
     */
    public @Nullable Vma previous(Vma vma) {
        return findLastBelow(vma.start());
    }

    /**
     * Adds an area into a hole.
     *
     * @param vma a detached area that overlaps none of the tree
     */
    public void insert(Vma vma) {
        KernelBug.on(vma.isAttached(), "area is in a tree already");
        KernelBug.on(vma.start() < 0 || vma.start() >= vma.end(), "bad area " + vma);
        vma.setAttached(true);
        vma.takeObject();
        size++;
        if (chunkCount == 0) {
            insertChunk(0, new Chunk());
            chunks[0].insert(0, vma);
            refresh(0);
            return;
        }
        int c = chunkOf(vma.start());
        if (chunks[c].count == CHUNK) {
            splitChunk(c);
            c = chunkOf(vma.start());
        }
        Chunk chunk = chunks[c];
        int i = chunk.firstStartingAtOrAbove(vma.start());
        KernelBug.on(i > 0 && chunk.ends[i - 1] > vma.start(), "area overlaps the one below");
        KernelBug.on(i < chunk.count && chunk.starts[i] < vma.end(), "area overlaps the one above");
        KernelBug.on(
                i == chunk.count && c + 1 < chunkCount && chunkStart[c + 1] < vma.end(), "area overlaps the one above");
        chunk.insert(i, vma);
        refresh(c);
        refresh(c + 1);
    }

    /**
     * Takes an area out.
     *
     * @param vma an area of this tree
     */
    public void remove(Vma vma) {
        KernelBug.on(!vma.isAttached(), "area is in no tree");
        int c = chunkOf(vma.start());
        Chunk chunk = chunks[c];
        chunk.remove(chunk.indexOf(vma));
        vma.setAttached(false);
        vma.giveObject();
        size--;
        if (lastHit == vma) {
            lastHit = null;
        }
        if (chunk.count == 0) {
            removeChunk(c);
        } else if (c + 1 < chunkCount && chunk.count + chunks[c + 1].count <= JOIN_BELOW) {
            joinWithNext(c);
        } else if (c > 0 && chunk.count + chunks[c - 1].count <= JOIN_BELOW) {
            c--;
            joinWithNext(c);
        }
        refresh(c);
        refresh(c + 1);
    }

    /**
     * Changes an area's range without moving it past a neighbour.
     *
     * @param vma an area of this tree
     * @param start new first address
     * @param end new first address behind
     * @param pgoff page offset of the new first address
     */
    public void setRange(Vma vma, long start, long end, long pgoff) {
        KernelBug.on(start < 0 || start >= end, "bad range for " + vma);
        int c = chunkOf(vma.start());
        Chunk chunk = chunks[c];
        int i = chunk.indexOf(vma);
        vma.setRange(start, end, pgoff);
        chunk.starts[i] = start;
        chunk.ends[i] = end;
        refresh(c);
        refresh(c + 1);
    }

    /**
     * Returns the highest address at which a hole has room, or -1 ({@code mas_empty_area_rev()}).
     *
     * @param low the room must not begin below this address
     * @param high the room must end at or below this address
     * @param sizeBytes the room, at least 1
     */
    public long highestGap(long low, long high, long sizeBytes) {
        if (high - low < sizeBytes || high < low) {
            return -1;
        }
        if (chunkCount == 0) {
            return high - sizeBytes;
        }
        int c = chunkOf(high);
        int i = chunks[c].firstStartingAtOrAbove(high);
        long top = high;
        while (true) {
            // The hole whose upper border is top lies above area i - 1 of chunk c.
            long below = i > 0 ? chunks[c].ends[i - 1] : c > 0 ? chunks[c - 1].lastEnd() : 0;
            if (top - Math.max(below, low) >= sizeBytes) {
                return top - sizeBytes;
            }
            if (below <= low) {
                return -1;
            }
            if (i > 0) {
                i--;
            } else {
                c--;
                i = chunks[c].count - 1;
            }
            top = Math.min(chunks[c].starts[i], high);
            while (i == chunks[c].count - 1 && c > 0 && chunkMaxGap[c] < sizeBytes && chunks[c].starts[0] > low) {
                top = chunks[c - 1].starts[chunks[c - 1].count - 1];
                c--;
                i = chunks[c].count - 1;
            }
        }
    }

    /**
     * Returns the lowest address at which a hole has room, or -1 ({@code mas_empty_area()}).
     *
     * @param low the room must not begin below this address
     * @param high the room must end at or below this address
     * @param sizeBytes the room, at least 1
     */
    public long lowestGap(long low, long high, long sizeBytes) {
        if (high - low < sizeBytes || high < low) {
            return -1;
        }
        long bottom = low;
        if (chunkCount > 0) {
            int c = chunkOf(low);
            int i = chunks[c].firstEndingAbove(low);
            for (; c < chunkCount; c++, i = 0) {
                Chunk chunk = chunks[c];
                if (i == 0 && chunkMaxGap[c] < sizeBytes) {
                    bottom = Math.max(bottom, chunk.lastEnd());
                    continue;
                }
                for (; i < chunk.count; i++) {
                    if (Math.min(chunk.starts[i], high) - bottom >= sizeBytes) {
                        return bottom;
                    }
                    bottom = Math.max(bottom, chunk.ends[i]);
                    if (high - bottom < sizeBytes) {
                        return -1;
                    }
                }
            }
        }
        return high - bottom >= sizeBytes ? bottom : -1;
    }

    /** Returns the areas in address order; the tree must not change meanwhile. */
    @Override
    public Iterator<Vma> iterator() {
        return new Iterator<>() {
            private int c;
            private int i;

            @Override
            public boolean hasNext() {
                return c < chunkCount;
            }

            @Override
            public Vma next() {
                if (c >= chunkCount) {
                    throw new NoSuchElementException();
                }
                Vma vma = chunks[c].get(i++);
                if (i == chunks[c].count) {
                    c++;
                    i = 0;
                }
                return vma;
            }
        };
    }

    /**
     * Checks order, overlap, the copies of the ranges and the largest gaps.
     *
     * @param where name of the address space
     * @param out receives what is wrong
     */
    public void verify(String where, Violations out) {
        long below = 0;
        int seen = 0;
        for (int c = 0; c < chunkCount; c++) {
            Chunk chunk = chunks[c];
            out.expectEqual(where, "start of chunk " + c, chunk.starts[0], chunkStart[c]);
            long maxGap = 0;
            for (int i = 0; i < chunk.count; i++) {
                Vma vma = chunk.get(i);
                seen++;
                out.expectEqual(where, "copied start of " + vma, vma.start(), chunk.starts[i]);
                out.expectEqual(where, "copied end of " + vma, vma.end(), chunk.ends[i]);
                if (vma.start() < below || vma.start() >= vma.end()) {
                    out.add(where, "area out of order: " + vma);
                }
                if (!vma.isAttached()) {
                    out.add(where, "area in the tree is not marked so: " + vma);
                }
                maxGap = Math.max(maxGap, vma.start() - below);
                below = vma.end();
            }
            out.expectEqual(where, "largest gap of chunk " + c, maxGap, chunkMaxGap[c]);
        }
        out.expectEqual(where, "size of the tree", seen, size);
        Vma hit = lastHit;
        if (hit != null && !hit.isAttached()) {
            out.add(where, "last hit left the tree: " + hit);
        }
    }

    /** Returns the last chunk that starts at or below an address, or 0. */
    private int chunkOf(long vaddr) {
        int low = 0;
        int high = chunkCount - 1;
        while (low < high) {
            int middle = (low + high + 1) >>> 1;
            if (chunkStart[middle] <= vaddr) {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        return low;
    }

    /** Brings start and largest gap of a chunk up to date; does nothing past the last. */
    private void refresh(int c) {
        if (c >= chunkCount) {
            return;
        }
        Chunk chunk = chunks[c];
        chunkStart[c] = chunk.starts[0];
        long below = c == 0 ? 0 : chunks[c - 1].lastEnd();
        long maxGap = 0;
        for (int i = 0; i < chunk.count; i++) {
            maxGap = Math.max(maxGap, chunk.starts[i] - below);
            below = chunk.ends[i];
        }
        chunkMaxGap[c] = maxGap;
    }

    private void splitChunk(int c) {
        Chunk left = chunks[c];
        Chunk right = new Chunk();
        int half = CHUNK / 2;
        right.append(left, half, CHUNK - half);
        left.truncate(half);
        insertChunk(c + 1, right);
        refresh(c);
        refresh(c + 1);
    }

    private void joinWithNext(int c) {
        chunks[c].append(chunks[c + 1], 0, chunks[c + 1].count);
        removeChunk(c + 1);
    }

    private void insertChunk(int at, Chunk chunk) {
        if (chunkCount == chunks.length) {
            int capacity = chunkCount * 2;
            chunks = Arrays.copyOf(chunks, capacity);
            chunkStart = Arrays.copyOf(chunkStart, capacity);
            chunkMaxGap = Arrays.copyOf(chunkMaxGap, capacity);
        }
        int moved = chunkCount - at;
        System.arraycopy(chunks, at, chunks, at + 1, moved);
        System.arraycopy(chunkStart, at, chunkStart, at + 1, moved);
        System.arraycopy(chunkMaxGap, at, chunkMaxGap, at + 1, moved);
        chunks[at] = chunk;
        chunkCount++;
    }

    private void removeChunk(int at) {
        int moved = chunkCount - at - 1;
        System.arraycopy(chunks, at + 1, chunks, at, moved);
        System.arraycopy(chunkStart, at + 1, chunkStart, at, moved);
        System.arraycopy(chunkMaxGap, at + 1, chunkMaxGap, at, moved);
        chunkCount--;
    }

    /** Up to 64 areas in address order, with copies of their borders so that a search touches no area. */
    private static final class Chunk {
        private final long[] starts = new long[CHUNK];
        private final long[] ends = new long[CHUNK];
        private final @Nullable Vma[] vmas = new @Nullable Vma[CHUNK];
        private int count;

        private Vma get(int i) {
            Vma vma = vmas[i];
            if (vma == null) {
                throw new KernelBug("empty place " + i + " in a chunk of " + count);
            }
            return vma;
        }

        private Vma last() {
            return get(count - 1);
        }

        private long lastEnd() {
            return ends[count - 1];
        }

        private int firstEndingAbove(long vaddr) {
            int low = 0;
            int high = count;
            while (low < high) {
                int middle = (low + high) >>> 1;
                if (ends[middle] > vaddr) {
                    high = middle;
                } else {
                    low = middle + 1;
                }
            }
            return low;
        }

        private int firstStartingAtOrAbove(long vaddr) {
            int low = 0;
            int high = count;
            while (low < high) {
                int middle = (low + high) >>> 1;
                if (starts[middle] >= vaddr) {
                    high = middle;
                } else {
                    low = middle + 1;
                }
            }
            return low;
        }

        private int indexOf(Vma vma) {
            int i = firstStartingAtOrAbove(vma.start());
            if (i == count || vmas[i] != vma) {
                throw new KernelBug("area is not where its start says: " + vma);
            }
            return i;
        }

        private void insert(int at, Vma vma) {
            int moved = count - at;
            System.arraycopy(starts, at, starts, at + 1, moved);
            System.arraycopy(ends, at, ends, at + 1, moved);
            System.arraycopy(vmas, at, vmas, at + 1, moved);
            starts[at] = vma.start();
            ends[at] = vma.end();
            vmas[at] = vma;
            count++;
        }

        private void remove(int at) {
            int moved = count - at - 1;
            System.arraycopy(starts, at + 1, starts, at, moved);
            System.arraycopy(ends, at + 1, ends, at, moved);
            System.arraycopy(vmas, at + 1, vmas, at, moved);
            truncate(count - 1);
        }

        private void truncate(int newCount) {
            Arrays.fill(vmas, newCount, count, null);
            count = newCount;
        }

        private void append(Chunk from, int first, int length) {
            System.arraycopy(from.starts, first, starts, count, length);
            System.arraycopy(from.ends, first, ends, count, length);
            System.arraycopy(from.vmas, first, vmas, count, length);
            count += length;
        }
    }
}
