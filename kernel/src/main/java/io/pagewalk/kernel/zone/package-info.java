/**
 * Nodes, zones, watermarks, zonelists and the counters of {@code /proc/vmstat}.
 *
 * <p>Models {@code include/linux/mmzone.h}, {@code vmstat.h}, {@code vm_event_item.h}, the arithmetic of {@code mm/page_alloc.c} that sizes
 * watermarks, reserves and per-CPU lists, and {@code mm/vmstat.c}. Simplified: counters are exact at once, without per-CPU differences that are
 * folded in later. Neighbours: {@code page} below; {@code buddy} keeps the free lists that stand in {@link io.pagewalk.kernel.zone.Zone}.
 */
@NullMarked
package io.pagewalk.kernel.zone;

import org.jspecify.annotations.NullMarked;
