package io.pagewalk.kernel.vma;

/**
 * The bits of {@code vma->vm_flags}, with the values of {@code include/linux/mm.h} on x86-64.
 *
 * <pre>
 *  3..0   READ WRITE EXEC SHARED          what the area allows now
 *  7..4   MAYREAD MAYWRITE MAYEXEC MAYSHARE  what mprotect() may still allow
 *  30..8  growth, locking, advice, accounting
 *  36..32 protection key
 *  42     SEALED
 * </pre>
 */
public final class VmaFlags {
    /** The area may be read. */
    public static final long VM_READ = 1L;

    /** The area may be written. */
    public static final long VM_WRITE = 1L << 1;

    /** The area may be executed. */
    public static final long VM_EXEC = 1L << 2;

    /** Stores are seen by others: a shared mapping. */
    public static final long VM_SHARED = 1L << 3;

    /** {@code mprotect()} may grant reading. */
    public static final long VM_MAYREAD = 1L << 4;

    /** {@code mprotect()} may grant writing. */
    public static final long VM_MAYWRITE = 1L << 5;

    /** {@code mprotect()} may grant execution. */
    public static final long VM_MAYEXEC = 1L << 6;

    /** The mapping was asked to be shared, even when it was opened read-only. */
    public static final long VM_MAYSHARE = 1L << 7;

    /** A stack: the area grows towards lower addresses when it is touched below its start. */
    public static final long VM_GROWSDOWN = 1L << 8;

    /** Missing pages are reported to userfaultfd. */
    public static final long VM_UFFD_MISSING = 1L << 9;

    /** Entries point at raw frame numbers without a struct page behind them. */
    public static final long VM_PFNMAP = 1L << 10;

    /** Writes are reported to userfaultfd. */
    public static final long VM_UFFD_WP = 1L << 12;

    /** May hold guard pages: set when one is installed and kept from then on. Shown as {@code gu}; Linux has it since 6.18.44 of the 6.18 series. */
    public static final long VM_MAYBE_GUARD = 1L << 11;

    /** The pages stay in memory ({@code mlock()}). */
    public static final long VM_LOCKED = 1L << 13;

    /** Memory-mapped device space. */
    public static final long VM_IO = 1L << 14;

    /** Advised: read in sequence. */
    public static final long VM_SEQ_READ = 1L << 15;

    /** Advised: read at random. */
    public static final long VM_RAND_READ = 1L << 16;

    /** Not inherited by {@code fork()}. */
    public static final long VM_DONTCOPY = 1L << 17;

    /** {@code mremap()} cannot make it larger. */
    public static final long VM_DONTEXPAND = 1L << 18;

    /** Locked pages are locked when they are touched, not at once. */
    public static final long VM_LOCKONFAULT = 1L << 19;

    /** Its pages are charged to {@code Committed_AS}. */
    public static final long VM_ACCOUNT = 1L << 20;

    /** Mapped with {@code MAP_NORESERVE}. */
    public static final long VM_NORESERVE = 1L << 21;

    /** Backed by hugetlbfs pages. */
    public static final long VM_HUGETLB = 1L << 22;

    /** Synchronous page faults (DAX). */
    public static final long VM_SYNC = 1L << 23;

    /** The child of a {@code fork()} sees zeros here. */
    public static final long VM_WIPEONFORK = 1L << 25;

    /** Left out of core dumps. */
    public static final long VM_DONTDUMP = 1L << 26;

    /** New since the soft-dirty bits were cleared; only set where {@link VmSettings#tracksSoftDirty}, since without {@code CONFIG_MEM_SOFT_DIRTY} there is no such bit. */
    public static final long VM_SOFTDIRTY = 1L << 27;

    /** May hold both struct pages and raw frame numbers. */
    public static final long VM_MIXEDMAP = 1L << 28;

    /** Advised: use huge pages. */
    public static final long VM_HUGEPAGE = 1L << 29;

    /** Advised: use no huge pages. */
    public static final long VM_NOHUGEPAGE = 1L << 30;

    /** KSM may merge its pages. */
    public static final long VM_MERGEABLE = 1L << 31;

    /** Lowest of the protection key bits. */
    public static final int VM_PKEY_SHIFT = 32;

    /** The protection key bits. */
    public static final long VM_PKEY_MASK = 0xfL << VM_PKEY_SHIFT;

