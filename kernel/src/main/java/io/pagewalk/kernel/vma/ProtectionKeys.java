package io.pagewalk.kernel.vma;

import io.pagewalk.hardware.paging.Pkru;
import io.pagewalk.kernel.syscall.Errno;

/**
 * {@code pkey_alloc()}, {@code pkey_free()}, which key an area gets, and what keys refuse: {@code mm/mprotect.c} and {@code arch/x86/mm/pkeys.c}.
 *
 * <p>On a CPU without keys the first {@code pkey_alloc()} finds out only after it has taken the one key there is, key 0, and cannot give it back: from then on the
 * answer is {@code -ENOSPC}.
 */
public final class ProtectionKeys {
    /** With this right taken away, a key's memory can be neither read nor written ({@code PKEY_DISABLE_ACCESS}). */
    public static final int DISABLE_ACCESS = 1;

    /** With this right taken away, a key's memory cannot be written ({@code PKEY_DISABLE_WRITE}). */
    public static final int DISABLE_WRITE = 2;

    /** No key was asked for. */
    static final int NONE = -1;

    private static final int KEYS = Pkru.KEYS;

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
        boolean hasKeys = mm.services().keys().exists();
        int key = take(mm.attributes(), hasKeys ? KEYS : 1);
        if (key < 0) {
            return -Errno.ENOSPC;
        }
        if (!hasKeys) {
            return -Errno.EINVAL;
        }
        setRights(mm, key, (int) rights);
        return key;
    }

    /** Gives the running task's register other rights of a key, which its other threads have not: {@code arch/x86/kernel/fpu/xstate.c:arch_set_user_pkey_access()}. */
    private static void setRights(Mm mm, int key, int refused) {
        KeyRegister register = mm.services().keys();
        register.write(Pkru.with(register.read(), key, refused));
    }

    /**
     * Returns whether the running task's register lets it use an area of its own address space: {@code arch/x86/include/asm/mmu_context.h:arch_vma_access_permitted()}.
     *
     * @param vma an area of the running task
     * @param isWrite whether it is to be written to
     */
    public static boolean permits(Vma vma, boolean isWrite) {
        int register = vma.mm().services().keys().read();
        int refused = Pkru.refused(register, vma.protectionKey());
        return refused == 0 || (!isWrite && (refused & Pkru.NO_ACCESS) == 0);
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
        if (!mm.services().keys().exists()) {
            return 0;
        }
        if (wanted != NONE) {
            return wanted;
        }
        int present = vma.protectionKey();
        if (prot == MapFlags.PROT_EXEC) {
            int key = executeOnly(mm);
            return key > 0 ? key : present;
        }
        boolean isExecuteOnly = (vma.flags() & VmaFlags.VM_ACCESS_FLAGS) == VmaFlags.VM_EXEC
                && present == mm.attributes().executeOnlyKey();
        return isExecuteOnly ? 0 : present;
    }

    /** {@code __execute_only_pkey()}: the key that execute-only memory shares, allocated at the first need; -1 when there is none. The caller may only execute it. */
    private static int executeOnly(Mm mm) {
        if (!mm.services().keys().exists()) {
            return NONE;
        }
        MmAttributes attributes = mm.attributes();
        int key = attributes.executeOnlyKey();
        if (key == NONE) {
            key = take(attributes, KEYS);
            if (key < 0) {
                return NONE;
            }
        } else if ((Pkru.refused(mm.services().keys().read(), key) & Pkru.NO_ACCESS) != 0) {
            return key;
        }
        setRights(mm, key, DISABLE_ACCESS);
        attributes.setExecuteOnlyKey(key);
        return key;
    }
}
