package io.pagewalk.kernel.vma;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pagewalk.base.SeededRandom;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.syscall.SyscallNumbers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The same random calls on the kernel of this machine and on the model: result, errno, signal, the whole of /proc/PID/maps, the flags of each area and
 * the sizes in /proc/PID/status must be equal. Needs Linux 6.18 on x86-64 and gcc; other kernels are not asked.
 */
class DifferentialTest {
    private static final long PAGE = 4096;
    private static final long BASE = 0x100000000000L;
    private static final int ARENA_PAGES = 64;
    private static final long FILE_BYTES = 20 * PAGE + 100;
    private static final int OPERATIONS = Integer.getInteger("pagewalk.differential.operations", 2500);
    private static final int CHECK_FLAGS_EVERY = 50;
    private static final long MAX_TOTAL_PAGES = 1L << 18;
    private static final Pattern MAPS_LINE =
            Pattern.compile("([0-9a-f]+)-([0-9a-f]+) (....) ([0-9a-f]+) ([0-9a-f]+):([0-9a-f]+) ([0-9]+) *(.*)");
    private static final String[] FLAG_NAMES = {
        "rd", "wr", "ex", "sh", "mr", "mw", "me", "ms", "gd", "um", "pf", "??", "uw", "lo", "io", "sr", "rr", "dc",
        "de", "lf", "ac", "nr", "ht", "sf", "ar", "wf", "dd", "sd", "mm", "hg", "nh", "mg"
    };

    @TempDir
    Path directory = Path.of(".");

    private final SyscallNumbers numbers = new SyscallNumbers();
    private final Deque<String> history = new ArrayDeque<>();
    private TestMachine machine = new TestMachine();
    private SeededRandom random = new SeededRandom(0);
    private final List<long[]> ownRanges = new ArrayList<>();
    private long firstBrk;
    private @Nullable Path program;

    @BeforeEach
    void compileHelper() throws IOException, InterruptedException {
        assumeTrue(System.getProperty("os.version").startsWith("6.18"), "needs the modelled kernel");
        Optional<Path> compiled = NativeProcess.compile(directory);
        assumeTrue(compiled.isPresent(), "needs gcc with static libraries");
        program = compiled.orElseThrow();
    }

    @ParameterizedTest(name = "seed {0}")
    @ValueSource(longs = {1, 2, 3, 4})
    void randomHistory_equalsThisKernel(long seed) throws IOException {
        run(seed + Long.getLong("pagewalk.differential.seed", 0));
    }

    private void run(long seed) throws IOException {
        random = new SeededRandom(seed);
        machine = new TestMachine();
        Path file = directory.resolve("data" + seed);
        Files.write(file, new byte[(int) FILE_BYTES]);
        Path helper = program;
        if (helper == null) {
            throw new AssertionError("no helper");
        }
        try (NativeProcess real = NativeProcess.start(helper, file)) {
            importProcess(real, file);
            compareMaps(real, "at the start");
            for (int step = 0; step < OPERATIONS; step++) {
                NativeProcess.Request request = next();
                NativeProcess.Answer expected = real.perform(List.of(request)).getFirst();
                NativeProcess.Answer actual = model(request);
                String where = "seed " + seed + " step " + step + ": " + describe(request);
                history.add(where);
                if (history.size() > 12) {
                    history.removeFirst();
                }
                assertThat(actual)
                        .as("%s%n%s", where, String.join("\n", history))
                        .isEqualTo(expected);
                compareMaps(real, where);
                if (step % CHECK_FLAGS_EVERY == 0) {
                    compareFlags(real, where);
                    compareSizes(real, where);
                    machine.verify();
                }
            }
        }
    }

    private void importProcess(NativeProcess real, Path file) throws IOException {
        Mm mm = machine.mm();
        mm.setPrivileged(true);
        String type = Files.getFileStore(file).type();
        TestFile.Kind kind = switch (type) {
            case "ext4", "xfs", "btrfs" -> TestFile.Kind.ALIGNED;
            case "tmpfs" -> TestFile.Kind.SHMEM;
            default -> TestFile.Kind.PLAIN;
        };
        long inode = (Long) Files.getAttribute(file, "unix:ino");
        long device = (Long) Files.getAttribute(file, "unix:dev");
        int major = (int) ((device >>> 8) & 0xfff);
        int minor = (int) ((device & 0xff) | ((device >>> 12) & 0xffffff00L));
        for (int fd = 3; fd <= 6; fd++) {
            machine.files.put(
                    fd, new TestFile(fd, file.toString(), inode, major, minor, fd != 6, fd != 4, kind, FILE_BYTES));
        }
        mm.setCode(real.stat(26), real.stat(27));
        mm.setData(real.stat(45), real.stat(46));
        mm.setStartStack(real.stat(28));
        firstBrk = real.perform(List.of(NativeProcess.Request.of(0, numbers.number("brk"), 0)))
                .getFirst()
                .result();
        mm.setBrk(real.stat(47), firstBrk);
        importAreas(real, mm);
        for (Vma vma : mm.vmas()) {
            ownRanges.add(new long[] {vma.start(), vma.end()});
        }
    }

