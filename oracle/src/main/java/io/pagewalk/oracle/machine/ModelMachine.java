package io.pagewalk.oracle.machine;

import io.pagewalk.base.Bits;
import io.pagewalk.base.KernelBug;
import io.pagewalk.base.Size;
import io.pagewalk.base.Violations;
import io.pagewalk.hardware.cpu.CpuModels;
import io.pagewalk.hardware.disk.DiskDescription;
import io.pagewalk.hardware.machine.FirmwareMap;
import io.pagewalk.hardware.machine.KernelImage;
import io.pagewalk.hardware.machine.Machine;
import io.pagewalk.hardware.machine.MachineDescription;
import io.pagewalk.hardware.machine.MemoryRange;
import io.pagewalk.hardware.machine.NodeDescription;
import io.pagewalk.hardware.mmu.Access;
import io.pagewalk.hardware.mmu.Refill;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.exec.ElfProgram;
import io.pagewalk.kernel.filemap.Inode;
import io.pagewalk.kernel.filemap.OpenFile;
import io.pagewalk.kernel.procfs.ClearRefs;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.syscall.SyscallArgs;
import io.pagewalk.kernel.system.BootOptions;
import io.pagewalk.kernel.system.ExecImage;
import io.pagewalk.kernel.system.LinuxKernel;
import io.pagewalk.kernel.system.Task;
import io.pagewalk.kernel.system.UserAccess;
import io.pagewalk.kernel.vma.MapFlags;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.ResourceLimits;
import io.pagewalk.observe.proc.PidMaps;
import io.pagewalk.observe.proc.PidNumaMaps;
import io.pagewalk.observe.proc.PidSmaps;
import io.pagewalk.observe.proc.PidStatus;
import io.pagewalk.observe.proc.ProcessState;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** The model's side: a booted kernel with a process that looks as the helper does when it reports for work. */
public final class ModelMachine {
    private static final long PAGE = 4096;
    private static final long RAM_BYTES = Size.GIB;
    private static final int CPUS = 2;
    private static final long AT_FDCWD = -100;

    /** Where the helper's shared mapping lies. */
    static final long CONTROL = 0x200000000L;

    /** Where the helper's vector for mincore of a slot lies: the layout of {@code struct control} in its source. */
    private static final long FIRST_VECTOR = CONTROL + 4096 + 1024 * 72 + 1024 * 40 + 65536 + 16384;

    private static final long SLOT_BYTES = 65536 + 16384 + 16384 + 4096;
    private static final int CONTROL_FD = 201;
    private static final String PROGRAM = "/proc/self/exe";
    private static final String[] MEMFDS = {"seven", "eight"};
    private static final int MFD_ALLOW_SEALING = 2;
    private static final int MFD_HUGETLB = 4;
    private static final long HUGE_FILE_BYTES = 4L << 21;

    private final LinuxKernel kernel;
    private final Task[] tasks = new Task[Slots.COUNT];
    private final Slots slots = new Slots();
    private final SyscallArgs args = new SyscallArgs();
    private final PidSmaps smaps;
    private final List<long[]> ownRanges = new ArrayList<>();
    private boolean hasSegments;
    private boolean isPrivileged;
    private final HarmfulCalls harm;
    private long controlBytes;
    private long poolPages;
    private @Nullable ElfProgram program;
    private long codeStart;
    private final long[] segments = new long[NativeMachine.SEGMENTS];

    private ModelMachine(LinuxKernel kernel) {
        this.kernel = kernel;
        this.harm = new HarmfulCalls(this);
        Arrays.fill(segments, -1);
        this.smaps = new PidSmaps(
                kernel.memmap(),
                kernel.machine().memory(),
                kernel.machine().description().mode(),
                kernel.hugePages().policy());
    }

