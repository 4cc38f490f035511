package io.pagewalk.kernel.system;

import io.pagewalk.base.Digest;
import io.pagewalk.base.KernelBug;
import io.pagewalk.hardware.cpu.Cpu;
import io.pagewalk.hardware.machine.Machine;
import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.fault.TlbFlusher;
import io.pagewalk.kernel.time.Cause;
import io.pagewalk.kernel.time.CostModel;
import io.pagewalk.kernel.time.TimeAccount;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vmalloc.KernelTlb;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Which address space each CPU has loaded, under which ASID, and who must flush when it changes: {@code arch/x86/mm/tlb.c}.
 *
 * <p>A CPU keeps the translations of the last six address spaces when its part has PCIDs ({@code TLB_NR_DYN_ASIDS}); without them every switch flushes. An address space counts its
 * flushes in a generation; a CPU that comes back to it with an older generation flushes first.
 */
final class AddressSpaces implements TlbFlusher, KernelTlb {
    /** {@code TLB_NR_DYN_ASIDS}: more would not pay, because the kernel must remember each. */
    private static final int DYNAMIC_ASIDS = 6;

    /** {@code tlb_single_page_flush_ceiling}: beyond 33 pages one full flush is cheaper than many single ones. */
    private static final long SINGLE_PAGE_FLUSH_CEILING = 33;

    /** What Linux keeps in {@code mm->context} and {@code mm_cpumask}. */
    private static final class Context {
        private final Mm mm;
        private final BitSet cpus = new BitSet();
        private long generation = 1;

        private Context(Mm mm) {
            this.mm = mm;
        }
    }

    /** What Linux keeps in {@code cpu_tlbstate}. */
    private static final class CpuState {
        private final Cpu cpu;
        private final @Nullable Context[] slots = new Context[DYNAMIC_ASIDS];
        private final long[] generations = new long[DYNAMIC_ASIDS];
        private @Nullable Context loaded;
        private int slot;
        private int nextSlot;

        private CpuState(Cpu cpu) {
            this.cpu = cpu;
        }
    }

    private final PagingMode mode;
    private final PhysicalMemory memory;
    private final List<CpuState> cpus = new ArrayList<>();
    private final List<@Nullable Context> contexts = new ArrayList<>();
    private final TimeAccount time;
    private final CostModel costs;
    private final long kernelRoot;
    private final boolean hasAsids;
    private int currentCpu;
    private long switches;
    private long shootdowns;
    private long kernelFlushes;

    AddressSpaces(Machine machine, long kernelRoot, TimeAccount time, CostModel costs) {
        this.mode = machine.description().mode();
        this.memory = machine.memory();
        this.time = time;
        this.costs = costs;
        this.kernelRoot = kernelRoot;
        this.hasAsids = machine.cpu(0).mmu().geometry().asidBits() > 0;
        for (Cpu cpu : machine.cpus()) {
            cpus.add(new CpuState(cpu));
            cpu.mmu().loadRoot(kernelRoot, 0, false);
        }
    }

    /** Makes an address space known: {@code init_new_context()}. */
    void add(Mm mm) {
        mm.setContextId(contexts.size());
        contexts.add(new Context(mm));
    }

    /** Takes an address space that is going away off every CPU: they load the kernel's own root ({@code leave_mm()}). */
    void remove(Mm mm) {
        Context context = contextOf(mm);
        for (CpuState state : cpus) {
            for (int slot = 0; slot < DYNAMIC_ASIDS; slot++) {
                if (state.slots[slot] == context) {
                    state.slots[slot] = null;
                }
            }
            if (state.loaded == context) {
                state.loaded = null;
                state.cpu.switchAddressSpace(kernelRoot, 0, false);
            }
        }
        contexts.set(mm.contextId(), null);
    }

    int currentCpu() {
        return currentCpu;
    }

    long switches() {
        return switches;
    }

    long shootdowns() {
        return shootdowns;
    }

    /** Makes a CPU run in an address space: {@code switch_mm_irqs_off()}. */
    void switchTo(int cpu, Mm mm) {
        currentCpu = cpu;
        CpuState state = cpus.get(cpu);
        Context next = contextOf(mm);
        if (state.loaded == next) {
            return;
        }
        switches++;
        if (state.loaded != null) {
            state.loaded.cpus.clear(cpu);
        }
        state.loaded = next;
        next.cpus.set(cpu);
        if (!hasAsids) {
            state.slot = 0;
            state.slots[0] = next;
            state.generations[0] = next.generation;
            state.cpu.switchAddressSpace(mm.pgdPfn(), 0, false);
            return;
        }
        int slot = 0;
        while (slot < DYNAMIC_ASIDS && state.slots[slot] != next) {
            slot++;
        }
        boolean isFresh = slot < DYNAMIC_ASIDS && state.generations[slot] == next.generation;
        if (slot == DYNAMIC_ASIDS) {
            slot = state.nextSlot;
            state.nextSlot = (slot + 1) % DYNAMIC_ASIDS;
        }
        state.slot = slot;
        state.slots[slot] = next;
        state.generations[slot] = next.generation;
        state.cpu.switchAddressSpace(mm.pgdPfn(), asid(slot), isFresh);
    }

