package io.pagewalk.kernel.fault;

import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.kernel.rmap.Folios;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;

/**
 * User pages that kernel code holds on to, as a device that transfers to them needs: {@code mm/gup.c:pin_user_pages()}.
 *
 * <p>Areas of devices have no pages to hold and give {@code -EFAULT}. Differs from Linux: a pin counts as one reference, not as 1,024 ({@code GUP_PIN_COUNTING_BIAS}); the page of
 * zeros is handed out without a reference, as there.
 */
public final class UserPages {
    private static final long PAGE = 4096;

    private final PagingMode mode;
    private final PageTableEditor editor;
    private final Folios folios;
    private final long zeroPfn;

    /**
     * Creates the calls of one machine.
     *
     * @param kernel the kernel's tables
     * @param editor faults pages in
     */
    public UserPages(KernelTables kernel, PageTableEditor editor) {
        this.mode = kernel.mode();
        this.folios = kernel.folios();
        this.zeroPfn = kernel.zeroPfn();
        this.editor = editor;
    }

    /**
     * Faults pages in and takes a reference on each.
     *
     * @param mm the address space, of the running task
     * @param vaddr any address in the first page
     * @param count how many pages
     * @param isWrite whether they will be written to
     * @param pfns receives the frames
     * @return how many pages are held, at least 1 when {@code count} is; {@code -EFAULT} when the first page is in no area, one of a device or one without the right; {@code -ENOMEM}
     */
    public long pin(Mm mm, long vaddr, int count, boolean isWrite, long[] pfns) {
        for (int i = 0; i < count; i++) {
            long at = (vaddr & -PAGE) + i * PAGE;
            Vma vma = mm.vmas().find(at);
            long error = vma == null || !isAllowed(vma, isWrite)
                    ? -Errno.EFAULT
                    : editor.populate(vma, at, at + PAGE, isWrite);
            if (error != 0) {
                return i > 0 ? i : error == -Errno.EHWPOISON ? -Errno.EFAULT : error;
            }
            long entry = editor.entryAt(mm, at);
            pfns[i] = mode.pfn(entry, 1);
            if ((mode.flags(entry, 1) & PteFlags.SPECIAL) == 0) {
                folios.memmap().get(pfns[i]);
            }
        }
        return count;
    }

    /** {@code check_vma_flags()}. */
    private static boolean isAllowed(Vma vma, boolean isWrite) {
        return !vma.has(VmaFlags.VM_IO | VmaFlags.VM_PFNMAP) && vma.has(isWrite ? VmaFlags.VM_WRITE : VmaFlags.VM_READ);
    }

    /**
     * Lets pages go: {@code unpin_user_pages()}.
     *
     * @param pfns what was pinned
     * @param count how many
     */
    public void unpin(long[] pfns, int count) {
        for (int i = 0; i < count; i++) {
            if (pfns[i] != zeroPfn) {
                folios.put(pfns[i]);
            }
        }
    }
}