    /** Boots a machine and starts the helper's program in it, as {@code profile} describes it. */
    public static ModelMachine boot(HelperProfile profile) {
        BootOptions options = BootOptions.defaults();
        options = profile.hasSoftDirty() ? options.withSoftDirty() : options;
        ModelMachine result = new ModelMachine(LinuxKernel.boot(new Machine(description(RAM_BYTES), 1), options));
        result.start(profile);
        return result;
    }

    /**
     * Returns a small machine such as the kernel of a PC sees it.
     *
     * @param ramBytes bytes of RAM
     */
    public static MachineDescription description(long ramBytes) {
        FirmwareMap firmware = FirmwareMap.pc(ramBytes);
        return new MachineDescription(
                "oracle",
                "the machine that is compared with this computer",
                PagingMode.X86_64_4LEVEL,
                firmware,
                List.of(new NodeDescription(
                        0,
                        List.of(new MemoryRange(0, Bits.roundUp(firmware.endFrame() << 12, Size.MIB))),
                        List.of(0, 1))),
                List.of(List.of(10)),
                CpuModels.byName("skylake").withProtectionKeys(hasKeysHere()),
                CPUS,
                2_500_000_000L,
                Refill.HARDWARE,
                List.of(new DiskDescription(
                        "vda", 64 * Size.GIB, 100_000, 2_000_000_000L, 32, DiskDescription.Use.FILES)),
                KernelImage.at(16 * Size.MIB),
                List.of(),
                List.of(),
                80);
    }

    /** Returns whether the kernel of this computer uses protection keys, so that execute-only memory gets one. */
    private static boolean hasKeysHere() {
        try (Stream<String> lines = Files.lines(Path.of("/proc/cpuinfo"))) {
            return lines.anyMatch(line -> line.startsWith("flags") && (line + " ").contains(" ospke "));
        } catch (IOException e) {
            return false;
        }
    }

    private void start(HelperProfile profile) {
        List<ExecImage.Mapping> mappings = new ArrayList<>();
        for (ProcText.MapsLine line : profile.maps()) {
            if (line.start() < 0) {
                continue;
            }
            ownRanges.add(new long[] {line.start(), line.end()});
            if (line.start() == CONTROL) {
                controlBytes = line.end() - line.start();
                continue;
            }
            boolean isFile = line.name().startsWith("/");
            if (isFile) {
                kernel.files().register(line.name(), 1 << 20, line.inode(), line.major(), line.minor());
                kernel.files().warm(line.name());
            }
            mappings.add(new ExecImage.Mapping(
                    line.start(),
                    line.end(),
                    line.permissions(),
                    line.offset(),
                    isFile ? line.name() : null,
                    line.name().startsWith("[") ? line.name() : null));
            if (isFile && codeStart == 0) {
                codeStart = line.start();
            }
        }
        Task task = kernel.exec(new ExecImage("helper", List.of("helper"), 1024, mappings, 0, 0, 0x400000));
        tasks[0] = task;
        Mm mm = task.mm();
        mm.setData(profile.startData(), profile.endData());
        mm.setBrk(profile.startBrk(), profile.startBrk());
        mm.setPrivileged(profile.isPrivileged());
        mm.limits().set(ResourceLimits.RLIMIT_MEMLOCK, profile.memlockBytes(), profile.memlockBytes());
        hasSegments = profile.hasSegments();
        isPrivileged = profile.isPrivileged();
        program = new ElfProgram(profile.program(), null, PROGRAM, List.of("oracle-helper", "@0"), List.of());
        poolPages = profile.poolPages();
        kernel.writeSysctl("nr_hugepages", Long.toString(poolPages));
        openFiles(task, profile);
        mapControl(task);
        touchOwn(0);
        // This machine's khugepaged works when it likes, and what it did is not to be foreseen.
        kernel.khugepaged().setFrozen(true);
        profile.hugePages().apply(kernel.hugePages().policy().settings());
    }

