package io.pagewalk.kernel.vmalloc;

/** What an area of the vmalloc space is for: {@code vm_struct.flags} with the bits of {@code include/linux/vmalloc.h}. */
public final class VmFlags {
    /** Device memory: {@code ioremap()} and its kind. */
    public static final int IOREMAP = 0x1;

    /** Frames of its own: {@code vmalloc()}. */
    public static final int ALLOC = 0x2;

    /** Frames of the caller: {@code vmap()}. */
    public static final int MAP = 0x4;

    /** Zeroed and fit for {@code remap_vmalloc_range()}: {@code vmalloc_user()}. */
    public static final int USERMAP = 0x8;

    /** Coherent memory for devices. */
    public static final int DMA_COHERENT = 0x10;

    /** Not ready yet: {@code /proc/vmallocinfo} leaves it out. */
    public static final int UNINITIALIZED = 0x20;

    /** No guard page behind it. */
    public static final int NO_GUARD = 0x40;

    /** Has KASAN shadow memory. */
    public static final int KASAN = 0x80;

    /** The rights of the direct map are put back when it is freed. */
    public static final int FLUSH_RESET_PERMS = 0x100;

    /** {@code vfree()} drops the caller's frames too: {@code VM_MAP_PUT_PAGES}. */
    public static final int MAP_PUT_PAGES = 0x200;

    /** Large leaves may map it. */
    public static final int ALLOW_HUGE_VMAP = 0x400;

    /** Filled piece by piece. */
    public static final int SPARSE = 0x1000;

    private VmFlags() {}
}
