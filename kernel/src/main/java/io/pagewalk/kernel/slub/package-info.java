/**
 * Slab caches for the kernel's own objects: Linux's SLUB, {@code mm/slub.c}, with {@code mm/slab_common.c} (creation, merging, kmalloc caches, calls).
 *
 * <p>A {@link io.pagewalk.kernel.slub.KmemCache} carves blocks of frames into objects of one size; free objects are chained through a pointer inside themselves, in simulated memory. Each
 * CPU allocates from a slab of its own, keeps a few partly free ones beside it, and shares the rest through a list for each node.
 * {@link io.pagewalk.kernel.slub.SlabAllocator} has all caches of a kernel, the kmalloc caches among them.
 *
 * <p>Simplified: {@code struct slab} is a Java object beside {@code struct page} instead of laid over it; {@code struct kmem_cache}, its per-CPU and per-node parts are Java objects, their
 * memory is taken from the boot caches {@code kmem_cache} and {@code kmem_cache_node}. Not modelled: KASAN, KFENCE, kmemleak, {@code obj_exts} of memory cgroups, randomised kmalloc caches,
 * sysfs. RCU grace periods end at once.
 *
 * <p>Below: {@code buddy}, which provides the frames. Above: everything that allocates objects.
 */
@NullMarked
package io.pagewalk.kernel.slub;

import org.jspecify.annotations.NullMarked;