    private void openFiles(Task task, HelperProfile profile) {
        String path = profile.data().toString();
        kernel.files().setReadAheadKib(profile.readAheadKib());
        kernel.files().setMaxFolioOrder(profile.maxFolioOrder());
        Inode inode = kernel.files()
                .register(
                        path, HelperProfile.FILE_BYTES, profile.dataInode(), profile.dataMajor(), profile.dataMinor());
        kernel.files().registerWithContents(path, HelperProfile.pattern());
        kernel.files().warm(path);
        int[] modes = {OpenFile.O_RDWR, 0, OpenFile.O_RDWR, OpenFile.O_WRONLY};
        for (int i = 0; i < modes.length; i++) {
            task.files().installAt(kernel.files().open(inode, modes[i]), 3 + i, false);
        }
        for (String name : MEMFDS) {
            memfd(task, name, 0, HelperProfile.FILE_BYTES);
        }
        memfd(task, "nine", MFD_HUGETLB, HUGE_FILE_BYTES);
        memfd(task, "ten", MFD_HUGETLB | MFD_ALLOW_SEALING, HUGE_FILE_BYTES);
        long control = memfd(task, "control", 0, controlBytes);
        args.set(kernel.syscallNumbers().number("dup2"), control, CONTROL_FD);
        kernel.syscall(task, args);
        args.set(kernel.syscallNumbers().number("close"), control);
        kernel.syscall(task, args);
    }

    private long memfd(Task task, String name, long flags, long bytes) {
        args.set(kernel.syscallNumbers().number("memfd_create"), 0, flags);
        args.path = name;
        long fd = kernel.syscall(task, args);
        args.path = null;
        args.set(kernel.syscallNumbers().number("ftruncate"), fd, bytes);
        KernelBug.on(kernel.syscall(task, args) != 0, "no memfd " + name);
        return fd;
    }

    private void mapControl(Task task) {
        args.set(
                kernel.syscallNumbers().number("mmap"),
                CONTROL,
                controlBytes,
                3,
                MapFlags.MAP_SHARED | MapFlags.MAP_FIXED_NOREPLACE,
                CONTROL_FD,
                0);
        KernelBug.on(kernel.syscall(task, args) != CONTROL, "no control area");
    }

    private static long vector(int slot) {
        return FIRST_VECTOR + slot * SLOT_BYTES;
    }

    private void touchOwn(int slot) {
        kernel.access(task(slot), vector(slot), Access.STORE);
        kernel.access(task(slot), codeStart, Access.LOAD);
    }

    /** Returns who acts in a slot. */
    public Task task(int slot) {
        Task task = tasks[slot];
        KernelBug.on(task == null, "no task in slot " + slot);
        return task;
    }

    /** Returns the address space of a slot. */
    public Mm mm(int slot) {
        return task(slot).mm();
    }

    /** Returns who lives. */
    public Slots slots() {
        return slots;
    }

    /** Returns the booted kernel. */
    public LinuxKernel kernel() {
        return kernel;
    }

    /** Returns whether the real side may make System V segments. */
    public boolean hasSegments() {
        return hasSegments;
    }

    /** Returns how many huge pages were set aside. */
    public long poolPages() {
        return poolPages;
    }

    /** Whether an area is one of those that the helper itself lives in. */
    public boolean isOwn(long start, long end) {
        for (long[] range : ownRanges) {
            if (start < range[1] && end > range[0]) {
                return true;
            }
        }
        return false;
    }

    /** Whether a step can be made now by those who live, and may be made on this computer. */
    public boolean accepts(Step step) {
        return slots.accepts(step) && (step.kind() != Step.Kind.CALL || harm.isHarmless(step));
    }

