package io.pagewalk.kernel.huge;

import io.pagewalk.kernel.rmap.Folios;
import io.pagewalk.kernel.vma.MappedFile;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;

/** Which sizes of folios an area may have: {@code thp_vma_allowable_orders()} and {@code thp_vma_suitable_orders()}. */
public final class HugePagePolicy {
    /** Who asks: {@code enum tva_type}. */
    public enum Asker {
        /** {@code THPeligible} of smaps. */
        SMAPS,
        /** A fault. */
        FAULT,
        /** khugepaged. */
        KHUGEPAGED,
        /** {@code MADV_COLLAPSE}, which the settings do not stop. */
        COLLAPSE
    }

    /** Orders that folios of files may have, as bits: {@code THP_ORDERS_ALL_FILE_DEFAULT}. */
    public static final int FILE_ORDERS = (1 << (Folios.HUGE_ORDER + 1)) - 2;

    /** {@code VM_NO_KHUGEPAGED}. */
    private static final long NO_COLLAPSE = VmaFlags.VM_SPECIAL | VmaFlags.VM_HUGETLB;

    /** {@code PR_THP_DISABLE_EXCEPT_ADVISED} beside the lowest bit. */
    private static final int EXCEPT_ADVISED = 2;

    private static final long TEMPORARY_STACK = VmaFlags.VM_RAND_READ | VmaFlags.VM_SEQ_READ;

    private final HugePageSettings settings;
    private ShmemOrders shmem = ShmemOrders.NONE;

    /**
     * Creates the policy of a machine.
     *
     * @param settings what is switched on
     */
    public HugePagePolicy(HugePageSettings settings) {
        this.settings = settings;
    }

    /**
     * Wires files in memory.
     *
     * @param orders knows what they may have
     */
    public void setShmem(ShmemOrders orders) {
        shmem = orders;
    }

    /** Returns what is switched on. */
    public HugePageSettings settings() {
        return settings;
    }

    /**
     * Returns the orders that an area may have, as bits: {@code __thp_vma_allowable_orders()}. Files on disks have none, because the kernel is built without
     * {@code CONFIG_READ_ONLY_THP_FOR_FS}; faults in files do not ask here.
     *
     * @param vma the area
     * @param asker who wants to know
     * @param orders those that are wanted, as bits, -1 for all
     */
    public int allowable(Vma vma, Asker asker, int orders) {
        return allowable(vma, vma.flags(), asker, orders);
    }

    /**
     * As {@link #allowable(Vma, Asker, int)} for an area that is about to get other flags.
     *
     * @param vma the area
     * @param flags what it will have of {@link VmaFlags}
     * @param asker who wants to know
     * @param orders those that are wanted, as bits, -1 for all
     */
    public int allowable(Vma vma, long flags, Asker asker, int orders) {
        if (!vma.isAnonymous()) {
            return ofFile(vma, asker, orders & FILE_ORDERS);
        }
        int left = orders & HugePageSettings.ALL_ORDERS;
        if (asker != Asker.COLLAPSE) {
            left &= settings.orders((flags & VmaFlags.VM_HUGEPAGE) != 0);
        }
        if (left == 0 || isForbidden(vma.mm(), flags, asker)) {
            return 0;
        }
        if ((asker == Asker.KHUGEPAGED || asker == Asker.COLLAPSE) && vma.has(NO_COLLAPSE)) {
            return 0;
        }
        if (asker != Asker.FAULT) {
            left = fitting(vma, left);
        }
        boolean needsPages = asker == Asker.KHUGEPAGED || asker == Asker.COLLAPSE;
        return needsPages && vma.anonVma() == null ? 0 : left;
    }

    private int ofFile(Vma vma, Asker asker, int orders) {
        MappedFile file = vma.file();
        boolean isCollapse = asker == Asker.KHUGEPAGED || asker == Asker.COLLAPSE;
        if (asker == Asker.FAULT
                || file == null
                || !file.isShmem()
                || isDisabled(vma, asker)
                || (isCollapse && vma.has(NO_COLLAPSE))) {
            return 0;
        }
        int left = fitting(vma, orders);
        return left == 0 ? 0 : left & shmem.allowable(vma, vma.pgoff(), asker);
    }

    /** What an area forbids, and the stack that {@code execve()} is about to move. */
    private static boolean isForbidden(Mm mm, long flags, Asker asker) {
        return isDisabled(mm, flags, asker)
                || ((flags & VmaFlags.VM_GROWSDOWN) != 0 && (flags & TEMPORARY_STACK) == TEMPORARY_STACK);
    }

    /**
     * Returns whether an area, or its process, forbids huge pages: {@code vma_thp_disabled()}.
     *
     * @param vma the area
     * @param asker who wants to know
     */
    public static boolean isDisabled(Vma vma, Asker asker) {
        return isDisabled(vma.mm(), vma.flags(), asker);
    }

    private static boolean isDisabled(Mm mm, long flags, Asker asker) {
        int disabled = mm.attributes().hugePagesDisabled();
        boolean isExcepted =
                (disabled & EXCEPT_ADVISED) != 0 && ((flags & VmaFlags.VM_HUGEPAGE) != 0 || asker == Asker.COLLAPSE);
        return (flags & VmaFlags.VM_NOHUGEPAGE) != 0 || (disabled != 0 && !isExcepted);
    }

    /** The orders from the largest that fits anywhere at the end of the area. */
    private static int fitting(Vma vma, int orders) {
        int left = orders;
        while (left != 0) {
            int order = Integer.numberOfTrailingZeros(Integer.highestOneBit(left));
            if (isSuitable(vma, vma.end() - (4096L << order), order)) {
                return left;
            }
            left &= ~(1 << order);
        }
        return 0;
    }

    /**
     * Returns whether one entry may map a huge page of a file, which no setting stops: the checks of {@code mm/memory.c:do_set_pmd()}.
     *
     * @param vma an area of a file
     * @param vaddr an address in it
     */
    public static boolean mayMapWhole(Vma vma, long vaddr) {
        return !isDisabled(vma, Asker.FAULT) && isSuitable(vma, vaddr, Folios.HUGE_ORDER);
    }

    /**
     * Returns whether the naturally aligned folio around an address lies in its area, and one of a file at a multiple of its size in the file: {@code thp_vma_suitable_order()}.
     *
     * @param vma the area
     * @param vaddr an address in it
     * @param order order of the folio, at most {@link Folios#HUGE_ORDER}
     */
    public static boolean isSuitable(Vma vma, long vaddr, int order) {
        long bytes = 4096L << order;
        if (!vma.isAnonymous() && ((vma.start() - (vma.pgoff() << 12)) & (bytes - 1)) != 0) {
            return false;
        }
        long start = vaddr & -bytes;
        return start >= vma.start() && start + bytes <= vma.end();
    }
}
