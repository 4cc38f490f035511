package io.pagewalk.kernel.system;

import io.pagewalk.base.SimClock;
import io.pagewalk.hardware.machine.FirmwareMap;
import io.pagewalk.hardware.machine.Machine;
import io.pagewalk.hardware.machine.MemoryRange;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.fault.KernelTables;
import io.pagewalk.kernel.highmem.Highmem;
import io.pagewalk.kernel.highmem.KmapLocal;
import io.pagewalk.kernel.memblock.BootMemory;
import io.pagewalk.kernel.memblock.BootPlan;
import io.pagewalk.kernel.memblock.MachineBoot;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.rmap.AnonVmas;
import io.pagewalk.kernel.rmap.Folios;
import io.pagewalk.kernel.slub.SlabAllocator;
import io.pagewalk.kernel.sysctl.Sysctls;
import io.pagewalk.kernel.time.TimeAccount;
import io.pagewalk.kernel.vmalloc.Fixmap;
import io.pagewalk.kernel.vmalloc.KernelStacks;
import io.pagewalk.kernel.vmalloc.PerCpu;
import io.pagewalk.kernel.vmalloc.Vmalloc;
import io.pagewalk.kernel.zone.VmCounters;

/**
 * The part of a kernel that knows no processes: physical memory, the kernel's own tables and addresses, its objects, time and log. {@code init/main.c:mm_core_init()} has made it
 * when the first process starts.
 */
public abstract sealed class KernelCore permits LinuxKernel {
    final Machine machine;
    final BootOptions options;
    final Sysctls sysctls;
    final BootMemory boot;
    final PageAllocator allocator;
    final TimeAccount time;
    final KernelLog log;
    final Folios folios;
    final KernelTables kernelTables;
    final KernelObjects objects;
    final AnonVmas anonVmas;
    final AddressSpaces addressSpaces;
    final Vmalloc vmalloc;
    final KernelStacks kernelStacks;
    final PerCpu perCpu;
    final Highmem highmem;
    final KmapLocal kmapLocal;
    final Fixmap fixmap;

    KernelCore(Machine machine, BootOptions options) {
        this.machine = machine;
        this.options = options;
        this.sysctls = Sysctls.of(options.sysctls());
        this.boot = MachineBoot.boot(machine, sysctls, options.parameters());
        this.allocator = boot.allocator();
        this.time = new TimeAccount(machine.clock());
        this.log = new KernelLog(machine.clock());
        this.folios = new Folios(allocator);
        PagingMode mode = machine.description().mode();
        this.kernelTables = new KernelTables(mode, machine.memory(), folios, boot.conversion());
        for (FirmwareMap.Entry entry : machine.description().firmware().entries()) {
            if (entry.type() == FirmwareMap.Type.USABLE) {
                MemoryRange range = entry.range();
                kernelTables.mapRange((range.start() + 4095) >>> 12, range.end() >>> 12);
            }
        }
        kernelTables.mapImage(machine.description().kernel());
        this.objects = new KernelObjects(machine, allocator, options.slab());
        this.anonVmas = new AnonVmas(objects.anonVma(), objects.anonVmaChain());
        this.addressSpaces = new AddressSpaces(machine, kernelTables.rootPfn(), time, options.costs());
        int cpus = machine.cpus().size();
        kernelTables.initMm().setTlb(addressSpaces);
        this.vmalloc =
                new Vmalloc(kernelTables.layout(), kernelTables.initMm(), allocator, addressSpaces, cpus, log::print);
        this.kernelStacks = new KernelStacks(vmalloc, allocator, cpus, machine.memory()::clearFrame);
        this.perCpu = new PerCpu(vmalloc, allocator, cpus, BootPlan.PER_CPU_PAGES);
        this.highmem = new Highmem(kernelTables.layout(), boot.conversion(), kernelTables.initMm(), addressSpaces);
        this.kmapLocal = new KmapLocal(
                kernelTables.layout(),
                boot.conversion(),
                kernelTables.initMm(),
                cpus,
                addressSpaces::flushKernelPageHere,
                log::print);
        this.fixmap = new Fixmap(
                kernelTables.layout(), kernelTables.initMm(), addressSpaces::flushKernelPageHere, log::print);
        objects.slabs().setVmalloc(new KvmallocAreas(vmalloc));
    }

    /** Returns the machine. */
    public Machine machine() {
        return machine;
    }

    /** Returns the machine's clock. */
    public SimClock clock() {
        return machine.clock();
    }

    /** Returns simulated time by cause. */
    public TimeAccount time() {
        return time;
    }

    /** Returns what the kernel was told at boot. */
    public BootOptions options() {
        return options;
    }

    /** Returns the sysctls. */
    public Sysctls sysctls() {
        return sysctls;
    }

    /** Returns what boot made of physical memory. */
    public BootMemory bootMemory() {
        return boot;
    }

    /** Returns the page allocator. */
    public PageAllocator allocator() {
        return allocator;
    }

    /** Returns the slab caches. */
    public SlabAllocator slabs() {
        return objects.slabs();
    }

    /** Returns the memmap. */
    public MemMap memmap() {
        return allocator.memMap();
    }

    /** Returns the counters of /proc/vmstat. */
    public VmCounters vmstat() {
        return allocator.counters();
    }

    /** Returns the kernel's own page tables. */
    public KernelTables kernelTables() {
        return kernelTables;
    }

    /** Returns the areas of the kernel's own virtual memory. */
    public Vmalloc vmalloc() {
        return vmalloc;
    }

    /** Returns the stacks that threads have in the kernel. */
    public KernelStacks kernelStacks() {
        return kernelStacks;
    }

    /** Returns the memory of which each CPU has its own copy. */
    public PerCpu perCpu() {
        return perCpu;
    }

    /** Returns the pool of lasting mappings for high memory. */
    public Highmem highmem() {
        return highmem;
    }

    /** Returns the CPUs' slots for short mappings of high memory. */
    public KmapLocal kmapLocal() {
        return kmapLocal;
    }

    /** Returns the addresses that were known when the kernel was built. */
    public Fixmap fixmap() {
        return fixmap;
    }

    /** Returns the kernel's log. */
    public KernelLog log() {
        return log;
    }

    /** Returns how often a CPU changed its address space. */
    public long addressSpaceSwitches() {
        return addressSpaces.switches();
    }

    /** Returns how often other CPUs were interrupted to flush translations. */
    public long shootdowns() {
        return addressSpaces.shootdowns();
    }

    /** Returns which kernel objects come from which cache. */
    KernelObjects objects() {
        return objects;
    }

    AnonVmas anonVmas() {
        return anonVmas;
    }

    Folios folios() {
        return folios;
    }

    AddressSpaces addressSpaces() {
        return addressSpaces;
    }
}
