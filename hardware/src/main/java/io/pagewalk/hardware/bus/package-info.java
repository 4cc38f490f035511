/**
 * What lies beside RAM: the 64 Ki port space, device windows in physical address space, and one PCI bus with two sample devices.
 *
 * <p>An access of the MMU ends at a physical address; {@link io.pagewalk.hardware.bus.PhysicalBus} says whether RAM or a device answers there, so the load and store that
 * reach RAM reach a device's registers too. Port accesses go through {@link io.pagewalk.hardware.bus.PortSpace}; {@link io.pagewalk.hardware.bus.PciBus} answers at the
 * configuration ports and moves the windows of its functions as their base address registers are written.
 *
 * <p>Simplified: no interrupt lines, no DMA, no time on the bus; caches and write-combining buffers hold nothing back, so a store is seen by the device at once. An address
 * or port that nobody answers reads as all ones and swallows stores, as on a PC. Neighbours: {@code memory} below, {@code machine} above.
 */
@NullMarked
package io.pagewalk.hardware.bus;

import org.jspecify.annotations.NullMarked;
