package io.pagewalk.kernel.gup;

import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.kernel.fault.FaultTask;
import io.pagewalk.kernel.rmap.Folios;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.StackGrowth;

/** Reads and writes the memory of any program as a debugger does: {@code mm/memory.c:access_remote_vm()}. */
public final class RemoteAccess {
    private static final int PAGE_BYTES = 4096;

    private final GetUserPages pages;
    private final PhysicalMemory memory;
    private final Folios folios;
    private final long[] pfn = new long[1];

    /**
     * Creates the access of one machine.
     *
     * @param pages finds pages
     */
    public RemoteAccess(GetUserPages pages) {
        this.pages = pages;
        this.memory = pages.tables().memory();
        this.folios = pages.tables().folios();
    }

    /**
     * Copies bytes out of or into a program, up to the first page that cannot be had.
     *
     * @param task who is charged with faults
     * @param mm the program
     * @param vaddr first address
     * @param bytes where to or from
     * @param flags {@link Foll#WRITE}, {@link Foll#FORCE}
     * @return how many bytes were copied
     */
    public int access(FaultTask task, Mm mm, long vaddr, byte[] bytes, int flags) {
        int done = 0;
        while (done < bytes.length) {
            long at = vaddr + done;
            if (at < 0 || (mm.vmas().find(at) == null && StackGrowth.findOrGrow(mm, at) == null)) {
                break;
            }
            if (pages.hold(task, mm, at, 1, flags | Foll.GET, pfn) != 1) {
                break;
            }
            int offset = (int) at & (PAGE_BYTES - 1);
            int length = Math.min(bytes.length - done, PAGE_BYTES - offset);
            long paddr = (pfn[0] << 12) + offset;
            if ((flags & Foll.WRITE) != 0) {
                memory.copyIn(paddr, bytes, done, length);
                folios.markDirty(pfn[0]);
            } else {
                memory.copyOut(paddr, bytes, done, length);
            }
            pages.put(pfn, 1);
            done += length;
        }
        return done;
    }
}
