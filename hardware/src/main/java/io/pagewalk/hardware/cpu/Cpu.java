package io.pagewalk.hardware.cpu;

import io.pagewalk.base.Digest;
import io.pagewalk.base.KernelBug;
import io.pagewalk.base.Violations;
import io.pagewalk.hardware.mmu.Mmu;

/**
 * One logical CPU: its number, its node, its MMU, and the interrupts by which it makes other CPUs forget translations.
 *
 * <p>A CPU cannot reach into another's TLB. It sends an inter-processor interrupt and the other invalidates its own (Linux: {@code
 * arch/x86/mm/tlb.c:flush_tlb_mm_range()}, {@code native_flush_tlb_multi()}); here the other does so at once and both count it.
 */
public final class Cpu {
    private final int id;
    private final int node;
    private final CpuModel model;
    private final Mmu mmu;
    private boolean obeysKeys;
    private long contextSwitches;
    private long shootdownsSent;
    private long shootdownsReceived;

    /**
     * Creates a CPU.
     *
     * @param id its number, from 0
     * @param node the NUMA node it belongs to
     * @param model the part
     * @param mmu its own MMU
     */
    public Cpu(int id, int node, CpuModel model, Mmu mmu) {
        this.id = id;
        this.node = node;
        this.model = model;
        this.mmu = mmu;
    }

    /** Returns its number. */
    public int id() {
        return id;
    }

    /** Returns its NUMA node. */
    public int node() {
        return node;
    }

    /** Returns the part. */
    public CpuModel model() {
        return model;
    }

    /** Returns its MMU. */
    public Mmu mmu() {
        return mmu;
    }

    /**
     * Switches to another address space: {@code arch/x86/mm/tlb.c:switch_mm_irqs_off()}.
     *
     * @param rootPfn its root table
     * @param asid its PCID or ASID, 0 when the part has none
     * @param keepEntries whether entries that it left behind earlier may still be used; nothing survives without ASIDs but global entries
     */
    public void switchAddressSpace(long rootPfn, int asid, boolean keepEntries) {
        contextSwitches++;
        mmu.loadRoot(rootPfn, asid, keepEntries);
    }

    /** Returns whether it can have protection keys: the part has them, and so have page tables of its paging mode. */
    public boolean hasKeys() {
        return model.hasProtectionKeys() && mmu.mode().hasKeys();
    }

    /** Switches protection keys on: CR4.PKE. Without that pages have none and there is no register. */
    public void enableKeys() {
        KernelBug.on(!hasKeys(), "CPU " + model.name() + " has no protection keys");
        obeysKeys = true;
    }

    /** Returns the register of protection keys: RDPKRU. */
    public int readPkru() {
        KernelBug.on(!obeysKeys, "RDPKRU without CR4.PKE");
        return mmu.pkru();
    }

    /**
     * Writes the register of protection keys: WRPKRU. The next access obeys it; translations stay where they are.
     *
     * @param register see {@link io.pagewalk.hardware.paging.Pkru}
     */
    public void writePkru(int register) {
        KernelBug.on(!obeysKeys, "WRPKRU without CR4.PKE");
        mmu.writePkru(register);
    }

    /**
     * Makes a CPU forget one page: by INVLPG when it is this one, otherwise by an interrupt.
     *
     * @param target the CPU that may hold the translation
     * @param vaddr an address in the page
     * @param asid the address space's ASID on the target
     */
    public void flushPageOn(Cpu target, long vaddr, int asid) {
        interrupt(target);
        target.mmu.invalidatePage(vaddr, asid);
    }

    /**
     * Makes a CPU forget an address space, except global entries.
     *
     * @param target the CPU that may hold translations
     * @param asid the address space's ASID on the target
     */
    public void flushAsidOn(Cpu target, int asid) {
        interrupt(target);
        target.mmu.invalidateAsid(asid);
    }

    /**
     * Makes a CPU forget everything, as after a change of the kernel's own mappings.
     *
     * @param target the CPU
     */
    public void flushAllOn(Cpu target) {
        interrupt(target);
        target.mmu.invalidateAll();
    }

    private void interrupt(Cpu target) {
        if (target != this) {
            shootdownsSent++;
            target.shootdownsReceived++;
        }
    }

    /** Returns how many times the address space was switched. */
    public long contextSwitches() {
        return contextSwitches;
    }

    /** Returns the interrupts sent to other CPUs to make them flush. */
    public long shootdownsSent() {
        return shootdownsSent;
    }

    /** Returns the interrupts received from other CPUs: {@code TLB} in Linux's /proc/interrupts. */
    public long shootdownsReceived() {
        return shootdownsReceived;
    }

    /**
     * Adds state and counters to a digest.
     *
     * @param digest where to add
     */
    public void addToDigest(Digest digest) {
        digest.add(contextSwitches);
        digest.add(shootdownsSent);
        digest.add(shootdownsReceived);
        mmu.addToDigest(digest);
    }

    /**
     * Checks the MMU.
     *
     * @param out where violations go
     */
    public void verify(Violations out) {
        mmu.verify(out);
    }
}
