package io.pagewalk.kernel.vma;

import org.jspecify.annotations.Nullable;

/** Makes the unlinked shmem file behind a {@code MAP_SHARED | MAP_ANONYMOUS} mapping. */
@FunctionalInterface
public interface SharedAnonymousFiles {
    /**
     * Makes a file: {@code mm/shmem.c:shmem_zero_setup()}. Its path is {@code /dev/zero (deleted)}.
     *
     * @param sizeBytes length of the mapping
     * @param flags the {@link VmaFlags} bits of the mapping, of which {@code VM_NORESERVE} matters
     * @return the file with one reference, or null when no memory could be committed ({@code ENOMEM})
     */
    @Nullable
    MappedFile create(long sizeBytes, long flags);
}
