/**
 * The kernel's own virtual memory: where its regions lie, the tables of {@code init_mm}, and the allocator of virtually contiguous areas.
 *
 * <pre>
 *   vmalloc()  --> VmapSpace: an address range out of the free tree (or a node's pool)
 *              --> PageAllocator: single frames, wherever they are
 *              --> InitMm: entries in the kernel's tables, which every process shares
 *   vfree()    --> entries cleared, frames freed, the range kept "lazy" until a purge has flushed the TLBs of all CPUs
 * </pre>
 *
 * <p>Models {@code mm/vmalloc.c}, the kernel part of {@code mm/memory.c}, {@code mm/percpu.c} as far as its memory goes, and {@code Documentation/arch/x86/x86_64/mm.rst}.
 * Simplified: no vm_map_ram blocks, no KASAN, no memory cgroups; the work queue that purges runs at once.
 * Neighbours: {@code buddy} and {@code slub} below; {@code highmem}, {@code io} and {@code fault} build on it. TLB flushes go up through {@link io.pagewalk.kernel.vmalloc.KernelTlb}.
 */
@NullMarked
package io.pagewalk.kernel.vmalloc;

import org.jspecify.annotations.NullMarked;
