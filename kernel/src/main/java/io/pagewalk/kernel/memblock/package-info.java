/**
 * Boot: from the firmware's memory map to reservations, nodes, zones, sized watermarks, and a filled page allocator.
 *
 * <p>Models {@code mm/memblock.c}, {@code mm/mm_init.c} and the parts of {@code mm/page_alloc.c} and {@code mm/khugepaged.c} that run at boot.
 */
@NullMarked
package io.pagewalk.kernel.memblock;

import org.jspecify.annotations.NullMarked;
