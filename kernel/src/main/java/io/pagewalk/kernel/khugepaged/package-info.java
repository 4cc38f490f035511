/**
 * The kernel thread that makes huge pages of small ones ({@code mm/khugepaged.c}).
 *
 * <p>khugepaged keeps a list of the address spaces that may have huge pages. They come onto it by a fault that could have had one, by {@code MADV_HUGEPAGE}, by mapping a file in memory, by areas that merge, and by fork. It
 * sleeps ({@code scan_sleep_millisecs}), looks at so many pages ({@code pages_to_scan}), and goes on where it stopped; what it finds to be worth a huge page
 * {@link io.pagewalk.kernel.fault.Collapse} makes one, as it does for {@code MADV_COLLAPSE}. The settings and counters are files, {@link io.pagewalk.kernel.huge.HugePageFiles}.
 *
 * <p>Of files in memory it leaves mapping a huge page by one entry to faults, and takes away the table that is in the way.
 *
 * <p>Simplified: the thread runs when a system call begins and its time has come, on a CPU of its own as it were: what it does takes its own time, not the program's, but
 * flushing TLBs interrupts the program's CPUs. Entries of its list cost no kernel memory. mmap_lock is never held by others, so no address space is passed over.
 *
 * <p>Neighbours: {@code fault} has the page tables, {@code huge} the settings and the rule which areas qualify; {@code system} lets the thread run and tells it of forks and exits.
 */
@NullMarked
package io.pagewalk.kernel.khugepaged;

import org.jspecify.annotations.NullMarked;
