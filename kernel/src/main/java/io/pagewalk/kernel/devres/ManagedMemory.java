package io.pagewalk.kernel.devres;

import io.pagewalk.kernel.page.AddressConversion;
import io.pagewalk.kernel.page.Gfp;

/** Kernel memory that goes with the driver: {@code devm_kmalloc()}, {@code devm_get_free_pages()} and their kind. */
public final class ManagedMemory {
    /** What an allocation of no bytes gives: not null, and not to be touched. */
    public static final long ZERO_SIZE_PTR = 16;

    /** {@code sizeof(struct pages_devres)} on 64-bit. */
    private static final int PAGES_BYTES = 16;

    private final Devres devres;
    private final DevresServices services;

    ManagedMemory(Devres devres, DevresServices services) {
        this.devres = devres;
        this.services = services;
    }

    /**
     * Allocates: {@code devm_kmalloc()}.
     *
     * @param bytes how many; 0 gives {@link #ZERO_SIZE_PTR}
     * @param gfp request flags
     * @return kernel address, or 0
     */
    public long kmalloc(long bytes, int gfp) {
        if (bytes == 0) {
            return ZERO_SIZE_PTR;
        }
        long object = devres.allocate(bytes, gfp);
        if (object == 0) {
            return 0;
        }
        long vaddr = object + Devres.HEADER_BYTES;
        devres.add(Devres.Kind.MEMORY, vaddr, object, () -> {});
        return vaddr;
    }

    /**
     * Allocates zeroed memory: {@code devm_kzalloc()}.
     *
     * @param bytes how many
     * @param gfp request flags
     * @return kernel address, or 0
     */
    public long kzalloc(long bytes, int gfp) {
        return kmalloc(bytes, gfp | Gfp.ZERO);
    }

    /**
     * Allocates an array: {@code devm_kmalloc_array()}.
     *
     * @param count elements
     * @param bytes size of each
     * @param gfp request flags
     * @return kernel address, or 0, also when the product does not fit in 64 bits
     */
    public long kmallocArray(long count, long bytes, int gfp) {
        return Math.unsignedMultiplyHigh(count, bytes) != 0 ? 0 : kmalloc(count * bytes, gfp);
    }

    /**
     * Allocates a zeroed array: {@code devm_kcalloc()}.
     *
     * @param count elements
     * @param bytes size of each
     * @param gfp request flags
     * @return kernel address, or 0, also when the product does not fit in 64 bits
     */
    public long kcalloc(long count, long bytes, int gfp) {
        return kmallocArray(count, bytes, gfp | Gfp.ZERO);
    }

    /**
     * Frees early: {@code devm_kfree()}. What the device has not allocated leaves a warning and stays.
     *
     * @param vaddr what an allocation returned; 0 and {@link #ZERO_SIZE_PTR} do nothing
     */
    public void kfree(long vaddr) {
        if (vaddr != 0 && vaddr != ZERO_SIZE_PTR && devres.remove(Devres.Kind.MEMORY, vaddr) == null) {
            devres.warn("devm_kfree");
        }
    }

    /**
     * Allocates pages: {@code devm_get_free_pages()}.
     *
     * @param gfp request flags
     * @param order 0 to 10
     * @return kernel address, or 0
     */
    public long getFreePages(int gfp, int order) {
        long vaddr = services.pages().getFreePages(gfp, order);
        if (vaddr == AddressConversion.NO_ADDRESS) {
            return 0;
        }
        long object = devres.allocate(PAGES_BYTES, Gfp.GFP_KERNEL);
        if (object == 0) {
            services.pages().freePagesAt(vaddr, order);
            return 0;
        }
        devres.add(Devres.Kind.PAGES, vaddr, object, () -> services.pages().freePagesAt(vaddr, order));
        return vaddr;
    }

    /**
     * Frees pages early: {@code devm_free_pages()}. What the device has not allocated leaves a warning and stays.
     *
     * @param vaddr what an allocation returned
     */
    public void freePages(long vaddr) {
        Runnable release = devres.remove(Devres.Kind.PAGES, vaddr);
        if (release == null) {
            devres.warn("devm_free_pages");
        } else {
            release.run();
        }
    }
}
