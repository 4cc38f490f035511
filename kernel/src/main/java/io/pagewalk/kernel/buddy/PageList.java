package io.pagewalk.kernel.buddy;

import java.util.Arrays;

/** A list of pages off all lists, newest first: the {@code struct list_head} that functions of mm hand to each other. */
public final class PageList {
    private long[] pfns = new long[32];
    private int size;

    /** Creates an empty list. */
    public PageList() {}

    /** Returns the number of pages. */
    public int size() {
        return size;
    }

    /** Returns whether there is no page. */
    public boolean isEmpty() {
        return size == 0;
    }

    /**
     * Adds a page at the head: {@code list_add()}.
     *
     * @param pfn a frame
     */
    public void add(long pfn) {
        if (size == pfns.length) {
            pfns = Arrays.copyOf(pfns, size * 2);
        }
        pfns[size++] = pfn;
    }

    /**
     * Returns a page.
     *
     * @param position from 0, the head
     */
    public long get(int position) {
        return pfns[size - 1 - position];
    }

    /** Removes the head and returns it. The list must not be empty. */
    public long removeFirst() {
        return pfns[--size];
    }

    /** Forgets all pages. */
    public void clear() {
        size = 0;
    }
}
