/**
 * Moving pages: the contents and every user of a frame go to another frame. Models {@code mm/migrate.c} over the reverse map.
 *
 * <p>A page can move when only page tables and the page cache refer to it. Its entries are found through its file or anon_vma, point to the new frame afterwards,
 * and the old translations are flushed. Simplified: nobody runs in between, so no migration entries are ever seen; a page that does not move at the first
 * try would not at the tenth; flushes are not batched over pages; compound pages do not move. Neighbours: {@code rmap}, {@code filemap} and {@code fault} below;
 * {@code compaction} asks through {@link io.pagewalk.kernel.buddy.PageMover}.
 */
@NullMarked
package io.pagewalk.kernel.migrate;

import org.jspecify.annotations.NullMarked;
