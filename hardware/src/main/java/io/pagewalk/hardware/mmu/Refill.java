package io.pagewalk.hardware.mmu;

/** Who brings a missing translation into the TLB. */
public enum Refill {
    /** The walker, without the kernel's knowledge: x86, RISC-V. */
    HARDWARE,
    /**
     * The kernel: a miss is an exception ({@link MmuFault#TLB_REFILL}), its handler looks the mapping up and calls {@link Mmu#refill}. As on MIPS; here
     * available for every paging mode, to compare the costs.
     */
    SOFTWARE
}
