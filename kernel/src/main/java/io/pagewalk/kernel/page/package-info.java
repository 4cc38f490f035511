/**
 * The page frame and its {@code struct page}: flags, counts, mapping, list links, and who owns the frame now.
 *
 * <p>Models {@code include/linux/mm_types.h}, {@code page-flags.h}, {@code gfp_types.h} and the sparse memory model of {@code mm/sparse.c}: a page
 * frame number (pfn) finds a section of 128 MiB, and the section holds one array per field. A section exists once something touched one of its
 * frames; until then the boot ranges tell what its frames are. Neighbours: {@code zone} groups frames, {@code buddy} hands them out.
 */
@NullMarked
package io.pagewalk.kernel.page;

import org.jspecify.annotations.NullMarked;
