package io.pagewalk.kernel.drivers;

import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.kernel.filemap.CharDevice;
import io.pagewalk.kernel.filemap.OpenFile;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.vma.Vma;

/**
 * {@code /dev/fbn}: video RAM as a file that can be read, written and mapped ({@code drivers/video/fbdev/core/fb_io_fops.c}).
 *
 * <p>A mapping is complete when {@code mmap()} returns. Offsets behind video RAM map the registers. The mapping asks for uncached entries, and gets write-combining ones as long as
 * the kernel itself has video RAM mapped that way.
 */
final class FramebufferFile implements CharDevice {
    private final DisplayCard card;
    private final DriverServices services;

    FramebufferFile(DisplayCard card, DriverServices services) {
        this.card = card;
        this.services = services;
    }

    @Override
    public long open(OpenFile file) {
        return card.isUnplugged() ? -Errno.ENODEV : 0;
    }

    /** {@code fb_io_read()}. */
    @Override
    public long read(OpenFile file, long position, byte[] target) {
        if (card.isUnplugged()) {
            return -Errno.ENODEV;
        }
        if (position < 0 || position >= card.videoBytes()) {
            return 0;
        }
        int length = (int) Math.min(target.length, card.videoBytes() - position);
        services.memory().memcpyFromIo(target, 0, card.screen() + position, length);
        return length;
    }

    /** {@code fb_io_write()}. */
    @Override
    public long write(OpenFile file, long position, byte[] source) {
        if (card.isUnplugged()) {
            return -Errno.ENODEV;
        }
        if (position < 0 || position > card.videoBytes()) {
            return -Errno.EFBIG;
        }
        int length = (int) Math.min(source.length, card.videoBytes() - position);
        if (length == 0 && source.length > 0) {
            return -Errno.ENOSPC;
        }
        services.memory().memcpyToIo(card.screen() + position, source, 0, length);
        return length;
    }

    @Override
    public boolean canMmap() {
        return true;
    }

    /** {@code fb_io_mmap()}. */
    @Override
    public long mmap(OpenFile file, Vma vma) {
        if (card.isUnplugged()) {
            return -Errno.ENODEV;
        }
        vma.setCacheFlags(PteFlags.UNCACHED);
        long videoPages = (card.videoBytes() + 4095) >>> 12;
        if (vma.pgoff() >= videoPages) {
            vma.setPgoff(vma.pgoff() - videoPages);
            return services.mappings().vmIomapMemory(vma, card.registerStart(), card.registerBytes());
        }
        return services.mappings().vmIomapMemory(vma, card.videoStart(), card.videoBytes());
    }

    /** A device file has no length: seeking from the end counts from 0, as {@code default_llseek()} does. */
    @Override
    public long sizeBytes() {
        return 0;
    }
}
