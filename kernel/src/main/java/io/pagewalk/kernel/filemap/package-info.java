/**
 * Files, their page cache, and readahead: {@code mm/filemap.c}, {@code mm/readahead.c}, {@code mm/truncate.c}, the memory side of {@code mm/shmem.c}, and
 * the descriptor table of {@code fs/file.c}.
 *
 * <p>Simplified: a file is a name, a size and a place on a block device; there is no directory tree and no file-system metadata.
 * Dirty pages are marked and stay: nothing writes them back. Neighbours: {@code fault} maps what this package caches.
 */
@NullMarked
package io.pagewalk.kernel.filemap;

import org.jspecify.annotations.NullMarked;
