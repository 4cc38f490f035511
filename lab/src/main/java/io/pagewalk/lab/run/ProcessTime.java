package io.pagewalk.lab.run;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** How long this process has been running, start of the virtual machine included. */
public final class ProcessTime {
    /** Unit of {@code /proc/PID/stat}: {@code USER_HZ}, the same on every Linux of today. */
    private static final double TICKS_PER_SECOND = 100;

    private static final int START_TIME_FIELD = 22;

    private ProcessTime() {}

    /**
     * Returns seconds since the process was made, to about 10 ms.
     *
     * @param otherwise what to return where {@code /proc} cannot tell
     */
    public static double secondsSinceStart(double otherwise) {
        try {
            String stat = Files.readString(Path.of("/proc/self/stat"));
            // The name in parentheses may hold spaces; field 3 follows the last ')'.
            String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
            double start = Long.parseLong(fields[START_TIME_FIELD - 3]) / TICKS_PER_SECOND;
            String uptime = Files.readString(Path.of("/proc/uptime"));
            double seconds = Double.parseDouble(uptime.substring(0, uptime.indexOf(' '))) - start;
            return Math.max(seconds, otherwise);
        } catch (IOException | RuntimeException e) {
            return otherwise;
        }
    }
}
