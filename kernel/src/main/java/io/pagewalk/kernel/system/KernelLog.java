package io.pagewalk.kernel.system;

import io.pagewalk.base.Digest;
import io.pagewalk.base.SimClock;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** What the kernel printed: {@code dmesg}. */
public final class KernelLog {
    private final SimClock clock;
    private final List<String> lines = new ArrayList<>();

    KernelLog(SimClock clock) {
        this.clock = clock;
    }

    void print(String line) {
        long micros = clock.nanos() / 1000;
        lines.add(String.format(Locale.ROOT, "[%5d.%06d] %s", micros / 1_000_000, micros % 1_000_000, line));
    }

    /** Returns all lines with their time stamps, as {@code dmesg} shows them. */
    public List<String> lines() {
        return List.copyOf(lines);
    }

    void addToDigest(Digest digest) {
        lines.forEach(digest::add);
    }
}
