package io.pagewalk.kernel.syscall;

import java.util.ArrayDeque;
import java.util.Deque;

/**
 * What a call leaves to be done when it returns to its program: {@code kernel/task_work.c}. Files that lose their last user are released so, therefore what they hold is not there yet for the rest of
 * the call.
 */
public final class TaskWork {
    private final Deque<Runnable> waiting = new ArrayDeque<>();
    private int calls;

    /**
     * Adds a piece of work, {@code task_work_add()}; it is done at once when no call is in progress.
     *
     * @param work what to do
     */
    public void add(Runnable work) {
        if (calls == 0) {
            work.run();
        } else {
            waiting.addLast(work);
        }
    }

    /** A call begins, maybe while one of another task sleeps. Returns what {@link #leave} wants to know. */
    int enter() {
        calls++;
        return waiting.size();
    }

    /** A call returns, {@code task_work_run()}: the last piece comes first. */
    void leave(int before) {
        while (waiting.size() > before) {
            waiting.removeLast().run();
        }
        calls--;
    }
}
