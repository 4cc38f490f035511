package io.pagewalk.kernel.procfs;

import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.fault.KernelTables;
import io.pagewalk.kernel.fault.TlbFlusher;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.vma.Mm;

/**
 * What the files of this package need of a machine.
 *
 * @param mode format of page tables
 * @param tables the kernel's tables
 * @param memmap page structures
 * @param flusher flushes TLBs
 * @param remote reaches the memory of any program
 */
public record TaskMmuServices(
        PagingMode mode, KernelTables tables, MemMap memmap, TlbFlusher flusher, RemoteMemory remote) {
    /** Reads and writes a program's memory as a debugger does. */
    @FunctionalInterface
    public interface RemoteMemory {
        /**
         * Copies bytes up to the first page that cannot be had: {@code mm/memory.c:access_remote_vm()}.
         *
         * @param mm the program
         * @param vaddr first address there
         * @param bytes where to or from
         * @param isWrite whether into the program
         * @return how many bytes were copied
         */
        int access(Mm mm, long vaddr, byte[] bytes, boolean isWrite);
    }
}
