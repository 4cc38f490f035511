package io.pagewalk.kernel.vmalloc;

/**
 * An area of the vmalloc space: {@code struct vm_struct} and its {@code struct vmap_area} in one.
 *
 * <pre>
 *   address                                   address + sizeBytes
 *   |---------- mapped pages ----------|-- guard --|
 * </pre>
 */
public final class VmArea {
    private static final long[] NONE = {};

    final long start;
    final long end;
    /** The node whose CPU asked for it, or -1: {@code vn_id} in the flags of a {@code vmap_area}. */
    final int requestNode;

    private int flags;
    private long requestedBytes;
    private String caller = "";
    private long[] pages = NONE;
    private int pageOrder;
    private long physicalAddress;
    /** Slab object or area that holds {@link #pages} in Linux; 0 when there is none. */
    private long pageArray;

    VmArea(long start, long end, int requestNode) {
        this.start = start;
        this.end = end;
        this.requestNode = requestNode;
    }

    void describe(int newFlags, long bytes, String newCaller) {
        this.flags = newFlags;
        this.requestedBytes = bytes;
        this.caller = newCaller;
    }

    /** Returns the first address. */
    public long address() {
        return start;
    }

    /** Returns the size in bytes with the guard page: {@code vm_struct.size}. */
    public long sizeBytes() {
        return end - start;
    }

    /** Returns the bytes that can be mapped, without the guard page: {@code get_vm_area_size()}. */
    public long usableBytes() {
        return (flags & VmFlags.NO_GUARD) != 0 ? end - start : end - start - 4096;
    }

    /** Returns the bytes that the caller asked for. */
    public long requestedBytes() {
        return requestedBytes;
    }

    /** Returns the {@link VmFlags}. */
    public int flags() {
        return flags;
    }

    /**
     * Returns whether any of some flags is set.
     *
     * @param mask {@link VmFlags}
     */
    public boolean has(int mask) {
        return (flags & mask) != 0;
    }

    /** Returns who asked for it, as {@code %pS} prints a return address. */
    public String caller() {
        return caller;
    }

    /** Returns how many frames it owns; areas of {@code vmap()} and {@code ioremap()} own none. */
    public int pageCount() {
        return pages.length;
    }

    /**
     * Returns one of its frames.
     *
     * @param index below {@link #pageCount}
     */
    public long pfn(int index) {
        return pages[index];
    }

    /** Returns the order of the blocks that it was allocated in: 0, or 9 for huge pages of 2 MiB. */
    public int pageOrder() {
        return pageOrder;
    }

    /** Returns where device memory lies, or 0. */
    public long physicalAddress() {
        return physicalAddress;
    }

    /**
     * Notes where device memory lies: {@code vm_struct.phys_addr}.
     *
     * @param paddr physical address
     */
    public void setPhysicalAddress(long paddr) {
        this.physicalAddress = paddr;
    }

    /** Returns the kernel address of the array of its pages, 0 when it has none. */
    public long pageArray() {
        return pageArray;
    }

    void setPageArray(long vaddr) {
        this.pageArray = vaddr;
    }

    void setFlags(int newFlags) {
        this.flags = newFlags;
    }

    void setPages(long[] pfns, int order) {
        this.pages = pfns;
        this.pageOrder = order;
    }
}
