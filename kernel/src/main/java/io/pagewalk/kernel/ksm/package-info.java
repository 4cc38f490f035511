/**
 * Kernel samepage merging ({@code mm/ksm.c}): ksmd looks at the pages of areas that were advised {@code MADV_MERGEABLE}, and lets equal ones share one write-protected
 * frame, until somebody writes to it.
 *
 * <pre>
 *   scan: mm, area, page ──> stable tree   pages that are merged, by contents      found: the page joins it
 *                       └──> unstable tree pages that were the same at two looks,  found: both become a node of the stable tree
 *                                          made anew with each full scan           else:  it waits there
 * </pre>
 *
 * <p>Simplified: ksmd works when a system call begins and its time has come, for nothing of the program's time; it is never frozen or taken off its CPU, so that nobody sees a scan half
 * done; its own objects cost no kernel memory. Neighbours: {@code fault} changes entries, {@code vma} calls {@link io.pagewalk.kernel.vma.KsmOps}, {@code migrate} walks
 * {@link io.pagewalk.kernel.rmap.KsmRmap}.
 */
@NullMarked
package io.pagewalk.kernel.ksm;

import org.jspecify.annotations.NullMarked;
