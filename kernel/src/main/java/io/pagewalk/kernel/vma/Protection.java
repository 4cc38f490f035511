package io.pagewalk.kernel.vma;

/** From {@code PROT_*} and {@code MAP_*} to {@link VmaFlags}: {@code include/linux/mman.h}. */
final class Protection {
    private Protection() {}

    /** Returns the flags of a protection and a key: {@code calc_vm_prot_bits()}. The three low bits have the same values on both sides. */
    static long flags(long prot, int key) {
        return (prot & VmaFlags.VM_ACCESS_FLAGS) | (long) key << VmaFlags.VM_PKEY_SHIFT;
    }

    /** Returns the flags of a mapping's {@code MAP_*} arguments: {@code calc_vm_flag_bits()}. */
    static long mapFlags(long flags) {
        long result = 0;
        if ((flags & MapFlags.MAP_GROWSDOWN) != 0) {
            result |= VmaFlags.VM_GROWSDOWN;
        }
        if ((flags & MapFlags.MAP_LOCKED) != 0) {
            result |= VmaFlags.VM_LOCKED;
        }
        if ((flags & MapFlags.MAP_SYNC) != 0) {
            result |= VmaFlags.VM_SYNC;
        }
        if ((flags & MapFlags.MAP_STACK) != 0) {
            result |= VmaFlags.VM_NOHUGEPAGE;
        }
        return result;
    }

    /** Returns whether private writable memory counts against the commitment: {@code mm/mmap.c:accountable_mapping()}. */
    static boolean isAccountable(long flags) {
        return (flags & (VmaFlags.VM_NORESERVE | VmaFlags.VM_SHARED | VmaFlags.VM_WRITE)) == VmaFlags.VM_WRITE;
    }
}
