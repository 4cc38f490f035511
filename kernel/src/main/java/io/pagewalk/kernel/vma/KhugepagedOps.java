package io.pagewalk.kernel.vma;

/** What calls on areas tell khugepaged; implemented by the khugepaged package. A kernel without it is told in vain. */
public interface KhugepagedOps {
    /** Nobody makes huge pages of small ones. */
    KhugepagedOps NONE = (vma, flags) -> {};

    /**
     * Puts the address space of an area on khugepaged's list when the area may have huge pages: {@code mm/khugepaged.c:khugepaged_enter_vma()}.
     *
     * @param vma the area
     * @param flags {@link VmaFlags} bits that it has or is about to get
     */
    void enter(Vma vma, long flags);
}
