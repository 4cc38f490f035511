/**
 * The address space of a process: {@code struct mm_struct} and {@code struct vm_area_struct}, and every call that changes the set of areas.
 *
 * <p>Models {@code mm/vma.c}, {@code mm/mmap.c}, {@code mm/mremap.c}, {@code mm/mprotect.c}, {@code mm/madvise.c}, {@code mm/mlock.c},
 * {@code mm/mincore.c}, {@code mm/msync.c}, {@code mm/util.c} (overcommit) and {@code arch/x86/mm/mmap.c} (where mappings go).
 *
 * <p>One file an operation: {@link io.pagewalk.kernel.vma.Mmap}, {@link io.pagewalk.kernel.vma.Munmap}, {@link io.pagewalk.kernel.vma.Brk} and so on,
 * all over {@link io.pagewalk.kernel.vma.VmaTree}. The package knows no page tables, no files and no reverse map: it reaches them by
 * {@link io.pagewalk.kernel.vma.PageTableOps}, {@link io.pagewalk.kernel.vma.MappedFile} and {@link io.pagewalk.kernel.vma.AnonVmaOps}, which higher packages implement.
 *
 * <p>Differs from Linux: there is one thread a machine, so there is no mmap lock, no per-VMA lock and no RCU; memory for the areas themselves never runs out.
 */
@NullMarked
package io.pagewalk.kernel.vma;

import org.jspecify.annotations.NullMarked;
