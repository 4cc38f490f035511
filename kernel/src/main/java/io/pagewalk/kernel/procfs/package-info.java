/**
 * Files of {@code /proc} that programs read or steer as numbers rather than as text: {@code /proc/PID/pagemap} with {@code PAGEMAP_SCAN}, {@code clear_refs}, and
 * {@code PROCMAP_QUERY} on {@code maps} ({@code fs/proc/task_mmu.c}).
 *
 * <p>Simplified: there is no proc file system with directories and inodes; {@code open()} of one of these names makes a file with operations of its own. Texts
 * are printed by observers, outside of the kernel. Neighbours: {@code fault} has the walk, {@code system} finds processes.
 */
@NullMarked
package io.pagewalk.kernel.procfs;

import org.jspecify.annotations.NullMarked;
