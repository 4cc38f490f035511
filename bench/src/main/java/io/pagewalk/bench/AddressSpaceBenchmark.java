package io.pagewalk.bench;

import io.pagewalk.base.KernelBug;
import io.pagewalk.base.Size;
import io.pagewalk.hardware.machine.Machine;
import io.pagewalk.hardware.mmu.Access;
import io.pagewalk.kernel.syscall.SyscallArgs;
import io.pagewalk.kernel.system.BootOptions;
import io.pagewalk.kernel.system.ExecImage;
import io.pagewalk.kernel.system.LinuxKernel;
import io.pagewalk.kernel.system.Task;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What calls on an address space cost: mapping and unmapping, the largest number of areas, and fork of a process with 1 GiB. {@code address-space.c} makes the same calls on the running kernel;
 * {@link SideBySide} runs both.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(value = 1, jvmArgsAppend = "-Xmx2g")
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
public class AddressSpaceBenchmark {
    private static final long BASE = 0x1000_0000_0000L;
    private static final long PAGE = 4096;
    private static final int MMAP = 9;
    private static final int MUNMAP = 11;
    private static final int WAIT4 = 61;
    private static final int GET_MEMPOLICY = 239;
    private static final int F_ADDR = 2;
    private static final int READ = 1;
    private static final int READ_WRITE = 3;
    private static final int PRIVATE_ANONYMOUS_FIXED = 0x32;

    /** Areas that are built, a little below {@code vm.max_map_count} of 65,530, for the program has some itself. */
    private static final int AREAS = 65_500;

    /** Creates the benchmark. */
    public AddressSpaceBenchmark() {}

    /** A machine of 4 GiB with one process. JMH orders set-up methods by class name, so that each state has one of its own. */
    public abstract static class BootedMachine {
        private final SyscallArgs args = new SyscallArgs();
        private LinuxKernel kernel = bootKernel();
        private Task task = start(kernel);

        /** Creates the state. */
        protected BootedMachine() {}

        private static LinuxKernel bootKernel() {
            return LinuxKernel.boot(new Machine(BenchMachines.withMemory(4 * Size.GIB), 1), BootOptions.defaults());
        }

        private static Task start(LinuxKernel kernel) {
            return kernel.exec(ExecImage.bare("bench", 0x7fff_ffff_f000L));
        }

        void bootMachine() {
            kernel = bootKernel();
            task = start(kernel);
        }

        long map(long vaddr, long bytes, int prot) {
            return kernel.syscall(task, args.set(MMAP, vaddr, bytes, prot, PRIVATE_ANONYMOUS_FIXED, -1, 0));
        }

        long unmap(long bytes) {
            return kernel.syscall(task, args.set(MUNMAP, BASE, bytes));
        }

        int touch(long bytes) {
            int outcome = 0;
            for (long at = BASE; at < BASE + bytes; at += PAGE) {
                outcome |= kernel.access(task, at, Access.STORE);
            }
            return outcome;
        }

        long buildAreas() {
            long last = 0;
            for (int i = 0; i < AREAS; i++) {
                last = map(BASE + i * PAGE, PAGE, (i & 1) != 0 ? READ : READ_WRITE);
            }
            KernelBug.on(last != BASE + (AREAS - 1) * PAGE, "not all areas could be built");
            return last;
        }

        int areas() {
            return task.mm().mapCount();
        }

        long lookUpAreas() {
            long sum = 0;
            int at = 1;
            for (int i = 0; i < AREAS; i++) {
                at = at * 1_664_525 + 1_013_904_223;
                long vaddr = BASE + (at >>> 8) % AREAS * PAGE;
                sum += kernel.syscall(task, args.set(GET_MEMPOLICY, 0, 0, 0, vaddr, F_ADDR));
            }
            return sum;
        }

        @Nullable
        Task fork() {
            Task child = kernel.fork(task);
            KernelBug.on(child == null, "no memory for a child");
            return child;
        }

        void end(Task child) {
            kernel.exitGroup(child, 0);
            kernel.syscall(task, args.set(WAIT4, child.tgid(), 0, 0, 0));
        }
    }

    /** A process that cleans up itself. */
    @State(Scope.Benchmark)
    public static class Plain extends BootedMachine {
        /** Creates the state. */
        public Plain() {}

        /** Boots a fresh machine. */
        @Setup(Level.Iteration)
        public void boot() {
            bootMachine();
        }
    }

    /** A process without areas of its own before each call. */
    @State(Scope.Benchmark)
    public static class Empty extends BootedMachine {
        /** Creates the state. */
        public Empty() {}

        /** Boots a fresh machine. */
        @Setup(Level.Iteration)
        public void boot() {
            bootMachine();
        }

        /** Unmaps what was built. */
        @TearDown(Level.Invocation)
        public void unmapAll() {
            unmap(AREAS * PAGE);
        }
    }

    /** A process with all areas. */
    @State(Scope.Benchmark)
    public static class Full extends BootedMachine {
        /** Creates the state. */
        public Full() {}

        /** Boots a fresh machine. */
        @Setup(Level.Iteration)
        public void boot() {
            bootMachine();
        }

        /** Builds the areas. */
        @Setup(Level.Invocation)
        public void build() {
            if (areas() < AREAS) {
                buildAreas();
            }
        }
    }

    /** A process with 1 GiB of pages, and its child. */
    @State(Scope.Benchmark)
    public static class Parent extends BootedMachine {
        private @Nullable Task child;

        /** Creates the state. */
        public Parent() {}

        /** Touches 1 GiB. */
        @Setup(Level.Iteration)
        public void fill() {
            bootMachine();
            map(BASE, Size.GIB, READ_WRITE);
            KernelBug.on(touch(Size.GIB) != 0, "no memory");
        }

        /** Ends the child. */
        @TearDown(Level.Invocation)
        public void endChild() {
            Task ended = child;
            if (ended != null) {
                end(ended);
                child = null;
            }
        }
    }

    /** mmap and munmap of one page that nobody touches. */
    @Benchmark
    public long mapAndUnmapPage(Plain process) {
        return process.map(BASE, PAGE, READ_WRITE) | process.unmap(PAGE);
    }

    /** mmap of one page, a store, munmap. */
    @Benchmark
    public long mapTouchAndUnmapPage(Plain process) {
        return process.map(BASE, PAGE, READ_WRITE) | process.touch(PAGE) | process.unmap(PAGE);
    }

    /** mmap of 1 MiB, a store to each of its 256 pages, munmap. */
    @Benchmark
    public long mapTouchAndUnmapMebibyte(Plain process) {
        return process.map(BASE, Size.MIB, READ_WRITE) | process.touch(Size.MIB) | process.unmap(Size.MIB);
    }

    /** mmap of one more area, 65,500 times. */
    @Benchmark
    @OperationsPerInvocation(AREAS)
    public long buildArea(Empty process) {
        return process.buildAreas();
    }

    /** get_mempolicy of a random one of 65,500 areas, the call that does least beside looking it up. */
    @Benchmark
    @OperationsPerInvocation(AREAS)
    public long lookUpArea(Full process) {
        return process.lookUpAreas();
    }

    /** One munmap of 65,500 areas. */
    @Benchmark
    @OperationsPerInvocation(AREAS)
    public long tearDownArea(Full process) {
        return process.unmap(AREAS * PAGE);
    }

    /** fork of a process with 262,144 anonymous pages, as far as the parent's return. */
    @Benchmark
    public @Nullable Task forkGibibyte(Parent process) {
        process.child = process.fork();
        return process.child;
    }
}
