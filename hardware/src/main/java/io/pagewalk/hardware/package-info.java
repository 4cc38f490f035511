/**
 * The simulated machine below any kernel: {@code memory} (frames), {@code paging} (page-table formats and the walker), {@code tlb}, {@code mmu} (one access from
 * virtual to physical), {@code cpu} (named parts, shootdowns), {@code numa}, {@code disk}, {@code bus} (ports, device windows, PCI), and {@code machine} (all of it, described and built).
 *
 * <p>Packages are layered in that order, and nothing here knows a kernel.
 */
@NullMarked
package io.pagewalk.hardware;

import org.jspecify.annotations.NullMarked;
