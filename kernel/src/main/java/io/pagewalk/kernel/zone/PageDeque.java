package io.pagewalk.kernel.zone;

/**
 * Free blocks in an order that changes only at the two ends.
 *
 * <p>Differs from Linux: a ring of frame numbers instead of links in {@code struct page}. Nothing ever leaves the middle of a per-CPU list, so the
 * order is the same, and taking a page touches no neighbour.
 */
public final class PageDeque {
    private int[] ring = {};
    private int first;
    private int size;

    /** Creates an empty list. */
    public PageDeque() {}

    /** Returns the number of blocks. */
    public int size() {
        return size;
    }

    /** Returns whether there is no block. */
    public boolean isEmpty() {
        return size == 0;
    }

    /**
     * Adds a block at the head: {@code list_add()}.
     *
     * @param pfn first frame of the block
     */
    public void addFirst(long pfn) {
        if (size == ring.length) {
            grow();
        }
        first = (first - 1) & (ring.length - 1);
        ring[first] = (int) pfn;
        size++;
    }

    /**
     * Adds a block at the tail: {@code list_add_tail()}.
     *
     * @param pfn first frame of the block
     */
    public void addLast(long pfn) {
        if (size == ring.length) {
            grow();
        }
        ring[(first + size) & (ring.length - 1)] = (int) pfn;
        size++;
    }

    /**
     * Adds neighbouring single frames at the tail, one after the other.
     *
     * @param pfn the first of them
     * @param count how many
     */
    public void addLast(long pfn, int count) {
        while (size + count > ring.length) {
            grow();
        }
        int[] to = ring;
        int at = first + size;
        for (int i = 0; i < count; i++) {
            to[(at + i) & (to.length - 1)] = (int) pfn + i;
        }
        size += count;
    }

    /** Removes the head and returns its first frame. The list must not be empty. */
    public long removeFirst() {
        long pfn = Integer.toUnsignedLong(ring[first]);
        first = (first + 1) & (ring.length - 1);
        size--;
        return pfn;
    }

    /** Removes the tail and returns its first frame. The list must not be empty. */
    public long removeLast() {
        size--;
        return Integer.toUnsignedLong(ring[(first + size) & (ring.length - 1)]);
    }

    /**
     * Returns a block without removing it.
     *
     * @param position from 0, the head
     */
    public long get(int position) {
        return Integer.toUnsignedLong(ring[(first + position) & (ring.length - 1)]);
    }

    private void grow() {
        int[] larger = new int[Math.max(16, ring.length * 2)];
        for (int i = 0; i < size; i++) {
            larger[i] = ring[(first + i) & (ring.length - 1)];
        }
        ring = larger;
        first = 0;
    }
}
