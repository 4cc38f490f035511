package io.pagewalk.lab.experiment.oldways;

import io.pagewalk.base.Bits;
import io.pagewalk.base.KernelBug;
import io.pagewalk.base.Size;
import io.pagewalk.base.Violations;
import io.pagewalk.hardware.cpu.CpuModels;
import io.pagewalk.hardware.machine.FirmwareMap;
import io.pagewalk.hardware.machine.KernelImage;
import io.pagewalk.hardware.machine.Machine;
import io.pagewalk.hardware.machine.MachineDescription;
import io.pagewalk.hardware.machine.MemoryRange;
import io.pagewalk.hardware.machine.NodeDescription;
import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.hardware.mmu.Access;
import io.pagewalk.hardware.mmu.Refill;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.fault.TableWalk;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.syscall.SyscallArgs;
import io.pagewalk.kernel.system.BootOptions;
import io.pagewalk.kernel.system.ExecImage;
import io.pagewalk.kernel.system.LinuxKernel;
import io.pagewalk.kernel.system.Task;
import io.pagewalk.kernel.system.UserAccess;
import io.pagewalk.kernel.zone.VmEvent;
import io.pagewalk.kernel.zone.Watermarks;
import io.pagewalk.kernel.zone.Zone;
import io.pagewalk.kernel.zone.ZoneType;
import io.pagewalk.lab.experiment.oldways.Stray.Harm;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The modelled Linux on i386 with its two-level page tables. The memory for programs is a bank of RAM of its own, far above the kernel's, so that
 * ZONE_HIGHMEM is exactly that bank; page tables lie in the kernel's memory.
 *
 * <p>Strict overcommit ({@code vm.overcommit_memory} 2) makes the kernel refuse what does not fit the bank, as the other systems do, instead of waking the OOM
 * killer later. The bank has some frames more than programs may have, since the zone's watermarks keep them free.
 */
public final class PagingSystem implements MemorySystem {
    /** Frames that the watermarks of the bank keep free. */
    static final int WATERMARK_FRAMES = 128;

    private static final long PAGE = 4096;
    private static final long LOW_MEMORY = 64 * Size.MIB;
    private static final long BANK_START = Size.GIB;
    private static final long CODE_START = 0x08048000L;
    private static final long HEAP_START = 0x08100000L;
    private static final long STACK_END = 0xbffff000L;
    private static final long USER_END = 0xc0000000L;
    private static final int ARGS_BYTES = 256;
    private static final int SIGKILL = 9;
    private static final int PROT_READ = 1;
    private static final int PROT_WRITE = 2;
    private static final int PROT_EXEC = 4;
    private static final int MAP_PRIVATE = 2;
    private static final int MAP_FIXED = 0x10;
    private static final int MAP_ANONYMOUS = 0x20;
    private static final int MREMAP_MAYMOVE = 1;
    private static final int SYS_MMAP = 9;
    private static final int SYS_MPROTECT = 10;
    private static final int SYS_MUNMAP = 11;
    private static final int SYS_BRK = 12;
    private static final int SYS_MREMAP = 25;

    private static final class Program {
        final Task task;
        final long[] base = new long[SEGMENTS];
        final int[] size = new int[SEGMENTS];

        Program(Task task) {
            this.task = task;
        }
    }

    private final LinuxKernel kernel;
    private final PhysicalMemory memory;
    private final long programFrames;
    private final long tableFramesAtBoot;
    private final long faultsAtBoot;
    private final SyscallArgs args = new SyscallArgs();
    private final TreeMap<Integer, Program> running = new TreeMap<>();

    /**
     * Boots the kernel.
     *
     * @param programBytes memory for programs, a multiple of 4 KiB
     */
    public PagingSystem(long programBytes) {
        programFrames = programBytes / PAGE;
        LinuxKernel first = boot(programBytes, 0);
        // What boot itself promised to init comes on top; a kernel knows its limit at boot.
        kernel = boot(programBytes, first.overcommit().committedPages());
        kernel.overcommit().countExactly();
        memory = kernel.machine().memory();
        Zone bank = kernel.bootMemory().zones().stream()
                .filter(zone -> zone.type() == ZoneType.HIGHMEM)
                .findFirst()
                .orElseThrow(() -> new KernelBug("a machine without its second bank"));
        KernelBug.on(bank.watermarks().pages(Watermarks.HIGH) > WATERMARK_FRAMES / 2, "the bank's watermarks changed");
        tableFramesAtBoot = kernel.memmap().ownerFrames(FrameOwner.PAGE_TABLE);
        faultsAtBoot = kernel.vmstat().get(VmEvent.PGFAULT);
    }

