package io.pagewalk.oracle.machine;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Which processes and threads of a history live: follows the steps alone, so that both sides and a shortened history agree on who can act. */
public final class Slots {
    /** How many processes and threads a tree can have. */
    public static final int COUNT = 16;

    private final boolean[] alive = new boolean[COUNT];
    private final boolean[] used = new boolean[COUNT];

    /** Slot of the first thread of its process. */
    private final int[] leader = new int[COUNT];

    /** Leader of the process that made this process. */
    private final int[] parent = new int[COUNT];

    /** Who waits until a process ends or executes a program, -1 for nobody. */
    private final int[] vforker = new int[COUNT];

    private final boolean[] waits = new boolean[COUNT];

    /** The first process alone lives. */
    public Slots() {
        Arrays.fill(vforker, -1);
        alive[0] = true;
        used[0] = true;
    }

    /** Whether a slot lives and waits for no child. */
    public boolean canAct(int slot) {
        return isAlive(slot) && !waits[slot];
    }

    /** Whether a slot lives. */
    public boolean isAlive(int slot) {
        return slot >= 0 && slot < COUNT && alive[slot];
    }

    /** Whether a slot is the first thread of its process. */
    public boolean isLeader(int slot) {
        return leader[slot] == slot;
    }

    /** Returns the slot of the first thread of the same process. */
    public int leaderOf(int slot) {
        return leader[slot];
    }

    /** Whether a step can be made now: a shortened history may have lost the fork that made its process. */
    public boolean accepts(Step step) {
        int slot = step.slot();
        if (!canAct(slot)) {
            return false;
        }
        return switch (step.kind()) {
            case FORK -> step.a0() > 0 && step.a0() < COUNT && !used[(int) step.a0()] && !(step.isVfork() && slot == 0);
            case EXIT -> slot != 0 && (!isLeader(slot) || !waits[waiter(slot)] || vforker[slot] == waiter(slot));
            case EXEC -> isLeader(slot);
            case LIMIT, CLEAR -> isAlive((int) step.a0());
            case CALL, LOAD, STORE, MINCORE, SUM, WAIT, FETCH, POOL -> true;
        };
    }

    /** Returns a slot that nobody had yet, or -1. */
    public int free() {
        for (int slot = 1; slot < COUNT; slot++) {
            if (!used[slot]) {
                return slot;
            }
        }
        return -1;
    }

    /** Returns who lives, lowest first. */
    public List<Integer> living() {
        List<Integer> result = new ArrayList<>();
        for (int slot = 0; slot < COUNT; slot++) {
            if (alive[slot]) {
                result.add(slot);
            }
        }
        return result;
    }

    /** Returns who can act, lowest first: the first process always. */
    public List<Integer> acting() {
        List<Integer> result = living();
        result.removeIf(slot -> waits[slot]);
        return result;
    }

    /** Returns the living processes. */
    public List<Integer> leaders() {
        List<Integer> result = living();
        result.removeIf(slot -> !isLeader(slot));
        return result;
    }

    /** A fork was made. */
    public void started(Step step) {
        int slot = (int) step.a0();
        alive[slot] = true;
        used[slot] = true;
        leader[slot] = step.isThread() ? leader[step.slot()] : slot;
        parent[slot] = leader[step.slot()];
        if (step.isVfork()) {
            vforker[slot] = step.slot();
            waits[step.slot()] = true;
        }
    }

    /** A fork that failed uses its slot up too, since the helper has touched it. */
    public void failed(Step step) {
        used[(int) step.a0()] = true;
    }

    /** Returns who learns of the end of a process: its parent while that lives, else the first process. */
    public int waiter(int slot) {
        return alive[parent[slot]] ? parent[slot] : 0;
    }

    /** Whether the process that made this one lives. */
    public boolean hasLivingParent(int slot) {
        return alive[parent[slot]];
    }

    /** A process or thread ended; a process takes its threads along. */
    public void ended(int slot) {
        if (isLeader(slot)) {
            executed(slot);
        }
        alive[slot] = false;
    }

    /** A process executed a program: its other threads are gone, and who waited for it goes on. */
    public void executed(int slot) {
        for (int other = 0; other < COUNT; other++) {
            alive[other] &= other == slot || leader[other] != slot;
        }
        if (vforker[slot] >= 0) {
            waits[vforker[slot]] = false;
            vforker[slot] = -1;
        }
    }
}
