package io.pagewalk.hardware.machine;

import io.pagewalk.hardware.bus.PciBus;
import io.pagewalk.hardware.bus.PortSpace;
import io.pagewalk.hardware.bus.Uart16550;

/** A device beside CPUs, RAM and disks. */
public sealed interface DeviceDescription {
    /**
     * A 16550A serial port.
     *
     * @param port its first I/O port, 0x3f8 for the first of a PC
     */
    record Uart(int port) implements DeviceDescription {
        /** Refuses ports that do not exist. */
        public Uart {
            if (port < 0 || port + Uart16550.PORTS > PortSpace.PORTS) {
                throw new IllegalArgumentException("a serial port at port 0x" + Integer.toHexString(port));
            }
        }
    }

    /**
     * A PCI card with video RAM in base address register 0.
     *
     * @param slot its slot, 1 to 31; slot 0 is the host bridge
     * @param videoBytes video RAM, a power of two from 2 MiB to 16 GiB
     */
    record Framebuffer(int slot, long videoBytes) implements DeviceDescription {
        /** Refuses a slot or a size that does not exist. */
        public Framebuffer {
            if (slot < 1 || slot >= PciBus.SLOTS) {
                throw new IllegalArgumentException("a card in PCI slot " + slot);
            }
            if (videoBytes < 2 << 20 || videoBytes > 16L << 30 || Long.bitCount(videoBytes) != 1) {
                throw new IllegalArgumentException("a framebuffer of " + videoBytes + " bytes");
            }
        }
    }
}