    /** Makes one step. */
    public Answer perform(Step step) {
        Task task = task(step.slot());
        long minor = task.minorFaults();
        long major = task.majorFaults();
        long result = 0;
        long value = 0;
        int signal = 0;
        switch (step.kind()) {
            case CALL -> result = call(task, step);
            case LOAD -> {
                signal = kernel.access(task, step.a0(), Access.LOAD);
                value = signal == UserAccess.OK ? kernel.load(task, step.a0()) : 0;
            }
            case STORE -> signal = kernel.store(task, step.a0(), step.a1());
            case MINCORE -> {
                args.set(kernel.syscallNumbers().number("mincore"), step.a0(), step.a1(), vector(step.slot()));
                result = kernel.syscall(task, args);
                value = result == 0 ? bits(task, step) : 0;
            }
            case SUM -> {
                long at = step.a0();
                for (; at < step.a0() + step.a1() && signal == UserAccess.OK; at += PAGE) {
                    signal = kernel.access(task, at, Access.LOAD);
                    if (signal == UserAccess.OK) {
                        value = hashPage(task, at, value);
                    }
                }
            }
            case LIMIT -> {
                result = limit(task, step);
                value = result == 0 ? oldLimits(step.slot()) : 0;
            }
            case EXEC -> {
                execute(task, step.slot());
                return new Answer(0, 0, 0, 0, 0);
            }
            case POOL ->
                kernel.writeSysctl(
                        step.a0() == 0 ? "nr_hugepages" : "nr_overcommit_hugepages", Long.toString(step.a1()));
            case CLEAR -> result = clear(task, step);
            case FETCH -> signal = kernel.access(task, step.a0(), Access.FETCH);
            case FORK -> result = fork(task, step);
            case EXIT -> {
                return exit(task, step);
            }
            case WAIT -> throw new KernelBug("WAIT is the helper's own");
        }
        // As the helper does behind each step.
        kernel.drainLru();
        return new Answer(result, signal, task.minorFaults() - minor, task.majorFaults() - major, value);
    }

    /** Segments have other numbers on each side, so steps name them by the place where the helper keeps the number. */
    private long call(Task task, Step step) {
        args.set(step.number(), step.args());
        boolean isPlaced = step.a5() == NativeMachine.SEGMENT_MARK;
        if (isPlaced && (step.number() == NativeMachine.SHMAT || step.number() == NativeMachine.SHMCTL)) {
            args.a0 = segments[(int) step.a0() & (NativeMachine.SEGMENTS - 1)];
        }
        long result = kernel.syscall(task, args);
        if (isPlaced && step.number() == NativeMachine.SHMGET && result >= 0) {
            segments[(int) step.a3() & (NativeMachine.SEGMENTS - 1)] = result;
            return 0;
        }
        return result;
    }

    /** Behind 1, 2 and 3 a 4 flushes the translations, which would else be used on and mark nothing. */
    private long clear(Task task, Step step) {
        args.set(kernel.syscallNumbers().number("openat"), AT_FDCWD, 0, OpenFile.O_WRONLY, 0);
        args.path = "/proc/" + task((int) step.a0()).tid() + "/clear_refs";
        long fd = kernel.syscall(task, args);
        args.path = null;
        if (Errno.isError(fd)) {
            return fd;
        }
        long result = write(task, step.slot(), fd, step.a1());
        if (result == 1 && step.a1() < ClearRefs.SOFT_DIRTY) {
            write(task, step.slot(), fd, ClearRefs.SOFT_DIRTY);
        }
        args.set(kernel.syscallNumbers().number("close"), fd);
        kernel.syscall(task, args);
        return result;
    }

    private long write(Task task, int slot, long fd, long digit) {
        kernel.store(task, vector(slot), '0' + digit);
        args.set(kernel.syscallNumbers().number("write"), fd, vector(slot), 1);
        return kernel.syscall(task, args);
    }

    /** The structure lies where nobody else looks: in the place for mincore's vector. */
    private long limit(Task task, Step step) {
        long structure = vector(step.slot());
        kernel.store(task, structure, step.a2());
        kernel.store(task, structure + 8, step.a3());
        args.set(
                kernel.syscallNumbers().number("prlimit64"),
                task((int) step.a0()).tid(),
                step.a1(),
                structure,
                structure + 16);
        return kernel.syscall(task, args);
    }

