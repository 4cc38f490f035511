package io.pagewalk.hardware.bus;

import io.pagewalk.base.Digest;
import io.pagewalk.hardware.memory.PhysicalMemory;

/**
 * A display card: video RAM in base address register 0, device registers in base address register 2.
 *
 * <pre>
 *   BAR0  video RAM, prefetchable, 64-bit: width * height pixels of 4 bytes, row by row
 *   BAR2  4 KiB of registers of 4 bytes, 32-bit:
 *         00 ID       read-only 0x50574642 ("PWFB")
 *         04 WIDTH    pixels in a row        08 HEIGHT  rows
 *         0c MEMORY   read-only, bytes of video RAM
 *         10 CONTROL  bit 0 display on       14 FILL    a store fills the visible pixels
 *         18 STORES   read-only, stores into video RAM since power-on
 *         20 SCRATCH  any value
 * </pre>
 *
 * <p>A register ignores bytes past its own four and answers 0 where there is none; a store narrower than four bytes to a register is lost, as on many cards.
 */
public final class FramebufferCard extends PciFunction {
    /** Offset of the identification register. */
    public static final int ID = 0x00;

    /** Offset of the width register. */
    public static final int WIDTH = 0x04;

    /** Offset of the height register. */
    public static final int HEIGHT = 0x08;

    /** Offset of the register that tells the bytes of video RAM. */
    public static final int MEMORY = 0x0c;

    /** Offset of the control register. */
    public static final int CONTROL = 0x10;

    /** Offset of the fill register. */
    public static final int FILL = 0x14;

    /** Offset of the counter of stores. */
    public static final int STORES = 0x18;

    /** Offset of the scratch register. */
    public static final int SCRATCH = 0x20;

    /** What the identification register says. */
    public static final int ID_VALUE = 0x5057_4642;

    /** Vendor number: the one that QEMU's own devices use. */
    public static final int VENDOR = 0x1234;

    /** Device number. */
    public static final int DEVICE = 0x5057;

    /** Bytes of registers. */
    public static final int REGISTER_BYTES = 4096;

    private final PhysicalMemory videoMemory;
    private final long videoBytes;
    private int width = 640;
    private int height = 480;
    private int control;
    private int fill;
    private int scratch;
    private int stores;

    /**
     * Creates a card that was just switched on: black, 640 by 480.
     *
     * @param videoBytes video RAM, a power of two from 2 MiB to 16 GiB
     */
    public FramebufferCard(long videoBytes) {
        super(VENDOR, DEVICE, 0x038000, 1, 1);
        if (videoBytes < 2 << 20 || videoBytes > 16L << 30 || Long.bitCount(videoBytes) != 1) {
            throw new IllegalArgumentException("a framebuffer of " + videoBytes + " bytes");
        }
        this.videoBytes = videoBytes;
        this.videoMemory = new PhysicalMemory(videoBytes / PhysicalMemory.FRAME_BYTES);
        addBar(0, new PciBar(PciBar.Kind.MEMORY_64, videoBytes, true));
        addBar(2, new PciBar(PciBar.Kind.MEMORY_32, REGISTER_BYTES, false));
    }

    @Override
    protected long readBar(int bar, long offset, int bytes) {
        if (bar == 0) {
            return videoMemory.readLong(offset & ~7L) >>> ((offset & 7) << 3);
        }
        long value = register((int) offset & ~3) & 0xffff_ffffL;
        return value >>> ((offset & 3) << 3);
    }

    @Override
    protected void writeBar(int bar, long offset, int bytes, long value) {
        if (bar == 0) {
            stores++;
            int shift = (int) (offset & 7) << 3;
            long mask = bytes == 8 ? -1L : ((1L << (8 * bytes)) - 1) << shift;
            long kept = videoMemory.readLong(offset & ~7L) & ~mask;
            videoMemory.writeLong(offset & ~7L, kept | ((value << shift) & mask));
        } else if (bytes >= 4) {
            setRegister((int) offset, (int) value);
        }
    }

    private int register(int offset) {
        return switch (offset) {
            case ID -> ID_VALUE;
            case WIDTH -> width;
            case HEIGHT -> height;
            case MEMORY -> (int) Math.min(videoBytes, 0xffff_ffffL);
            case CONTROL -> control;
            case FILL -> fill;
            case STORES -> stores;
            case SCRATCH -> scratch;
            default -> 0;
        };
    }

    private void setRegister(int offset, int value) {
        switch (offset) {
            case WIDTH -> width = isMode(value, height) ? value : width;
            case HEIGHT -> height = isMode(width, value) ? value : height;
            case CONTROL -> control = value & 1;
            case FILL -> {
                fill = value;
                for (long pixel = 0; pixel < (long) width * height; pixel++) {
                    videoMemory.writeInt(pixel * 4, value);
                }
            }
            case SCRATCH -> scratch = value;
            default -> {}
        }
    }

    private boolean isMode(int columns, int rows) {
        return columns > 0 && rows > 0 && (long) columns * rows * 4 <= videoBytes;
    }

    /**
     * Returns a pixel as the monitor shows it: 0 while the display is off.
     *
     * @param column 0 to {@code width() - 1}
     * @param row 0 to {@code height() - 1}
     */
    public int pixel(int column, int row) {
        return isOn() ? videoMemory.readInt(4L * ((long) row * width + column)) : 0;
    }

    /**
     * Returns a byte of video RAM.
     *
     * @param offset below {@link #videoBytes()}
     */
    public byte videoByte(long offset) {
        return videoMemory.readByte(offset);
    }

    /** Returns the bytes of video RAM. */
    public long videoBytes() {
        return videoBytes;
    }

    /** Returns the pixels in a row. */
    public int width() {
        return width;
    }

    /** Returns the rows. */
    public int height() {
        return height;
    }

    /** Returns whether the display is on. */
    public boolean isOn() {
        return (control & 1) != 0;
    }

    /** Returns how many stores into video RAM there were since power-on. */
    public int stores() {
        return stores;
    }

    @Override
    protected void addDeviceToDigest(Digest digest) {
        videoMemory.addToDigest(digest);
        digest.add(width);
        digest.add(height);
        digest.add(control);
        digest.add(fill);
        digest.add(scratch);
        digest.add(stores);
    }
}
