/**
 * Files whose pages live in memory only: {@code mm/shmem.c} and {@code mm/memfd.c}. tmpfs mounts with their limits, memfds with their seals, the files behind shared
 * anonymous mappings and behind System V segments.
 *
 * <p>Pages are found, added and dropped by {@code filemap}; this package says how many there may be, what is promised for them, and what seals forbid.
 * Simplified: there are no directories, quotas or extended attributes; nothing is swapped out. Neighbours: {@code filemap} below, {@code ipc} above.
 */
@NullMarked
package io.pagewalk.kernel.shmem;

import org.jspecify.annotations.NullMarked;