    private static LinuxKernel boot(long programBytes, long committedAtBoot) {
        long bankEnd = BANK_START + programBytes + WATERMARK_FRAMES * PAGE;
        FirmwareMap firmware = new FirmwareMap(List.of(
                new FirmwareMap.Entry(0, 0x9fc00, FirmwareMap.Type.USABLE),
                new FirmwareMap.Entry(Size.MIB, LOW_MEMORY, FirmwareMap.Type.USABLE),
                new FirmwareMap.Entry(BANK_START, bankEnd, FirmwareMap.Type.USABLE)));
        MachineDescription description = new MachineDescription(
                "two-banks",
                "32-bit PC with a bank of RAM for programs alone",
                PagingMode.I386,
                firmware,
                List.of(new NodeDescription(
                        0, List.of(new MemoryRange(0, Bits.roundUp(bankEnd, Size.MIB))), List.of(0))),
                List.of(List.of(10)),
                CpuModels.byName("pentium-m"),
                1,
                CpuModels.byName("pentium-m").clockHz(),
                Refill.HARDWARE,
                List.of(),
                KernelImage.at(16 * Size.MIB),
                List.of(),
                List.of(),
                90);
        // The kernel grants while the sum stays below the limit, so one page is added.
        long limitPages = programBytes / PAGE + committedAtBoot + 1;
        return LinuxKernel.boot(
                new Machine(description, 1),
                BootOptions.defaults()
                        .withSysctls(Map.of(
                                "overcommit_memory", "2",
                                "overcommit_kbytes", Long.toString(limitPages * 4),
                                "admin_reserve_kbytes", "0",
                                "user_reserve_kbytes", "0")));
    }

    /** Returns what one 32-bit transfer to a translation table costs on this system's processor, in cycles. */
    public static int referenceCycles() {
        return CpuModels.byName("pentium-m").mmu().walkReferenceCycles();
    }

    /** Returns the clock of this system's processor. */
    public static long clockHz() {
        return CpuModels.byName("pentium-m").clockHz();
    }

    /** Returns the kernel. */
    public LinuxKernel kernel() {
        return kernel;
    }

    @Override
    public String name() {
        return "paging";
    }

    @Override
    public boolean start(int program, int code, int data, int stack) {
        long stackBytes = rounded(stack);
        // A stack that cannot be mapped would end exec half-way, so the same question is asked before.
        if (kernel.overcommit().committedPages() + stackBytes / PAGE
                >= kernel.overcommit().commitLimitPages()) {
            return false;
        }
        Task task = kernel.exec(new ExecImage(
                "program" + program,
                List.of("program" + program),
                ARGS_BYTES,
                List.of(new ExecImage.Mapping(STACK_END - stackBytes, STACK_END, "rw-p", 0, null, "[stack]")),
                HEAP_START,
                0,
                CODE_START));
        Program own = new Program(task);
        if (call(
                                task,
                                SYS_MMAP,
                                CODE_START,
                                rounded(code),
                                PROT_READ | PROT_WRITE,
                                MAP_ANONYMOUS | MAP_PRIVATE | MAP_FIXED)
                        != CODE_START
                || call(task, SYS_BRK, HEAP_START + data) != HEAP_START + data) {
            kernel.kill(task, SIGKILL);
            return false;
        }
        running.put(program, own);
        set(own, CODE, CODE_START, code);
        set(own, DATA, HEAP_START, data);
        set(own, STACK, STACK_END - stackBytes, stack);
        for (int segment = CODE; segment <= STACK; segment++) {
            fill(program, own, segment, 0);
        }
        must(call(task, SYS_MPROTECT, CODE_START, rounded(code), PROT_READ | PROT_EXEC));
        return true;
    }

