package io.pagewalk.kernel.system;

import io.pagewalk.kernel.slub.VmallocDoor;
import io.pagewalk.kernel.vmalloc.VmFlags;
import io.pagewalk.kernel.vmalloc.Vmalloc;

/** Where {@code kvmalloc()} turns when physically contiguous memory is short: {@code mm/slub.c:__kvmalloc_node_noprof()}. */
final class KvmallocAreas implements VmallocDoor {
    private final Vmalloc vmalloc;

    KvmallocAreas(Vmalloc vmalloc) {
        this.vmalloc = vmalloc;
    }

    /** Large leaves are allowed, as {@link VmFlags#ALLOW_HUGE_VMAP} says. */
    @Override
    public long vmalloc(long bytes, int gfp, String caller) {
        return vmalloc.vmallocHuge(bytes, gfp, caller);
    }

    @Override
    public void vfree(long vaddr) {
        vmalloc.vfree(vaddr);
    }

    @Override
    public boolean isVmallocAddress(long vaddr) {
        return vmalloc.layout().isVmalloc(vaddr);
    }
}
