/**
 * How kernel code reaches devices: who uses which ports and physical addresses, port instructions, mappings of device memory, and PCI devices.
 *
 * <p>Models {@code kernel/resource.c} (resource trees), {@code arch/x86/include/asm/io.h} and {@code lib/iomap.c} (port and memory accesses),
 * {@code arch/x86/mm/ioremap.c}, {@code arch/x86/mm/pat/memtype.c} (cache attributes of physical ranges), {@code arch/x86/kernel/e820.c} and {@code setup.c} (boot's
 * resources), {@code drivers/pci/probe.c}, {@code setup-bus.c} and {@code setup-res.c}.
 *
 * <p>Simplified: nobody sleeps, so a muxed region that is taken is refused at once; there are no MTRRs; caches hold nothing back. Neighbours: {@code vmalloc} below gives
 * areas to map into, {@code devres} above frees what drivers took, {@code fault} maps device memory into processes.
 */
@NullMarked
package io.pagewalk.kernel.io;

import org.jspecify.annotations.NullMarked;
