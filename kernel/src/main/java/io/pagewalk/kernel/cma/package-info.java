/**
 * The contiguous memory allocator: areas that boot reserves and that movable pages use until a driver needs them in one piece ({@code mm/cma.c}).
 *
 * <p>Works on {@code compaction}, which moves pages out of the way. Simplified: one range for each area, no area for huge pages.
 */
@NullMarked
package io.pagewalk.kernel.cma;

import org.jspecify.annotations.NullMarked;
