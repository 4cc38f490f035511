/**
 * A whole machine: what it is made of ({@link io.pagewalk.hardware.machine.MachineDescription}, immutable, refuses what cannot be) and the running thing built
 * from it ({@link io.pagewalk.hardware.machine.Machine}).
 *
 * <p>{@link io.pagewalk.hardware.machine.FirmwareMap} stands for what the firmware tells a kernel about physical addresses: e820 on x86 ({@code
 * arch/x86/kernel/e820.c}), the memory nodes of a device tree on RISC-V.
 */
@NullMarked
package io.pagewalk.hardware.machine;

import org.jspecify.annotations.NullMarked;