    private void importAreas(NativeProcess real, Mm mm) throws IOException {
        TestFile binary = new TestFile(1, "", 0, 0, 0, true, false, TestFile.Kind.PLAIN, 1L << 30);
        List<Vma> written = new ArrayList<>();
        Vma vma = null;
        for (String line : real.read("smaps")) {
            Matcher m = MAPS_LINE.matcher(line);
            if (m.matches()) {
                long start = Long.parseUnsignedLong(m.group(1), 16);
                if (start < 0) {
                    vma = null;
                    continue;
                }
                long end = Long.parseUnsignedLong(m.group(2), 16);
                long pgoff = Long.parseLong(m.group(4), 16) / PAGE;
                String name = m.group(8);
                MappedFile mapped = null;
                if (name.startsWith("/")) {
                    binary = new TestFile(
                            1,
                            name,
                            Long.parseLong(m.group(7)),
                            Integer.parseInt(m.group(5), 16),
                            Integer.parseInt(m.group(6), 16),
                            true,
                            false,
                            TestFile.Kind.PLAIN,
                            1L << 30);
                    mapped = binary;
                }
                vma = new Vma(mm, start, end, 0, mapped == null ? start / PAGE : pgoff, mapped);
                if (name.startsWith("[v")) {
                    vma.setSpecialName(name);
                    vma.setRange(start, end, pgoff);
                }
            } else if (vma != null && line.startsWith("Anonymous:") && !line.matches("Anonymous: +0 kB")) {
                written.add(vma);
            } else if (vma != null && line.startsWith("VmFlags:")) {
                vma.setFlags(flagBits(line));
                long start = vma.start();
                long pgoff = vma.pgoff();
                MmLifecycle.insertVmStruct(mm, vma);
                vma.setRange(start, vma.end(), pgoff);
                vma = null;
            }
        }
        written.forEach(machine::prepareAnonVma);
    }

    private NativeProcess.Request next() {
        int prot = random.nextInt(3) != 0 ? 3 : new int[] {0, 1, 2, 3, 5, 7}[random.nextInt(6)];
        long addr = arenaAddress();
        long length = (1 + random.nextInt(12)) * PAGE;
        if (random.nextInt(3) == 0) {
            Vma vma = anyForeignArea();
            if (vma != null) {
                long pages = vma.pages();
                long first = random.nextLong(Math.min(pages, 8));
                addr = vma.start() + first * PAGE;
                length = random.nextBoolean() ? vma.end() - addr : Math.min(length, vma.end() - addr);
            }
        }
        return switch (random.nextInt(22)) {
            case 0, 1, 2 -> call("mmap", addr(random.nextInt(3)), length, prot, mapFlags(random.nextInt(12)), -1, 0);
            case 3 -> fileMapping(prot, length);
            case 4 -> freeMapping(prot);
            case 5, 6 -> call("munmap", addr, random.nextInt(30) == 0 ? 0 : length);
            case 7, 8, 9 -> call("mprotect", addr, length, prot | (random.nextInt(40) == 0 ? 0x01000000 : 0));
            case 10, 11 -> advice(addr, length);
            case 12 -> call("mremap", addr, length, grown(length), random.nextInt(2), 0);
            case 13 -> call("mremap", addr, length, random.nextBoolean() ? length : grown(length), 3, arenaAddress());
            case 14 ->
                call(
                        "mremap",
                        addr,
                        length,
                        random.nextInt(8) == 0 ? PAGE : length,
                        5,
                        random.nextBoolean() ? 0 : arenaAddress());
            case 15 -> lock(addr, length);
            case 16 -> call("brk", firstBrk + random.nextInt(40) * 1000L);
            case 17 -> call("msync", addr, length, new int[] {0, 1, 2, 3, 5, 8}[random.nextInt(6)]);
            default -> NativeProcess.Request.of(random.nextInt(3) == 0 ? 1 : 2, 0, addr + random.nextInt(4096));
        };
    }

