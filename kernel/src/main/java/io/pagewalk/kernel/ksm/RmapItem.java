package io.pagewalk.kernel.ksm;

import io.pagewalk.kernel.vma.AnonVma;
import io.pagewalk.kernel.vma.Mm;
import org.jspecify.annotations.Nullable;

/** A page that ksmd watches: {@code struct ksm_rmap_item}. */
final class RmapItem {
    final Mm mm;
    final long vaddr;
    final RbTree.Node<RmapItem> node = new RbTree.Node<>(this);

    /** Next item of the same address space, at a higher address. */
    @Nullable
    RmapItem next;

    /** The node of the stable tree that it hangs from, null when it hangs from none. */
    @Nullable
    StableNode head;

    /** The anon_vma of its area while it hangs from the stable tree. */
    @Nullable
    AnonVma anonVma;

    /** The full scan in which it came into the unstable tree, -1 when it is not in it. */
    long unstableScan = -1;

    /** Whose unstable tree that was. */
    int nid;

    int oldChecksum;
    int age;
    int remainingSkips;

    RmapItem(Mm mm, long vaddr) {
        this.mm = mm;
        this.vaddr = vaddr;
    }
}
