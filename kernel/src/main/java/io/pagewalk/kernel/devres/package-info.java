/**
 * Devices, their drivers, and the resources that a driver takes for as long as it is bound.
 *
 * <p>Models {@code drivers/base/devres.c} (the list of resources of a device, groups, actions, managed memory and pages), {@code lib/devres.c} (managed mappings),
 * the managed part of {@code kernel/resource.c} (regions), and of {@code drivers/base/dd.c} and {@code driver.c} how a driver meets a device: probe, failure, detach.
 *
 * <pre>
 *   probe takes:     kmalloc | mem_region | ioremap | action        a list in the order of taking
 *   detach releases: action | ioremap | mem_region | kmalloc        backwards, and so does a probe that fails in the middle
 * </pre>
 *
 * <p>Simplified: one list of drivers for all buses; no deferred probing, power management, links between devices or sysfs; the bytes that carry the list in kernel memory are
 * allocated and freed, the links themselves are Java objects. Neighbours: {@code io} below provides regions and mappings, {@code drivers} above uses this package.
 */
@NullMarked
package io.pagewalk.kernel.devres;

import org.jspecify.annotations.NullMarked;
