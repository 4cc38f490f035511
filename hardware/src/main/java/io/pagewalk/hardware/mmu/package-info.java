/**
 * The memory management unit of one CPU: TLBs in front of a page walker, and the faults it raises.
 *
 * <p>{@link io.pagewalk.hardware.mmu.Mmu#access} is the path of every access of every workload. It looks into the first-level TLB of the access's kind, then
 * into the second level, then walks the page tables in simulated memory. What it cannot translate is a {@link io.pagewalk.hardware.mmu.MmuFault} value for the
 * kernel ({@code arch/x86/mm/fault.c}, {@code arch/riscv/mm/fault.c}), never an exception of Java and never an entry of the TLB.
 *
 * <p>Neighbours: {@code paging} walks, {@code tlb} caches, {@code cpu} names the real parts whose geometry is modelled.
 */
@NullMarked
package io.pagewalk.hardware.mmu;

import org.jspecify.annotations.NullMarked;
