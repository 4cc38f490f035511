package io.pagewalk.kernel.system;

import io.pagewalk.hardware.mmu.Access;
import io.pagewalk.kernel.syscall.UserMemory;

/** A task's user memory as the kernel reads and writes it in a system call: {@code copy_to_user()} and {@code copy_from_user()}. */
final class TaskMemory implements UserMemory {
    private final Task task;
    private final LinuxKernel kernel;

    TaskMemory(Task task, LinuxKernel kernel) {
        this.task = task;
        this.kernel = kernel;
    }

    @Override
    public long copyToUser(long vaddr, byte[] bytes, int offset, int length) {
        int done = 0;
        while (done < length) {
            int piece = (int) Math.min(length - done, 4096 - ((vaddr + done) & 4095));
            long paddr = kernel.touchForKernel(task, vaddr + done, Access.STORE);
            if (paddr < 0) {
                break;
            }
            kernel.machine().bus().copyIn(paddr, bytes, offset + done, piece);
            done += piece;
        }
        return (long) length - done;
    }

    @Override
    public long copyFromUser(byte[] bytes, int offset, int length, long vaddr) {
        int done = 0;
        while (done < length) {
            int piece = (int) Math.min(length - done, 4096 - ((vaddr + done) & 4095));
            long paddr = kernel.touchForKernel(task, vaddr + done, Access.LOAD);
            if (paddr < 0) {
                break;
            }
            kernel.machine().bus().copyOut(paddr, bytes, offset + done, piece);
            done += piece;
        }
        return (long) length - done;
    }
}
