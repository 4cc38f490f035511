package io.pagewalk.kernel.system;

import io.pagewalk.base.KernelBug;
import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.io.ObjectAllocator;
import io.pagewalk.kernel.page.AddressConversion;
import io.pagewalk.kernel.page.FrameOwner;

/** Kernel objects of a page each, for callers that come before or without slab caches. */
final class PageObjects implements ObjectAllocator {
    private final PageAllocator allocator;
    private final AddressConversion conversion;

    PageObjects(PageAllocator allocator, AddressConversion conversion) {
        this.allocator = allocator;
        this.conversion = conversion;
    }

    @Override
    public long kmalloc(long bytes, int gfp) {
        KernelBug.on(bytes > 4096, "an object of " + bytes + " bytes");
        long pfn = allocator.allocPages(gfp, 0);
        if (pfn == PageAllocator.NO_PAGE) {
            return 0;
        }
        allocator.memMap().setOwner(pfn, FrameOwner.KERNEL);
        return conversion.pageToVirt(pfn);
    }

    @Override
    public void kfree(long vaddr) {
        if (vaddr != 0) {
            allocator.freePages(conversion.virtToPage(vaddr), 0);
        }
    }
}
