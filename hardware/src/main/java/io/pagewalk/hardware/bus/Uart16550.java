package io.pagewalk.hardware.bus;

import io.pagewalk.base.Digest;
import java.io.ByteArrayOutputStream;
import java.util.ArrayDeque;

/**
 * A 16550A serial port at eight I/O ports, with its two FIFOs of 16 bytes.
 *
 * <pre>
 *   offset  load                          store
 *     0     RBR received byte             THR byte to send          (DLAB: divisor, low byte)
 *     1     IER interrupts enabled        IER                       (DLAB: divisor, high byte)
 *     2     IIR interrupt, FIFOs on       FCR FIFO control
 *     3     LCR line control, bit 7 DLAB  LCR
 *     4     MCR modem control             MCR, bit 4 loopback
 *     5     LSR line status               -
 *     6     MSR modem status              -
 *     7     SCR scratch                   SCR
 *
 *   LSR: bit 0 data ready, 1 overrun, 5 THR empty, 6 transmitter empty
 * </pre>
 *
 * <p>Simplified: a byte is sent at once whatever the divisor says, and no interrupt line exists; IIR tells what would be pending. Source: National Semiconductor, PC16550D data sheet.
 */
public final class Uart16550 implements PortDevice {
    /** How many ports it answers at. */
    public static final int PORTS = 8;

    private static final int FIFO_BYTES = 16;
    private static final int LSR_DATA_READY = 1;
    private static final int LSR_OVERRUN = 2;
    private static final int LSR_THR_EMPTY = 0x20;
    private static final int LSR_IDLE = 0x40;
    private static final int LCR_DLAB = 0x80;
    private static final int MCR_LOOP = 0x10;
    private static final int IER_RECEIVED = 1;
    private static final int IER_THR_EMPTY = 2;
    private static final int IER_LINE_STATUS = 4;

    private final ByteArrayOutputStream sent = new ByteArrayOutputStream();
    private final ArrayDeque<Integer> received = new ArrayDeque<>();
    private int divisor = 12;
    private int interruptEnable;
    private int lineControl;
    private int modemControl;
    private int scratch;
    private boolean hasFifos;
    private boolean hasOverrun;
    private boolean isThrEmptyPending;

    /** Creates a port as after a reset: 9600 baud, 5 bits, FIFOs off. */
    public Uart16550() {}

    @Override
    public int readPort(int offset) {
        boolean isDivisor = (lineControl & LCR_DLAB) != 0;
        switch (offset) {
            case 0 -> {
                if (isDivisor) {
                    return divisor & 0xff;
                }
                Integer value = received.poll();
                return value == null ? 0 : value;
            }
            case 1 -> {
                return isDivisor ? divisor >>> 8 : interruptEnable;
            }
            case 2 -> {
                return interruptIdentification();
            }
            case 3 -> {
                return lineControl;
            }
            case 4 -> {
                return modemControl;
            }
            case 5 -> {
                int status = LSR_THR_EMPTY | LSR_IDLE | (received.isEmpty() ? 0 : LSR_DATA_READY);
                status |= hasOverrun ? LSR_OVERRUN : 0;
                hasOverrun = false;
                return status;
            }
            case 6 -> {
                return modemStatus();
            }
            default -> {
                return scratch;
            }
        }
    }

    /** Highest priority first: line status, received data, transmitter empty. Reading it takes the last one back. */
    private int interruptIdentification() {
        int fifos = hasFifos ? 0xc0 : 0;
        if (hasOverrun && (interruptEnable & IER_LINE_STATUS) != 0) {
            return fifos | 6;
        }
        if (!received.isEmpty() && (interruptEnable & IER_RECEIVED) != 0) {
            return fifos | 4;
        }
        if (isThrEmptyPending && (interruptEnable & IER_THR_EMPTY) != 0) {
            isThrEmptyPending = false;
            return fifos | 2;
        }
        return fifos | 1;
    }

    /** In loopback the modem's outputs come back as its inputs: DTR as DSR, RTS as CTS, OUT1 as RI, OUT2 as DCD. Otherwise a ready peer is there. */
    private int modemStatus() {
        if ((modemControl & MCR_LOOP) == 0) {
            return 0xb0;
        }
        return ((modemControl & 1) << 5)
                | ((modemControl & 2) << 3)
                | ((modemControl & 4) << 4)
                | ((modemControl & 8) << 4);
    }

    @Override
    public void writePort(int offset, int value) {
        boolean isDivisor = (lineControl & LCR_DLAB) != 0;
        switch (offset) {
            case 0 -> {
                if (isDivisor) {
                    divisor = (divisor & 0xff00) | value;
                } else {
                    send(value);
                }
            }
            case 1 -> {
                if (isDivisor) {
                    divisor = (divisor & 0xff) | (value << 8);
                } else {
                    isThrEmptyPending |= (value & ~interruptEnable & IER_THR_EMPTY) != 0;
                    interruptEnable = value & 0xf;
                }
            }
            case 2 -> {
                boolean wasOn = hasFifos;
                hasFifos = (value & 1) != 0;
                if (wasOn != hasFifos || (value & 2) != 0) {
                    received.clear();
                }
            }
            case 3 -> lineControl = value;
            case 4 -> modemControl = value & 0x1f;
            case 7 -> scratch = value;
            default -> {}
        }
    }

    private void send(int value) {
        if ((modemControl & MCR_LOOP) != 0) {
            accept(value);
        } else {
            sent.write(value);
        }
        isThrEmptyPending = true;
    }

    private void accept(int value) {
        int room = hasFifos ? FIFO_BYTES : 1;
        if (received.size() < room) {
            received.add(value);
            return;
        }
        hasOverrun = true;
        if (!hasFifos) {
            received.clear();
            received.add(value);
        }
    }

    /**
     * Lets a byte arrive over the line. Without room the overrun bit is set: a full FIFO keeps its bytes, the single register takes the new one.
     *
     * @param value the byte
     */
    public void receive(byte value) {
        accept(value & 0xff);
    }

    /** Returns all bytes sent so far. */
    public byte[] sent() {
        return sent.toByteArray();
    }

    /** Returns the divisor of the 115,200 baud clock. */
    public int divisor() {
        return divisor;
    }

    /** Returns the line control register. */
    public int lineControl() {
        return lineControl;
    }

    /**
     * Adds its state to a digest.
     *
     * @param digest where to add
     */
    public void addToDigest(Digest digest) {
        for (byte value : sent.toByteArray()) {
            digest.add(value);
        }
        received.forEach(value -> digest.add(value));
        digest.add(divisor);
        digest.add(interruptEnable | lineControl << 8 | modemControl << 16 | scratch << 24);
        digest.add((hasFifos ? 1 : 0) | (hasOverrun ? 2 : 0) | (isThrEmptyPending ? 4 : 0));
    }
}