    /** A user shadow stack. */
    public static final long VM_SHADOW_STACK = 1L << 37;

    /** Minor faults are reported to userfaultfd. */
    public static final long VM_UFFD_MINOR = 1L << 38;

    /** Pages may be dropped under pressure ({@code MAP_DROPPABLE}). */
    public static final long VM_DROPPABLE = 1L << 40;

    /** {@code mseal()}: the area can no longer be changed. */
    public static final long VM_SEALED = 1L << 42;

    /** Read, write and execute together. */
    public static final long VM_ACCESS_FLAGS = VM_READ | VM_WRITE | VM_EXEC;

    /** A downward growing stack. */
    public static final long VM_STACK = VM_GROWSDOWN;

    /** Default flags of data areas without a read-implies-exec personality: {@code VM_DATA_FLAGS_NON_EXEC} plus may-exec. */
    public static final long VM_DATA_DEFAULT_FLAGS = VM_READ | VM_WRITE | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC;

    /** Flags of the stack that {@code execve()} sets up. */
    public static final long VM_STACK_FLAGS = VM_STACK | VM_DATA_DEFAULT_FLAGS | VM_ACCOUNT;

    /** Areas that keep a guard gap below them. */
    public static final long VM_STARTGAP_FLAGS = VM_GROWSDOWN | VM_SHADOW_STACK;

    /** Areas whose pages are not ordinary memory: not merged, not locked. */
    public static final long VM_SPECIAL = VM_IO | VM_DONTEXPAND | VM_PFNMAP | VM_MIXEDMAP;

    /** Both kinds of locking. */
    public static final long VM_LOCKED_MASK = VM_LOCKED | VM_LOCKONFAULT;

    /** Bits of userfaultfd. */
    public static final long VM_UFFD_MASK = VM_UFFD_MISSING | VM_UFFD_WP | VM_UFFD_MINOR;

    /** Areas whose entries fork must copy, since faults would not bring them back. */
    public static final long VM_COPY_ON_FORK = VM_PFNMAP | VM_MIXEDMAP | VM_MAYBE_GUARD;

    /** Differences in these bits do not keep two areas apart; the merged area has those that either had ({@code VM_STICKY}, {@code VM_IGNORE_MERGE}). */
    public static final long VM_IGNORE_MERGE = VM_SOFTDIRTY | VM_MAYBE_GUARD;

    private VmaFlags() {}

    /**
     * Returns the four letters of a maps line: {@code rw-p}.
     *
     * @param flags the area's bits
     */
    public static String permissions(long flags) {
        char[] text = new char[4];
        text[0] = (flags & VM_READ) != 0 ? 'r' : '-';
        text[1] = (flags & VM_WRITE) != 0 ? 'w' : '-';
        text[2] = (flags & VM_EXEC) != 0 ? 'x' : '-';
        text[3] = (flags & VM_MAYSHARE) != 0 ? 's' : 'p';
        return new String(text);
    }

    /**
     * Returns whether the pages are writable by one process only: copy-on-write after fork ({@code is_cow_mapping()}).
     *
     * @param flags the area's bits
     */
    public static boolean isCowMapping(long flags) {
        return (flags & (VM_SHARED | VM_MAYWRITE)) == VM_MAYWRITE;
    }

    /**
     * Returns whether the area counts as program text in {@code exec_vm} ({@code is_exec_mapping()}).
     *
     * @param flags the area's bits
     */
    public static boolean isExecMapping(long flags) {
        return (flags & (VM_EXEC | VM_WRITE | VM_STACK)) == VM_EXEC;
    }

    /**
     * Returns whether the area counts in {@code stack_vm} ({@code is_stack_mapping()}).
     *
     * @param flags the area's bits
     */
    public static boolean isStackMapping(long flags) {
        return (flags & VM_STACK) == VM_STACK || (flags & VM_SHADOW_STACK) != 0;
    }

    /**
     * Returns whether the area counts in {@code data_vm} and against {@code RLIMIT_DATA} ({@code is_data_mapping()}).
     *
     * @param flags the area's bits
     */
    public static boolean isDataMapping(long flags) {
        return (flags & (VM_WRITE | VM_SHARED | VM_STACK)) == VM_WRITE;
    }
}
