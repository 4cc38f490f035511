package io.pagewalk.kernel.shmem;

import io.pagewalk.kernel.filemap.OpenFile;
import io.pagewalk.kernel.huge.HugePagePolicy;
import io.pagewalk.kernel.huge.HugePagePolicy.Asker;
import io.pagewalk.kernel.huge.HugePageSettings;
import io.pagewalk.kernel.huge.HugePageSettings.ShmemUse;
import io.pagewalk.kernel.huge.ShmemOrders;
import io.pagewalk.kernel.rmap.Folios;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import org.jspecify.annotations.Nullable;

/**
 * Which huge pages files in memory may have: {@code mm/shmem.c:shmem_allowable_huge_orders()}.
 *
 * <p>The option {@code huge=} of its mount decides for a file. For the kernel's own mount that option is {@code shmem_enabled}, and an area of a file without a name is decided about by the
 * setting of each size.
 *
 * <p>Differs from Linux: whether a file has a name counts now, and not when it was mapped.
 */
final class ShmemHugePages implements ShmemOrders {
    private static final int HUGE = 1 << Folios.HUGE_ORDER;

    private final HugePageSettings settings;

    ShmemHugePages(HugePageSettings settings) {
        this.settings = settings;
    }

    @Override
    public int allowable(Vma vma, long index, Asker asker) {
        return vma.file() instanceof OpenFile file
                ? allowable(Shmem.infoOf(file.inodeObject()), vma, index, 0, asker)
                : 0;
    }

    /** Returns orders as bits for a page that an area wants, or without area a call that writes up to a byte. */
    int allowable(ShmemInode info, @Nullable Vma vma, long index, long writeEnd, Asker asker) {
        if (vma != null && HugePagePolicy.isDisabled(vma, asker)) {
            return 0;
        }
        boolean isForced = asker == Asker.COLLAPSE;
        boolean isAdvised = vma != null && vma.has(VmaFlags.VM_HUGEPAGE);
        // Faults take a huge page or a small one, other calls all sizes.
        int possible = vma == null ? HugePagePolicy.FILE_ORDERS : HUGE;
        int ofMount = ofMount(info, possible, isAdvised, index, writeEnd);
        if (isForced) {
            return settings.shmemEnabled() == ShmemUse.DENY ? 0 : HUGE;
        }
        if (vma == null || vma.operations() != null || info.inode().links() > 0) {
            return ofMount;
        }
        if (settings.shmemEnabled() == ShmemUse.DENY) {
            return 0;
        }
        int inherited = settings.shmemOrders(ShmemUse.INHERIT);
        if (settings.shmemEnabled() == ShmemUse.FORCE) {
            return inherited;
        }
        int orders = settings.shmemOrders(ShmemUse.ALWAYS)
                | within(info, settings.shmemOrders(ShmemUse.WITHIN_SIZE), index, 0);
        if (isAdvised) {
            orders |= settings.shmemOrders(ShmemUse.ADVISE);
        }
        return ofMount != 0 ? orders | inherited : orders;
    }

    /** {@code shmem_huge_global_enabled()}. */
    private int ofMount(ShmemInode info, int possible, boolean isAdvised, long index, long writeEnd) {
        ShmemUse top = settings.shmemEnabled();
        if (top == ShmemUse.DENY || top == ShmemUse.FORCE) {
            return top == ShmemUse.DENY ? 0 : HUGE;
        }
        int ifAdvised = isAdvised ? possible : 0;
        return switch (option(info.mount())) {
            case ALWAYS -> possible;
            case WITHIN_SIZE -> {
                int orders = within(info, possible, index, writeEnd);
                yield orders != 0 ? orders : ifAdvised;
            }
            case ADVISE -> ifAdvised;
            case NEVER, INHERIT, DENY, FORCE -> 0;
        };
    }

    /** Returns the option {@code huge=} of a mount. */
    ShmemUse option(TmpfsMount mount) {
        return mount.path().isEmpty() ? settings.kernelMount() : mount.huge();
    }

    /** {@code shmem_get_orders_within_size()}: those from the largest on that ends in the file. */
    private static int within(ShmemInode info, int orders, long index, long writeEnd) {
        long pages = (Math.max(writeEnd, info.inode().sizeBytes()) + 4095) >>> 12;
        int left = orders;
        while (left != 0) {
            int largest = Integer.highestOneBit(left);
            if (pages >= (index & -(long) largest) + largest) {
                return left;
            }
            left &= ~largest;
        }
        return 0;
    }

    /** Returns whether a call without area finds huge pages at the start of a file, which {@code stat} tells as its block size. */
    boolean hasHugeBlocks(ShmemInode info) {
        return ofMount(info, HUGE, false, 0, 0) != 0;
    }

    /** Returns the order at whose borders mappings of a file are placed, 0 for none: {@code shmem_get_unmapped_area()}. */
    int alignment(ShmemInode info) {
        return switch (settings.shmemEnabled()) {
            case DENY -> 0;
            case FORCE -> Folios.HUGE_ORDER;
            case ALWAYS, INHERIT, WITHIN_SIZE, ADVISE, NEVER ->
                option(info.mount()) == ShmemUse.NEVER ? 0 : Folios.HUGE_ORDER;
        };
    }

    /** Returns the same for shared anonymous mappings. */
    int anonymousAlignment() {
        ShmemUse top = settings.shmemEnabled();
        if (top == ShmemUse.DENY || top == ShmemUse.FORCE) {
            return top == ShmemUse.DENY ? 0 : Folios.HUGE_ORDER;
        }
        int orders = settings.shmemOrders(ShmemUse.ALWAYS)
                | settings.shmemOrders(ShmemUse.WITHIN_SIZE)
                | settings.shmemOrders(ShmemUse.ADVISE);
        if (settings.kernelMount() != ShmemUse.NEVER) {
            orders |= settings.shmemOrders(ShmemUse.INHERIT);
        }
        if (orders != 0) {
            return Integer.numberOfTrailingZeros(Integer.highestOneBit(orders));
        }
        return settings.kernelMount() == ShmemUse.NEVER ? 0 : Folios.HUGE_ORDER;
    }
}
