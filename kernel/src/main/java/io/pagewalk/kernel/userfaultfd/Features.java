package io.pagewalk.kernel.userfaultfd;

/** What a userfaultfd can be asked to do: the {@code UFFD_FEATURE_} bits. */
final class Features {
    static final long PAGEFAULT_FLAG_WP = 1;
    static final long EVENT_FORK = 1 << 1;
    static final long EVENT_REMAP = 1 << 2;
    static final long EVENT_REMOVE = 1 << 3;
    static final long EVENT_UNMAP = 1 << 6;
    static final long SIGBUS = 1 << 7;
    static final long THREAD_ID = 1 << 8;
    static final long MINOR_HUGETLBFS = 1 << 9;
    static final long MINOR_SHMEM = 1 << 10;
    static final long EXACT_ADDRESS = 1 << 11;
    static final long WP_HUGETLBFS_SHMEM = 1 << 12;
    static final long WP_UNPOPULATED = 1 << 13;
    static final long WP_ASYNC = 1 << 15;
    private static final long ALL = (1 << 17) - 1;
    private static final long NEEDS_WP = PAGEFAULT_FLAG_WP | WP_HUGETLBFS_SHMEM | WP_UNPOPULATED | WP_ASYNC;
    private static final long NEEDS_MINOR = MINOR_HUGETLBFS | MINOR_SHMEM;

    private Features() {}

    /** Returns what Linux 6.18 offers. */
    static long offered(boolean canProtect) {
        return canProtect ? ALL : ALL & ~(NEEDS_WP | NEEDS_MINOR);
    }
}
