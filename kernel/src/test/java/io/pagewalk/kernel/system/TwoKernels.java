package io.pagewalk.kernel.system;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.hardware.mmu.Access;
import io.pagewalk.kernel.huge.HugePageSettings.ShmemUse;
import io.pagewalk.kernel.ipc.ShmProcFile;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.system.RealKernel.Answer;
import io.pagewalk.kernel.vma.MappedFile;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.RssCounter;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * The model and the kernel of this machine side by side: each call is made on both, and result, errno and signal must be equal. Process 0 is there at the start,
 * others come from {@link #fork}. Memory lies in an arena that neither process uses otherwise.
 */
final class TwoKernels implements AutoCloseable {
    static final long ARENA = 0x100000000000L;
    static final long ARENA_END = 0x110000000000L;

    /** Files of the helper, by number. */
    static final int SHMMAX = 1;

    static final int SHMALL = 2;
    static final int SHMMNI = 3;
    static final int RMID_FORCED = 4;
    private static final long SIGCHLD = 17;
    private static final long VFORK = 0x4000;
    private static final int SYSVIPC_SHM = 0;
    private static final int MAPS = 6;
    private static final int STATUS = 7;

    private static final int KEPT_CALLS = Integer.getInteger("pagewalk.shm.kept", 20);
    private static final Pattern MAPS_LINE =
            Pattern.compile("([0-9a-f]+)-([0-9a-f]+) (....) ([0-9a-f]+) ([0-9a-f]+):([0-9a-f]+) ([0-9]+) *(.*)");

    final TestKernel model = TestKernel.boot();
    private final RealKernel real;
    private final Map<Integer, Task> tasks = new HashMap<>();
    private final Map<Integer, Integer> parents = new HashMap<>();
    private final Map<Integer, Started> threads = new HashMap<>();
    private final Map<Integer, Long> pids = new HashMap<>();
    private final List<String> history = new ArrayList<>();
    private final Set<Integer> asleep = new HashSet<>();

    /** What a thread has begun and when it will be done. */
    private record Started(Task task, int kind, String name, List<Long> args, boolean mustBegin) {}

    private TwoKernels(RealKernel real) {
        this.real = real;
        tasks.put(0, model.task);
        // This machine's khugepaged works when it likes.
        model.kernel.khugepaged().setFrozen(true);
    }

    /** Starts both; empty where that is impossible. The limits are those of {@code /dev/shm}. */
    static Optional<TwoKernels> start(Path directory, long blocks, long inodes)
            throws IOException, InterruptedException {
        return start(directory, blocks, inodes, ShmemUse.NEVER);
    }

    /** Starts both, with the option {@code huge=} of {@code /dev/shm}. */
    static Optional<TwoKernels> start(Path directory, long blocks, long inodes, ShmemUse huge)
            throws IOException, InterruptedException {
        String options = "nr_blocks=" + blocks + ",nr_inodes=" + inodes + ",huge="
                + huge.name().toLowerCase(Locale.ROOT);
        Optional<RealKernel> real = RealKernel.start(directory, options);
        if (real.isEmpty()) {
            return Optional.empty();
        }
        TwoKernels both = new TwoKernels(real.get());
        both.model
                .kernel
                .sharedMemory()
                .files()
                .mount("/dev/shm", blocks, inodes)
                .setHuge(huge);
        return Optional.of(both);
    }

    /** Returns what compares memory that is mapped. */
    SmapsComparison smaps() {
        return new SmapsComparison(this);
    }

    private void send(int who, int kind, long number, long... args) {
        real.send(who, kind, number, args);
    }

    private byte[] receive(int who, int bytes) {
        return real.receive(who, bytes, this::history);
    }

    private Answer real(int who, int kind, long number, long... args) {
        return real.request(who, kind, number, this::history, args);
    }

    Task task(int who) {
        return requireNonNull(tasks.get(who));
    }

    String history() {
        String calls = String.join("\n", history.subList(Math.max(0, history.size() - KEPT_CALLS), history.size()));
        String state = tasks.keySet().stream()
                .map(who -> "maps of " + who + "\n" + String.join("\n", maps(who)))
                .collect(Collectors.joining("\n"));
        return calls + "\n" + state;
    }

    void note(int who, String text) {
        history.add(who + ": " + text);
    }

    /** Makes a call in both; results must be equal. */
    long call(int who, String name, long... args) {
        return call(who, true, name, args);
    }

    /** Makes a call in both; only success and errno must be equal. Returns what the model gave. */
    long callAnyResult(int who, String name, long... args) {
        return call(who, false, name, args);
    }

    private long call(int who, boolean isExact, String name, long... args) {
        StringBuilder text = new StringBuilder(name);
        for (long argument : args) {
            text.append(' ').append(Long.toHexString(argument));
        }
        note(who, text.toString());
        Answer expected = real(who, 0, model.kernel.syscallNumbers().number(name), args);
        long result = model.call(task(who), name, args);
        Answer actual = Errno.isError(result) ? new Answer(-1, -result, 0) : new Answer(isExact ? result : 0, 0, 0);
        Answer wanted = isExact || expected.errno() != 0 ? expected : new Answer(0, 0, 0);
        assertThat(actual).as(this::history).isEqualTo(wanted);
        return result;
    }

    /** Makes a call on the kernel of this machine only. */
    long hostOnly(int who, String name, long... args) {
        note(who, name + " on this machine only" + hex(args));
        return real(who, 0, model.kernel.syscallNumbers().number(name), args).result();
    }

    /** Opens a descriptor of a process in both, for which each has its own number. */
    int openPid(int who, int of, int flags) {
        note(who, "pidfd_open of " + of);
        Answer pid = real(of, 0, model.kernel.syscallNumbers().number("getpid"));
        Answer expected = real(who, 0, model.kernel.syscallNumbers().number("pidfd_open"), pid.result(), flags);
        long result = model.call(task(who), "pidfd_open", task(of).tgid(), flags);
        Answer actual = Errno.isError(result) ? new Answer(-1, -result, 0) : new Answer(result, 0, 0);
        assertThat(actual).as(this::history).isEqualTo(expected);
        return (int) result;
    }

    /** Gives the model's first process the capabilities that this machine's root has. */
    void matchCapabilities() {
        long effective = 0;
        try {
            for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
                if (line.startsWith("CapEff:")) {
                    effective = Long.parseLong(line.substring(7).strip(), 16);
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        ThreadGroup group = task(0).group();
        group.setCredentials(group.credentials().withCapabilities(effective));
    }

    /** Makes a call in both whose first argument is the number of a process, and returns its result. */
    long callOn(int who, String name, int target, long... args) {
        note(who, name + " of " + target + hex(args));
        long[] all = new long[args.length + 1];
        System.arraycopy(args, 0, all, 1, args.length);
        all[0] = target == 0 ? real.pid() : requireNonNull(pids.get(target));
        Answer expected = real(who, 0, model.kernel.syscallNumbers().number(name), all);
        all[0] = task(target).tid();
        long result = model.call(task(who), name, all);
        Answer actual = Errno.isError(result) ? new Answer(-1, -result, 0) : new Answer(result, 0, 0);
        assertThat(actual).as(this::history).isEqualTo(expected);
        return result;
    }

    /** Makes a call whose arguments differ, such as frame numbers; results must be equal. */
    long callEach(int who, String name, long[] realArgs, long[] modelArgs) {
        note(who, name + " with arguments of its own");
        Answer expected = real(who, 0, model.kernel.syscallNumbers().number(name), realArgs);
        long result = model.call(task(who), name, modelArgs);
        assertThat(Errno.isError(result) ? new Answer(-1, -result, 0) : new Answer(result, 0, 0))
                .as(this::history)
                .isEqualTo(expected);
        return result;
    }

    /** Loads eight bytes in both. */
    long load(int who, long vaddr) {
        note(who, "load " + Long.toHexString(vaddr));
        Answer expected = real(who, 1, 0, vaddr);
        int outcome = model.kernel.access(task(who), vaddr, Access.LOAD);
        long value = outcome == UserAccess.OK ? model.kernel.load(task(who), vaddr) : 0;
        assertThat(new Answer(value, 0, outcome)).as(this::history).isEqualTo(expected);
        return value;
    }

    /** A number that differs between the two: what the kernel of this machine says, and what the model says. */
    record Pair(long real, long model) {
        Pair plus(long value) {
            return new Pair(real + value, model + value);
        }

        Pair minus(Pair other) {
            return new Pair(real - other.real, model - other.model);
        }
    }

    /** Loads eight bytes that may differ. */
    Pair peek(int who, long vaddr) {
        return new Pair(real(who, 1, 0, vaddr).result(), model.kernel.load(task(who), vaddr));
    }

    /** Stores eight bytes that may differ. */
    void poke(int who, long vaddr, Pair value) {
        note(who, "store " + Long.toHexString(vaddr) + " " + value);
        assertThat(real(who, 2, 0, vaddr, value.real).signal()).isZero();
        assertThat(model.kernel.store(task(who), vaddr, value.model)).isZero();
    }

    /** Returns a size of /proc/PID/status in bytes: VmSize, VmData, VmStk, VmPTE, RssAnon or VmLck. */
    Pair statusBytes(int who, String name) {
        long bytes = realFile(who, STATUS).stream()
                .filter(line -> line.startsWith(name + ":"))
                .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", "")) << 10)
                .findFirst()
                .orElseThrow();
        Mm mm = task(who).mm();
        long modelled = switch (name) {
            case "VmSize" -> mm.totalVm() << 12;
            case "VmData" -> mm.dataVm() << 12;
            case "VmStk" -> mm.stackVm() << 12;
            case "VmPTE" -> mm.pgtablesBytes();
            case "RssAnon" -> mm.rss(RssCounter.ANON) << 12;
            default -> mm.lockedVm() << 12;
        };
        return new Pair(bytes, modelled);
    }

    /** Stores eight bytes in both. */
    void store(int who, long vaddr, long value) {
        note(who, "store " + Long.toHexString(vaddr) + " " + Long.toHexString(value));
        Answer expected = real(who, 2, 0, vaddr, value);
        int outcome = model.kernel.store(task(who), vaddr, value);
        assertThat(new Answer(0, 0, outcome)).as(this::history).isEqualTo(expected);
    }

    /** Returns bytes of memory that is mapped: the real ones, and the model's. */
    List<ByteBuffer> bytes(int who, long vaddr, int length) {
        send(who, 8, 0, vaddr, length);
        receive(who, RealKernel.ANSWER_BYTES);
        byte[] real = receive(who, length);
        byte[] modelled = new byte[length];
        assertThat(task(who).userMemory().copyFromUser(modelled, 0, length, vaddr))
                .isZero();
        return List.of(
                ByteBuffer.wrap(real).order(ByteOrder.LITTLE_ENDIAN),
                ByteBuffer.wrap(modelled).order(ByteOrder.LITTLE_ENDIAN));
    }

    /** Fails with what was done before. */
    void expectEqual(String what, Object actual, Object expected) {
        assertThat(actual).as(() -> what + "\n" + history()).isEqualTo(expected);
    }

    /** Stores a text with its zero in both. */
    long text(int who, long vaddr, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        ByteBuffer padded = ByteBuffer.allocate((bytes.length + 8) & -8).order(ByteOrder.LITTLE_ENDIAN);
        padded.put(bytes);
        for (int at = 0; at < padded.capacity(); at += 8) {
            store(who, vaddr + at, padded.getLong(at));
        }
        return vaddr;
    }

    private Task thread(int number) {
        Started known = threads.get(number);
        return known == null ? requireNonNull(model.kernel.cloneThread(model.task)) : known.task;
    }

    /** Lets a thread of process 0 begin a load (kind 1), a store (kind 2, second argument the value) or a call (kind 0). Returns whether it waits now. */
    boolean begin(int number, int kind, String name, long... args) {
        note(0, "thread " + number + " " + kind + " " + name + " " + hex(args));
        long[] request = new long[7];
        request[0] = kind;
        System.arraycopy(args, 0, request, 1, Math.min(4, args.length));
        request[6] = args.length > 4 ? args[4] : 0;
        request[5] = kind == 0 ? model.kernel.syscallNumbers().number(name) : 0;
        real(0, 11, number, request);
        threads.put(
                number,
                new Started(
                        thread(number), kind, name, Arrays.stream(args).boxed().toList(), true));
        return isWaiting(number);
    }

    /** Asks both whether a thread still waits; when not, what came of its request must be equal. */
    boolean isWaiting(int number) {
        Started started = requireNonNull(threads.get(number));
        Answer real = real(0, 9, number);
        boolean isFork = real.result() > 0 && started.name.equals("fork");
        Answer expected = isFork ? new Answer(1, 0, 0) : real;
        Answer actual = started.task.isAsleep() ? new Answer(0, -1, 0) : go(number, started);
        assertThat(actual).as(() -> "thread " + number + "\n" + history()).isEqualTo(expected);
        return actual.errno() == -1;
    }

    private Answer go(int number, Started started) {
        Task task = started.task;
        threads.put(number, new Started(task, started.kind, started.name, started.args, false));
        if (started.kind == 0) {
            long result = started.mustBegin || task.callResult() == LinuxKernel.WAITS
                    ? model.call(
                            task,
                            started.name,
                            started.args.stream().mapToLong(Long::longValue).toArray())
                    : task.callResult();
            if (result > 0 && started.name.equals("fork")) {
                result = 1;
            }
            return result == LinuxKernel.WAITS
                    ? new Answer(0, -1, 0)
                    : Errno.isError(result) ? new Answer(-1, -result, 0) : new Answer(result, 0, 0);
        }
        long vaddr = started.args.get(0);
        if (started.kind == 1) {
            int outcome = model.kernel.access(task, vaddr, Access.LOAD);
            return outcome == UserAccess.WAITS
                    ? new Answer(0, -1, 0)
                    : new Answer(outcome == UserAccess.OK ? model.kernel.load(task, vaddr) : 0, 0, outcome);
        }
        int outcome = model.kernel.store(task, vaddr, started.args.get(1));
        return outcome == UserAccess.WAITS ? new Answer(0, -1, 0) : new Answer(0, 0, outcome);
    }

    /** Returns faults without input and with input of a thread, on the kernel of this machine and on the model. */
    long[] faults(int number) {
        Answer real = real(0, 10, number);
        Task task = thread(number);
        threads.putIfAbsent(number, new Started(task, 0, "", List.of(), false));
        return new long[] {real.result(), real.errno(), task.minorFaults(), task.majorFaults()};
    }

    private static String hex(long[] args) {
        StringBuilder text = new StringBuilder();
        for (long argument : args) {
            text.append(' ').append(Long.toHexString(argument));
        }
        return text.toString();
    }

    /** Loads a word in both, of which some bits must be equal. */
    void loadBits(int who, long vaddr, long mask) {
        long expected = real(who, 1, 0, vaddr).result() & mask;
        assertThat(model.kernel.load(task(who), vaddr) & mask).as(this::history).isEqualTo(expected);
    }

    /** Forks in both. */
    void fork(int parent, int child) {
        note(parent, "fork " + child);
        try {
            real.makePipes(child);
            long pid = real(parent, 4, child).result();
            assertThat(pid).isPositive();
            pids.put(child, pid);
            real.connect(child);
        } catch (IOException | InterruptedException e) {
            throw new AssertionError(e);
        }
        parents.put(child, parent);
        tasks.put(child, requireNonNull(model.kernel.fork(task(parent))));
    }

    /** Makes a process in both that shares the memory of its parent. A parent of {@code CLONE_VFORK} makes no calls before the child has ended. */
    void share(int parent, int child, long flags) {
        note(parent, "clone " + child + " flags " + Long.toHexString(flags));
        boolean isAsleep = (flags & VFORK) != 0;
        try {
            real.makePipes(child);
            send(parent, 12, child, flags | SIGCHLD);
            if (!isAsleep) {
                assertThat(ByteBuffer.wrap(receive(parent, RealKernel.ANSWER_BYTES))
                                .order(ByteOrder.LITTLE_ENDIAN)
                                .getLong())
                        .isPositive();
            }
            real.connect(child);
        } catch (IOException | InterruptedException e) {
            throw new AssertionError(e);
        }
        parents.put(child, parent);
        long tid = model.call(task(parent), "clone", flags | SIGCHLD);
        tasks.put(child, requireNonNull(model.kernel.task((int) tid)));
        if (isAsleep) {
            asleep.add(parent);
        }
    }

    /** Ends a process in both; its parent waits for it. */
    void exitAny(int who) {
        exit(who, requireNonNull(parents.get(who)));
    }

    /** Ends a process in both and lets its parent wait for it. */
    void exit(int who, int parent) {
        note(who, "exit");
        send(who, 0, model.kernel.syscallNumbers().number("exit_group"), 0);
        if (asleep.remove(parent)) {
            receive(parent, RealKernel.ANSWER_BYTES);
        }
        assertThat(real(parent, 5, 0).result()).isZero();
        model.kernel.exitGroup(task(who), 0);
        assertThat(model.call(task(parent), "wait4", -1, 0, 0, 0)).isPositive();
        tasks.remove(who);
    }

    /** Sets a limit in both. */
    void setLimit(int file, long value) {
        note(0, "limit " + file + " = " + Long.toUnsignedString(value));
        assertThat(real(0, 7, file, value).result()).isZero();
        var segments = model.kernel.sharedMemory().segments();
        switch (file) {
            case SHMMAX -> segments.limits().setMaxBytes(value);
            case SHMALL -> segments.limits().setTotalPages(value);
            case SHMMNI -> segments.limits().setSegments((int) value);
            default -> segments.setRemovalForced(value != 0);
        }
    }

    /** Returns the lines of a file of the helper. */
    List<String> realFile(int who, int number) {
        long length = real(who, 6, number).result();
        return new String(receive(who, (int) length), StandardCharsets.UTF_8)
                .lines()
                .toList();
    }

    /** Compares /proc/PID/maps inside the arena; inode numbers count for System V segments only. */
    void compareMaps(int who) {
        List<String> expected = new ArrayList<>();
        for (String line : realFile(who, MAPS)) {
            Matcher m = MAPS_LINE.matcher(line);
            assertThat(m.matches()).as(line).isTrue();
            if (isInArena(Long.parseUnsignedLong(m.group(1), 16))) {
                expected.add(line(m.group(1), m.group(2), m.group(3), m.group(4), m.group(7), m.group(8)));
            }
        }
        assertThat(maps(who)).as(() -> "maps\n" + history()).isEqualTo(expected);
    }

    private List<String> maps(int who) {
        List<String> lines = new ArrayList<>();
        for (Vma vma : task(who).mm().vmas()) {
            MappedFile file = vma.file();
            if (isInArena(vma.start())) {
                lines.add(line(
                        String.format(Locale.ROOT, "%08x", vma.start()),
                        String.format(Locale.ROOT, "%08x", vma.end()),
                        VmaFlags.permissions(vma.flags()),
                        String.format(Locale.ROOT, "%08x", file == null ? 0 : vma.pgoff() << 12),
                        Long.toString(file == null ? 0 : file.inode()),
                        vma.mapsName()));
            }
        }
        return lines;
    }

    static boolean isInArena(long vaddr) {
        return vaddr >= ARENA && vaddr < ARENA_END;
    }

    private static String line(String start, String end, String rights, String offset, String inode, String name) {
        return String.join(" ", start, end, rights, offset, name.startsWith("/SYSV") ? inode : "-", name);
    }

    /** Compares /proc/sysvipc/shm but for times and process numbers, of which only the presence counts. */
    void compareSegments() {
        List<String> expected = realFile(0, SYSVIPC_SHM).stream()
                .map(TwoKernels::withoutNumbers)
                .toList();
        List<String> actual = ShmProcFile.print(model.kernel.sharedMemory().segments())
                .lines()
                .map(TwoKernels::withoutNumbers)
                .toList();
        assertThat(actual).as(() -> "/proc/sysvipc/shm\n" + history()).isEqualTo(expected);
    }

    /* Columns of a line: key 0-9, shmid 11-20, perms 23-26, size 28-48, cpid 50-54, lpid 56-60, nattch 63-67, four of 5, three times of 10 from 93 on. */
    private static String withoutNumbers(String line) {
        if (line.contains("key")) {
            return line;
        }
        int key = line.indexOf(' ', line.length() - line.stripLeading().length());
        int more = Math.max(0, key - 10);
        return line.substring(0, 50 + more) + line.substring(61 + more, 92 + more) + line.substring(125 + more);
    }

    @Override
    public void close() {
        real.close();
    }
}
