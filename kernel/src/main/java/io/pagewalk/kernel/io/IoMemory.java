package io.pagewalk.kernel.io;

/**
 * Accesses to device memory at the addresses that {@link Ioremap} gives: {@code readb()}, {@code writel()}, {@code memcpy_toio()} and their kind.
 *
 * <p>The order of accesses is the order of calls: neither a CPU nor a bus of the model holds one back, so barriers do nothing.
 */
public final class IoMemory {
    private final KernelAccess access;

    /**
     * Creates the accesses of one machine.
     *
     * @param access the way through the MMU
     */
    public IoMemory(KernelAccess access) {
        this.access = access;
    }

    /**
     * Loads a byte.
     *
     * @param vaddr a mapped address
     * @return 0 to 255
     */
    public int readb(long vaddr) {
        return (int) access.load(vaddr, 1);
    }

    /**
     * Loads 16 bits.
     *
     * @param vaddr a mapped address, aligned
     * @return 0 to 65535
     */
    public int readw(long vaddr) {
        return (int) access.load(vaddr, 2);
    }

    /**
     * Loads 32 bits.
     *
     * @param vaddr a mapped address, aligned
     */
    public int readl(long vaddr) {
        return (int) access.load(vaddr, 4);
    }

    /**
     * Loads 64 bits.
     *
     * @param vaddr a mapped address, aligned
     */
    public long readq(long vaddr) {
        return access.load(vaddr, 8);
    }

    /**
     * Stores a byte.
     *
     * @param value the low 8 bits count
     * @param vaddr a mapped address
     */
    public void writeb(int value, long vaddr) {
        access.store(vaddr, 1, value);
    }

    /**
     * Stores 16 bits.
     *
     * @param value the low 16 bits count
     * @param vaddr a mapped address, aligned
     */
    public void writew(int value, long vaddr) {
        access.store(vaddr, 2, value);
    }

    /**
     * Stores 32 bits.
     *
     * @param value what
     * @param vaddr a mapped address, aligned
     */
    public void writel(int value, long vaddr) {
        access.store(vaddr, 4, value);
    }

    /**
     * Stores 64 bits.
     *
     * @param value what
     * @param vaddr a mapped address, aligned
     */
    public void writeq(long value, long vaddr) {
        access.store(vaddr, 8, value);
    }

    /**
     * Copies to a device, by 8 bytes where both sides allow it: {@code memcpy_toio()}.
     *
     * @param vaddr first address of the device
     * @param source the bytes
     * @param offset first one to take
     * @param length how many
     */
    public void memcpyToIo(long vaddr, byte[] source, int offset, int length) {
        int done = 0;
        while (done < length) {
            int piece = piece(vaddr + done, length - done);
            long value = 0;
            for (int i = 0; i < piece; i++) {
                value |= (source[offset + done + i] & 0xffL) << (8 * i);
            }
            access.store(vaddr + done, piece, value);
            done += piece;
        }
    }

    /**
     * Copies from a device, by 8 bytes where both sides allow it: {@code memcpy_fromio()}.
     *
     * @param target where the bytes go
     * @param offset first place to fill
     * @param vaddr first address of the device
     * @param length how many
     */
    public void memcpyFromIo(byte[] target, int offset, long vaddr, int length) {
        int done = 0;
        while (done < length) {
            int piece = piece(vaddr + done, length - done);
            long value = access.load(vaddr + done, piece);
            for (int i = 0; i < piece; i++) {
                target[offset + done + i] = (byte) (value >>> (8 * i));
            }
            done += piece;
        }
    }

    /**
     * Fills device memory: {@code memset_io()}.
     *
     * @param vaddr first address
     * @param value the low 8 bits count
     * @param length how many bytes
     */
    public void memsetIo(long vaddr, int value, int length) {
        long word = (value & 0xffL) * 0x0101_0101_0101_0101L;
        int done = 0;
        while (done < length) {
            int piece = piece(vaddr + done, length - done);
            access.store(vaddr + done, piece, word);
            done += piece;
        }
    }

    private static int piece(long vaddr, int left) {
        return (vaddr & 7) == 0 && left >= 8 ? 8 : 1;
    }
}