    private static void set(Program own, int segment, long base, int size) {
        own.base[segment] = base;
        own.size[segment] = size;
    }

    @Override
    public boolean add(int program, int segment, int bytes) {
        Program own = own(program);
        long base = call(own.task, SYS_MMAP, 0, rounded(bytes), PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE);
        if (Errno.isError(base)) {
            return false;
        }
        set(own, segment, base, bytes);
        fill(program, own, segment, 0);
        return true;
    }

    @Override
    public boolean resize(int program, int segment, int bytes) {
        Program own = own(program);
        int old = own.size[segment];
        long base = own.base[segment];
        if (segment == DATA) {
            if (call(own.task, SYS_BRK, HEAP_START + bytes) != HEAP_START + bytes) {
                return false;
            }
        } else if (rounded(bytes) != rounded(old)) {
            base = call(own.task, SYS_MREMAP, base, rounded(old), rounded(bytes), MREMAP_MAYMOVE);
            if (Errno.isError(base)) {
                return false;
            }
        }
        set(own, segment, base, bytes);
        fill(program, own, segment, old);
        return true;
    }

    @Override
    public void remove(int program, int segment) {
        Program own = own(program);
        must(call(own.task, SYS_MUNMAP, own.base[segment], rounded(own.size[segment])));
        own.size[segment] = 0;
    }

    @Override
    public long exit(int program) {
        Program own = own(program);
        long damaged = 0;
        for (int segment = 0; segment < SEGMENTS; segment++) {
            long frame = 0;
            for (int offset = 0; offset < own.size[segment]; offset++) {
                long vaddr = own.base[segment] + offset;
                if (offset == 0 || (vaddr & (PAGE - 1)) == 0) {
                    frame = touch(own, vaddr, Access.LOAD) & -PAGE;
                }
                if (memory.readByte(frame | (vaddr & (PAGE - 1))) != Pattern.at(program, segment, offset)) {
                    damaged++;
                }
            }
        }
        kernel.exitGroup(own.task, 0);
        running.remove(program);
        return damaged;
    }

    @Override
    public int size(int program, int segment) {
        Program own = running.get(program);
        return own == null ? 0 : own.size[segment];
    }

    @Override
    public List<Integer> programs() {
        return List.copyOf(running.keySet());
    }

    @Override
    public boolean access(int program, int segment, int offset, int kind) {
        Program own = own(program);
        long address = touch(own, own.base[segment] + offset, kind);
        return memory.readByte(address) == Pattern.at(program, segment, offset);
    }

    @Override
    public Stray.Result stray(int program, Stray stray) {
        Program own = own(program);
        return store(
                own,
                switch (stray.kind()) {
                    case OVERRUN, FAR -> own.base[stray.segment()] + own.size[stray.segment()] + stray.distance();
                    case CODE -> CODE_START + stray.distance() % own.size[CODE];
                    case NULL -> stray.distance();
                    // The other program's heap begins at the same address; here that is the own heap.
                    case FOREIGN -> HEAP_START + stray.distance() % own(stray.other()).size[DATA];
                    case SYSTEM -> USER_END + stray.distance();
                });
    }

    private Stray.Result store(Program own, long vaddr) {
        int outcome = kernel.access(own.task, vaddr, Access.STORE);
        if (outcome != UserAccess.OK) {
            return Stray.Result.caught(UserAccess.describe(outcome));
        }
        long address = physical(own, vaddr, Access.STORE);
        memory.writeByte(address, Pattern.damaged(memory.readByte(address)));
        for (int segment = 0; segment < SEGMENTS; segment++) {
            if (vaddr >= own.base[segment] && vaddr < own.base[segment] + own.size[segment]) {
                return Stray.Result.landed(Harm.ITSELF);
            }
        }
        return Stray.Result.landed(Harm.NOBODY);
    }

    @Override
    public long rounded(int bytes) {
        return Bits.roundUp(bytes, PAGE);
    }

