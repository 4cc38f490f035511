/**
 * Translation lookaside buffers: set-associative arrays of translations with true LRU, tree-PLRU, FIFO or random replacement.
 *
 * <p>A {@link io.pagewalk.hardware.tlb.Tlb} is one level of one side (first-level data, first-level instruction, second level) and holds one or more arrays,
 * each for some page sizes, as real parts do. {@link io.pagewalk.hardware.tlb.TlbArray} is the geometry of one array. A page of a size that no array
 * holds is entered in pieces of the next smaller size.
 *
 * <p>Simplified: an entry is never shared between hardware threads, and adjacent pages are never coalesced into one entry.
 */
@NullMarked
package io.pagewalk.hardware.tlb;

import org.jspecify.annotations.NullMarked;
