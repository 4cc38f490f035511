package io.pagewalk.oracle.machine;

import org.jspecify.annotations.Nullable;

/** Kills a helper that does not answer in time, so that the read that waits for it ends. */
public final class Watchdog implements AutoCloseable {
    private static final long POLL_MILLIS = 200;

    private final long limitNanos;
    private @Nullable Process watched;
    private long sinceNanos;
    private boolean isOver;
    private boolean hasBitten;

    /** Starts the watch with a limit for each answer. */
    public Watchdog(long limitNanos) {
        this.limitNanos = limitNanos;
        Thread thread = new Thread(this::run, "helper watchdog");
        thread.setDaemon(true);
        thread.start();
    }

    /** Returns the limit. */
    public long limitNanos() {
        return limitNanos;
    }

    /** Begins to watch a process that owes an answer. */
    public synchronized void begin(Process process) {
        watched = process;
        sinceNanos = System.nanoTime();
        hasBitten = false;
    }

    /** Ends the watch; returns whether the process was killed meanwhile. */
    public synchronized boolean end() {
        watched = null;
        return hasBitten;
    }

    private synchronized boolean look() {
        Process process = watched;
        if (process != null && System.nanoTime() - sinceNanos > limitNanos) {
            hasBitten = true;
            watched = null;
            process.descendants().forEach(ProcessHandle::destroyForcibly);
            process.destroyForcibly();
        }
        return !isOver;
    }

    private void run() {
        try {
            while (look()) {
                Thread.sleep(POLL_MILLIS);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public synchronized void close() {
        isOver = true;
    }
}
