/**
 * Memory policies and how they choose nodes: the part of {@code mm/mempolicy.c} that allocations go through.
 *
 * <p>A {@link io.pagewalk.kernel.numa.Mempolicy} belongs to a task ({@link io.pagewalk.kernel.numa.TaskPolicy}), to an area, or to a range of a file in memory
 * ({@link io.pagewalk.kernel.numa.SharedPolicy}); {@link io.pagewalk.kernel.numa.PolicyAllocator} serves requests by it. The calls that set and ask policies lie far
 * above, in {@code kernel.mempolicy}. Neighbours: {@code buddy} below; {@code vma}, {@code rmap} and {@code filemap} above.
 *
 * <p>Differs from Linux: there are no cpusets, so every node with memory is allowed; automatic NUMA balancing is off, as at boot of a kernel without
 * {@code CONFIG_NUMA_BALANCING_DEFAULT_ENABLED}; policies themselves take no slab memory; and {@code vmalloc()} ignores the task's policy.
 */
@NullMarked
package io.pagewalk.kernel.numa;

import org.jspecify.annotations.NullMarked;
