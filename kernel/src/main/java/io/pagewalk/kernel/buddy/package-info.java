/**
 * The page allocator: buddy lists, per-CPU lists, migrate types and stealing, watermarks, the high-order atomic reserve, and the page API.
 *
 * <p>Models {@code mm/page_alloc.c} without compaction, CMA and isolation. Upward calls (kswapd, direct reclaim, the OOM killer) are small
 * interfaces that the system wires. Neighbours: {@code page} and {@code zone} below; everything that needs frames above.
 */
@NullMarked
package io.pagewalk.kernel.buddy;

import org.jspecify.annotations.NullMarked;
