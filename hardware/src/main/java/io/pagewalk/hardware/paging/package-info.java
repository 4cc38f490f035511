/**
 * Page tables as the hardware defines them: the paging modes of x86 and RISC-V, the bit format of their entries, and the walker that reads them.
 *
 * <p>Entries are raw {@code long} values that lie in frames of {@link io.pagewalk.hardware.memory.PhysicalMemory}; {@link
 * io.pagewalk.hardware.paging.PagingMode} makes and reads them and is what the kernel edits page tables through (Linux: {@code
 * arch/x86/include/asm/pgtable*.h}, {@code arch/riscv/include/asm/pgtable*.h}). Levels are counted from the page: 1 is the PTE, 2 the PMD, 3 the PUD, 4 the
 * P4D or PGD, 5 the PGD of five levels, whatever the mode.
 *
 * <p>Simplified: no supervisor protection keys, no nested paging, no Svnapot, no control-register switches (paging, write protect and NX are always on).
 */
@NullMarked
package io.pagewalk.hardware.paging;

import org.jspecify.annotations.NullMarked;
