/**
 * Addresses for frames that are not in the direct map: the persistent pool ({@code kmap()}) and the per-CPU slots ({@code kmap_local_page()}).
 *
 * <p>Models {@code mm/highmem.c} and {@code arch/x86/mm/highmem_32.c}. On machines whose direct map holds all RAM both give the address there. Neighbours: {@code vmalloc} below.
 */
@NullMarked
package io.pagewalk.kernel.highmem;

import org.jspecify.annotations.NullMarked;
