package io.pagewalk.oracle.machine;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** The real side: the helper's process tree on the kernel of this computer, and what {@code /proc} says about it. */
public final class NativeMachine implements AutoCloseable {
    /** How many steps one request holds. */
    public static final int MAX_BATCH = 512;

    /** The sixth argument of shmget, shmat and shmctl when segments are named by the place where the helper keeps their number. */
    public static final int SEGMENT_MARK = 0x5e6;

    /** How many numbers of segments the helper keeps. */
    static final int SEGMENTS = 8;

    static final int SHMGET = 29;
    static final int SHMAT = 30;
    static final int SHMCTL = 31;
    private static final int REQUEST_BYTES = 72;
    private static final int ANSWER_BYTES = 40;
    private static final int EXIT_THREAD = 60;
    private static final int EXIT_GROUP = 231;
    private static final byte[] READY = "ready\n".getBytes(StandardCharsets.US_ASCII);
    private static final int PROC_BUFFER_BYTES = 1 << 16;

    private final Process process;
    private final OutputStream out;
    private final InputStream in;
    private final Watchdog watchdog;
    private final long[] pids = new long[Slots.COUNT];
    private final Map<String, FileChannel> proc = new HashMap<>();
    private final byte[] requestBytes = new byte[8 + 2 * MAX_BATCH * REQUEST_BYTES];
    private final ByteBuffer requests = ByteBuffer.wrap(requestBytes).order(ByteOrder.LITTLE_ENDIAN);
    private final byte[] answerBytes = new byte[2 * MAX_BATCH * ANSWER_BYTES];
    private final ByteBuffer answers = ByteBuffer.wrap(answerBytes).order(ByteOrder.LITTLE_ENDIAN);
    private final ByteBuffer procBuffer =
            ByteBuffer.allocateDirect(PROC_BUFFER_BYTES).order(ByteOrder.LITTLE_ENDIAN);

    private NativeMachine(Process process, Watchdog watchdog) {
        this.process = process;
        this.out = process.getOutputStream();
        this.in = process.getInputStream();
        this.watchdog = watchdog;
        this.pids[0] = process.pid();
    }

    /** Starts the helper on a data file that exists. */
    public static NativeMachine start(HelperProgram helper, Path data, Watchdog watchdog) {
        try {
            Process process = new ProcessBuilder(helper.program().toString(), data.toString())
                    .redirectError(ProcessBuilder.Redirect.DISCARD)
                    .start();
            NativeMachine result = new NativeMachine(process, watchdog);
            result.readFully(new byte[READY.length], READY.length);
            return result;
        } catch (IOException e) {
            throw new HelperFailure("the helper does not start: " + e.getMessage(), e);
        }
    }

    /** Returns the process number of the first process. */
    public long pid() {
        return process.pid();
    }

    /** Whether segments of the helper are its own affair: it has a namespace, with which they go. */
    boolean hasOwnSegments() {
        try {
            Path own = Files.readSymbolicLink(Path.of("/proc", Long.toString(pid()), "ns", "ipc"));
            return !own.equals(Files.readSymbolicLink(Path.of("/proc", "self", "ns", "ipc")));
        } catch (IOException e) {
            return false;
        }
    }

    /** Makes steps in order. Of an EXIT the waiter must be in {@code a0}. */
    public void perform(List<Step> steps, boolean[] isLeader, Answer[] result) {
        requests.clear().position(8);
        int sent = 0;
        for (int i = 0; i < steps.size(); i++) {
            Step step = steps.get(i);
            if (step.kind() == Step.Kind.EXIT) {
                forget(step.slot());
                put(step.slot(), step.kind(), isLeader[i] ? EXIT_GROUP : EXIT_THREAD, 0, 0, 0, 0, 0, 0);
                sent++;
                if (isLeader[i]) {
                    put((int) step.a0(), Step.Kind.WAIT, 0, step.slot(), 0, 0, 0, 0, 0);
                    sent++;
                }
            } else {
                if (step.kind() == Step.Kind.EXEC) {
                    forget(step.slot());
                }
                put(
                        step.slot(),
                        step.kind(),
                        step.number(),
                        step.a0(),
                        step.a1(),
                        step.a2(),
                        step.a3(),
                        step.a4(),
                        step.a5());
                sent++;
            }
        }
        requests.putLong(0, sent);
        try {
            out.write(requestBytes, 0, requests.position());
            out.flush();
        } catch (IOException e) {
            throw death(false);
        }
        readFully(answerBytes, sent * ANSWER_BYTES);
        int at = 0;
        for (int i = 0; i < steps.size(); i++) {
            Step step = steps.get(i);
            Answer answer = answer(at++);
            if (step.kind() == Step.Kind.EXIT && isLeader[i]) {
                answer = new Answer(answer(at++).result(), 0, 0, 0, 0);
            } else if (step.kind() == Step.Kind.FORK) {
                pids[(int) step.a0()] = answer.value();
                answer = new Answer(answer.result(), answer.signal(), answer.minor(), answer.major(), 0);
            }
            result[i] = answer;
        }
    }

