/**
 * Experiments with the kernel's allocators: the buddy system's splits and merges, a slab's objects, and large requests in memory that is scattered.
 *
 * <p>All of them drive the modelled kernel ({@code kernel.buddy}, {@code kernel.slub}, {@code kernel.system}) through its own calls and draw what its structures
 * then hold.
 */
@NullMarked
package io.pagewalk.lab.experiment.allocators;

import org.jspecify.annotations.NullMarked;
