/**
 * Who maps a frame: map counts, the anon_vma of a VMA, exclusive anonymous frames, and the LRU list a frame stands on. Models {@code mm/rmap.c},
 * {@code mm/mlock.c} and the list accounting of {@code mm/swap.c}.
 *
 * <p>Simplified: an anon_vma keeps its areas in a list and not in a tree. New frames reach their LRU list at once instead of by per-CPU batches of 31. Neighbours: {@code fault} and {@code filemap} above, {@code page} below.
 */
@NullMarked
package io.pagewalk.kernel.rmap;

import org.jspecify.annotations.NullMarked;