    private void put(int slot, Step.Kind kind, int number, long a0, long a1, long a2, long a3, long a4, long a5) {
        requests.putLong(slot).putLong(kind.ordinal()).putLong(number);
        requests.putLong(a0).putLong(a1).putLong(a2).putLong(a3).putLong(a4).putLong(a5);
    }

    private Answer answer(int index) {
        int at = index * ANSWER_BYTES;
        return new Answer(
                answers.getLong(at),
                (int) answers.getLong(at + 8),
                answers.getLong(at + 16),
                answers.getLong(at + 24),
                answers.getLong(at + 32));
    }

    private void readFully(byte[] into, int length) {
        watchdog.begin(process);
        int done;
        try {
            done = in.readNBytes(into, 0, length);
        } catch (IOException e) {
            done = -1;
        }
        boolean isLate = watchdog.end();
        if (done != length) {
            throw death(isLate);
        }
    }

    private HelperFailure death(boolean isLate) {
        if (isLate) {
            return new HelperFailure("the helper did not answer for " + watchdog.limitNanos() / 1_000_000_000L + " s");
        }
        try {
            if (!process.waitFor(2, TimeUnit.SECONDS)) {
                return new HelperFailure("the helper closed its output");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return new HelperFailure("interrupted");
        }
        int status = process.exitValue();
        return new HelperFailure(
                status > 128
                        ? "the helper was killed by signal " + (status - 128)
                        : "the helper ended with status " + status);
    }

    private FileChannel channel(int slot, String name) throws IOException {
        String key = slot + "/" + name;
        FileChannel known = proc.get(key);
        if (known == null) {
            known = FileChannel.open(Path.of("/proc", Long.toString(pids[slot]), name), StandardOpenOption.READ);
            proc.put(key, known);
        }
        return known;
    }

    private void forget(int slot) {
        proc.entrySet().removeIf(entry -> {
            boolean isHis = entry.getKey().startsWith(slot + "/");
            if (isHis) {
                close(entry.getValue());
            }
            return isHis;
        });
    }

    private static void close(@Nullable FileChannel channel) {
        if (channel != null) {
            try {
                channel.close();
            } catch (IOException e) {
                throw new HelperFailure("a file of /proc cannot be closed", e);
            }
        }
    }

    /** Reads a text file of a process under {@code /proc}. */
    public String read(int slot, String name) {
        try {
            FileChannel channel = channel(slot, name);
            StringBuilder text = new StringBuilder();
            long at = 0;
            while (true) {
                procBuffer.clear();
                int n = channel.read(procBuffer, at);
                if (n <= 0) {
                    return text.toString();
                }
                at += n;
                text.append(StandardCharsets.ISO_8859_1.decode(procBuffer.flip()));
            }
        } catch (IOException e) {
            throw new HelperFailure("/proc/" + pids[slot] + "/" + name + " cannot be read: " + e.getMessage(), e);
        }
    }

    /** Reads entries of {@code /proc/PID/pagemap}, at most 8,192. */
    public void pagemap(int slot, long vaddr, int pages, long[] entries) {
        try {
            procBuffer.clear().limit(pages * 8);
            FileChannel channel = channel(slot, "pagemap");
            long at = (vaddr >>> 12) * 8;
            while (procBuffer.hasRemaining()) {
                int n = channel.read(procBuffer, at + procBuffer.position());
                if (n <= 0) {
                    throw new IOException("it ends early");
                }
            }
            procBuffer.flip();
            for (int i = 0; i < pages; i++) {
                entries[i] = procBuffer.getLong();
            }
        } catch (IOException e) {
            throw new HelperFailure("/proc/" + pids[slot] + "/pagemap cannot be read: " + e.getMessage(), e);
        }
    }

    /** Returns a field of {@code /proc/PID/stat} of the first process by its number in proc(5), which counts from 1. */
    public long stat(int field) {
        try {
            String text = Files.readString(Path.of("/proc", Long.toString(pid()), "stat"), StandardCharsets.ISO_8859_1);
            String[] words = text.substring(text.lastIndexOf(')') + 2).split(" ", -1);
            return Long.parseUnsignedLong(words[field - 3]);
        } catch (IOException e) {
            throw new HelperFailure("the helper's stat cannot be read", e);
        }
    }

    @Override
    public void close() {
        proc.values().forEach(NativeMachine::close);
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly();
        try {
            process.waitFor(5, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
