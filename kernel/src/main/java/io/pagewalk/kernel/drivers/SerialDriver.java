package io.pagewalk.kernel.drivers;

import io.pagewalk.kernel.devres.Device;
import io.pagewalk.kernel.devres.Driver;
import io.pagewalk.kernel.filemap.Inode;
import io.pagewalk.kernel.io.IoPorts;
import io.pagewalk.kernel.io.Resource;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.syscall.Errno;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** The driver of 16550A serial ports that the firmware lists: {@code drivers/tty/serial/8250/8250_pnp.c} and {@code 8250_port.c}. */
public final class SerialDriver implements Driver {
    /** Major number of {@code /dev/ttySn}. */
    public static final int MAJOR = 4;

    private static final int FIRST_MINOR = 64;
    private static final int PORTS = 8;
    /** {@code sizeof(struct uart_8250_port)}, roughly. */
    private static final int STATE_BYTES = 600;
    /** {@code SERIAL_PORT_DFNS}: the ports whose numbers are fixed, and their interrupt lines. */
    private static final List<Long> KNOWN_PORTS = List.of(0x3f8L, 0x2f8L, 0x3e8L, 0x2e8L);

    private static final int[] KNOWN_LINES = {4, 3, 4, 3};

    private final DriverServices services;

    /**
     * Creates the driver.
     *
     * @param services what it calls
     */
    public SerialDriver(DriverServices services) {
        this.services = services;
    }

    @Override
    public String name() {
        return "serial";
    }

    @Override
    public boolean matches(Device device) {
        return device.bus().equals("pnp");
    }

    @Override
    public int probe(Device device) {
        Resource range =
                device.resources().isEmpty() ? null : device.resources().getFirst();
        if (range == null || range.type() != Resource.IO || range.size() < PORTS) {
            return -Errno.ENODEV;
        }
        int port = (int) range.start();
        if (device.memory().kzalloc(STATE_BYTES, Gfp.GFP_KERNEL) == 0) {
            return -Errno.ENOMEM;
        }
        if (device.io().requestRegion(port, PORTS, name()) == null) {
            return -Errno.EBUSY;
        }
        SerialPort serial = new SerialPort(services.ports(), port);
        if (!isPresent(port)) {
            return -Errno.ENODEV;
        }
        serial.start();
        int line = lineOf(port);
        String path = "/dev/ttyS" + line;
        Inode inode = services.files().registerDevice(path, MAJOR, FIRST_MINOR + line, serial);
        if (inode == null) {
            return -Errno.EBUSY;
        }
        int error = device.devres().addActionOrReset(() -> {
            serial.stop();
            services.files().unregisterDevice(inode);
        });
        if (error != 0) {
            return error;
        }
        device.setDriverData(serial);
        services.log()
                .accept(String.format(
                        Locale.ROOT,
                        "%s: ttyS%d at I/O 0x%x (irq = %d, base_baud = 115200) is a 16550A",
                        device.name(),
                        line,
                        port,
                        KNOWN_LINES[line & 3]));
        return 0;
    }

    /** Ports at the four addresses of a PC have fixed numbers, others the next free one. */
    private int lineOf(int port) {
        int known = KNOWN_PORTS.indexOf((long) port);
        int line = known >= 0 ? known : KNOWN_PORTS.size();
        while (known < 0 && services.files().lookup("/dev/ttyS" + line) != null) {
            line++;
        }
        return line;
    }

    /** {@code autoconfig()}: interrupt bits that stick, modem lines that loop back, and FIFOs of a 16550A. */
    private boolean isPresent(int port) {
        IoPorts ports = services.ports();
        int saved = ports.inb(port + SerialPort.IER);
        ports.outb(0, port + SerialPort.IER);
        int zeros = ports.inb(port + SerialPort.IER) & 0xf;
        ports.outb(0xf, port + SerialPort.IER);
        int ones = ports.inb(port + SerialPort.IER) & 0xf;
        ports.outb(saved, port + SerialPort.IER);
        if (zeros != 0 || ones != 0xf) {
            return false;
        }
        int modem = ports.inb(port + SerialPort.MCR);
        ports.outb(SerialPort.MCR_LOOP | SerialPort.MCR_OUT2 | SerialPort.MCR_RTS, port + SerialPort.MCR);
        int status = ports.inb(port + SerialPort.MSR) & 0xf0;
        ports.outb(modem, port + SerialPort.MCR);
        if (status != (SerialPort.MSR_DCD | SerialPort.MSR_CTS)) {
            return false;
        }
        ports.outb(SerialPort.FCR_ENABLE, port + SerialPort.FCR);
        return ports.inb(port + SerialPort.FCR) >>> 6 == 3;
    }

    /**
     * Returns the port behind a device, or null when it is not bound to this driver.
     *
     * @param device any device
     */
    public static @Nullable SerialPort portOf(Device device) {
        return device.driverData() instanceof SerialPort port ? port : null;
    }
}
