package io.pagewalk.kernel.io;

import io.pagewalk.hardware.bus.PortSpace;

/**
 * Port instructions as kernel code uses them: {@code arch/x86/include/asm/shared/io.h}.
 *
 * <p>Nothing checks that the ports were requested: {@code request_region()} is an agreement between drivers, not protection.
 */
public final class IoPorts {
    private final PortSpace ports;

    /**
     * Creates the instructions of one machine.
     *
     * @param ports its port space
     */
    public IoPorts(PortSpace ports) {
        this.ports = ports;
    }

    /**
     * Loads a byte.
     *
     * @param port 0 to 65535
     * @return 0 to 255
     */
    public int inb(int port) {
        return ports.read(port, 1);
    }

    /**
     * Loads a word of 16 bits.
     *
     * @param port 0 to 65535
     * @return 0 to 65535
     */
    public int inw(int port) {
        return ports.read(port, 2);
    }

    /**
     * Loads a double word.
     *
     * @param port 0 to 65535
     */
    public int inl(int port) {
        return ports.read(port, 4);
    }

    /**
     * Stores a byte.
     *
     * @param value the low 8 bits count
     * @param port 0 to 65535
     */
    public void outb(int value, int port) {
        ports.write(port, 1, value);
    }

    /**
     * Stores a word of 16 bits.
     *
     * @param value the low 16 bits count
     * @param port 0 to 65535
     */
    public void outw(int value, int port) {
        ports.write(port, 2, value);
    }

    /**
     * Stores a double word.
     *
     * @param value what
     * @param port 0 to 65535
     */
    public void outl(int value, int port) {
        ports.write(port, 4, value);
    }

    /**
     * Loads from one port again and again: {@code insb}, {@code insw}, {@code insl}.
     *
     * @param port 0 to 65535
     * @param width 1, 2 or 4 bytes at a time
     * @param target where they go, little-endian
     * @param offset first place to fill
     * @param count how many loads
     */
    public void ins(int port, int width, byte[] target, int offset, int count) {
        for (int i = 0; i < count; i++) {
            int value = ports.read(port, width);
            for (int b = 0; b < width; b++) {
                target[offset + i * width + b] = (byte) (value >>> (8 * b));
            }
        }
    }

    /**
     * Stores to one port again and again: {@code outsb}, {@code outsw}, {@code outsl}.
     *
     * @param port 0 to 65535
     * @param width 1, 2 or 4 bytes at a time
     * @param source where they come from, little-endian
     * @param offset first one to take
     * @param count how many stores
     */
    public void outs(int port, int width, byte[] source, int offset, int count) {
        for (int i = 0; i < count; i++) {
            int value = 0;
            for (int b = 0; b < width; b++) {
                value |= (source[offset + i * width + b] & 0xff) << (8 * b);
            }
            ports.write(port, width, value);
        }
    }
}
