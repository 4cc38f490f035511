package io.pagewalk.kernel.ksm;

import io.pagewalk.kernel.vma.Mm;
import org.jspecify.annotations.Nullable;

/** An address space on ksmd's list: {@code struct ksm_mm_slot}. */
final class MmSlot {
    final Mm mm;

    /** Its watched pages, by address. */
    @Nullable
    RmapItem first;

    MmSlot(Mm mm) {
        this.mm = mm;
    }
}
