package io.pagewalk.kernel.vma;

import io.pagewalk.base.Digest;

/** What an address space carries besides its areas: the flags of {@code mm->flags} that calls set, {@code membarrier_state} and {@code mm->context} of protection keys. */
public final class MmAttributes {
    /** {@link #denyWriteExec}: no memory becomes executable that was not from the start ({@code PR_MDWE_REFUSE_EXEC_GAIN}). */
    public static final int MDWE_REFUSE_EXEC_GAIN = 1;

    /** {@link #denyWriteExec}: children of fork start without ({@code PR_MDWE_NO_INHERIT}). */
    public static final int MDWE_NO_INHERIT = 2;

    private int denyWriteExec;
    private int hugePagesDisabled;
    private boolean isScannedForHugePages;
    private int membarrier;
    private int keysAllocated;
    private int executeOnlyKey;

    /**
     * Creates those of a new program.
     *
     * @param hasKeys whether the CPU has protection keys; then key 0 is allocated
     */
    MmAttributes(boolean hasKeys) {
        keysAllocated = hasKeys ? 1 : 0;
        executeOnlyKey = hasKeys ? -1 : 0;
    }

    /**
     * Takes over what a program leaves to the one that replaces it: {@code include/linux/mm_types.h:mmf_init_legacy_flags()}.
     *
     * @param old those of the program before
     */
    public void copyForExec(MmAttributes old) {
        denyWriteExec = (old.denyWriteExec & MDWE_NO_INHERIT) != 0 ? 0 : old.denyWriteExec;
        hugePagesDisabled = old.hugePagesDisabled;
    }

    void copyForFork(MmAttributes parent) {
        copyForExec(parent);
        membarrier = parent.membarrier;
        keysAllocated = parent.keysAllocated;
        executeOnlyKey = parent.executeOnlyKey;
    }

    /** Returns the bits of {@code PR_GET_MDWE}. */
    public int denyWriteExec() {
        return denyWriteExec;
    }

    /**
     * Sets the bits of {@code PR_SET_MDWE}.
     *
     * @param bits {@link #MDWE_REFUSE_EXEC_GAIN}, {@link #MDWE_NO_INHERIT}
     */
    public void setDenyWriteExec(int bits) {
        denyWriteExec = bits;
    }

    /** {@code include/linux/mman.h:map_deny_write_exec()}: whether memory with the old flags may not get the new ones. */
    boolean refusesExec(long oldFlags, long newFlags) {
        if ((denyWriteExec & MDWE_REFUSE_EXEC_GAIN) == 0 || (newFlags & VmaFlags.VM_EXEC) == 0) {
            return false;
        }
        return (newFlags & VmaFlags.VM_WRITE) != 0 || (oldFlags & VmaFlags.VM_EXEC) == 0;
    }

    /** Returns what {@code PR_GET_THP_DISABLE} gives: 0, 1, or 3 when advised areas are excepted. */
    public int hugePagesDisabled() {
        return hugePagesDisabled;
    }

    /**
     * Sets what {@code PR_GET_THP_DISABLE} gives.
     *
     * @param value 0, 1 or 3
     */
    public void setHugePagesDisabled(int value) {
        hugePagesDisabled = value;
    }

    /** Returns whether khugepaged has it on its list ({@code MMF_VM_HUGEPAGE}). */
    public boolean isScannedForHugePages() {
        return isScannedForHugePages;
    }

    /**
     * Notes that khugepaged has it on its list, or no longer.
     *
     * @param value whether it has
     */
    public void setScannedForHugePages(boolean value) {
        isScannedForHugePages = value;
    }

    /** Returns the registrations as {@code membarrier(MEMBARRIER_CMD_GET_REGISTRATIONS)} gives them. */
    public int membarrier() {
        return membarrier;
    }

    /**
     * Adds a registration.
     *
     * @param command a bit, {@code MEMBARRIER_CMD_REGISTER_*}
     */
    public void registerMembarrier(int command) {
        membarrier |= command;
    }

    /** Returns the allocated keys, bit 0 for key 0 ({@code context.pkey_allocation_map}). */
    int keysAllocated() {
        return keysAllocated;
    }

    void setKeysAllocated(int bits) {
        keysAllocated = bits;
    }

    /** Returns the key of execute-only memory, -1 as long as there is none ({@code context.execute_only_pkey}); 0 on CPUs without keys. */
    int executeOnlyKey() {
        return executeOnlyKey;
    }

    void setExecuteOnlyKey(int key) {
        executeOnlyKey = key;
    }

    void addToDigest(Digest digest) {
        digest.add(denyWriteExec);
        digest.add(hugePagesDisabled);
        digest.add(membarrier);
        digest.add(keysAllocated);
        digest.add(executeOnlyKey);
    }
}
