/**
 * Physical memory as the CPUs and devices of one machine see it: frames of 4096 bytes at physical addresses from zero.
 *
 * <p>The package knows nothing of zones, holes or who owns a frame; {@code hardware.machine.FirmwareMap} says which addresses are RAM and the kernel's
 * memmap says who uses them. Contents are sparse: a frame takes host memory only once something that is not zero was stored in it.
 *
 * <p>Simplified: no caches, no ECC, no bus errors; an address past the end is a defect of the model and throws {@code KernelBug}.
 */
@NullMarked
package io.pagewalk.hardware.memory;

import org.jspecify.annotations.NullMarked;
