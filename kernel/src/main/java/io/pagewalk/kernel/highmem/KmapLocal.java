package io.pagewalk.kernel.highmem;

import io.pagewalk.base.Bits;
import io.pagewalk.base.Digest;
import io.pagewalk.base.Violations;
import io.pagewalk.kernel.page.AddressConversion;
import io.pagewalk.kernel.vmalloc.InitMm;
import io.pagewalk.kernel.vmalloc.KernelLayout;
import java.util.function.Consumer;
import java.util.function.LongConsumer;

/**
 * Short mappings of one CPU: {@code kmap_local_page()}, {@code kmap_atomic()} and {@code kunmap_local()} of {@code mm/highmem.c}. Each CPU has a stack of slots in the fixmap; a
 * mapping is undone in the reverse order, and only the CPU's own TLB is told.
 *
 * <pre>
 *   slot 0 of CPU 0 has the highest address; slot n of CPU c lies (16 * c + n) pages below
 * </pre>
 *
 * <p>A stack that runs over or is not unwound in order is a BUG or a WARNING in Linux: a line in the log here, and no address. Differs from Linux: a task that is switched out keeps
 * no mappings of its own, because tasks never leave the kernel while they hold one here.
 */
public final class KmapLocal {
    /** What {@link #map} returns when all slots of the CPU are taken. */
    public static final long NO_SLOT = 0;

    private final AddressConversion conversion;
    private final InitMm initMm;
    private final long top;
    private final long[][] stacks;
    private final int[] depth;
    private final boolean hasSlots;
    private final Consumer<String> log;
    private final LongConsumer flushHere;

    /**
     * Creates empty stacks.
     *
     * @param layout where the slots lie
     * @param conversion the direct map
     * @param initMm the kernel's tables
     * @param cpus CPUs of the machine
     * @param flushHere makes the current CPU forget one page: {@code flush_tlb_one_kernel()}
     * @param log receives lines of the kernel's log
     */
    public KmapLocal(
            KernelLayout layout,
            AddressConversion conversion,
            InitMm initMm,
            int cpus,
            LongConsumer flushHere,
            Consumer<String> log) {
        this.conversion = conversion;
        this.initMm = initMm;
        this.hasSlots = layout.kmapStart() != 0;
        this.top = layout.kmapStart() + (((long) KernelLayout.KMAP_SLOTS * KernelLayout.I386_CPUS) << 12);
        this.stacks = new long[hasSlots ? cpus : 0][KernelLayout.KMAP_SLOTS];
        this.depth = new int[cpus];
        this.flushHere = flushHere;
        this.log = log;
    }

    /**
     * Maps a page for a moment.
     *
     * @param cpu the CPU that runs
     * @param pfn a frame
     * @return its address, that of the direct map for low memory, or {@link #NO_SLOT} after a line in the log
     */
    public long map(int cpu, long pfn) {
        if (!conversion.isHighmem(pfn)) {
            return conversion.pageToVirt(pfn);
        }
        // Linux's stack index must stay below KM_MAX_IDX, so the last slot is never used.
        if (depth[cpu] + 1 >= KernelLayout.KMAP_SLOTS) {
            log.accept("kernel BUG at mm/highmem.c: kmap_local stack of CPU " + cpu + " is full");
            return NO_SLOT;
        }
        int slot = depth[cpu]++;
        stacks[cpu][slot] = pfn;
        long vaddr = addressOf(cpu, slot);
        initMm.mapLeaf(vaddr, pfn, InitMm.PAGE_KERNEL, 1);
        return vaddr;
    }

    /**
     * Undoes the newest mapping of a CPU: {@code kunmap_local()}.
     *
     * @param cpu the CPU that runs
     * @param vaddr any address in the page that {@link #map} returned last
     * @return whether it was; otherwise there is a line in the log and nothing is undone
     */
    public boolean unmap(int cpu, long vaddr) {
        long page = Bits.roundDown(vaddr, 4096);
        if (!hasSlots || page < addressOf(cpu, KernelLayout.KMAP_SLOTS - 1) || page > addressOf(cpu, 0)) {
            return true; // low memory, where there is nothing to undo
        }
        int slot = depth[cpu] - 1;
        if (slot < 0 || page != addressOf(cpu, slot)) {
            log.accept("WARNING: kunmap_local of " + Bits.hex(vaddr) + " out of order on CPU " + cpu);
            return false;
        }
        initMm.unmapRange(page, page + 4096);
        flushHere.accept(page);
        stacks[cpu][slot] = 0;
        depth[cpu]--;
        return true;
    }

    /**
     * Returns how many mappings a CPU holds.
     *
     * @param cpu CPU number
     */
    public int depth(int cpu) {
        return depth[cpu];
    }

    private long addressOf(int cpu, int slot) {
        return top - (((long) KernelLayout.KMAP_SLOTS * cpu + slot + 1) << 12);
    }

    /**
     * Adds the stacks.
     *
     * @param digest where to
     */
    public void addToDigest(Digest digest) {
        for (int cpu = 0; cpu < stacks.length; cpu++) {
            for (int slot = 0; slot < depth[cpu]; slot++) {
                digest.add(stacks[cpu][slot]);
            }
        }
    }

    /**
     * Checks stacks against entries.
     *
     * @param out receives what is broken
     */
    public void verify(Violations out) {
        for (int cpu = 0; cpu < stacks.length; cpu++) {
            for (int slot = 0; slot < KernelLayout.KMAP_SLOTS; slot++) {
                long vaddr = addressOf(cpu, slot);
                out.expectEqual(
                        "kmap_local slot at " + Bits.hex(vaddr),
                        "entry maps its page",
                        initMm.translate(vaddr),
                        slot < depth[cpu] ? stacks[cpu][slot] << 12 : -1);
            }
        }
    }
}
