package io.pagewalk.kernel.devres;

import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.io.IoResources;
import io.pagewalk.kernel.io.Ioremap;
import io.pagewalk.kernel.io.ObjectAllocator;
import java.util.function.Consumer;

/**
 * What managed resources are taken from.
 *
 * @param objects small kernel objects
 * @param pages whole pages
 * @param resources ports and physical addresses
 * @param ioremap mappings of device memory
 * @param log receives lines of the kernel's log
 */
public record DevresServices(
        ObjectAllocator objects, PageAllocator pages, IoResources resources, Ioremap ioremap, Consumer<String> log) {}
