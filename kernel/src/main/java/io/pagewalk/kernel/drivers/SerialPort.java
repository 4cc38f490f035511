package io.pagewalk.kernel.drivers;

import io.pagewalk.kernel.filemap.CharDevice;
import io.pagewalk.kernel.filemap.OpenFile;
import io.pagewalk.kernel.io.IoPorts;
import io.pagewalk.kernel.syscall.Errno;

/** One serial port as a file: {@code /dev/ttySn}, raw, by polling ({@code drivers/tty/serial/8250/8250_port.c}). */
public final class SerialPort implements CharDevice {
    static final int IER = 1;
    static final int FCR = 2;
    static final int LCR = 3;
    static final int MCR = 4;
    static final int LSR = 5;
    static final int MSR = 6;
    static final int FCR_ENABLE = 1;
    static final int MCR_LOOP = 0x10;
    static final int MCR_OUT2 = 8;
    static final int MCR_RTS = 2;
    static final int MSR_DCD = 0x80;
    static final int MSR_CTS = 0x10;
    private static final int LCR_8N1 = 3;
    private static final int LCR_DLAB = 0x80;
    private static final int LSR_DATA_READY = 1;
    private static final int LSR_THR_EMPTY = 0x20;
    /** 115,200 baud divided by 9,600. */
    private static final int DIVISOR = 12;

    private final IoPorts ports;
    private final int base;
    private boolean isGone;

    SerialPort(IoPorts ports, int base) {
        this.ports = ports;
        this.base = base;
    }

    /** Sets 9,600 baud, 8 bits, no parity, FIFOs on. */
    void start() {
        ports.outb(LCR_DLAB | LCR_8N1, base + LCR);
        ports.outb(DIVISOR & 0xff, base);
        ports.outb(DIVISOR >>> 8, base + IER);
        ports.outb(LCR_8N1, base + LCR);
        ports.outb(FCR_ENABLE, base + FCR);
        ports.outb(0, base + IER);
    }

    /** The driver lets go of the device; open files fail from now on. */
    void stop() {
        isGone = true;
        ports.outb(0, base + FCR);
    }

    @Override
    public long read(OpenFile file, long position, byte[] target) {
        if (isGone) {
            return 0;
        }
        int done = 0;
        while (done < target.length && (ports.inb(base + LSR) & LSR_DATA_READY) != 0) {
            target[done++] = (byte) ports.inb(base);
        }
        return done == 0 && target.length > 0 ? -Errno.EAGAIN : done;
    }

    @Override
    public long write(OpenFile file, long position, byte[] source) {
        if (isGone) {
            return -Errno.EIO;
        }
        int done = 0;
        while (done < source.length && (ports.inb(base + LSR) & LSR_THR_EMPTY) != 0) {
            ports.outb(source[done++], base);
        }
        return done;
    }
}
