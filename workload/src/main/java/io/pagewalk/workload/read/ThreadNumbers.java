package io.pagewalk.workload.read;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;

/**
 * Trace thread numbers for a recorder's thread slots, which are used again after a thread has ended.
 *
 * <p>A successful clone makes the next number. The slot that the new thread will run in is the lowest free one, unless an exit came between; then the oldest thread that has not started takes it.
 */
final class ThreadNumbers {
    private final Map<Integer, Integer> numberOfSlot = new HashMap<>();
    private final Deque<Integer> notStarted = new ArrayDeque<>();
    private final int firstSlot;
    private int made = 1;
    private int alive = 1;

    ThreadNumbers(int firstSlot) {
        this.firstSlot = firstSlot;
        numberOfSlot.put(firstSlot, 0);
    }

    /** A clone has made a thread. */
    void created() {
        int slot = firstSlot;
        while (numberOfSlot.containsKey(slot)) {
            slot++;
        }
        numberOfSlot.put(slot, made++);
        notStarted.addLast(slot);
        alive++;
    }

    /** A slot's thread runs for the first time. */
    void started(int slot) {
        if (!notStarted.remove(slot) && !numberOfSlot.containsKey(slot)) {
            Integer oldest = notStarted.pollFirst();
            Integer number = oldest == null ? null : numberOfSlot.remove(oldest);
            if (number == null) {
                number = made++;
                alive++;
            }
            numberOfSlot.put(slot, number);
        }
    }

    /** Returns the number of the thread in a slot; a slot never heard of gets the next number. */
    int of(int slot) {
        Integer number = numberOfSlot.get(slot);
        if (number == null) {
            started(slot);
            number = numberOfSlot.get(slot);
        }
        return number == null ? 0 : number;
    }

    /** The slot's thread has ended. Returns whether it was the last one alive. */
    boolean ended(int slot) {
        if (numberOfSlot.remove(slot) != null) {
            alive--;
        }
        return alive == 0;
    }

    /** Returns how many threads there have been. */
    int count() {
        return made;
    }
}
