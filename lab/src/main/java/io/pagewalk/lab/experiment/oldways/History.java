package io.pagewalk.lab.experiment.oldways;

import io.pagewalk.base.SeededRandom;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;

/**
 * What programs do, drawn once and then run on every system: they start, ask for memory, give it back, run, err and end.
 *
 * <p>The history is drawn beside an ideal memory in which every byte can be used, and keeps what programs ask for below the wanted load of it. So a request
 * that a system refuses is one that a better system could serve. What follows from a refused request is left out on that system.
 */
final class History {
    private static final int ACCESSES = 400;
    private static final int STEPS_PER_STRAY = 4;
    private static final int SIZE_MIN_BYTES = 32;

    /* Shares of the requests, in percent: a program's life is some growing and shrinking between start and end. */
    private static final int START = 30;
    private static final int ADD = 20;
    private static final int RESIZE = 25;
    private static final int REMOVE = 10;

    private final Settings settings;
    private final SeededRandom random;
    private final List<Step> steps = new ArrayList<>();
    private final TreeMap<Integer, int[]> running = new TreeMap<>();
    private final long targetBytes;
    private long askedBytes;
    private int nextProgram;
    private int busyFrom = -1;
    private int fullestStep;
    private long fullestBytes;

    private History(Settings settings) {
        this.settings = settings;
        random = new SeededRandom(settings.seed()).fork("history");
        targetBytes = settings.programBytes() * settings.loadPercent() / 100;
    }

    /** Draws a history. */
    static History of(Settings settings) {
        History history = new History(settings);
        for (int i = 0; i < settings.steps(); i++) {
            history.request();
            history.noteFullest();
            history.run();
            if (i % STEPS_PER_STRAY == 0) {
                history.err();
            }
        }
        return history;
    }

    /** Returns what happens, in order. */
    List<Step> steps() {
        return List.copyOf(steps);
    }

    /** Returns the step at which memory was full for the first time; the number of steps when it never was. */
    int busyFrom() {
        return busyFrom < 0 ? steps.size() : busyFrom;
    }

    /** Returns the last step before programs asked for less than at their highest. */
    int fullestStep() {
        return fullestStep;
    }

    /** Returns how many programs start. */
    int programs() {
        return nextProgram;
    }

    private void request() {
        int choice = random.nextInt(100);
        if (running.isEmpty() || choice < START) {
            start();
        } else if (choice < START + ADD) {
            add(anyProgram());
        } else if (choice < START + ADD + RESIZE) {
            resize(anyProgram());
        } else if (choice < START + ADD + RESIZE + REMOVE) {
            remove(anyProgram());
        } else if (isBusy()) {
            exit();
        } else {
            start();
        }
    }

    private void noteFullest() {
        if (askedBytes >= fullestBytes) {
            fullestBytes = askedBytes;
            fullestStep = steps.size() - 1;
        }
    }

    private void start() {
        int[] sizes = new int[MemorySystem.SEGMENTS];
        sizes[MemorySystem.CODE] = size();
        sizes[MemorySystem.DATA] = size();
        sizes[MemorySystem.STACK] = size();
        int sum = sizes[MemorySystem.CODE] + sizes[MemorySystem.DATA] + sizes[MemorySystem.STACK];
        if (!hasRoom(sum) || running.size() == DescriptorSystem.PLACES) {
            exit();
            return;
        }
        int program = nextProgram++;
        running.put(program, sizes);
        askedBytes += sum;
        steps.add(
                new Step.Start(program, sizes[MemorySystem.CODE], sizes[MemorySystem.DATA], sizes[MemorySystem.STACK]));
    }

    private void add(int program) {
        int[] sizes = sizes(program);
        int segment = MemorySystem.STACK + 1;
        while (segment < MemorySystem.SEGMENTS && sizes[segment] != 0) {
            segment++;
        }
        int bytes = size();
        if (segment == MemorySystem.SEGMENTS || !hasRoom(bytes)) {
            exit();
            return;
        }
        sizes[segment] = bytes;
        askedBytes += bytes;
        steps.add(new Step.Add(program, segment, bytes));
    }

    /** A new size from half to twice the old one. */
    private void resize(int program) {
        int[] sizes = sizes(program);
        int segment = anySegment(sizes, MemorySystem.DATA);
        int old = sizes[segment];
        int bytes = Math.clamp(old / 2 + random.nextInt(old + old / 2 + 1), SIZE_MIN_BYTES, Settings.SEGMENT_MAX_BYTES);
        if (!hasRoom(bytes - old)) {
            exit();
            return;
        }
        sizes[segment] = bytes;
        askedBytes += bytes - old;
        steps.add(new Step.Resize(program, segment, bytes));
    }

    private void remove(int program) {
        int[] sizes = sizes(program);
        for (int segment = MemorySystem.STACK + 1; segment < MemorySystem.SEGMENTS; segment++) {
            if (sizes[segment] != 0) {
                askedBytes -= sizes[segment];
                sizes[segment] = 0;
                steps.add(new Step.Remove(program, segment));
                return;
            }
        }
        add(program);
    }

    private void exit() {
        if (running.isEmpty()) {
            return;
        }
        int program = anyProgram();
        for (int size : sizes(program)) {
            askedBytes -= size;
        }
        running.remove(program);
        steps.add(new Step.Exit(program));
    }

    private void run() {
        if (!running.isEmpty()) {
            steps.add(new Step.Run(anyProgram(), ACCESSES, random.nextLong()));
        }
    }

    private void err() {
        if (running.size() < 2) {
            return;
        }
        int program = anyProgram();
        int other = anyProgram();
        if (other == program) {
            other = running.firstKey() == program ? running.lastKey() : running.firstKey();
        }
        Stray.Kind kind = Stray.Kind.values()[random.nextInt(Stray.Kind.values().length)];
        int distance = switch (kind) {
            case OVERRUN -> random.nextInt(256);
            case FAR -> 256 + random.nextInt(1 << 20);
            case CODE, FOREIGN -> random.nextInt(Settings.SEGMENT_MAX_BYTES);
            case NULL -> random.nextInt(256);
            case SYSTEM -> 256 + random.nextInt(16 << 10);
        };
        steps.add(
                new Step.Err(program, new Stray(kind, anySegment(sizes(program), MemorySystem.DATA), distance, other)));
    }

    /** Sizes with many small and few large ones: the exponential distribution, cut at the largest segment. */
    private int size() {
        double uniform = (random.nextLong() >>> 11) * 0x1p-53;
        double bytes = -StrictMath.log1p(-uniform) * settings.segmentBytes();
        return (int) Math.clamp(bytes, SIZE_MIN_BYTES, Settings.SEGMENT_MAX_BYTES);
    }

    private boolean hasRoom(int bytes) {
        if (askedBytes + bytes <= targetBytes) {
            return true;
        }
        if (busyFrom < 0) {
            busyFrom = steps.size();
        }
        return false;
    }

    private boolean isBusy() {
        return busyFrom >= 0;
    }

    private int anyProgram() {
        int skipped = random.nextInt(running.size());
        for (int program : running.keySet()) {
            if (skipped-- == 0) {
                return program;
            }
        }
        throw new IllegalStateException("a program beyond the last");
    }

    private int anySegment(int[] sizes, int from) {
        int segment;
        do {
            segment = from + random.nextInt(MemorySystem.SEGMENTS - from);
        } while (sizes[segment] == 0);
        return segment;
    }

    private int[] sizes(int program) {
        int[] sizes = running.get(program);
        if (sizes == null) {
            throw new IllegalStateException("program " + program + " does not run");
        }
        return sizes;
    }
}
