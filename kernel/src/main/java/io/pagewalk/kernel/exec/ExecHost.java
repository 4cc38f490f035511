package io.pagewalk.kernel.exec;

import io.pagewalk.kernel.syscall.UserMemory;
import io.pagewalk.kernel.vma.MappedFile;
import org.jspecify.annotations.Nullable;

/** What loading needs of the rest of the kernel: files, and the memory of the program that is being loaded. */
public interface ExecHost extends UserMemory {
    /**
     * Opens a file for execution ({@code open_exec()}).
     *
     * @param path its path
     * @return the file with one reference of the caller's, or null when there is none
     */
    @Nullable
    MappedFile open(String path);

    /**
     * Stores zeroes ({@code clear_user()}).
     *
     * @param vaddr first user address
     * @param bytes how many
     * @return how many bytes could not be stored, 0 on success
     */
    long clearUser(long vaddr, long bytes);
}
