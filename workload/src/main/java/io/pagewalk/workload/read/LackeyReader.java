package io.pagewalk.workload.read;

import io.pagewalk.base.BadInput;
import io.pagewalk.hardware.mmu.Access;
import io.pagewalk.workload.trace.AccessSink;
import io.pagewalk.workload.trace.SyscallEvent;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.function.LongConsumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Reader of the text that {@code valgrind --tool=lackey --trace-mem=yes --trace-syscalls=yes --trace-sched=yes} writes.
 *
 * <p>Lines that carry something:
 *
 * <pre>
 * I  04001000,3                                                        fetch of 3 bytes
 *  L 1ffeffe7e,8   S 1ffeffe7e,8   M 0421c7cc,4                        load, store, load and then store
 * SYSCALL[7,1](9) sys_mmap ( 0x0, 4096, 3, 34, -1, 0 ) --> [pre-success] Success(0x4835000)
 * SYSCALL[7,1](3) sys_close ( 4 )[sync] --> Success(0x0)               also Failure(0x2) and NoWriteResult
 * SYSCALL[7,1](0) sys_read ( 4, 0x1ffeffee28, 832 ) --> [async] ...    the call may block; other threads run
 * SYSCALL[7,1](0) ... [async] --> Success(0x340)                       and this is its result
 * --7--   SCHED[2]:  acquired lock (thread_wrapper(starting new thread))   thread slot 2 runs now
 * </pre>
 *
 * <p>A result may follow on a later line (forks, calls that valgrind does not know), and what another thread prints may stand behind it on the same line. An asynchronous call that a signal cuts short never gets its result;
 * it is given {@code -EINTR}. A successful {@code execve} has no result at all: the text ends there. Without scheduling lines, accesses are the thread's that made the last call.
 *
 * <p>Differs from Linux: valgrind prints three of the four arguments of {@code newfstatat}; missing arguments are 0.
 */
public final class LackeyReader implements TraceReader {
    /** Start of the line that a recorder writes behind the last one of a live stream; the exit status follows. */
    public static final String END_MARK = "~~pagewalk-end ";

    private static final int MODIFY = 3;

    /** No access line is longer than this: 3 characters, 16 digits, a comma, 6 digits, a line feed. */
    private static final int LONGEST_ACCESS = 32;

    private static final int LONGEST_SIZE_DIGITS = 6;
    private static final int MOST_CONTINUATIONS = 64;
    private static final int FIRST_SLOT = 1;
    private static final long EINTR = 4;

    private static final Pattern SCHEDULED =
            Pattern.compile("--\\d+--   SCHED\\[(\\d{1,9})]:  acquired lock \\((.*)\\).*");
    private static final Pattern KILLED =
            Pattern.compile("==\\d+== Process terminating with default action of signal (\\d{1,3})\\b.*");
    private static final Pattern EXIT_CODE = Pattern.compile("==\\d+== Exit code: +(\\d{1,9})\\b.*");

    private static final Pattern MARKED = Pattern.compile(END_MARK + "(\\d{1,9}) *");

    private final String name;
    private final AccessSink sink;
    private final LongConsumer progress;
    private final ThreadNumbers threads = new ThreadNumbers(FIRST_SLOT);
    private final Map<Integer, LackeyCall> blocked = new HashMap<>();
    private long fetches;
    private long loads;
    private long stores;
    private long syscalls;
    private long lines;
    private int slot = FIRST_SLOT;
    private int thread;
    private int announcedThread;
    private boolean hasHeader;
    private boolean hasEnded;
    private int processId = -1;
    private int killedBy;

    /**
     * Creates a reader.
     *
     * @param name what error messages call the text, usually its file
     * @param sink receives everything
     * @param progress told the number of accesses so far from time to time
     */
    public LackeyReader(String name, AccessSink sink, LongConsumer progress) {
        this.name = name;
        this.sink = sink;
        this.progress = progress;
    }

    @Override
    public ReadCounts read(InputStream in) throws IOException {
        ByteSource source = new ByteSource(in);
        boolean any = false;
        while (!hasEnded && source.ensure(1)) {
            any = true;
            accessLines(source);
            if (source.ensure(1)) {
                otherLine(source);
            }
            progress.accept(fetches + loads + stores);
        }
        if (!any) {
            throw new BadInput(name, "an empty file", "lines of valgrind's lackey");
        }
        if (!hasEnded && !blocked.isEmpty()) {
            throw truncated();
        }
        if (!hasEnded && hasHeader) {
            throw truncated();
        }
        if (!hasEnded) {
            sink.exitProcess(0);
        }
        return new ReadCounts(fetches, loads, stores, syscalls, threads.count());
    }

