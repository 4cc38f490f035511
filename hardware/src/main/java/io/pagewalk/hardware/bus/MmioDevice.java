package io.pagewalk.hardware.bus;

/** A device that answers in a window of physical addresses. An access lies inside the window and is aligned to its size. */
public interface MmioDevice {
    /**
     * Answers a load; it may change the device.
     *
     * @param offset address less the start of the window
     * @param bytes 1, 2, 4 or 8
     * @return the value, zero-extended
     */
    long readMmio(long offset, int bytes);

    /**
     * Takes a store.
     *
     * @param offset address less the start of the window
     * @param bytes 1, 2, 4 or 8
     * @param value only the low {@code bytes} bytes count
     */
    void writeMmio(long offset, int bytes, long value);
}
