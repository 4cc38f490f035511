package io.pagewalk.kernel.vma;

/** {@code brk()}: {@code mm/mmap.c:SYSCALL_DEFINE1(brk)}. */
public final class Brk {
    private Brk() {}

    /**
     * Moves the end of the heap.
     *
     * @param mm the address space
     * @param brk the new end
     * @return the new end, or the old one when the heap could not be changed
     */
    public static long brk(Mm mm, long brk) {
        return mm.brk();
    }
}
