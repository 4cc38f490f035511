package io.pagewalk.hardware.bus;

/** A device that answers at a run of I/O ports, one byte wide: the bus splits a wider access into bytes, low byte at the low port. */
public interface PortDevice {
    /**
     * Answers a load; it may change the device, as reading a receive buffer does.
     *
     * @param offset port less the first port of the run
     * @return the byte, 0 to 255
     */
    int readPort(int offset);

    /**
     * Takes a store.
     *
     * @param offset port less the first port of the run
     * @param value the byte, 0 to 255
     */
    void writePort(int offset, int value);
}
