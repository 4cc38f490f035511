package io.pagewalk.kernel.ipc;

import io.pagewalk.base.KernelBug;
import java.util.Collection;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The identifiers of one kind of IPC object: {@code struct ipc_ids}.
 *
 * <pre>
 *   31  30                15 14           0
 *   +--+--------------------+-------------+
 *   | 0|      sequence      |    index    |
 *   +--+--------------------+-------------+
 * </pre>
 *
 * The index goes round, so that an identifier that was removed is not used again soon; the sequence grows each time the index comes back to the start.
 */
final class IpcIds<T> {
    /** {@code IPCMNI_SHIFT}. */
    private static final int INDEX_BITS = 15;

    private static final int MAX_INDEXES = 1 << INDEX_BITS;
    private static final int INDEX_MASK = MAX_INDEXES - 1;
    private static final int MAX_SEQUENCE = (1 << (31 - INDEX_BITS)) - 1;

    /** {@code ipc_min_cycle}: as many slots as a node of the kernel's tree has. */
    private static final int MIN_CYCLE = 64;

    private final TreeMap<Integer, T> byIndex = new TreeMap<>();
    private int nextIndex;
    private int lastIndex = -1;
    private int sequence;

    /** Returns how many objects there are. */
    int count() {
        return byIndex.size();
    }

    /** Returns the highest index in use, 0 when there is none: {@code ipc_get_maxidx()}. */
    int maxIndex() {
        return byIndex.isEmpty() ? 0 : byIndex.lastKey();
    }

    /** Returns all objects in the order of their indexes. */
    Collection<T> all() {
        return byIndex.values();
    }

    /** Takes an identifier: {@code ipc/util.c:ipc_idr_alloc()}. There must be fewer objects than indexes. */
    int add(T object) {
        int cycle = Math.min(Math.max(byIndex.size() * 3 / 2, MIN_CYCLE), MAX_INDEXES);
        int index = free(nextIndex, cycle);
        if (index < 0) {
            index = free(0, cycle);
        }
        if (index < 0) {
            throw new KernelBug("no free index among " + cycle);
        }
        nextIndex = index + 1;
        if (index <= lastIndex) {
            sequence++;
            if (sequence >= MAX_SEQUENCE) {
                sequence = 0;
            }
        }
        lastIndex = index;
        byIndex.put(index, object);
        return (sequence << INDEX_BITS) + index;
    }

    private int free(int from, int end) {
        for (int index = from; index < end; index++) {
            if (!byIndex.containsKey(index)) {
                return index;
            }
        }
        return -1;
    }

    /** Returns the object with an index: the low bits of the identifier. */
    @Nullable
    T atIndexOf(int id) {
        return byIndex.get(id & INDEX_MASK);
    }

    /** Removes an object. */
    void remove(int id) {
        byIndex.remove(id & INDEX_MASK);
    }
}
