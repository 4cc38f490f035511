package io.pagewalk.kernel.vma;

import io.pagewalk.kernel.syscall.Errno;

/**
 * {@code pkey_alloc()}, {@code pkey_free()} and which key an area gets: {@code mm/mprotect.c} and {@code arch/x86/mm/pkeys.c}.
 *
 * <p>On a CPU without keys the first {@code pkey_alloc()} finds out only after it has taken the one key there is, key 0, and cannot give it back: from then on the
 * answer is {@code -ENOSPC}.
 *
 * <p>Differs from Linux: there is no PKRU register, so the rights of a key have no effect.
 */
public final class ProtectionKeys {
    /** With this right taken away, a key's memory can be neither read nor written ({@code PKEY_DISABLE_ACCESS}). */
    public static final int DISABLE_ACCESS = 1;

    /** With this right taken away, a key's memory cannot be written ({@code PKEY_DISABLE_WRITE}). */
    public static final int DISABLE_WRITE = 2;

    /** No key was asked for. */
    static final int NONE = -1;

    private static final int KEYS = 16;

    private ProtectionKeys() {}

    /**
     * Allocates a key: {@code mm/mprotect.c:SYSCALL_DEFINE2(pkey_alloc)}.
     *
     * @param mm the address space of the caller
     * @param flags must be 0
     * @param rights {@link #DISABLE_ACCESS}, {@link #DISABLE_WRITE}
     * @return the key, {@code -EINVAL} for bad arguments or a CPU without keys, {@code -ENOSPC} when all are taken
     */
    public static long allocate(Mm mm, long flags, long rights) {
        if (flags != 0 || (rights & ~(DISABLE_ACCESS | DISABLE_WRITE)) != 0) {
            return -Errno.EINVAL;
        }
        boolean hasKeys = mm.services().settings().hasProtectionKeys();
        int key = take(mm.attributes(), hasKeys ? KEYS : 1);
        if (key < 0) {
            return -Errno.ENOSPC;
        }
        if (!hasKeys) {
            return -Errno.EINVAL;
        }
        return key;
    }

    private static int take(MmAttributes attributes, int keys) {
        int key = Integer.numberOfTrailingZeros(~attributes.keysAllocated());
        if (key >= keys) {
            return NONE;
        }
        attributes.setKeysAllocated(attributes.keysAllocated() | 1 << key);
        return key;
    }

    /**
     * Frees a key; areas that have it keep it: {@code mm/mprotect.c:SYSCALL_DEFINE1(pkey_free)}.
     *
     * @param mm the address space
     * @param key any number
     * @return 0, or {@code -EINVAL} when the key is not allocated
     */
    public static long free(Mm mm, int key) {
        if (!isAllocated(mm, key)) {
            return -Errno.EINVAL;
        }
        mm.attributes().setKeysAllocated(mm.attributes().keysAllocated() & ~(1 << key));
        return 0;
    }

    /** {@code mm_pkey_is_allocated()}: the key of execute-only memory is nobody's to use. */
    static boolean isAllocated(Mm mm, int key) {
        return key >= 0
                && key < KEYS
                && key != mm.attributes().executeOnlyKey()
                && (mm.attributes().keysAllocated() & 1 << key) != 0;
    }

    /** Returns the key of a new mapping: a key of its own for execute-only memory, else 0. */
    static int ofNew(Mm mm, long prot) {
        return prot == MapFlags.PROT_EXEC ? Math.max(executeOnly(mm), 0) : 0;
    }

    /** Returns the key of an area that gets a new protection: {@code arch_override_mprotect_pkey()}. */
    static int ofChanged(Vma vma, long prot, int wanted) {
        Mm mm = vma.mm();
        if (!mm.services().settings().hasProtectionKeys()) {
            return 0;
        }
        if (wanted != NONE) {
            return wanted;
        }
        int present = (int) ((vma.flags() & VmaFlags.VM_PKEY_MASK) >>> VmaFlags.VM_PKEY_SHIFT);
        if (prot == MapFlags.PROT_EXEC) {
            int key = executeOnly(mm);
            return key > 0 ? key : present;
        }
        boolean isExecuteOnly = (vma.flags() & VmaFlags.VM_ACCESS_FLAGS) == VmaFlags.VM_EXEC
                && present == mm.attributes().executeOnlyKey();
        return isExecuteOnly ? 0 : present;
    }

    /** {@code __execute_only_pkey()}: the key that execute-only memory shares, allocated at the first need; -1 when there is none. */
    private static int executeOnly(Mm mm) {
        if (!mm.services().settings().hasProtectionKeys()) {
            return NONE;
        }
        MmAttributes attributes = mm.attributes();
        if (attributes.executeOnlyKey() == NONE) {
            int key = take(attributes, KEYS);
            if (key < 0) {
                return NONE;
            }
            attributes.setExecuteOnlyKey(key);
        }
        return attributes.executeOnlyKey();
    }
}