    /* Takes all access lines that stand complete in the window; stops at the first line of another kind. */
    private void accessLines(ByteSource source) throws IOException {
        while (true) {
            int last = source.ensure(LONGEST_ACCESS) ? source.limit - LONGEST_ACCESS : source.limit - 1;
            byte[] bytes = source.bytes;
            int p = source.position;
            boolean isOther = false;
            while (p <= last) {
                int kind = kindOf(bytes[p], bytes[p + 1]);
                if (kind < 0 || bytes[p + 2] != ' ') {
                    isOther = true;
                    break;
                }
                int q = p + 3;
                long vaddr = 0;
                int digit = Hex.digit(bytes[q]);
                while (digit >= 0) {
                    vaddr = vaddr << 4 | digit;
                    digit = Hex.digit(bytes[++q]);
                }
                int comma = q;
                int size = 0;
                digit = bytes[++q] - '0';
                while (digit >= 0 && digit <= 9) {
                    size = size * 10 + digit;
                    digit = bytes[++q] - '0';
                }
                int addressDigits = comma - p - 3;
                int sizeDigits = q - comma - 1;
                boolean isAccess = addressDigits > 0
                        && addressDigits <= 16
                        && bytes[comma] == ','
                        && sizeDigits > 0
                        && sizeDigits <= LONGEST_SIZE_DIGITS
                        && size > 0
                        && bytes[q] == '\n';
                if (!isAccess) {
                    isOther = true;
                    break;
                }
                access(kind, vaddr, size);
                p = q + 1;
                lines++;
            }
            source.position = p;
            if (isOther || p >= source.limit) {
                return;
            }
        }
    }

    private static int kindOf(byte first, byte second) {
        if (first == 'I' && second == ' ') {
            return Access.FETCH;
        }
        if (first != ' ') {
            return -1;
        }
        return switch (second) {
            case 'L' -> Access.LOAD;
            case 'S' -> Access.STORE;
            case 'M' -> MODIFY;
            default -> -1;
        };
    }

    private void access(int kind, long vaddr, int size) {
        if (announcedThread != thread) {
            announceThread();
        }
        switch (kind) {
            case Access.FETCH -> {
                fetches++;
                sink.access(Access.FETCH, vaddr, size);
            }
            case Access.LOAD -> {
                loads++;
                sink.access(Access.LOAD, vaddr, size);
            }
            case Access.STORE -> {
                stores++;
                sink.access(Access.STORE, vaddr, size);
            }
            default -> {
                /* The store stands first: such an instruction asks for the page with the right to write at once, and has one fault. */
                loads++;
                stores++;
                sink.access(Access.STORE, vaddr, size);
                sink.access(Access.LOAD, vaddr, size);
            }
        }
    }

    private void announceThread() {
        announcedThread = thread;
        sink.switchThread(thread);
    }

    private void otherLine(ByteSource source) throws IOException {
        int end = source.lineEnd();
        int start = source.position;
        byte[] bytes = source.bytes;
        String line = text(bytes, start, end < 0 ? source.limit : end);
        if (line.startsWith("SYSCALL[")) {
            syscallLine(source);
            return;
        }
        if (end < 0) {
            throw truncated();
        }
        Matcher marked = MARKED.matcher(line);
        if (line.startsWith("==")) {
            valgrindLine(line);
        } else if (line.startsWith("--")) {
            Matcher scheduled = SCHEDULED.matcher(line);
            if (scheduled.matches()) {
                scheduled(Integer.parseInt(scheduled.group(1)), scheduled.group(2));
            }
        } else if (marked.matches()) {
            endProcess(Integer.parseInt(marked.group(1)));
        } else if (!line.isEmpty() && !line.startsWith("**") && !line.startsWith("SCHEDSETJMP(")) {
            throw new BadInput(
                    where(),
                    Hex.shorten(bytes, start, end),
                    "an access such as ' L 1ffeffe7e,8', a SYSCALL line or valgrind's own");
        }
        lines++;
        source.position = end + 1;
    }

    private void valgrindLine(String line) {
        hasHeader = true;
        Matcher killed = KILLED.matcher(line);
        Matcher exit = EXIT_CODE.matcher(line);
        if (killed.matches()) {
            killedBy = Integer.parseInt(killed.group(1));
        } else if (exit.matches()) {
            endProcess(killedBy == 0 ? Integer.parseInt(exit.group(1)) : 128 + killedBy);
        }
    }

    private void scheduled(int newSlot, String why) {
        slot = newSlot;
        if (why.startsWith("thread_wrapper")) {
            threads.started(newSlot);
        }
        thread = threads.of(newSlot);
        if (why.startsWith("async_signalhandler")) {
            interrupted(newSlot);
        }
    }

    private void interrupted(int ofSlot) {
        LackeyCall call = blocked.remove(ofSlot);
        if (call != null) {
            completed(ofSlot, call, -EINTR);
        }
    }

