/**
 * The kernel's sample drivers: a serial port at I/O ports and a display card on PCI.
 *
 * <p>{@link io.pagewalk.kernel.drivers.SerialDriver} follows {@code drivers/tty/serial/8250}: it takes eight ports, finds out what answers there, and gives
 * {@code /dev/ttySn}. {@link io.pagewalk.kernel.drivers.FramebufferDriver} follows {@code drivers/video/fbdev} and, for its second file, a graphics driver that maps by
 * page faults: {@code /dev/fb0} maps the card with {@code remap_pfn_range()} at once, {@code /dev/dri/card0} page by page with {@code vmf_insert_pfn()}.
 *
 * <p>Simplified: no interrupts, so reading a serial port without data gives {@code -EAGAIN} instead of waiting; no tty layer; no {@code ioctl()}; the card's mode stays as it was
 * at power-on. Neighbours: {@code devres} below holds what a driver takes, {@code fault} maps into processes, {@code filemap} has the device files.
 */
@NullMarked
package io.pagewalk.kernel.drivers;

import org.jspecify.annotations.NullMarked;