    private long arenaAddress() {
        return BASE + random.nextInt(ARENA_PAGES) * PAGE;
    }

    private long addr(int kind) {
        long addr = arenaAddress();
        return kind == 0 && random.nextInt(10) == 0 ? addr + 1 : addr;
    }

    private long grown(long length) {
        return random.nextInt(20) == 0 ? 0 : Math.max(PAGE, length + (random.nextInt(12) - 5) * PAGE);
    }

    private long mapFlags(int kind) {
        return switch (kind) {
            case 0 -> 0x22 | 0x100000;
            case 1 -> 0x22 | 0x10 | 0x8000;
            case 2 -> 0x22 | 0x10 | 0x4000;
            case 3 -> 0x21 | 0x10;
            case 4 -> 0x22 | 0x10 | 0x20000;
            case 5 -> 0x22 | 0x10 | 0x100;
            case 6 -> 0x22;
            case 7 -> random.nextInt(3) == 0 ? 0x22 | 0x10 | 0x2000 : 0x20 | 0x10;
            default -> 0x22 | 0x10;
        };
    }

    private NativeProcess.Request fileMapping(int prot, long length) {
        int fd = 3 + random.nextInt(5);
        long type = new long[] {1, 2, 3, 2}[random.nextInt(4)];
        long extra = random.nextInt(8) == 0 ? 0x80000 : random.nextInt(8) == 0 ? 0x100000 : 0x10;
        long offset = random.nextInt(12) * PAGE + (random.nextInt(30) == 0 ? 5 : 0);
        return call("mmap", arenaAddress(), length, prot, type | extra, fd, offset);
    }

    private NativeProcess.Request freeMapping(int prot) {
        long length = random.nextBoolean() ? (1 + random.nextInt(20)) * PAGE : (1 + random.nextInt(3)) * (2L << 20);
        if (random.nextInt(4) == 0) {
            length += random.nextInt(4) * PAGE;
        }
        if (machine.mm().totalVm() > MAX_TOTAL_PAGES) {
            length = PAGE;
        }
        long hint = random.nextInt(4) == 0 ? 0x7ffff0000000L + random.nextInt(64) * PAGE : 0;
        return switch (random.nextInt(8)) {
            case 0 -> call("mmap", hint, length, prot, 0x21, -1, 0);
            case 1 -> call("mmap", hint, length, prot, 2, 3, random.nextInt(4) * PAGE);
            case 2 -> call("mmap", hint, length, prot, 0x22 | 0x40, -1, 0);
            case 3 -> call("mmap", hint, length, prot, 0x22 | 0x100, -1, 0);
            case 4 ->
                call(
                        "mmap",
                        0x7ffffffff000L + random.nextInt(3) * PAGE,
                        length,
                        prot,
                        0x22 | (random.nextInt(2) * 0x10),
                        -1,
                        0);
            default -> call("mmap", hint, length, prot, 0x22, -1, 0);
        };
    }

    private NativeProcess.Request advice(long addr, long length) {
        int[] known = {0, 1, 2, 3, 4, 4, 4, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 5, 77};
        int advice = known[random.nextInt(known.length)];
        if ((advice == 22 || advice == 23) && length > 64 * PAGE) {
            advice = 4;
        }
        return call("madvise", addr, length - (random.nextInt(5) == 0 ? 9 : 0), advice);
    }

    private NativeProcess.Request lock(long addr, long length) {
        if (length > 64 * PAGE) {
            return call("munlock", addr, length);
        }
        return switch (random.nextInt(5)) {
            case 0 -> call("mlock", addr + random.nextInt(9), length);
            case 1 -> call("mlock2", addr, length, random.nextInt(3));
            case 2 -> call("munlockall");
            default -> call("munlock", addr, length);
        };
    }

    /** Returns an area that the helper itself does not live in. */
    private @Nullable Vma anyForeignArea() {
        List<Vma> areas = new ArrayList<>();
        for (Vma vma : machine.mm().vmas()) {
            boolean own = vma.start() < machine.mm().brk();
            for (long[] range : ownRanges) {
                own |= vma.start() < range[1] && vma.end() > range[0];
            }
            if (!own) {
                areas.add(vma);
            }
        }
        return areas.isEmpty() ? null : areas.get(random.nextInt(areas.size()));
    }