    /* The line may lack its result: then it goes on, up to the line that has it. */
    private void syscallLine(ByteSource source) throws IOException {
        int end = source.lineEnd();
        int length = (end < 0 ? source.limit : end) - source.position;
        LackeyCall call = null;
        for (int i = 0; i < MOST_CONTINUATIONS; i++) {
            call = LackeyCall.parse(text(source.bytes, source.position, source.position + length));
            if (call == null) {
                throw end < 0 ? truncated() : badCall(source, length);
            }
            boolean isReplaced = call.isExec() && !call.hasOutcome() && (end < 0 || atEndMark(source, length + 1));
            if (isReplaced) {
                source.position += Math.min(length + 1, source.limit - source.position);
                lines++;
                enter(call);
                completed(call.slot(), call, 0);
                endProcess(0);
                return;
            }
            if (call.hasOutcome()) {
                break;
            }
            if (end < 0) {
                throw truncated();
            }
            end = source.lineEnd(length + 1);
            length = (end < 0 ? source.limit : end) - source.position;
        }
        if (call == null || !call.hasOutcome()) {
            throw badCall(source, length);
        }
        LackeyCall begun = call;
        if (call.outcome() == LackeyCall.Outcome.RESUMED) {
            begun = blocked.remove(call.slot());
            if (begun == null || begun.number() != call.number()) {
                throw new BadInput(
                        where(),
                        "the result of call " + call.number(),
                        "a call of thread slot " + call.slot() + " that had no result yet");
            }
        }
        consume(source, call, length);
        enter(call);
        if (call.outcome() == LackeyCall.Outcome.BLOCKED) {
            blocked.put(call.slot(), call);
        } else {
            completed(call.slot(), begun, call.result());
        }
    }

    /* What stands behind the result is another line: another thread's, printed before the line feed. */
    private void consume(ByteSource source, LackeyCall call, int length) throws IOException {
        int used = Math.min(call.consumed(), length);
        for (int i = 0; i < used; i++) {
            if (source.bytes[source.position + i] == '\n') {
                lines++;
            }
        }
        source.position += used;
        if (source.ensure(1) && source.bytes[source.position] == '\n') {
            source.position++;
            lines++;
        }
    }

    private boolean atEndMark(ByteSource source, int ahead) throws IOException {
        source.ensure(ahead + END_MARK.length());
        int from = source.position + ahead;
        return from + END_MARK.length() <= source.limit
                && text(source.bytes, from, from + END_MARK.length()).equals(END_MARK);
    }

    private void enter(LackeyCall call) {
        if (processId < 0) {
            processId = call.processId();
        } else if (processId != call.processId()) {
            throw new BadInput(
                    where(),
                    "a call of process " + call.processId() + " among those of " + processId,
                    "one process (record with --child-silent-after-fork=yes)");
        }
        slot = call.slot();
        thread = threads.of(slot);
        if (call.outcome() != LackeyCall.Outcome.RESUMED) {
            interrupted(slot);
        }
    }

    private void completed(int ofSlot, LackeyCall call, long result) {
        syscalls++;
        thread = threads.of(ofSlot);
        if (announcedThread != thread) {
            announceThread();
        }
        switch (call.number()) {
            case LackeyCall.EXIT -> {
                sink.exitThread(thread, (int) call.argument(0));
                if (threads.ended(ofSlot)) {
                    endProcess((int) call.argument(0) & 0xff);
                }
            }
            case LackeyCall.EXIT_GROUP -> endProcess((int) call.argument(0) & 0xff);
            default -> {
                sink.syscall(new SyscallEvent(
                        call.number(),
                        call.argument(0),
                        call.argument(1),
                        call.argument(2),
                        call.argument(3),
                        call.argument(4),
                        call.argument(5),
                        result,
                        call.path()));
                if (call.makesThread() && result > 0) {
                    threads.created();
                }
            }
        }
    }

    private void endProcess(int status) {
        if (!hasEnded) {
            hasEnded = true;
            sink.exitProcess(status);
        }
    }

    private BadInput badCall(ByteSource source, int length) {
        int end = source.position + length;
        return new BadInput(
                where(),
                Hex.shorten(source.bytes, source.position, Math.max(source.position, end)),
                "a system call such as 'SYSCALL[7,1](3) sys_close ( 4 )[sync] --> Success(0x0)'");
    }

    private BadInput truncated() {
        return new BadInput(
                where(),
                "the end of the file",
                "the rest of a trace that ends with the program's exit (good up to line " + lines + ")");
    }

    private String where() {
        return name + ":" + (lines + 1);
    }

    private static String text(byte[] bytes, int from, int to) {
        return new String(bytes, from, to - from, StandardCharsets.ISO_8859_1);
    }
}
