package io.pagewalk.kernel.vma;

/** The {@code PROT_*}, {@code MAP_*} and {@code MREMAP_*} arguments of {@code include/uapi/linux/mman.h} on x86-64. */
public final class MapFlags {
    /** No access. */
    public static final long PROT_NONE = 0;

    /** May be read. */
    public static final long PROT_READ = 1;

    /** May be written. */
    public static final long PROT_WRITE = 2;

    /** May be executed. */
    public static final long PROT_EXEC = 4;

    /** For atomic operations; without effect. */
    public static final long PROT_SEM = 8;

    /** {@code mprotect()}: from the start of the stack area. */
    public static final long PROT_GROWSDOWN = 0x01000000L;

    /** {@code mprotect()}: to the end of an upward stack. */
    public static final long PROT_GROWSUP = 0x02000000L;

    /** Stores are seen by others. */
    public static final long MAP_SHARED = 1;

    /** Stores are private: copy-on-write. */
    public static final long MAP_PRIVATE = 2;

    /** Like {@link #MAP_SHARED}, unknown flags are refused. */
    public static final long MAP_SHARED_VALIDATE = 3;

    /** Pages may be dropped under pressure. */
    public static final long MAP_DROPPABLE = 8;

    /** The four bits that hold the type. */
    public static final long MAP_TYPE = 0xf;

    /** Exactly here; what lies there goes. */
    public static final long MAP_FIXED = 0x10;

    /** No file. */
    public static final long MAP_ANONYMOUS = 0x20;

    /** In the first 2 GiB. */
    public static final long MAP_32BIT = 0x40;

    /** Above 4 GiB. */
    public static final long MAP_ABOVE4G = 0x80;

    /** A stack. */
    public static final long MAP_GROWSDOWN = 0x100;

    /** Ignored. */
    public static final long MAP_DENYWRITE = 0x800;

    /** Ignored. */
    public static final long MAP_EXECUTABLE = 0x1000;

    /** Locked as by {@code mlock()}. */
    public static final long MAP_LOCKED = 0x2000;

    /** Not charged to {@code Committed_AS}. */
    public static final long MAP_NORESERVE = 0x4000;

    /** Fault all pages in at once. */
    public static final long MAP_POPULATE = 0x8000;

    /** Turns {@link #MAP_POPULATE} off. */
    public static final long MAP_NONBLOCK = 0x10000;

    /** No huge pages. */
    public static final long MAP_STACK = 0x20000;

    /** Pages of the huge page pool. */
    public static final long MAP_HUGETLB = 0x40000;

    /** Synchronous faults (DAX). */
    public static final long MAP_SYNC = 0x80000;

    /** Exactly here, and only if nothing lies there. */
    public static final long MAP_FIXED_NOREPLACE = 0x100000;

    /** Flags that every file accepts with {@link #MAP_SHARED_VALIDATE}. */
    public static final long LEGACY_MAP_MASK = MAP_SHARED
            | MAP_PRIVATE
            | MAP_FIXED
            | MAP_ANONYMOUS
            | MAP_DENYWRITE
            | MAP_EXECUTABLE
            | MAP_GROWSDOWN
            | MAP_LOCKED
            | MAP_NORESERVE
            | MAP_POPULATE
            | MAP_NONBLOCK
            | MAP_STACK
            | MAP_HUGETLB
            | MAP_32BIT
            | MAP_ABOVE4G
            | 0x4000000L;

    /** The mapping may move. */
    public static final long MREMAP_MAYMOVE = 1;

    /** It must move to the given address. */
    public static final long MREMAP_FIXED = 2;

    /** The old range stays mapped and becomes empty. */
    public static final long MREMAP_DONTUNMAP = 4;

    private MapFlags() {}
}
