/**
 * Segmentation as the x86 processors before paging had it: real mode, and base/limit descriptors in tables.
 *
 * <p>Mechanism only: {@link io.pagewalk.hardware.segmentation.RealMode} forms addresses as the 8086 and the 80286 do,
 * {@link io.pagewalk.hardware.segmentation.SegmentationUnit} loads selectors from a GDT and LDTs that lie in simulated memory and checks each access
 * against the cached descriptor, as the Intel SDM describes it (volume 3, chapters "Protected-Mode Memory Management" and "Protection"; the checks of each
 * load in volume 2, MOV, JMP, LLDT). What it refuses is a {@link io.pagewalk.hardware.segmentation.SegmentFault} value. Who places segments, fills tables
 * and serves faults is an operating system's affair.
 *
 * <p>Linux keeps flat segments only ({@code arch/x86/include/asm/segment.h}), so no kernel package uses this one. Simplified: no gates, no task switches, no
 * virtual-8086 mode; the accessed bit is written when a selector is loaded, in one write. Neighbours: {@code memory} holds the tables, {@code mmu} has the names of
 * access kinds.
 */
@NullMarked
package io.pagewalk.hardware.segmentation;

import org.jspecify.annotations.NullMarked;
