package io.pagewalk.kernel.vma;

import io.pagewalk.base.Bits;

/**
 * The borders of the user half of an address space: {@code TASK_SIZE} and its relatives.
 *
 * @param taskSize first address behind user space ({@code TASK_SIZE_MAX}): 2^47 - 4096 with four levels, 2^56 - 4096 with five
 * @param defaultMapWindow end of what a mapping without a high hint may use ({@code DEFAULT_MAP_WINDOW}); also the top of the stack
 * @param stackGuardGapBytes hole kept below a stack ({@code stack_guard_gap}), 256 pages by default
 */
public record AddressLayout(long taskSize, long defaultMapWindow, long stackGuardGapBytes) {
    /** Bytes of {@code stack_guard_gap} when the kernel command line does not set it. */
    public static final long DEFAULT_STACK_GUARD_GAP_BYTES = 256L << Vma.PAGE_SHIFT;

    private static final long MIN_GAP_BYTES = 128L << 20;

    /**
     * Creates the layout of x86-64.
     *
     * @param fiveLevels whether page tables have five levels
     */
    public static AddressLayout x86(boolean fiveLevels) {
        long window = (1L << 47) - 4096;
        return new AddressLayout(fiveLevels ? (1L << 56) - 4096 : window, window, DEFAULT_STACK_GUARD_GAP_BYTES);
    }

    /**
     * Creates a layout without a high part above the default window: i386, or RISC-V.
     *
     * @param taskSize first address behind user space
     */
    public static AddressLayout flat(long taskSize) {
        return new AddressLayout(taskSize, taskSize, DEFAULT_STACK_GUARD_GAP_BYTES);
    }

    /** Returns the end of the stack that {@code execve()} makes, without randomisation ({@code STACK_TOP}). */
    public long stackTop() {
        return defaultMapWindow;
    }

    /**
     * Returns the address below which top-down mappings begin, without randomisation: {@code arch/x86/mm/mmap.c:mmap_base()}.
     *
     * @param stackLimitBytes soft {@code RLIMIT_STACK}, unsigned
     */
    public long mmapBase(long stackLimitBytes) {
        long gap = stackLimitBytes;
        if (Long.compareUnsigned(gap + stackGuardGapBytes, gap) > 0) {
            gap += stackGuardGapBytes;
        }
        long largest = defaultMapWindow / 6 * 5;
        if (Bits.isBelow(gap, MIN_GAP_BYTES)) {
            gap = MIN_GAP_BYTES;
        } else if (Bits.isBelow(largest, gap)) {
            gap = largest;
        }
        return Bits.roundUp(defaultMapWindow - gap, 1L << Vma.PAGE_SHIFT);
    }

    /** Returns where bottom-up mappings begin ({@code TASK_UNMAPPED_BASE}): a third of the window. */
    public long mmapLegacyBase() {
        return Bits.roundUp(defaultMapWindow / 3, 1L << Vma.PAGE_SHIFT);
    }
}
