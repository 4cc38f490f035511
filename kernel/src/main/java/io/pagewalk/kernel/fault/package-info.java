/**
 * Page tables and page faults: {@code mm/memory.c}, {@code mm/mprotect.c:change_protection()}, {@code mm/mremap.c:move_page_tables()} and the TLB flushing of
 * {@code arch/x86/mm/tlb.c}, written once over the levels that a {@link io.pagewalk.hardware.paging.PagingMode} describes.
 *
 * <p>Simplified: no swap entries and no migration entries, one lock-free thread. Neighbours: {@code vma} calls down through
 * {@link io.pagewalk.kernel.vma.PageTableOps}; {@code filemap} supplies file pages; {@code system} wires CPUs and tasks in.
 */
@NullMarked
package io.pagewalk.kernel.fault;

import org.jspecify.annotations.NullMarked;