    @Override
    public State state() {
        long total = programFrames * PAGE;
        long used = kernel.memmap().ownerFrames(FrameOwner.ANON) * PAGE;
        long asked = 0;
        for (Program program : running.values()) {
            for (int size : program.size) {
                asked += size;
            }
        }
        long largest = 0;
        for (Piece piece : pieces()) {
            largest = piece.owner() == OWNER_FREE ? Math.max(largest, piece.end() - piece.start()) : largest;
        }
        long tables = (kernel.memmap().ownerFrames(FrameOwner.PAGE_TABLE) - tableFramesAtBoot) * PAGE;
        return new State(total, used, total - used, asked, total - used, largest, tables);
    }

    @Override
    public Costs costs() {
        long references = kernel.machine().cpu(0).mmu().stats().walkMemoryReferences();
        return new Costs(references, 0, 0, 0, kernel.vmstat().get(VmEvent.PGFAULT) - faultsAtBoot);
    }

    /** The bank without the frames that the watermarks keep free: of the free ones, the highest are left out. */
    @Override
    public List<Piece> pieces() {
        int[] owners = owners();
        int kept = WATERMARK_FRAMES;
        int to = owners.length;
        for (int frame = owners.length - 1; frame >= 0; frame--) {
            if (owners[frame] == OWNER_FREE && kept > 0) {
                kept--;
            } else {
                owners[--to] = owners[frame];
            }
        }
        List<Piece> result = new ArrayList<>();
        int start = to;
        for (int frame = to + 1; frame <= owners.length; frame++) {
            if (frame == owners.length || owners[frame] != owners[start]) {
                result.add(new Piece((start - to) * PAGE, (frame - to) * PAGE, owners[start]));
                start = frame;
            }
        }
        return result;
    }

    /** Returns the program that maps each frame of the bank. */
    private int[] owners() {
        int[] owners = new int[(int) programFrames + WATERMARK_FRAMES];
        Arrays.fill(owners, OWNER_FREE);
        PagingMode mode = kernel.machine().description().mode();
        running.forEach((number, program) -> new TableWalk(mode, memory, new TableWalk.Visitor() {
                    @Override
                    public void table(long pfn, int level) {}

                    @Override
                    public void leaf(long vaddr, long entry, int level) {
                        long frame = mode.pfn(entry, level) - BANK_START / PAGE;
                        if (frame >= 0 && frame < owners.length) {
                            owners[(int) frame] = number;
                        }
                    }
                })
                .walk(program.task.mm().pgdPfn(), 0, mode.index(USER_END, mode.levels())));
        return owners;
    }

    @Override
    public void verify(Violations out) {
        kernel.verify(out);
        long mapped = 0;
        for (Piece piece : pieces()) {
            mapped += piece.owner() == OWNER_FREE ? 0 : piece.end() - piece.start();
        }
        out.expectEqual(
                name(), "anonymous frames == frames of the bank that programs map", state().usedBytes(), mapped);
        long given = 0;
        for (Program program : running.values()) {
            for (int size : program.size) {
                given += rounded(size);
            }
        }
        out.expectEqual(name(), "anonymous frames == sizes rounded up", given, state().usedBytes());
    }

    private void fill(int program, Program own, int segment, int from) {
        int to = own.size[segment];
        int at = from;
        while (at < to) {
            long vaddr = own.base[segment] + at;
            int length = (int) Math.min(to - at, PAGE - (vaddr & (PAGE - 1)));
            byte[] content = new byte[length];
            Pattern.fill(program, segment, at, content);
            memory.copyIn(touch(own, vaddr, Access.STORE), content, 0, length);
            at += length;
        }
    }

    private long touch(Program own, long vaddr, int kind) {
        int outcome = kernel.access(own.task, vaddr, kind);
        KernelBug.on(outcome != UserAccess.OK, "an access inside a segment: " + UserAccess.describe(outcome));
        return physical(own, vaddr, kind);
    }

    private long physical(Program own, long vaddr, int kind) {
        return kernel.mmuOf(own.task).physicalAddress(vaddr, kind);
    }

    private long call(Task task, int number, long... arguments) {
        return kernel.syscall(task, args.set(number, arguments));
    }

    private static void must(long result) {
        KernelBug.on(Errno.isError(result), "a call failed with " + result);
    }

    private Program own(int program) {
        Program own = running.get(program);
        if (own == null) {
            throw new KernelBug("program " + program + " does not run");
        }
        return own;
    }
}