    private NativeProcess.Request call(String name, long... args) {
        return NativeProcess.Request.of(0, numbers.number(name), args);
    }

    private NativeProcess.Answer model(NativeProcess.Request request) {
        long[] args = request.args().stream().mapToLong(Long::longValue).toArray();
        if (request.kind() != 0) {
            return new NativeProcess.Answer(0, 0, machine.access(args[0], request.kind() == 2));
        }
        long result = machine.call(numbers.name(request.number()), args);
        return Errno.isError(result)
                ? new NativeProcess.Answer(-1, -result, 0)
                : new NativeProcess.Answer(result, 0, 0);
    }

    private String describe(NativeProcess.Request request) {
        StringBuilder text = new StringBuilder();
        text.append(request.kind() == 1 ? "load" : request.kind() == 2 ? "store" : numbers.name(request.number()));
        for (long argument : request.args()) {
            text.append(' ').append(Long.toHexString(argument));
        }
        return text.toString();
    }

    private void compareMaps(NativeProcess real, String where) throws IOException {
        List<String> expected = new ArrayList<>();
        for (String line : real.read("maps")) {
            Matcher m = MAPS_LINE.matcher(line);
            if (!m.matches()) {
                throw new IOException("no maps line: " + line);
            }
            if (Long.parseUnsignedLong(m.group(1), 16) >= 0) {
                String inode = m.group(8).startsWith("/dev/zero") ? "0" : m.group(7);
                expected.add(String.join(
                        " ",
                        m.group(1),
                        m.group(2),
                        m.group(3),
                        m.group(4),
                        m.group(5) + ":" + m.group(6),
                        inode,
                        m.group(8)));
            }
        }
        List<String> actual = new ArrayList<>();
        for (Vma vma : machine.mm().vmas()) {
            MappedFile file = vma.file();
            actual.add(String.format(
                    Locale.ROOT,
                    "%08x %08x %s %08x %02x:%02x %d %s",
                    vma.start(),
                    vma.end(),
                    VmaFlags.permissions(vma.flags()),
                    file == null ? 0 : vma.pgoff() * PAGE,
                    file == null ? 0 : file.deviceMajor(),
                    file == null ? 0 : file.deviceMinor(),
                    file == null ? 0 : file.inode(),
                    vma.mapsName()));
        }
        assertThat(actual)
                .as("maps after %s%n%s", where, String.join("\n", history))
                .isEqualTo(expected);
    }

    private void compareFlags(NativeProcess real, String where) throws IOException {
        List<String> expected = new ArrayList<>();
        String area = "";
        for (String line : real.read("smaps")) {
            Matcher m = MAPS_LINE.matcher(line);
            if (m.matches()) {
                area = m.group(1);
            } else if (line.startsWith("VmFlags:") && Long.parseUnsignedLong(area, 16) >= 0) {
                expected.add(area + " " + Long.toHexString(flagBits(line)));
            }
        }
        List<String> actual = new ArrayList<>();
        for (Vma vma : machine.mm().vmas()) {
            actual.add(String.format(Locale.ROOT, "%08x %x", vma.start(), vma.flags()));
        }
        assertThat(actual).as("flags after %s", where).isEqualTo(expected);
    }

    private void compareSizes(NativeProcess real, String where) throws IOException {
        Mm mm = machine.mm();
        assertThat(mm.totalVm()).as("VmSize after %s", where).isEqualTo(real.statusPages("VmSize"));
        assertThat(mm.lockedVm()).as("VmLck after %s", where).isEqualTo(real.statusPages("VmLck"));
        assertThat(mm.dataVm()).as("VmData after %s", where).isEqualTo(real.statusPages("VmData"));
        assertThat(mm.stackVm()).as("VmStk after %s", where).isEqualTo(real.statusPages("VmStk"));
        assertThat(mm.execVm())
                .as("VmExe + VmLib after %s", where)
                .isEqualTo(real.statusPages("VmExe") + real.statusPages("VmLib"));
    }

    private static long flagBits(String line) {
        long bits = 0;
        for (int bit = 0; bit < FLAG_NAMES.length; bit++) {
            if (line.contains(" " + FLAG_NAMES[bit])) {
                bits |= 1L << bit;
            }
        }
        return bits;
    }
}
