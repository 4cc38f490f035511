package io.pagewalk.kernel.syscall;

/**
 * The user memory of the calling task: {@code copy_to_user()} and {@code copy_from_user()}. Pages are faulted in as by an access of the program;
 * an address that it may not use ends the copy.
 */
public interface UserMemory {
    /**
     * Copies bytes into user memory.
     *
     * @param vaddr first user address
     * @param bytes what to store
     * @param offset first byte of it
     * @param length how many
     * @return how many bytes could NOT be copied, 0 on success
     */
    long copyToUser(long vaddr, byte[] bytes, int offset, int length);

    /**
     * Copies bytes out of user memory.
     *
     * @param bytes where to
     * @param offset first byte of it
     * @param length how many
     * @param vaddr first user address
     * @return how many bytes could NOT be copied, 0 on success
     */
    long copyFromUser(byte[] bytes, int offset, int length, long vaddr);
}
