/**
 * Simulated time by cause: what each event costs in nanoseconds, with the source of each number, and how much every cause has taken so far.
 *
 * <p>Simplified: costs are constants per event; contention and cache effects are not modelled. Neighbours: every package of the kernel that spends time.
 */
@NullMarked
package io.pagewalk.kernel.time;

import org.jspecify.annotations.NullMarked;
