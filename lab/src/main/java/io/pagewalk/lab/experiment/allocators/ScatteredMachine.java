package io.pagewalk.lab.experiment.allocators;

import io.pagewalk.base.KernelBug;
import io.pagewalk.base.SeededRandom;
import io.pagewalk.base.Violations;
import io.pagewalk.hardware.mmu.Access;
import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.compaction.Fragmentation;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.syscall.SyscallArgs;
import io.pagewalk.kernel.system.BootOptions.PageCacheStart;
import io.pagewalk.kernel.system.ExecImage;
import io.pagewalk.kernel.system.LinuxKernel;
import io.pagewalk.kernel.system.Task;
import io.pagewalk.kernel.system.UserAccess;
import io.pagewalk.kernel.zone.VmEvent;
import io.pagewalk.kernel.zone.Zone;
import io.pagewalk.kernel.zone.ZoneStat;
import io.pagewalk.kernel.zone.ZoneType;
import io.pagewalk.lab.machines.MachineCatalogue;
import io.pagewalk.lab.machines.MachineChanges;
import io.pagewalk.lab.run.Boot;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;

/** A machine whose memory a program and the kernel have filled page by page in turn, and whose program gave half of its pages back at random. */
final class ScatteredMachine {
    /** Whether free pages are grouped by mobility. */
    enum Grouping {
        ON,
        OFF
    }

    /** Whether a request may wait for compaction. */
    enum Compacting {
        ON,
        OFF
    }

    private static final long PAGE = 4096;
    private static final int SYS_MMAP = 9;
    private static final int SYS_MADVISE = 28;
    private static final int MADV_DONTNEED = 4;
    private static final int PROT_READ_WRITE = 3;
    private static final int MAP_PRIVATE_ANONYMOUS = 0x22;

    /** Share of the free memory of boot that is filled. */
    private static final int FILL_PERCENT = 90;

    /** Failures in a row after which no more blocks are expected; the first ones may only have made compaction wait. */
    private static final int PATIENCE = 16;

    private final LinuxKernel kernel;
    private final PageAllocator allocator;
    private final Zone zone;
    private final SyscallArgs args = new SyscallArgs();

    /** Boots and scatters. */
    ScatteredMachine(FragmentationExperiment.Settings settings, Grouping grouping) {
        kernel = Boot.boot(
                new MachineChanges(Long.toString(settings.ramBytes()), null, null)
                        .applyTo(MachineCatalogue.find(MachineCatalogue.DEFAULT)),
                new TreeMap<>(),
                settings.seed(),
                PageCacheStart.COLD);
        allocator = kernel.allocator();
        allocator.setGroupingDisabled(grouping == Grouping.OFF);
        zone = kernel.bootMemory().zones().stream()
                .filter(each -> each.type() == ZoneType.DMA32)
                .findFirst()
                .orElseThrow(() -> new KernelBug("a machine without ZONE_DMA32"));
        scatter(settings);
    }

    private void scatter(FragmentationExperiment.Settings settings) {
        SeededRandom random = new SeededRandom(settings.seed()).fork(FragmentationExperiment.NAME);
        int pages = (int) (freePages() * FILL_PERCENT / 100);
        Task task = kernel.exec(new ExecImage(
                "filler",
                List.of("filler"),
                256,
                List.of(new ExecImage.Mapping(0x7fff_0000_0000L, 0x7fff_0002_0000L, "rw-p", 0, null, "[stack]")),
                0x60_0000L,
                0,
                0x40_0000L));
        long base = call(task, SYS_MMAP, 0, pages * PAGE, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0);
        KernelBug.on(Errno.isError(base), "mmap of the filler failed with " + base);
        List<Long> touched = new ArrayList<>();
        for (int i = 0; i < pages; i++) {
            if (random.nextInt(100) < settings.litterPercent()) {
                KernelBug.on(allocator.allocPage(Gfp.GFP_KERNEL) == PageAllocator.NO_PAGE, "no page for the kernel");
            } else {
                long vaddr = base + i * PAGE;
                KernelBug.on(kernel.access(task, vaddr, Access.STORE) != UserAccess.OK, "no page for the program");
                touched.add(vaddr);
            }
        }
        for (int left = touched.size() / 2; left > 0; left--) {
            int choice = random.nextInt(touched.size());
            long vaddr = touched.set(choice, touched.getLast());
            touched.removeLast();
            long result = call(task, SYS_MADVISE, vaddr, PAGE, MADV_DONTNEED);
            KernelBug.on(result != 0, "madvise failed with " + result);
        }
        allocator.drainAllPages();
    }

    /** Asks for blocks until none is left, and tells what there was. */
    FragmentationExperiment.Variant ask(int order, Grouping grouping, Compacting compacting) {
        long free = freePages();
        int index = Fragmentation.index(zone, order);
        int unusable = Fragmentation.unusablePercent(zone, order);
        List<FragmentationExperiment.Slot> before = slots(order);
        int gfp = Gfp.NOWARN
                | Gfp.COMP
                | (compacting == Compacting.ON ? Gfp.GFP_KERNEL | Gfp.RETRY_MAYFAIL : Gfp.IO | Gfp.FS);
        long migratedBefore = kernel.vmstat().get(VmEvent.PGMIGRATE_SUCCESS);
        int served = 0;
        int failedInARow = 0;
        int requests = 0;
        while (failedInARow < PATIENCE) {
            requests++;
            if (allocator.allocPages(gfp, order) == PageAllocator.NO_PAGE) {
                failedInARow++;
            } else {
                served++;
                failedInARow = 0;
            }
        }
        Violations violations = new Violations();
        kernel.verify(violations);
        violations.throwIfAny();
        return new FragmentationExperiment.Variant(
                grouping,
                compacting,
                free,
                index,
                unusable,
                requests,
                served,
                kernel.vmstat().get(VmEvent.PGMIGRATE_SUCCESS) - migratedBefore,
                kernel.vmstat().get(VmEvent.COMPACT_STALL),
                kernel.vmstat().get(VmEvent.COMPACT_SUCCESS),
                before);
    }

    private long freePages() {
        return kernel.bootMemory().zones().stream()
                .mapToLong(each -> kernel.vmstat().get(each, ZoneStat.NR_FREE_PAGES))
                .sum();
    }

    /** Returns what lies in each aligned block of an order of the zone. */
    private List<FragmentationExperiment.Slot> slots(int order) {
        MemMap memMap = kernel.memmap();
        List<FragmentationExperiment.Slot> slots = new ArrayList<>();
        long size = 1L << order;
        for (long start = zone.startPfn(); start + size <= zone.endPfn(); start += size) {
            boolean isMovable = false;
            boolean isKept = false;
            for (long pfn = start; pfn < start + size; pfn++) {
                FrameOwner owner = memMap.owner(pfn);
                isMovable |= owner == FrameOwner.ANON;
                isKept |= owner != FrameOwner.ANON && owner != FrameOwner.FREE && owner != FrameOwner.PCP;
            }
            slots.add(
                    isKept
                            ? FragmentationExperiment.Slot.KERNEL
                            : isMovable ? FragmentationExperiment.Slot.MOVABLE : FragmentationExperiment.Slot.FREE);
        }
        return slots;
    }

    private long call(Task task, int number, long... arguments) {
        return kernel.syscall(task, args.set(number, arguments));
    }
}
