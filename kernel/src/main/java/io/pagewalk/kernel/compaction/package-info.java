/**
 * Making large free blocks by moving pages together: compaction in the caller's context, kcompactd, and the allocation of a given range of frames.
 *
 * <p>Models {@code mm/compaction.c} and {@code alloc_contig_range()} with {@code mm/page_isolation.c}. A migrate scanner walks a zone from its start and takes
 * movable pages, a free scanner walks from its end and takes free blocks, and the pages move there until the two meet:
 *
 * <pre>
 *   zone start |M.M..MM.M|.M..M.M...|....free....|M.free.M| zone end
 *               migrate scanner: up         free scanner: down
 * </pre>
 *
 * <p>Simplified: one CPU compacts at a time, so nothing is contended; pages wait for nothing, so a page that is being read is left for another time even by a synchronous run;
 * compound pages stay where they are. Neighbours: {@code buddy} has the lists; {@code migrate} moves the pages through {@link io.pagewalk.kernel.buddy.PageMover}.
 */
@NullMarked
package io.pagewalk.kernel.compaction;

import org.jspecify.annotations.NullMarked;
