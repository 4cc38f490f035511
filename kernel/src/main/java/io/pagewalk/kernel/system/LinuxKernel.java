package io.pagewalk.kernel.system;

import io.pagewalk.base.BadInput;
import io.pagewalk.base.Digest;
import io.pagewalk.base.KernelBug;
import io.pagewalk.base.Violations;
import io.pagewalk.hardware.cpu.Cpu;
import io.pagewalk.hardware.disk.DiskDescription;
import io.pagewalk.hardware.machine.Machine;
import io.pagewalk.hardware.mmu.Access;
import io.pagewalk.hardware.mmu.Mmu;
import io.pagewalk.hardware.mmu.Privilege;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.cma.CmaArea;
import io.pagewalk.kernel.compaction.Compaction;
import io.pagewalk.kernel.compaction.ContiguousAllocator;
import io.pagewalk.kernel.exec.ElfProgram;
import io.pagewalk.kernel.fault.FaultHandler;
import io.pagewalk.kernel.fault.HugePages;
import io.pagewalk.kernel.fault.MappedPages;
import io.pagewalk.kernel.fault.PageTableEditor;
import io.pagewalk.kernel.filemap.FileSystem;
import io.pagewalk.kernel.filemap.Inode;
import io.pagewalk.kernel.filemap.PageCache;
import io.pagewalk.kernel.gup.Foll;
import io.pagewalk.kernel.gup.GetUserPages;
import io.pagewalk.kernel.gup.RemoteAccess;
import io.pagewalk.kernel.huge.HugePageFiles;
import io.pagewalk.kernel.huge.HugePageSettings;
import io.pagewalk.kernel.hugetlb.HugePools;
import io.pagewalk.kernel.hugetlb.Hugetlb;
import io.pagewalk.kernel.io.IoResources;
import io.pagewalk.kernel.khugepaged.Khugepaged;
import io.pagewalk.kernel.ksm.Ksm;
import io.pagewalk.kernel.ksm.KsmFiles;
import io.pagewalk.kernel.mempolicy.PolicyCalls;
import io.pagewalk.kernel.migrate.PageMigration;
import io.pagewalk.kernel.numa.PolicyAllocator;
import io.pagewalk.kernel.oom.OomKiller;
import io.pagewalk.kernel.procfs.TaskMmuServices;
import io.pagewalk.kernel.syscall.SyscallArgs;
import io.pagewalk.kernel.syscall.SyscallDoor;
import io.pagewalk.kernel.syscall.SyscallNumbers;
import io.pagewalk.kernel.syscall.TaskWork;
import io.pagewalk.kernel.time.Cause;
import io.pagewalk.kernel.vma.AddressLayout;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.MmServices;
import io.pagewalk.kernel.vma.MmSyscalls;
import io.pagewalk.kernel.vma.Overcommit;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A booted kernel on a machine: the one object that workloads drive and observers read.
 *
 * <p>The way of one access is {@link #access}: the CPU's MMU, and on a fault the handler, until the access is made or a signal is due. Every other entry into the kernel is
 * {@link #syscall}, or one of the process operations ({@link #exec}, {@link #fork}, {@link #cloneThread}, {@link #exit}).
 */
public final class LinuxKernel extends KernelCore {
    /** Result of {@link #syscall}: the task sleeps. {@link Task#callResult} says what to do once it is awake. Linux's {@code -ERESTARTSYS}, which no program sees. */
    public static final long WAITS = -512;

    private static final int GIB_SHIFT = 30;

    private final DeviceLayer devices;
    private final FileSystem files;
    private final HugePages hugePages;
    private final HugePageFiles hugePageFiles;
    private final Khugepaged khugepaged;
    private final FaultHandler faultHandler;
    private final UserPages userPages;
    private final PageTableEditor pageTables;
    private final KernelMemory kernelMemory;
    private final Overcommit overcommit;
    private final SharedMemory sharedMemory;
    private final MmServices mmServices;
    private final Hugetlb hugetlb;
    private final AddressLayout layout;
    private final SyscallDoor<Task> door;
    private final TaskTable tasks;
    private final Processes processes;
    private final OomKiller oomKiller;
    private final PageThreads pageThreads;
    private final UserfaultCalls userfaults;
    private final GetUserPages gup;
    private final RemoteAccess remoteAccess;
    private final Mmu[] mmus;
    private final ProgramTime programTime;
    private final TaskKeys keys;
    private final Ksm ksm;
    private final KsmFiles ksmFiles;
    private @Nullable Task current;
    private @Nullable String panicMessage;
    private long signals;

    private LinuxKernel(Machine machine, BootOptions options) {
        super(machine, options);
        this.programTime = new ProgramTime(machine, time);
        this.mmus = machine.cpus().stream().map(Cpu::mmu).toArray(Mmu[]::new);
        this.keys = new TaskKeys(this, machine, options);
        this.layout = layoutOf(machine.description().mode(), boot.conversion().pageOffset());
        objects.wire(this);
        this.kernelMemory = new KernelMemory(this);
        PageCache cache = new PageCache(folios, machine.memory(), time);
        TaskWork taskWork = new TaskWork();
        this.files = new FileSystem(
                cache,
                folios,
                machine.disks(DiskDescription.Use.FILES).isEmpty()
                        ? null
                        : machine.disks(DiskDescription.Use.FILES).getFirst(),
                taskWork);
        this.hugePages = new HugePages(
                kernelTables,
                anonVmas,
                files,
                HugePageSettings.of(options.parameters().commandLine()),
                addressSpaces);
        this.faultHandler = new FaultHandler(
                kernelTables, anonVmas, cache, hugePages, addressSpaces, time, options.costs(), machine.bus());
        this.khugepaged = new Khugepaged(hugePages.policy(), faultHandler.collapse(), machine.clock(), options.costs());
        this.hugePageFiles = new HugePageFiles(
                hugePages.policy().settings(), folios.stats(), this::hugePagesSwitched, khugepaged::wake);
        this.userPages = new UserPages(this, faultHandler, layout.taskSize());
        this.pageTables = new PageTableEditor(
                kernelTables, files, faultHandler, addressSpaces, time, options.costs(), this::currentOrBug);
        this.gup = new GetUserPages(kernelTables, pageTables, faultHandler);
        this.remoteAccess = new RemoteAccess(gup);
        this.devices = new DeviceLayer(this, objects);
        files.setObjects(objects.files());
        files.setWarm(options.pageCache() == BootOptions.PageCacheStart.WARM);
        files.setUnmapper(pageTables::unmapFileRange);
        folios.mlocked().setUnevictableFiles(id -> {
            Inode inode = files.find(id);
            return inode != null && inode.isUnevictable();
        });
        boolean tracksSoftDirty = options.tracksSoftDirty()
                && machine.description().mode().architecture() == PagingMode.Architecture.X86_64;
        KernelVmSettings settings = new KernelVmSettings(
                sysctls, boot, folios.allocator(), mmus.length, tracksSoftDirty, options.anonymousNames());
        if (tracksSoftDirty) {
            faultHandler.trackSoftDirty();
        }
        this.ksm = new Ksm(new Ksm.Machine(
                machine.description().mode(),
                machine.memory(),
                kernelTables,
                folios,
                anonVmas,
                faultHandler,
                addressSpaces,
                machine.clock(),
                options.costs().copyPageNanos(),
                this::currentTask));
        this.ksmFiles = new KsmFiles(
                ksm,
                () -> addressSpaces.all().stream()
                        .mapToLong(mm -> mm.ksm().zeroPages())
                        .sum());
        this.overcommit = new Overcommit(settings);
        PageMigration migration = new PageMigration(
                folios, anonVmas, ksm, files, pageTables, hugePages, machine.memory(), time, options.costs());
        this.pageThreads = new PageThreads(boot, migration, sysctls, machine.clock());
        HugePools pools = new HugePools(
                folios,
                pageThreads.contiguous(),
                machine.description().mode(),
                machine.cpu(0).mmu().geometry().hasPagesOf(GIB_SHIFT),
                options.parameters().commandLine(),
                log::print);
        settings.setHugePages(pools);
        this.hugetlb = new Hugetlb(
                new Hugetlb.Machine(kernelTables, files, anonVmas, addressSpaces, time, options.costs(), log::print),
                pools);
        this.sharedMemory = new SharedMemory(this, files, overcommit, hugetlb, hugePages.policy(), this::currentTask);
        settings.setShmem(sharedMemory.files());
        this.mmServices = new MmServices(
                hugetlb.wire(pageTables, faultHandler, this::currentOrBug),
                anonVmas,
                sharedMemory.files(),
                overcommit,
                settings,
                objects.areas(),
                ksm,
                keys,
                hugetlb,
                khugepaged);
        this.tasks = new TaskTable(machine.cpus().size());
        this.processes = new Processes(this, tasks);
        this.oomKiller = new OomKiller(
                new KernelOomHost(this),
                allocator,
                sysctls,
                machine.description().mode());
        allocator.setOutOfMemory(oomKiller);
        allocator.setHost(new KernelAllocatorHost(this));
        this.door = new SyscallDoor<>(new SyscallNumbers(), taskWork);
        MmSyscalls.register(door);
        new FileCalls(this).register(door);
        new ShmemCalls(this).register(door);
        this.userfaults = new UserfaultCalls(this, files);
        userfaults.register(door);
        new ProcessVmCalls(this).register(door);
        new PipeCalls(this).register(door);
        new ProcessCalls(this).register(door);
        new PidCalls(this).register(door);
        new CloneCalls(this).register(door);
        new FileAdviceCalls(this).register(door);
        new LimitCalls(this).register(door);
        CredentialCalls.register(door);
        PrctlCalls.register(door);
        MappedPages mapped = new MappedPages(kernelTables);
        new PolicyCalls<>(
                        folios.policies(),
                        allocator,
                        mapped,
                        migration,
                        hugetlb.migration(),
                        new PolicyTasks(this, mapped))
                .register(door);
        processes.startInit();
        devices.start(machine);
        if (sysctls.isSetByUser("nr_hugepages")) {
            pools.resize(sysctls.get("nr_hugepages"));
        }
    }

    /**
     * Boots: sizes memory, builds the direct map, starts init: {@code init/main.c:start_kernel()}.
     *
     * @param machine a machine that was just switched on
     * @param options what the kernel is told
     * @return the running kernel
     */
    public static LinuxKernel boot(Machine machine, BootOptions options) {
        return new LinuxKernel(machine, options);
    }

    private static AddressLayout layoutOf(PagingMode mode, long pageOffset) {
        return switch (mode) {
            case X86_64_4LEVEL -> AddressLayout.x86(false);
            case X86_64_5LEVEL -> AddressLayout.x86(true);
            case I386, I386_PAE -> AddressLayout.flat(pageOffset);
            case SV39, SV48, SV57 -> AddressLayout.flat(mode.userEnd());
        };
    }

    /**
     * Starts a program in a new process: {@code fs/exec.c:do_execveat_common()} of a task that init forked.
     *
     * @param image the program
     * @return its first thread
     * @throws BadInput when an area of the image cannot be mapped
     */
    public Task exec(ExecImage image) {
        return processes.execNew(image);
    }

    /**
     * Starts an ELF file in a new process. The file and its dynamic linker must be {@linkplain #files() known} by their paths.
     *
     * @param program the program
     * @return its first thread
     * @throws BadInput when it cannot be loaded
     */
    public Task exec(ElfProgram program) {
        return processes.execNew(program);
    }

    /**
     * Replaces the program of a task by an ELF file: {@code execve()}. Its other threads end.
     *
     * @param task who calls
     * @param program the program
     */
    public void execve(Task task, ElfProgram program) {
        processes.execve(task, program);
    }

    /**
     * Replaces the program of a task: {@code execve()}. Its other threads end.
     *
     * @param task who calls
     * @param image the program
     */
    public void execve(Task task, ExecImage image) {
        processes.execve(task, image);
    }

    /**
     * Starts a thread that shares everything: {@code clone(CLONE_VM | CLONE_FILES | CLONE_THREAD ...)}.
     *
     * @param parent who calls
     * @return the new thread, or null when memory ran out
     */
    public @Nullable Task cloneThread(Task parent) {
        return processes.cloneThread(parent);
    }

    /**
     * Copies a process: {@code kernel/fork.c:kernel_clone()} without flags.
     *
     * @param parent who calls
     * @return the only thread of the child, or null when memory ran out
     */
    public @Nullable Task fork(Task parent) {
        Task child = processes.fork(parent, Processes.Sharing.NOTHING);
        userfaults.endCall(parent);
        return child;
    }

    /**
     * Makes a process that borrows the address space of its parent: {@code vfork()}.
     *
     * @param parent who calls
     * @return the only thread of the child, or null when memory ran out
     */
    public @Nullable Task vfork(Task parent) {
        return processes.fork(parent, Processes.Sharing.ADDRESS_SPACE);
    }

    /**
     * Ends one thread: {@code kernel/exit.c:do_exit()}. With the last thread the process ends.
     *
     * @param task which
     * @param code exit status, 0 to 255
     */
    public void exit(Task task, int code) {
        processes.exit(task, (code & 0xff) << 8);
        userfaults.endCall(task);
    }

    /**
     * Ends a process: {@code exit_group()}.
     *
     * @param task any of its threads
     * @param code exit status, 0 to 255
     */
    public void exitGroup(Task task, int code) {
        processes.exitGroup(task.group(), (code & 0xff) << 8);
        userfaults.endCall(task);
    }

    /**
     * Ends a process as a signal does that it does not catch.
     *
     * @param task any of its threads
     * @param signal number of the signal, 1 to 64
     */
    public void kill(Task task, int signal) {
        processes.exitGroup(task.group(), signal & 0x7f);
        userfaults.endCall(task);
    }

    /**
     * Performs a system call.
     *
     * @param task who calls
     * @param args number and arguments
     * @return the result or a negated errno, as raw Linux returns it; {@link #WAITS} when it has not come back yet
     */
    public long syscall(Task task, SyscallArgs args) {
        schedule(task);
        chargeTranslation();
        time.charge(Cause.SYSCALL, options.costs().syscallNanos());
        pageThreads.run();
        ksm.runThread();
        khugepaged.runThread();
        task.sleep().callBegins();
        long sectors = files.cache().sectorsRead();
        long result = door.call(task, args);
        task.countInBlocks(files.cache().sectorsRead() - sectors);
        userfaults.endCall(task);
        if (task.isAsleep()) {
            task.sleep().callEnds(result);
            return WAITS;
        }
        if (task.isKilled() && task.mmOrNull() != null) {
            processes.exitGroup(task.group(), 9);
        }
        return result;
    }

    /**
     * Makes one access of user code: TLB, page walk, page fault and retry. An access must not cross a page.
     *
     * @param task who
     * @param vaddr where
     * @param kind a constant of {@link Access}
     * @return a constant of {@link UserAccess}; a signal is only reported, the task goes on unless the caller ends it ({@link #kill}), but a task that the OOM killer took has ended
     */
    public int access(Task task, long vaddr, int kind) {
        if (current != task) {
            schedule(task);
        }
        int fault = mmuOf(task).access(vaddr, kind);
        return fault == 0 ? UserAccess.OK : fault(task, vaddr, kind, fault);
    }

    /**
     * Handles a fault that {@link Mmu#access} returned for the running task, and makes the access again until it is done or a signal is due. For callers that drive
     * the MMU themselves.
     *
     * @param task the running task
     * @param vaddr where
     * @param kind a constant of {@link Access}
     * @param fault what the MMU returned, not 0
     * @return a constant of {@link UserAccess}
     */
    public int fault(Task task, long vaddr, int kind, int fault) {
        long sectors = files.cache().sectorsRead();
        int outcome = userPages.resolve(task, vaddr, kind, fault, Privilege.USER);
        task.countInBlocks(files.cache().sectorsRead() - sectors);
        if (pageThreads.isPending()) {
            pageThreads.run();
        }
        if (outcome == UserAccess.OOM_KILLED && task.mmOrNull() != null) {
            processes.exitGroup(task.group(), 9);
        } else if (UserAccess.signal(outcome) != 0) {
            signals++;
        }
        return outcome;
    }

    /**
     * Makes the kernel itself touch one byte of user memory, with its rights but faulting as the program would.
     *
     * @param task the calling task
     * @param vaddr where
     * @param kind LOAD or STORE
     * @return the physical address, or -1 for {@code -EFAULT}
     */
    long touchForKernel(Task task, long vaddr, int kind) {
        if (userPages.touchOne(task, vaddr, kind) != UserAccess.OK) {
            return -1;
        }
        return mmuOf(task).physicalAddress(vaddr, kind);
    }

    /**
     * Touches user pages as a system call that writes a buffer does.
     *
     * @param task the calling task
     * @param vaddr first byte
     * @param bytes length, at least 0
     * @return {@link UserAccess#OK}, or the signal that the program itself would get for the first byte that cannot be written: the call then gives {@code -EFAULT}
     */
    public int copyToUser(Task task, long vaddr, long bytes) {
        return userPages.touchRange(task, vaddr, bytes, Access.STORE);
    }

    /**
     * Touches user pages as a system call that reads a buffer does.
     *
     * @param task the calling task
     * @param vaddr first byte
     * @param bytes length, at least 0
     * @return {@link UserAccess#OK}, or the signal that the program itself would get for the first byte that cannot be read: the call then gives {@code -EFAULT}
     */
    public int copyFromUser(Task task, long vaddr, long bytes) {
        return userPages.touchRange(task, vaddr, bytes, Access.LOAD);
    }

    /**
     * Stores eight bytes as user code: into RAM, or into a device that the process maps.
     *
     * @param task who
     * @param vaddr aligned to 8
     * @param value what
     * @return a constant of {@link UserAccess}
     */
    public int store(Task task, long vaddr, long value) {
        return store(task, vaddr, 8, value);
    }

    /**
     * Stores as user code: into RAM, or into a device that the process maps.
     *
     * @param task who
     * @param vaddr aligned to {@code bytes}
     * @param bytes 1, 2, 4 or 8
     * @param value the low {@code bytes} bytes count
     * @return a constant of {@link UserAccess}
     */
    public int store(Task task, long vaddr, int bytes, long value) {
        int outcome = access(task, vaddr, Access.STORE);
        if (outcome == UserAccess.OK) {
            machine.bus().write(mmuOf(task).physicalAddress(vaddr, Access.STORE), bytes, value);
        }
        return outcome;
    }

    /**
     * Loads eight bytes as user code: from RAM, or from a device that the process maps.
     *
     * @param task who
     * @param vaddr aligned to 8, in a page that can be read
     * @return the value
     */
    public long load(Task task, long vaddr) {
        return load(task, vaddr, 8);
    }

    /**
     * Loads as user code: from RAM, or from a device that the process maps.
     *
     * @param task who
     * @param vaddr aligned to {@code bytes}, in a page that can be read
     * @param bytes 1, 2, 4 or 8
     * @return the value, zero-extended
     */
    public long load(Task task, long vaddr, int bytes) {
        int outcome = access(task, vaddr, Access.LOAD);
        KernelBug.on(outcome != UserAccess.OK, "load of an address that cannot be read");
        return machine.bus().read(mmuOf(task).physicalAddress(vaddr, Access.LOAD), bytes);
    }

    /**
     * Makes a task run on its CPU: {@code context_switch()}. Nothing happens when it runs already.
     *
     * @param task a task with an address space
     */
    public void schedule(Task task) {
        if (current == task) {
            return;
        }
        chargeTranslation();
        allocator.setCpu(task.cpu());
        if (tasks.runOn(task)) {
            time.charge(Cause.CONTEXT_SWITCH, options.costs().contextSwitchNanos());
        }
        Mm mm = task.mm();
        addressSpaces.switchTo(task.cpu(), mm);
        // Processes that share an address space may have limits of their own.
        mm.setLimits(task.group().limits());
        folios.policies().run(task.policy());
        keys.switchTo(task);
        current = task;
    }

    /**
     * Writes the register of protection keys as user code does: WRPKRU.
     *
     * @param task who
     * @param register see {@link io.pagewalk.hardware.paging.Pkru}
     */
    public void writePkru(Task task, int register) {
        schedule(task);
        keys.write(register);
    }

    /** Returns whether the CPUs have protection keys that are switched on: {@code X86_FEATURE_OSPKE}. */
    public boolean hasProtectionKeys() {
        return keys.exists();
    }

    /** Forgets who runs, so that the next access switches again. */
    void unschedule(Task task) {
        if (current == task) {
            current = null;
        }
        tasks.stopped(task);
    }

    /**
     * Returns the MMU that a task's accesses go through; drive it only while the task runs.
     *
     * @param task a task
     */
    public Mmu mmuOf(Task task) {
        return mmus[task.cpu()];
    }

    /** Returns the transparent huge pages and their settings. */
    public HugePages hugePages() {
        return hugePages;
    }

    /** Returns the running task, or null. */
    public @Nullable Task currentTask() {
        return current;
    }

    private Task currentOrBug() {
        Task task = current;
        if (task == null) {
            throw new KernelBug("no task runs");
        }
        return task;
    }

    /**
     * Notes accesses that the program made, for {@link Cause#PROGRAM}: an instruction takes one cycle, its loads and stores overlap with it. The time passes at the next system call or
     * switch, so that the moment of a fault does not depend on how accesses are grouped.
     *
     * @param loads how many
     * @param stores how many
     * @param fetches how many
     */
    public void chargeAccesses(long loads, long stores, long fetches) {
        programTime.count(loads, stores, fetches);
    }

    /** Books the time that page walks and second-level hits of the running CPU took since the last call; system calls and switches do it too. */
    public void chargeTranslation() {
        programTime.charge(addressSpaces.currentCpu());
    }

    /** Stops the machine: {@code panic()}. */
    void panic(String message) {
        log.print("Kernel panic - not syncing: " + message);
        panicMessage = message;
    }

    /** Returns why the kernel stopped, or null while it lives. */
    public @Nullable String panicMessage() {
        return panicMessage;
    }

    /** Returns how many signals accesses have led to. */
    public long signals() {
        return signals;
    }

    /** Returns the first address behind the user half: {@code TASK_SIZE}. */
    public long taskSize() {
        return layout.taskSize();
    }

    /**
     * Writes a setting while the machine runs, as a user does through {@code /proc/sys/vm}. {@code compact_memory} takes 1 and compacts all memory.
     *
     * @param name with or without {@code vm.}
     * @param value as typed
     * @throws BadInput for an unknown name or a value that Linux refuses
     */
    public void writeSysctl(String name, String value) {
        new SysctlHandlers(sysctls, boot, pageThreads, hugetlb.pools(), overcommit).write(name, value);
    }

    /** Returns memory compaction. */
    public Compaction compaction() {
        return pageThreads.compaction();
    }

    /** Returns how memory policies choose nodes, with the weights of interleaving. */
    public PolicyAllocator memoryPolicies() {
        return folios.policies();
    }

    /** Returns the huge pages of pools and the files made of them. */
    public Hugetlb hugetlb() {
        return hugetlb;
    }

    /** Returns what allocates given ranges of frames. */
    public ContiguousAllocator contiguous() {
        return pageThreads.contiguous();
    }

    /** Returns the contiguous memory area that the command line asked for, or null. */
    public @Nullable CmaArea cma() {
        return pageThreads.cma();
    }

    /** Returns the files. */
    public FileSystem files() {
        return files;
    }

    /** Returns the merging of equal pages. */
    public Ksm ksm() {
        return ksm;
    }

    /** Returns {@code /sys/kernel/mm/ksm}. */
    public KsmFiles ksmFiles() {
        return ksmFiles;
    }

    /** Returns {@code /sys/kernel/mm/transparent_hugepage}. */
    public HugePageFiles hugePageFiles() {
        return hugePageFiles;
    }

    /** Returns the thread that makes huge pages of small ones. */
    public Khugepaged khugepaged() {
        return khugepaged;
    }

    /** Lets pages that were used twice arrive at the active list, as calls that drop pages do: {@code lru_add_drain()}. */
    public void drainLru() {
        folios.drainBatches();
    }

    /** {@code mm/khugepaged.c:start_stop_khugepaged()}. */
    private void hugePagesSwitched() {
        khugepaged.startStop();
        boot.hugePagesSwitched(sysctls, hugePages.policy().settings().isHugeEnabled());
    }

    /** Returns the files in memory and the segments of System V shared memory. */
    public SharedMemory sharedMemory() {
        return sharedMemory;
    }

    /** Returns how much memory was promised to processes. */
    public Overcommit overcommit() {
        return overcommit;
    }

    /** Returns the way of kernel code to memory: loads and stores at kernel addresses, through the MMU. */
    public KernelMemory kernelMemory() {
        return kernelMemory;
    }

    /** Returns what the files of {@code /proc} need that show or change page entries. */
    public TaskMmuServices taskMmuServices() {
        return new TaskMmuServices(
                machine.description().mode(), kernelTables, memmap(), addressSpaces, this::accessRemote);
    }

    private int accessRemote(Mm mm, long vaddr, byte[] bytes, boolean isWrite) {
        return remoteAccess.access(currentOrBug(), mm, vaddr, bytes, Foll.FORCE | (isWrite ? Foll.WRITE : 0));
    }

    /** Returns what finds and holds pages of programs for kernel code. */
    public GetUserPages gup() {
        return gup;
    }

    /** Returns the fault handler, for its settings. */
    public FaultHandler faultHandler() {
        return faultHandler;
    }

    /** Returns the names and numbers of system calls. */
    public SyscallNumbers syscallNumbers() {
        return door.numbers();
    }

    /** Returns the table of system calls with its counts. */
    public SyscallDoor<Task> door() {
        return door;
    }

    /** Returns all tasks in the order of their creation, zombies included. */
    public List<Task> tasks() {
        return tasks.all();
    }

    /**
     * Finds a task.
     *
     * @param tid thread number
     * @return the task, or null
     */
    public @Nullable Task task(int tid) {
        return tasks.find(tid);
    }

    /** Returns the OOM killer, for scores. */
    public OomKiller oomKiller() {
        return oomKiller;
    }

    /** Returns who uses which ports and physical addresses. */
    public IoResources ioResources() {
        return devices.resources();
    }

    /** Returns how kernel code reaches devices. */
    public DeviceLayer devices() {
        return devices;
    }

    /**
     * Checks the whole machine: hardware, allocator, every frame's owner, and every count against a walk of all page tables.
     *
     * @param out receives what is broken
     */
    public void verify(Violations out) {
        new MachineCheck(this).verify(out);
    }

    /**
     * Adds the final state and all counters.
     *
     * @param digest where to
     */
    public void addToDigest(Digest digest) {
        machine.addToDigest(digest);
        allocator.addToDigest(digest);
        time.addToDigest(digest);
        anonVmas.addToDigest(digest);
        files.addToDigest(digest);
        sharedMemory.addToDigest(digest);
        addressSpaces.addToDigest(digest);
        vmalloc.addToDigest(digest);
        kernelStacks.addToDigest(digest);
        perCpu.addToDigest(digest);
        highmem.addToDigest(digest);
        kmapLocal.addToDigest(digest);
        fixmap.addToDigest(digest);
        objects.slabs().addToDigest(digest);
        door.addToDigest(digest);
        for (Task task : tasks.all()) {
            task.addToDigest(digest);
        }
        for (Mm mm : addressSpaces.all()) {
            mm.addToDigest(digest);
        }
        log.addToDigest(digest);
        devices.addToDigest(digest);
        ksm.addToDigest(digest);
        khugepaged.addToDigest(digest);
        hugetlb.addToDigest(digest);
        digest.add(signals);
        programTime.addToDigest(digest);
        digest.add(overcommit.committedPages());
    }

    UserfaultCalls userfaults() {
        return userfaults;
    }

    TaskKeys keys() {
        return keys;
    }

    TaskTable taskTable() {
        return tasks;
    }

    Processes processes() {
        return processes;
    }

    MmServices mmServices() {
        return mmServices;
    }

    AddressLayout layout() {
        return layout;
    }

    PageTableEditor pageTables() {
        return pageTables;
    }
}
