package io.pagewalk.kernel.drivers;

import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.kernel.filemap.CharDevice;
import io.pagewalk.kernel.filemap.OpenFile;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import io.pagewalk.kernel.vma.VmaOperations;

/**
 * {@code /dev/dri/cardn}: video RAM that is mapped page by page as it is touched, as graphics drivers do ({@code drivers/gpu/drm/ttm/ttm_bo_vm.c:ttm_bo_vm_fault_reserved()}).
 *
 * <p>{@code mmap()} only prepares the area; a page that is touched first comes to the driver's fault operation. Pages behind the end of video RAM, and all pages once the card is
 * unplugged, are a SIGBUS.
 */
final class GraphicsFile implements CharDevice, VmaOperations {
    private final DisplayCard card;
    private final DriverServices services;

    GraphicsFile(DisplayCard card, DriverServices services) {
        this.card = card;
        this.services = services;
    }

    @Override
    public long open(OpenFile file) {
        return card.isUnplugged() ? -Errno.ENODEV : 0;
    }

    @Override
    public boolean canMmap() {
        return true;
    }

    @Override
    public long mmap(OpenFile file, Vma vma) {
        if (card.isUnplugged()) {
            return -Errno.ENODEV;
        }
        // Raw entries that faults fill in one by one cannot be copied on write: drm_gem_mmap_obj() and
        // ttm_bo_mmap_obj() refuse such areas, too.
        if (VmaFlags.isCowMapping(vma.flags())) {
            return -Errno.EINVAL;
        }
        vma.setFlags(vma.flags() | VmaFlags.VM_IO | VmaFlags.VM_PFNMAP | VmaFlags.VM_DONTEXPAND | VmaFlags.VM_DONTDUMP);
        vma.setCacheFlags(PteFlags.WRITE_COMBINING);
        vma.setOperations(this);
        return 0;
    }

    @Override
    public long fault(Vma vma, long vaddr, boolean isWrite) {
        long index = vma.pgoffOf(vaddr);
        if (card.isUnplugged() || index >= card.videoBytes() >>> 12) {
            return VmaOperations.SIGBUS;
        }
        return services.mappings().vmfInsertPfn(vma, vaddr, (card.videoStart() >>> 12) + index);
    }
}
