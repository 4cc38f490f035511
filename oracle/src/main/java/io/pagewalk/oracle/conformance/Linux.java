package io.pagewalk.oracle.conformance;

/** Numbers of Linux's interface to programs on x86-64, for cases to import statically. */
final class Linux {
    static final long PAGE = 4096;
    static final long KIB = 1024;
    static final long MIB = 1 << 20;

    static final int PROT_NONE = 0;
    static final int PROT_READ = 1;
    static final int PROT_WRITE = 2;
    static final int PROT_EXEC = 4;
    static final int RW = PROT_READ | PROT_WRITE;
    static final int RWX = RW | PROT_EXEC;
    static final int PROT_GROWSDOWN = 0x01000000;
    static final int PROT_GROWSUP = 0x02000000;

    static final int MAP_SHARED = 1;
    static final int MAP_PRIVATE = 2;
    static final int MAP_SHARED_VALIDATE = 3;
    static final int MAP_DROPPABLE = 8;
    static final int MAP_FIXED = 0x10;
    static final int MAP_ANONYMOUS = 0x20;
    static final int MAP_32BIT = 0x40;
    static final int MAP_GROWSDOWN = 0x100;
    static final int MAP_LOCKED = 0x2000;
    static final int MAP_NORESERVE = 0x4000;
    static final int MAP_POPULATE = 0x8000;
    static final int MAP_NONBLOCK = 0x10000;
    static final int MAP_STACK = 0x20000;
    static final int MAP_HUGETLB = 0x40000;
    static final int MAP_SYNC = 0x80000;
    static final int MAP_FIXED_NOREPLACE = 0x100000;
    static final int PRIVATE_ANON = MAP_PRIVATE | MAP_ANONYMOUS;
    static final int SHARED_ANON = MAP_SHARED | MAP_ANONYMOUS;

    static final int MREMAP_MAYMOVE = 1;
    static final int MREMAP_FIXED = 2;
    static final int MREMAP_DONTUNMAP = 4;

    static final int MADV_NORMAL = 0;
    static final int MADV_RANDOM = 1;
    static final int MADV_SEQUENTIAL = 2;
    static final int MADV_WILLNEED = 3;
    static final int MADV_DONTNEED = 4;
    static final int MADV_FREE = 8;
    static final int MADV_REMOVE = 9;
    static final int MADV_DONTFORK = 10;
    static final int MADV_DOFORK = 11;
    static final int MADV_MERGEABLE = 12;
    static final int MADV_UNMERGEABLE = 13;
    static final int MADV_HUGEPAGE = 14;
    static final int MADV_NOHUGEPAGE = 15;
    static final int MADV_DONTDUMP = 16;
    static final int MADV_DODUMP = 17;
    static final int MADV_WIPEONFORK = 18;
    static final int MADV_KEEPONFORK = 19;
    static final int MADV_COLD = 20;
    static final int MADV_PAGEOUT = 21;
    static final int MADV_POPULATE_READ = 22;
    static final int MADV_POPULATE_WRITE = 23;
    static final int MADV_DONTNEED_LOCKED = 24;
    static final int MADV_COLLAPSE = 25;
    static final int MADV_HWPOISON = 100;
    static final int MADV_SOFT_OFFLINE = 101;
    static final int MADV_GUARD_INSTALL = 102;
    static final int MADV_GUARD_REMOVE = 103;

    static final int MS_ASYNC = 1;
    static final int MS_INVALIDATE = 2;
    static final int MS_SYNC = 4;

    static final int MLOCK_ONFAULT = 1;
    static final int MCL_CURRENT = 1;
    static final int MCL_FUTURE = 2;
    static final int MCL_ONFAULT = 4;

    static final int O_RDONLY = 0;
    static final int O_WRONLY = 1;
    static final int O_RDWR = 2;
    static final int O_CREAT = 0x40;
    static final int O_EXCL = 0x80;
    static final int O_TRUNC = 0x200;
    static final int O_PATH = 0x200000;

    static final int MFD_CLOEXEC = 1;
    static final int MFD_ALLOW_SEALING = 2;
    static final int F_ADD_SEALS = 1033;
    static final int F_GET_SEALS = 1034;
    static final int F_SEAL_SEAL = 1;
    static final int F_SEAL_SHRINK = 2;
    static final int F_SEAL_GROW = 4;
    static final int F_SEAL_WRITE = 8;
    static final int F_SEAL_FUTURE_WRITE = 16;

    static final int IPC_CREAT = 01000;
    static final int IPC_EXCL = 02000;
    static final int IPC_PRIVATE = 0;
    static final int IPC_RMID = 0;
    static final int IPC_SET = 1;
    static final int IPC_STAT = 2;
    static final int IPC_INFO = 3;
    static final int SHM_LOCK = 11;
    static final int SHM_UNLOCK = 12;
    static final int SHM_STAT = 13;
    static final int SHM_INFO = 14;
    static final int SHM_STAT_ANY = 15;
    static final int SHM_RDONLY = 010000;
    static final int SHM_RND = 020000;
    static final int SHM_REMAP = 040000;
    static final int SHM_EXEC = 0100000;
    static final int SHM_DEST = 01000;
    static final int SHM_LOCKED = 02000;

    static final int RLIMIT_FSIZE = 1;
    static final int RLIMIT_DATA = 2;
    static final int RLIMIT_STACK = 3;
    static final int RLIMIT_MEMLOCK = 8;
    static final int RLIMIT_AS = 9;
    static final long RLIM_INFINITY = -1;

    static final int MPOL_DEFAULT = 0;
    static final int MPOL_PREFERRED = 1;
    static final int MPOL_BIND = 2;
    static final int MPOL_INTERLEAVE = 3;
    static final int MPOL_LOCAL = 4;
    static final int MPOL_PREFERRED_MANY = 5;
    static final int MPOL_WEIGHTED_INTERLEAVE = 6;
    static final int MPOL_F_STATIC_NODES = 1 << 15;
    static final int MPOL_F_RELATIVE_NODES = 1 << 14;
    static final int MPOL_F_NODE = 1;
    static final int MPOL_F_ADDR = 2;
    static final int MPOL_F_MEMS_ALLOWED = 4;
    static final int MPOL_MF_STRICT = 1;
    static final int MPOL_MF_MOVE = 2;
    static final int MPOL_MF_MOVE_ALL = 4;

    /** Signal and si_code of a load or store, as {@code machine.Answer} packs them. */
    static final int SEGV_MAPERR = 11 << 8 | 1;

    static final int SEGV_ACCERR = 11 << 8 | 2;
    static final int BUS_ADRERR = 7 << 8 | 2;

    static final int EPERM = 1;
    static final int ENOENT = 2;
    static final int ESRCH = 3;
    static final int EINTR = 4;
    static final int EIO = 5;
    static final int ENXIO = 6;
    static final int EBADF = 9;
    static final int ECHILD = 10;
    static final int EAGAIN = 11;
    static final int ENOMEM = 12;
    static final int EACCES = 13;
    static final int EFAULT = 14;
    static final int EBUSY = 16;
    static final int EEXIST = 17;
    static final int ENODEV = 19;
    static final int ENOTDIR = 20;
    static final int EISDIR = 21;
    static final int EINVAL = 22;
    static final int ENOTTY = 25;
    static final int ETXTBSY = 26;
    static final int ENOSPC = 28;
    static final int ESPIPE = 29;
    static final int EIDRM = 43;
    static final int EOVERFLOW = 75;
    static final int EOPNOTSUPP = 95;

    private Linux() {}
}
