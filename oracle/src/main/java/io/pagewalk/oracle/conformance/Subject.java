package io.pagewalk.oracle.conformance;

import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.system.UserAccess;
import io.pagewalk.oracle.machine.Answer;
import io.pagewalk.oracle.machine.ProcText;
import io.pagewalk.oracle.machine.Slots;
import io.pagewalk.oracle.machine.Step;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * One process or thread that a case drives, on the model or on the running kernel; a case begins with the first process of a fresh machine and gets others by {@link #fork} and
 * {@link #thread}.
 *
 * <p>What does not hold ends the case. Arguments of calls that point at structures, strings and vectors lie in a scratch area at {@link #SCRATCH}, mapped on first use.
 */
public final class Subject {
    /** Where the scratch area lies: far from everything that the kernel places. */
    static final long SCRATCH = 0x300000000L;

    private static final long SCRATCH_BYTES = 1 << 20;
    private static final int MAX_BATCH = 512;
    private static final int WORD = 8;
    private static final long PAGE = 4096;

    private final Side side;
    private final int slot;
    private final Scratch scratch;
    private Answer last = new Answer(0, 0, 0, 0, 0);

    /** How much of the scratch area is given out; all processes of a case share the count. */
    private static final class Scratch {
        private long used;
        private boolean isMapped;
        private int files;
    }

    /** The first process of a machine. */
    Subject(Side side) {
        this(side, 0, new Scratch());
    }

    private Subject(Side side, int slot, Scratch scratch) {
        this.side = side;
        this.slot = slot;
        this.scratch = scratch;
    }

    /** Whether this is the model: for what only one of the two can be asked. */
    boolean isModel() {
        return side.isModel();
    }

    /** Ends the case on the running kernel, without result, when it lacks something. */
    void needsOnHost(boolean isThere, String reason) {
        if (!isThere && !side.isModel()) {
            throw new NotOnHost(reason);
        }
    }

    /** Ends the case without result on a side that lacks something. */
    void needs(boolean isThere, String reason) {
        if (!isThere && side.isModel()) {
            throw new NotModelled(reason);
        }
        needsOnHost(isThere, reason);
    }

    /* System calls. */

    /** Makes a system call and returns its result: a value, or a negated errno. */
    long call(String name, long... args) {
        Answer answer = perform(Step.call(slot, side.number(name), args));
        if (side.isModel() && answer.result() == -Errno.ENOSYS) {
            throw new NotModelled("the call " + name);
        }
        return answer.result();
    }

    /** Makes a system call again and again, in batches, with these arguments, and returns the results; for thousands of calls. */
    long[] callAll(String name, List<long[]> arguments) {
        int number = side.number(name);
        List<Step> steps = new ArrayList<>();
        for (long[] args : arguments) {
            steps.add(Step.call(slot, number, args));
        }
        return steps.isEmpty()
                ? new long[0]
                : performAll(steps).stream().mapToLong(Answer::result).toArray();
    }

    /** A call that must succeed; returns its result. */
    long ok(String name, long... args) {
        long result = call(name, args);
        if (Errno.isError(result)) {
            throw new CaseFailure(text(name, args) + " fails with " + errno(result));
        }
        return result;
    }

    /** A call that must fail so. */
    void fails(int errno, String name, long... args) {
        gives(-errno, name, args);
    }

    /** A call that must have just this result; a failure is a negated errno. */
    void gives(long expected, String name, long... args) {
        long result = call(name, args);
        if (result != expected) {
            throw new CaseFailure(text(name, args) + " gives " + errno(result) + " instead of " + errno(expected));
        }
    }

    /** Maps private anonymous memory where the kernel likes. */
    long map(long bytes, int prot) {
        return ok("mmap", 0, bytes, prot, Linux.PRIVATE_ANON, -1, 0);
    }

    /** Maps private anonymous memory that can be read and written, and stores the number of its page (from 1) in each page. */
    long mapWritten(long bytes) {
        long addr = map(bytes, Linux.RW);
        numberPages(addr, bytes);
        return addr;
    }

    /** Stores the number of each page (from 1) in its first word. */
    void numberPages(long addr, long bytes) {
        List<Step> steps = new ArrayList<>();
        for (long at = 0; at < bytes; at += PAGE) {
            steps.add(Step.of(slot, Step.Kind.STORE, addr + at, at / PAGE + 1));
        }
        storesSucceed(steps, addr);
    }

    /** The first word of each page must be its number, counted from a first one. */
    void pagesAreNumbered(long first, long addr, long bytes) {
        List<Step> steps = new ArrayList<>();
        for (long at = 0; at < bytes; at += PAGE) {
            steps.add(Step.of(slot, Step.Kind.LOAD, addr + at, 0));
        }
        List<Answer> answers = performAll(steps);
        for (int i = 0; i < answers.size(); i++) {
            equal(0, answers.get(i).signal(), "the signal of a load at " + hex(addr + i * PAGE));
            equal(first + i, answers.get(i).value(), "the word at " + hex(addr + i * PAGE));
        }
    }

    /** Stores a value in the first word of each page. */
    void storeInPages(long addr, long bytes, long value) {
        List<Step> steps = new ArrayList<>();
        for (long at = 0; at < bytes; at += PAGE) {
            steps.add(Step.of(slot, Step.Kind.STORE, addr + at, value));
        }
        storesSucceed(steps, addr);
    }

    /** The first word of each page must be a value. */
    void pagesHold(long value, long addr, long bytes) {
        List<Step> steps = new ArrayList<>();
        for (long at = 0; at < bytes; at += PAGE) {
            steps.add(Step.of(slot, Step.Kind.LOAD, addr + at, 0));
        }
        if (steps.isEmpty()) {
            return;
        }
        List<Answer> answers = performAll(steps);
        for (int i = 0; i < answers.size(); i++) {
            equal(0, answers.get(i).signal(), "the signal of a load at " + hex(addr + i * PAGE));
            equal(value, answers.get(i).value(), "the word at " + hex(addr + i * PAGE));
        }
    }

    private void storesSucceed(List<Step> steps, long addr) {
        for (Answer answer : steps.isEmpty() ? List.<Answer>of() : performAll(steps)) {
            if (answer.signal() != 0) {
                throw new CaseFailure("a store near " + hex(addr) + " raises " + UserAccess.describe(answer.signal()));
            }
        }
    }

    /** Unmaps. */
    void unmap(long addr, long bytes) {
        gives(0, "munmap", addr, bytes);
    }

    /** Returns an address at which so many bytes are free; they were mapped a moment ago. */
    long hole(long bytes) {
        long addr = map(bytes, Linux.PROT_NONE);
        unmap(addr, bytes);
        return addr;
    }

    /* Loads and stores. */

    /** Loads eight bytes. */
    long load(long addr) {
        Answer answer = perform(Step.of(slot, Step.Kind.LOAD, addr, 0));
        if (answer.signal() != 0) {
            throw new CaseFailure("a load at " + hex(addr) + " raises " + UserAccess.describe(answer.signal()));
        }
        return answer.value();
    }

    /** Stores eight bytes. */
    void store(long addr, long value) {
        Answer answer = perform(Step.of(slot, Step.Kind.STORE, addr, value));
        if (answer.signal() != 0) {
            throw new CaseFailure("a store at " + hex(addr) + " raises " + UserAccess.describe(answer.signal()));
        }
    }

    /** A load that must raise a signal such as {@link Linux#SEGV_MAPERR}, or none for 0. */
    void loadRaises(int signal, long addr) {
        raises("a load", signal, perform(Step.of(slot, Step.Kind.LOAD, addr, 0)), addr);
    }

    /** Returns the signal that a load raises, packed as {@link Linux#SEGV_MAPERR} is, or 0. */
    int signalOfLoad(long addr) {
        return perform(Step.of(slot, Step.Kind.LOAD, addr, 0)).signal();
    }

    /** A store that must raise a signal, or none for 0. */
    void storeRaises(int signal, long addr) {
        raises("a store", signal, perform(Step.of(slot, Step.Kind.STORE, addr, 0x5a5a)), addr);
    }

    /** A call of the return instruction at an address that must raise a signal, or none for 0; put {@link #RETURN} there before. */
    void fetchRaises(int signal, long addr) {
        raises("a jump", signal, perform(Step.of(slot, Step.Kind.FETCH, addr, 0)), addr);
    }

    /** The instruction that {@link #fetchRaises} needs, as a word to store. */
    static final long RETURN = 0xc3;

    private static void raises(String what, int signal, Answer answer, long addr) {
        if (answer.signal() != signal) {
            throw new CaseFailure(what + " at " + hex(addr) + " gives " + UserAccess.describe(answer.signal())
                    + " instead of " + UserAccess.describe(signal));
        }
    }

    /** A load that must find a value. */
    void holds(long expected, long addr) {
        equal(expected, load(addr), "the word at " + hex(addr));
    }

    /** Returns the minor faults of the last call, load or store. */
    long lastMinorFaults() {
        return last.minor();
    }

    /** Returns bytes of memory; they must be readable. */
    byte[] peek(long addr, int length) {
        long first = addr & -WORD;
        int words = (int) ((addr + length - first + WORD - 1) / WORD);
        List<Step> steps = new ArrayList<>();
        for (int i = 0; i < words; i++) {
            steps.add(Step.of(slot, Step.Kind.LOAD, first + (long) i * WORD, 0));
        }
        byte[] bytes = new byte[words * WORD];
        int at = 0;
        for (Answer answer : performAll(steps)) {
            if (answer.signal() != 0) {
                throw new CaseFailure("a load at " + hex(first + at) + " raises a signal");
            }
            for (int i = 0; i < WORD; i++) {
                bytes[at++] = (byte) (answer.value() >>> (8 * i));
            }
        }
        int from = (int) (addr - first);
        return Arrays.copyOfRange(bytes, from, from + length);
    }

    /** Stores bytes; the memory must be readable too when they do not fill whole words. */
    void poke(long addr, byte[] bytes) {
        long first = addr & -WORD;
        long end = addr + bytes.length;
        List<Step> steps = new ArrayList<>();
        for (long word = first; word < end; word += WORD) {
            boolean isWhole = word >= addr && word + WORD <= end;
            byte[] old = isWhole ? new byte[WORD] : peek(word, WORD);
            long value = 0;
            for (int i = WORD - 1; i >= 0; i--) {
                long at = word + i;
                byte b = at >= addr && at < end ? bytes[(int) (at - addr)] : old[i];
                value = value << 8 | (b & 0xff);
            }
            steps.add(Step.of(slot, Step.Kind.STORE, word, value));
        }
        storesSucceed(steps, addr);
    }

    /** Fills memory with a byte. */
    void fill(long addr, long length, int value) {
        byte[] bytes = new byte[(int) length];
        Arrays.fill(bytes, (byte) value);
        poke(addr, bytes);
    }

    /** Memory that must hold the same byte everywhere. */
    void isFilled(long addr, long length, int value) {
        byte[] bytes = peek(addr, (int) length);
        for (int i = 0; i < bytes.length; i++) {
            if (bytes[i] != (byte) value) {
                throw new CaseFailure(
                        "the byte at " + hex(addr + i) + " is " + (bytes[i] & 0xff) + " instead of " + (value & 0xff));
            }
        }
    }

    /* Arguments in memory. */

    /** Returns the address of fresh zeroed bytes in the scratch area, aligned to 8. */
    long space(long bytes) {
        if (!scratch.isMapped) {
            scratch.isMapped = true;
            gives(
                    SCRATCH,
                    "mmap",
                    SCRATCH,
                    SCRATCH_BYTES,
                    Linux.RW,
                    Linux.PRIVATE_ANON | Linux.MAP_FIXED_NOREPLACE,
                    -1,
                    0);
        }
        long addr = SCRATCH + scratch.used;
        scratch.used += (bytes + WORD - 1) & -WORD;
        isTrue(scratch.used <= SCRATCH_BYTES, "the scratch area is too small for this case");
        return addr;
    }

    /** Puts 64-bit words into the scratch area and returns their address: structures, iovecs, node masks. */
    long words(long... values) {
        long addr = space((long) values.length * WORD);
        for (int i = 0; i < values.length; i++) {
            store(addr + (long) i * WORD, values[i]);
        }
        return addr;
    }

    /** Puts bytes into the scratch area and returns their address. */
    long bytes(byte[] values) {
        long addr = space(values.length);
        poke(addr, values);
        return addr;
    }

    /** Puts a string that ends with a zero byte into the scratch area and returns its address. */
    long string(String text) {
        return bytes((text + "\0").getBytes(StandardCharsets.UTF_8));
    }

    /** Returns the 32-bit number at an address. */
    int load32(long addr) {
        return (int) (load(addr & -WORD) >>> ((addr & 4) * 8));
    }

    /* Files. */

    /** Makes a clean file of so many bytes, each page filled with its number from 1, opens it, and returns the descriptor. */
    int openNewFile(long length, int flags) {
        byte[] contents = new byte[(int) length];
        for (int i = 0; i < contents.length; i++) {
            contents[i] = (byte) (i / PAGE + 1);
        }
        return open(newFile(contents), flags);
    }

    /** Makes a clean file with contents and returns its path. */
    String newFile(byte[] contents) {
        String path = side.directory() + "/file" + scratch.files++;
        side.createFile(path, contents);
        return path;
    }

    /** Returns a path at which there is nothing yet. */
    String newPath() {
        return side.directory() + "/file" + scratch.files++;
    }

    /** Opens a file that exists. */
    int open(String path, int flags) {
        return (int) ok("open", string(path), flags, 0600);
    }

    /* Processes. */

    /** Starts a child process and returns it. */
    Subject fork() {
        return start(Step.FORK_FLAGS);
    }

    /** Starts a thread of this process and returns it. */
    Subject thread() {
        return start(Step.THREAD_FLAGS);
    }

    private Subject start(long flags) {
        Slots slots = side.slots();
        int other = slots.free();
        isTrue(other > 0, "too many processes for one case");
        Answer answer = perform(Step.of(slot, Step.Kind.FORK, other, flags));
        if (answer.result() != 0) {
            throw new CaseFailure("no new process or thread: " + errno(answer.result()));
        }
        return new Subject(side, other, scratch);
    }

    /** Returns what a fork gives that must fail: a negated errno. */
    long forkFails() {
        return perform(Step.of(slot, Step.Kind.FORK, side.slots().free(), Step.FORK_FLAGS))
                .result();
    }

    /** Ends this process, which its parent waits for, or this thread. */
    void exit() {
        perform(Step.of(slot, Step.Kind.EXIT, side.slots().waiter(slot), 0));
    }

    /** Takes all capabilities from this process; it stays the same user. */
    void dropCapabilities() {
        side.dropCapabilities(this);
    }

    /** Sets both halves of a resource limit of this process. */
    void setLimit(int resource, long soft, long hard) {
        side.setLimit(this, resource, soft, hard);
    }

    /** Makes System V identifiers a matter of this case alone; call it before the first of them. */
    void ownIpc() {
        side.ownIpc(this);
    }

    /* What /proc says. */

    /** Returns the text of a file under {@code /proc/PID}. */
    String proc(String name) {
        return side.proc(slot, name);
    }

    /** Writes a text to a file under {@code /proc/self} and returns what write gives. */
    long writeProc(String name, String text) {
        int fd = open("/proc/self/" + name, Linux.O_WRONLY);
        long result = call("write", fd, string(text), text.length());
        gives(0, "close", fd);
        return result;
    }

    /** Returns the entries of {@code /proc/self/pagemap} for pages from an address on. */
    long[] pagemap(long addr, int pages) {
        int fd = open("/proc/self/pagemap", Linux.O_RDONLY);
        long buffer = space((long) pages * WORD);
        gives((long) pages * WORD, "pread64", fd, buffer, (long) pages * WORD, (addr >>> 12) * WORD);
        gives(0, "close", fd);
        List<Step> steps = new ArrayList<>();
        for (int i = 0; i < pages; i++) {
            steps.add(Step.of(slot, Step.Kind.LOAD, buffer + (long) i * WORD, 0));
        }
        return performAll(steps).stream().mapToLong(Answer::value).toArray();
    }

    /** Returns the mapping that holds an address, or null. */
    ProcText.@Nullable MapsLine mapping(long addr) {
        for (ProcText.MapsLine line : ProcText.parseMaps(proc("maps"))) {
            if (addr >= line.start() && addr < line.end()) {
                return line;
            }
        }
        return null;
    }

    /** Exactly this range must be one mapping. */
    void isOneMapping(long addr, long bytes) {
        ProcText.MapsLine line = mapping(addr);
        if (line == null) {
            throw new CaseFailure("nothing is mapped at " + hex(addr));
        }
        if (line.start() != addr || line.end() != addr + bytes) {
            throw new CaseFailure("the mapping at " + hex(addr) + " is " + hex(line.start()) + " to " + hex(line.end())
                    + " instead of " + bytes / KIB + " KiB");
        }
    }

    private static final long KIB = 1024;

    /** How many mappings begin in a range. */
    int mappingsIn(long addr, long bytes) {
        return (int) ProcText.parseMaps(proc("maps")).stream()
                .filter(line -> line.start() >= addr && line.start() < addr + bytes)
                .count();
    }

    /** Nothing may be mapped at an address. */
    void isUnmapped(long addr) {
        isTrue(mapping(addr) == null, hex(addr) + " is mapped");
    }

    /** Returns a figure in KiB of smaps for the mapping that holds an address. */
    long smaps(long addr, String field) {
        return ProcText.number("\n" + smapsEntry(addr), field);
    }

    /** Whether smaps shows a two-letter flag for the mapping that holds an address. */
    boolean hasVmFlag(long addr, String flag) {
        String entry = smapsEntry(addr);
        int at = entry.indexOf("VmFlags:");
        return at >= 0 && entry.substring(at).lines().findFirst().orElse("").contains(" " + flag);
    }

    private String smapsEntry(long addr) {
        StringBuilder entry = new StringBuilder();
        boolean isInside = false;
        for (String line : proc("smaps").split("\n", -1)) {
            List<ProcText.MapsLine> header = ProcText.parseMaps(line);
            if (!header.isEmpty()) {
                isInside = addr >= header.getFirst().start()
                        && addr < header.getFirst().end();
            }
            if (isInside) {
                entry.append(line).append('\n');
            }
        }
        if (entry.isEmpty()) {
            throw new CaseFailure("smaps shows nothing at " + hex(addr));
        }
        return entry.toString();
    }

    /** Returns a number of {@code /proc/PID/status} such as {@code VmLck}, in KiB. */
    long status(String field) {
        return ProcText.number("\n" + proc("status"), field);
    }

    /** Returns how many pages of a range mincore reports as in memory. */
    int resident(long addr, long bytes) {
        int pages = (int) ((bytes + PAGE - 1) / PAGE);
        long vector = space(pages);
        gives(0, "mincore", addr, bytes, vector);
        int count = 0;
        for (byte b : peek(vector, pages)) {
            count += b & 1;
        }
        return count;
    }

    /* Assertions. */

    /** Must be equal. */
    void equal(long expected, long actual, String what) {
        if (expected != actual) {
            throw new CaseFailure(what + " is " + number(actual) + " instead of " + number(expected));
        }
    }

    /** Must hold; the text says what does not. */
    void isTrue(boolean condition, String whatElse) {
        if (!condition) {
            throw new CaseFailure(whatElse);
        }
    }

    private Answer perform(Step step) {
        return performAll(List.of(step)).getFirst();
    }

    private List<Answer> performAll(List<Step> steps) {
        isTrue(side.slots().isAlive(slot), "the process in slot " + slot + " has ended");
        List<Answer> answers = new ArrayList<>();
        for (int from = 0; from < steps.size(); from += MAX_BATCH) {
            answers.addAll(side.perform(steps.subList(from, Math.min(steps.size(), from + MAX_BATCH))));
        }
        last = answers.getLast();
        return answers;
    }

    private static String text(String name, long... args) {
        StringBuilder text = new StringBuilder(name).append('(');
        for (int i = 0; i < args.length; i++) {
            text.append(i == 0 ? "" : ", ").append(number(args[i]));
        }
        return text.append(')').toString();
    }

    private static String errno(long result) {
        return Errno.isError(result) ? Errno.name((int) -result) : number(result);
    }

    private static String number(long value) {
        return value > -4096 && value < 4096 ? Long.toString(value) : hex(value);
    }

    private static String hex(long value) {
        return "0x" + Long.toHexString(value).toLowerCase(Locale.ROOT);
    }

    Side side() {
        return side;
    }

    int slot() {
        return slot;
    }
}
