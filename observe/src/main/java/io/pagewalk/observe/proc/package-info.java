/**
 * The files of {@code /proc}, byte for byte in the format of Linux 6.18: {@code fs/proc/meminfo.c}, {@code mm/vmstat.c}, {@code kernel/resource.c},
 * {@code fs/proc/task_mmu.c}, {@code fs/proc/array.c}.
 *
 * <p>Each class prints one file out of the kernel's state and keeps none of its own. Fields of what is not modelled are printed as Linux prints them on a
 * machine that does not use it, mostly 0.
 */
@NullMarked
package io.pagewalk.observe.proc;

import org.jspecify.annotations.NullMarked;
