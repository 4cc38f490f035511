package io.pagewalk.kernel.drivers;

import io.pagewalk.kernel.devres.Device;
import io.pagewalk.kernel.devres.Driver;
import io.pagewalk.kernel.filemap.CharDevice;
import io.pagewalk.kernel.filemap.Inode;
import io.pagewalk.kernel.io.Ioremap;
import io.pagewalk.kernel.io.PciDevice;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.syscall.Errno;
import java.util.Locale;

/**
 * The driver of the display card with number 1234:5057: video RAM in base address register 0, registers in 2.
 *
 * <p>Its probe takes, in this order, state, the function itself, both windows, mappings of both, and two device files; all of it belongs to the device and goes in reverse order
 * when the driver is taken away or a step fails.
 */
public final class FramebufferDriver implements Driver {
    /** Vendor number of its cards. */
    public static final int VENDOR = 0x1234;

    /** Device number of its cards. */
    public static final int DEVICE = 0x5057;

    /** Major number of {@code /dev/fbn}. */
    public static final int FB_MAJOR = 29;

    /** Major number of {@code /dev/dri/cardn}. */
    public static final int DRI_MAJOR = 226;

    static final int VIDEO_BAR = 0;
    static final int REGISTER_BAR = 2;
    private static final int REGISTER_ID = 0x00;
    private static final int REGISTER_WIDTH = 0x04;
    private static final int REGISTER_HEIGHT = 0x08;
    private static final int REGISTER_CONTROL = 0x10;
    private static final int ID_VALUE = 0x5057_4642;
    /** {@code sizeof(struct fb_info)}, roughly. */
    private static final int STATE_BYTES = 1024;
    /** {@code FB_MAX}. */
    private static final int MOST_CARDS = 32;

    private final DriverServices services;

    /**
     * Creates the driver.
     *
     * @param services what it calls
     */
    public FramebufferDriver(DriverServices services) {
        this.services = services;
    }

    @Override
    public String name() {
        return "pwfb";
    }

    @Override
    public boolean matches(Device device) {
        PciDevice pci = device.pci();
        return pci != null && pci.vendor() == VENDOR && pci.device() == DEVICE;
    }

    @Override
    public int probe(Device device) {
        PciDevice pci = device.pci();
        if (pci == null) {
            return -Errno.ENODEV;
        }
        if (device.memory().kzalloc(STATE_BYTES, Gfp.GFP_KERNEL) == 0) {
            return -Errno.ENOMEM;
        }
        int error = pci.enable();
        if (error == 0) {
            error = device.devres().addActionOrReset(pci::disable);
        }
        if (error != 0) {
            return error;
        }
        for (int bar : new int[] {VIDEO_BAR, REGISTER_BAR}) {
            if (device.io().requestMemRegion(pci.start(bar), pci.length(bar), name()) == null) {
                device.print("BAR " + bar + ": can't reserve " + pci.resource(bar));
                return -Errno.EBUSY;
            }
        }
        long registers = device.io().ioremap(pci.start(REGISTER_BAR), pci.length(REGISTER_BAR));
        if (registers == Ioremap.NULL) {
            return -Errno.ENOMEM;
        }
        if (services.memory().readl(registers + REGISTER_ID) != ID_VALUE) {
            return -Errno.ENODEV;
        }
        long screen = device.io().ioremapWc(pci.start(VIDEO_BAR), pci.length(VIDEO_BAR));
        if (screen == Ioremap.NULL) {
            return -Errno.ENOMEM;
        }
        DisplayCard card = new DisplayCard(
                pci.start(VIDEO_BAR), pci.length(VIDEO_BAR), pci.start(REGISTER_BAR), pci.length(REGISTER_BAR), screen);
        int number = freeNumber();
        error = publish(device, card, "/dev/fb" + number, FB_MAJOR, number, new FramebufferFile(card, services));
        if (error == 0) {
            error = publish(
                    device, card, "/dev/dri/card" + number, DRI_MAJOR, number, new GraphicsFile(card, services));
        }
        if (error == 0) {
            services.memory().writel(1, registers + REGISTER_CONTROL);
            error = device.devres().addActionOrReset(() -> services.memory().writel(0, registers + REGISTER_CONTROL));
        }
        if (error != 0) {
            return error;
        }
        device.setDriverData(card);
        device.print(String.format(
                Locale.ROOT,
                "fb%d: pwfb frame buffer device, %dx%d",
                number,
                services.memory().readl(registers + REGISTER_WIDTH),
                services.memory().readl(registers + REGISTER_HEIGHT)));
        return 0;
    }

    private int freeNumber() {
        int number = 0;
        while (number < MOST_CARDS && services.files().lookup("/dev/fb" + number) != null) {
            number++;
        }
        return number;
    }

    /** Makes a device file that goes with the driver: first the name, then what processes have mapped. */
    private int publish(Device device, DisplayCard card, String path, int major, int minor, CharDevice file) {
        Inode inode = services.files().registerDevice(path, major, minor, file);
        if (inode == null) {
            return -Errno.EBUSY;
        }
        return device.devres().addActionOrReset(() -> {
            card.unplug();
            services.files().unmapDevice(inode);
            services.files().unregisterDevice(inode);
        });
    }
}
