package io.pagewalk.kernel.vma;

import io.pagewalk.kernel.syscall.SyscallDoor;

/** Puts the calls of this package behind the door. */
public final class MmSyscalls {
    private MmSyscalls() {}

    /**
     * Registers mmap, munmap, brk, mprotect, the calls on protection keys, mremap, remap_file_pages, madvise, mlock and its relatives, mincore, msync and mseal.
     *
     * @param <T> the machine's task type
     * @param door the machine's table
     */
    public static <T extends MmTask> void register(SyscallDoor<T> door) {
        door.register(
                "mmap", (task, args) -> Mmap.mmap(task, args.a0, args.a1, args.a2, args.a3, (int) args.a4, args.a5));
        door.register("munmap", (task, args) -> Munmap.munmap(task.mm(), args.a0, args.a1));
        door.register("brk", (task, args) -> Brk.brk(task.mm(), args.a0));
        door.register("mprotect", (task, args) -> Mprotect.mprotect(task.mm(), args.a0, args.a1, args.a2));
        door.register(
                "pkey_mprotect",
                (task, args) -> Mprotect.mprotect(task.mm(), args.a0, args.a1, args.a2, (int) args.a3));
        door.register("pkey_alloc", (task, args) -> ProtectionKeys.allocate(task.mm(), args.a0, args.a1));
        door.register("pkey_free", (task, args) -> ProtectionKeys.free(task.mm(), (int) args.a0));
        door.register(
                "remap_file_pages",
                (task, args) -> RemapFilePages.remap(task.mm(), args.a0, args.a1, args.a2, args.a3, args.a4));
        door.register("mremap", (task, args) -> Mremap.mremap(task.mm(), args.a0, args.a1, args.a2, args.a3, args.a4));
        door.register("madvise", (task, args) -> Madvise.madvise(task.mm(), args.a0, args.a1, (int) args.a2));
        door.register("mlock", (task, args) -> Mlock.mlock2(task.mm(), args.a0, args.a1, 0));
        door.register("mlock2", (task, args) -> Mlock.mlock2(task.mm(), args.a0, args.a1, (int) args.a2));
        door.register("munlock", (task, args) -> Mlock.munlock(task.mm(), args.a0, args.a1));
        door.register("mlockall", (task, args) -> Mlock.mlockall(task.mm(), (int) args.a0));
        door.register("munlockall", (task, args) -> Mlock.munlockall(task.mm()));
        door.register("mincore", (task, args) -> Mincore.mincore(task, args.a0, args.a1, args.a2));
        door.register("msync", (task, args) -> Msync.msync(task.mm(), args.a0, args.a1, (int) args.a2));
        door.register("mseal", (task, args) -> Mseal.mseal(task.mm(), args.a0, args.a1, args.a2));
    }
}
