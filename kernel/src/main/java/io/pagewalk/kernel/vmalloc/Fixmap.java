package io.pagewalk.kernel.vmalloc;

import io.pagewalk.base.Bits;
import io.pagewalk.base.Digest;
import io.pagewalk.base.Violations;
import io.pagewalk.hardware.paging.PagingMode;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.LongConsumer;

/**
 * Addresses that are known when the kernel is built and mapped to whatever is wanted: {@code set_fixmap()} of {@code arch/x86/mm/pgtable.c} and {@code arch/riscv/mm/init.c}.
 *
 * <pre>
 *   address of slot n == top - n pages; slot 0 is a hole
 * </pre>
 *
 * <p>Setting a slot again replaces its page; only the CPU that does it forgets the old one.
 */
public final class Fixmap {
    /** {@code FIXADDR_TOP} of x86-64: the vsyscall page is slot 511. */
    private static final long X8664_TOP = 0xffff_ffff_ff7f_f000L;

    private final KernelLayout layout;
    private final InitMm initMm;
    private final LongConsumer flushHere;
    private final Consumer<String> log;
    private final long top;
    private final TreeMap<Integer, Long> pages = new TreeMap<>();

    /**
     * Creates slots that map nothing.
     *
     * @param layout where they lie
     * @param initMm the kernel's tables
     * @param flushHere makes the current CPU forget one page: {@code flush_tlb_one_kernel()}
     * @param log receives lines of the kernel's log
     */
    public Fixmap(KernelLayout layout, InitMm initMm, LongConsumer flushHere, Consumer<String> log) {
        this.layout = layout;
        this.initMm = initMm;
        this.flushHere = flushHere;
        this.log = log;
        this.top = initMm.mode().architecture() == PagingMode.Architecture.X86_64 ? X8664_TOP : layout.fixmapEnd();
    }

    /**
     * Returns the address of a slot: {@code fix_to_virt()}.
     *
     * @param slot its number
     */
    public long address(int slot) {
        return top - ((long) slot << 12);
    }

    /**
     * Returns the slot of an address: {@code virt_to_fix()}.
     *
     * @param vaddr an address of the fixmap
     */
    public int slot(long vaddr) {
        return (int) ((top - Bits.roundDown(vaddr, 4096)) >>> 12);
    }

    /**
     * Maps a physical page: {@code __set_fixmap()}.
     *
     * @param slot number of the slot, above 0
     * @param paddr physical address, page aligned
     * @param flags {@code PteFlags}, such as {@link InitMm#PAGE_KERNEL}
     * @return whether it is mapped; a slot outside the fixmap is a line in the log
     */
    public boolean set(int slot, long paddr, int flags) {
        long vaddr = address(slot);
        if (!isUsable(slot, vaddr)) {
            log.accept("kernel BUG at arch/x86/mm/pgtable.c: set_fixmap of slot " + slot);
            return false;
        }
        clear(slot);
        if (initMm.mapLeaf(vaddr, paddr >>> 12, flags, 1) != 0) {
            return false;
        }
        pages.put(slot, paddr);
        return true;
    }

    /** The slots of {@code kmap_local_page()} lie in the fixmap of i386 too and have their own stack. */
    private boolean isUsable(int slot, long vaddr) {
        boolean isKmap = layout.kmapStart() != 0
                && vaddr >= layout.kmapStart()
                && vaddr < layout.kmapStart() + (((long) KernelLayout.KMAP_SLOTS * KernelLayout.I386_CPUS) << 12);
        return slot > 0
                && !isKmap
                && Long.compareUnsigned(vaddr, layout.fixmapStart()) >= 0
                && Long.compareUnsigned(vaddr, layout.fixmapEnd()) < 0;
    }

    /**
     * Takes a mapping away: {@code clear_fixmap()}.
     *
     * @param slot number of the slot; nothing happens when it maps nothing
     */
    public void clear(int slot) {
        if (pages.remove(slot) != null) {
            long vaddr = address(slot);
            initMm.unmapRange(vaddr, vaddr + 4096);
            flushHere.accept(vaddr);
        }
    }

    /** Returns how many slots map something. */
    public int used() {
        return pages.size();
    }

    /**
     * Adds the slots.
     *
     * @param digest where to
     */
    public void addToDigest(Digest digest) {
        for (Map.Entry<Integer, Long> page : pages.entrySet()) {
            digest.add(page.getKey());
            digest.add(page.getValue());
        }
    }

    /**
     * Checks slots against entries.
     *
     * @param out receives what is broken
     */
    public void verify(Violations out) {
        for (Map.Entry<Integer, Long> page : pages.entrySet()) {
            out.expectEqual(
                    "fixmap slot " + page.getKey(),
                    "entry maps its page",
                    initMm.translate(address(page.getKey())),
                    page.getValue());
        }
    }
}
