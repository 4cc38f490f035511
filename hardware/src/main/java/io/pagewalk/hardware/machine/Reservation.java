package io.pagewalk.hardware.machine;

/**
 * Memory that is taken before the page allocator starts and never given to it: what memblock reserves besides the kernel image.
 *
 * @param range the physical addresses
 * @param name who has it, such as {@code crashkernel}
 */
public record Reservation(MemoryRange range, String name) {}