    @Override
    public void flushRange(Mm mm, long start, long end, boolean freedTables) {
        long pages = (end - start) >>> 12;
        if (pages > SINGLE_PAGE_FLUSH_CEILING) {
            flushMm(mm);
            return;
        }
        Context context = contextOf(mm);
        context.generation++;
        boolean isRemote = false;
        for (int i = context.cpus.nextSetBit(0); i >= 0; i = context.cpus.nextSetBit(i + 1)) {
            CpuState state = cpus.get(i);
            int asid = hasAsids ? asid(state.slot) : 0;
            state.generations[state.slot] = context.generation;
            cpus.get(currentCpu).cpu.flushPageOn(state.cpu, start, asid);
            for (long vaddr = start + 4096; vaddr < end; vaddr += 4096) {
                state.cpu.mmu().invalidatePage(vaddr, asid);
            }
            isRemote |= i != currentCpu;
        }
        chargeFlush(context, isRemote, pages * costs.tlbFlushPageNanos());
    }

    @Override
    public void flushMm(Mm mm) {
        Context context = contextOf(mm);
        context.generation++;
        boolean isRemote = false;
        for (int i = context.cpus.nextSetBit(0); i >= 0; i = context.cpus.nextSetBit(i + 1)) {
            CpuState state = cpus.get(i);
            state.generations[state.slot] = context.generation;
            cpus.get(currentCpu).cpu.flushAsidOn(state.cpu, hasAsids ? asid(state.slot) : 0);
            isRemote |= i != currentCpu;
        }
        chargeFlush(context, isRemote, costs.tlbFlushAllNanos());
    }

    @Override
    public void flushKernelRange(long start, long end) {
        kernelFlushes++;
        Cpu self = cpus.get(currentCpu).cpu;
        long pages = (end - start) >>> 12;
        boolean isAll = pages > SINGLE_PAGE_FLUSH_CEILING;
        for (CpuState state : cpus) {
            if (isAll) {
                self.flushAllOn(state.cpu);
                continue;
            }
            int asid = state.cpu.mmu().asid();
            self.flushPageOn(state.cpu, start, asid);
            for (long vaddr = start + 4096; vaddr < end; vaddr += 4096) {
                state.cpu.mmu().invalidatePage(vaddr, asid);
            }
        }
        time.charge(Cause.TLB_FLUSH, isAll ? costs.tlbFlushAllNanos() : pages * costs.tlbFlushPageNanos());
        if (cpus.size() > 1) {
            shootdowns++;
            time.charge(Cause.IPI, costs.ipiNanos());
        }
    }

    /** Makes the current CPU forget one page of the kernel's half: {@code flush_tlb_one_kernel()}. */
    void flushKernelPageHere(long vaddr) {
        Cpu self = cpus.get(currentCpu).cpu;
        self.flushPageOn(self, vaddr, self.mmu().asid());
        time.charge(Cause.TLB_FLUSH, costs.tlbFlushPageNanos());
    }

    @Override
    public void syncRootEntry(int index, long entry) {
        for (Context context : contexts) {
            if (context != null) {
                mode.writeEntry(memory, context.mm.pgdPfn(), index, entry);
            }
        }
    }

    /** Returns how often translations of the kernel's own half were flushed on all CPUs. */
    long kernelFlushes() {
        return kernelFlushes;
    }

    private void chargeFlush(Context context, boolean isRemote, long localNanos) {
        if (context.cpus.get(currentCpu)) {
            time.charge(Cause.TLB_FLUSH, localNanos);
        }
        if (isRemote) {
            shootdowns++;
            time.charge(Cause.IPI, costs.ipiNanos());
        }
    }

    /** Returns the address space that a CPU has loaded, or null. */
    @Nullable
    Mm loadedOn(int cpu) {
        Context loaded = cpus.get(cpu).loaded;
        return loaded == null ? null : loaded.mm;
    }

    /** Returns every address space that exists, in the order they were made. */
    List<Mm> all() {
        List<Mm> all = new ArrayList<>();
        for (Context context : contexts) {
            if (context != null) {
                all.add(context.mm);
            }
        }
        return all;
    }

    void addToDigest(Digest digest) {
        digest.add(switches);
        digest.add(shootdowns);
        digest.add(kernelFlushes);
        digest.add(contexts.size());
    }

    /** Hardware ASID 0 belongs to the kernel's own root. */
    private static int asid(int slot) {
        return slot + 1;
    }

    private Context contextOf(Mm mm) {
        Context context = contexts.get(mm.contextId());
        if (context == null || context.mm != mm) {
            throw new KernelBug("address space " + mm.contextId() + " is gone");
        }
        return context;
    }
}