    private long oldLimits(int slot) {
        Task task = task(slot);
        return kernel.load(task, vector(slot) + 16) * 31 + kernel.load(task, vector(slot) + 24);
    }

    /** The first bit of each byte that mincore stored, as the helper sums them up. */
    private long bits(Task task, Step step) {
        long pages = (step.a1() + PAGE - 1) / PAGE;
        long hash = 0;
        for (long i = 0; i < pages; i++) {
            hash = hash * 31 + (kernel.load(task, vector(step.slot()) + i, 1) & 1);
        }
        return hash;
    }

    private long hashPage(Task task, long vaddr, long start) {
        long hash = start;
        long paddr = kernel.mmuOf(task).physicalAddress(vaddr, Access.LOAD);
        for (long at = 0; at < PAGE; at += 8) {
            hash = hash * 31 + kernel.machine().bus().read(paddr + at, 8);
        }
        return hash;
    }

    private long fork(Task task, Step step) {
        Task child = step.isThread()
                ? kernel.cloneThread(task)
                : step.isSharing() || step.isVfork() ? kernel.vfork(task) : kernel.fork(task);
        if (child == null) {
            slots.failed(step);
            return -Errno.ENOMEM;
        }
        slots.started(step);
        tasks[(int) step.a0()] = child;
        touchOwn((int) step.a0());
        return 0;
    }

    private void execute(Task task, int slot) {
        ElfProgram again = program;
        if (again == null) {
            throw new KernelBug("no program to execute");
        }
        task.group().limits().set(ResourceLimits.RLIMIT_AS, -1, -1);
        task.group().limits().set(ResourceLimits.RLIMIT_DATA, -1, -1);
        kernel.execve(task, again);
        slots.executed(slot);
        task.mm().setPrivileged(isPrivileged);
        mapControl(task);
        touchOwn(slot);
    }

    private Answer exit(Task task, Step step) {
        int slot = step.slot();
        boolean isLeader = slots.isLeader(slot);
        boolean hasParent = slots.hasLivingParent(slot);
        int waiter = slots.waiter(slot);
        slots.ended(slot);
        if (!isLeader) {
            kernel.exit(task, 0);
            return new Answer(0, 0, 0, 0, 0);
        }
        kernel.exitGroup(task, 0);
        long result = 0;
        if (hasParent) {
            args.set(kernel.syscallNumbers().number("wait4"), task.tgid(), 0, 0, 0);
            long reaped = kernel.syscall(task(waiter), args);
            result = reaped > 0 ? 0 : reaped;
        }
        return new Answer(result, 0, 0, 0, 0);
    }

    private ProcessState state(int slot) {
        Task task = task(slot);
        return ProcessState.of(kernel, task, task.mm());
    }

    /** Returns the text of {@code /proc/PID/maps}. */
    public String maps(int slot) {
        return PidMaps.print(state(slot));
    }

    /** Returns the text of {@code /proc/PID/smaps}. */
    public String smaps(int slot) {
        return smaps.print(state(slot));
    }

    /** Returns the text of {@code /proc/PID/numa_maps}. */
    public String numaMaps(int slot) {
        return new PidNumaMaps(
                        kernel.memmap(),
                        kernel.machine().memory(),
                        kernel.machine().description().mode(),
                        pfn -> kernel.allocator().zoneOf(pfn).node(),
                        kernel.allocator().nodes().size())
                .print(state(slot), task(slot).policy().policy());
    }

    /** Returns the text of {@code /proc/PID/smaps_rollup}. */
    public String smapsRollup(int slot) {
        return smaps.printRollup(state(slot));
    }

    /** Returns the text of {@code /proc/PID/status}. */
    public String status(int slot) {
        return PidStatus.print(state(slot));
    }

    /** Returns what the whole-machine check finds wrong, or null. */
    @Nullable
    public String violation() {
        Violations out = new Violations();
        kernel.verify(out);
        return out.isEmpty() ? null : String.join("; ", out.lines());
    }
}
