package io.pagewalk.kernel.vma;

import io.pagewalk.kernel.syscall.SyscallDoor;

/** Puts the calls of this package behind the door. */
public final class MmSyscalls {
    private MmSyscalls() {}

    /**
     * Registers mmap, munmap, brk, mprotect, mremap, madvise, mlock and its relatives, mincore and msync.
     *
     * @param <T> the machine's task type
     * @param door the machine's table
     */
    public static <T extends MmTask> void register(SyscallDoor<T> door) {
        door.register(
                "mmap", (task, args) -> Mmap.mmap(task, args.a0, args.a1, args.a2, args.a3, (int) args.a4, args.a5));
        door.register("munmap", (task, args) -> Munmap.munmap(task.mm(), args.a0, args.a1));
        door.register("brk", (task, args) -> Brk.brk(task.mm(), args.a0));
    }
}
