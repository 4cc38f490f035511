package io.pagewalk.kernel.fault;

import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.kernel.vma.MappedFile;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;

/** From the rights of an area to the flags of its page entries: {@code vm_get_page_prot()} and {@code vma_set_page_prot()}. */
final class Protection {
    /** How far the key of an area lies from its place in {@link PteFlags}. */
    private static final int KEY_MOVE = VmaFlags.VM_PKEY_SHIFT - PteFlags.KEY_SHIFT;

    private final boolean readIsPresent;

    /** What a write leaves in an entry: {@code pte_mkdirty()}. */
    private int dirty = PteFlags.DIRTY;

    Protection(PagingMode mode) {
        readIsPresent = mode.architecture() != PagingMode.Architecture.RISCV64;
    }

    /** Lets each write that is seen set the soft-dirty bit as well: {@code CONFIG_MEM_SOFT_DIRTY}. */
    void trackSoftDirty() {
        dirty = PteFlags.DIRTY | PteFlags.SOFT_DIRTY;
    }

    /** Returns the flags that a write leaves in an entry. */
    int dirty() {
        return dirty;
    }

    /** Returns the flag that lets the pages of an area be written to once they are its own: {@code maybe_mkwrite()}. */
    static int writeRight(Vma vma) {
        return vma.has(VmaFlags.VM_WRITE) ? PteFlags.WRITE : 0;
    }

    /**
     * Returns the flags of a new entry in an area ({@code vma->vm_page_prot}). Writable only in a shared area that need not know about first writes; a private
     * area gets the right when its page is its own.
     */
    int flags(Vma vma) {
        long vm = vma.flags();
        if ((vm & VmaFlags.VM_ACCESS_FLAGS) == 0) {
            return PteFlags.PROT_NONE | PteFlags.USER | PteFlags.ACCESSED | vma.cacheFlags() | key(vm);
        }
        int flags = PteFlags.USER | PteFlags.ACCESSED | vma.cacheFlags() | key(vm);
        if (readIsPresent || (vm & (VmaFlags.VM_READ | VmaFlags.VM_WRITE)) != 0) {
            flags |= PteFlags.READ;
        }
        if ((vm & VmaFlags.VM_EXEC) != 0) {
            flags |= PteFlags.EXEC;
        }
        if ((vm & (VmaFlags.VM_SHARED | VmaFlags.VM_WRITE)) == (VmaFlags.VM_SHARED | VmaFlags.VM_WRITE)
                && !wantsWriteNotify(vma)) {
            flags |= PteFlags.WRITE;
        }
        return flags;
    }

    private static int key(long vmFlags) {
        return (int) (vmFlags >>> KEY_MOVE) & PteFlags.KEY;
    }

    /** Returns whether the first write to each page must be seen, because the page has to be written back one day: {@code vma_wants_writenotify()}. */
    static boolean wantsWriteNotify(Vma vma) {
        MappedFile file = vma.file();
        boolean isTracked = vma.isSoftDirtyEnabled() || vma.has(VmaFlags.VM_UFFD_WP);
        return file != null
                && (vma.flags() & (VmaFlags.VM_SHARED | VmaFlags.VM_WRITE)) == (VmaFlags.VM_SHARED | VmaFlags.VM_WRITE)
                && (isTracked || (!file.isShmem() && vma.operations() == null));
    }
}
