/**
 * CPUs: named models of real parts with their published translation hardware, and the CPU itself with its MMU and interrupts between CPUs.
 *
 * <p>A CPU here does no arithmetic: it is where accesses are made, address spaces are loaded and TLB shootdowns are sent and received (Linux: {@code
 * arch/x86/mm/tlb.c}).
 */
@NullMarked
package io.pagewalk.hardware.cpu;

import org.jspecify.annotations.NullMarked;
