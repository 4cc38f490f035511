package io.pagewalk.kernel.devres;

import io.pagewalk.kernel.io.CacheMode;
import io.pagewalk.kernel.io.Ioremap;
import io.pagewalk.kernel.io.Resource;
import io.pagewalk.kernel.io.ResourceTree;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.syscall.Errno;
import org.jspecify.annotations.Nullable;

/** Ports, physical addresses and mappings that go with the driver: {@code lib/devres.c} and the managed part of {@code kernel/resource.c}. */
public final class ManagedIo {
    /** {@code sizeof(struct region_devres)} on 64-bit. */
    private static final int REGION_BYTES = 24;

    private static final int POINTER_BYTES = 8;

    private final Device device;
    private final DevresServices services;

    private record Region(boolean isMemory, long start, long size) {}

    ManagedIo(Device device, DevresServices services) {
        this.device = device;
        this.services = services;
    }

    /**
     * Takes ports: {@code devm_request_region()}.
     *
     * @param start first port
     * @param count how many, at least 1
     * @param name who asks
     * @return the region, or null
     */
    public @Nullable Resource requestRegion(long start, long count, String name) {
        return request(new Region(false, start, count), name);
    }

    /**
     * Gives ports back early: {@code devm_release_region()}.
     *
     * @param start first port
     * @param count how many
     */
    public void releaseRegion(long start, long count) {
        release(new Region(false, start, count));
    }

    /**
     * Takes physical addresses: {@code devm_request_mem_region()}.
     *
     * @param start first address
     * @param size bytes, at least 1
     * @param name who asks
     * @return the region, or null
     */
    public @Nullable Resource requestMemRegion(long start, long size, String name) {
        return request(new Region(true, start, size), name);
    }

    /**
     * Gives physical addresses back early: {@code devm_release_mem_region()}.
     *
     * @param start first address
     * @param size bytes
     */
    public void releaseMemRegion(long start, long size) {
        release(new Region(true, start, size));
    }

    private ResourceTree treeOf(Region region) {
        return region.isMemory()
                ? services.resources().iomem()
                : services.resources().ioports();
    }

    private @Nullable Resource request(Region region, String name) {
        long object = device.devres().allocate(REGION_BYTES, Gfp.GFP_KERNEL);
        if (object == 0) {
            return null;
        }
        ResourceTree tree = treeOf(region);
        Resource result = tree.requestRegion(region.start(), region.size(), name, 0);
        if (result == null) {
            device.devres().free(object);
            return null;
        }
        device.devres()
                .add(Devres.Kind.REGION, region, object, () -> tree.releaseRegion(region.start(), region.size()));
        return result;
    }

    private void release(Region region) {
        treeOf(region).releaseRegion(region.start(), region.size());
        if (device.devres().remove(Devres.Kind.REGION, region) == null) {
            services.log().accept("WARNING: at kernel/resource.c __devm_release_region()");
        }
    }

    /**
     * Maps registers, uncached: {@code devm_ioremap()}.
     *
     * @param paddr first address
     * @param bytes length, at least 1
     * @return kernel address, or {@link Ioremap#NULL}
     */
    public long ioremap(long paddr, long bytes) {
        return map(paddr, bytes, CacheMode.UNCACHED_MINUS);
    }

    /**
     * Maps strongly uncached: {@code devm_ioremap_uc()}.
     *
     * @param paddr first address
     * @param bytes length, at least 1
     * @return kernel address, or {@link Ioremap#NULL}
     */
    public long ioremapUc(long paddr, long bytes) {
        return map(paddr, bytes, CacheMode.UNCACHED);
    }

    /**
     * Maps write-combining: {@code devm_ioremap_wc()}.
     *
     * @param paddr first address
     * @param bytes length, at least 1
     * @return kernel address, or {@link Ioremap#NULL}
     */
    public long ioremapWc(long paddr, long bytes) {
        return map(paddr, bytes, CacheMode.WRITE_COMBINING);
    }

    private long map(long paddr, long bytes, CacheMode mode) {
        long object = device.devres().allocate(POINTER_BYTES, Gfp.GFP_KERNEL);
        if (object == 0) {
            return Ioremap.NULL;
        }
        long vaddr = services.ioremap().map(paddr, bytes, mode, "__devm_ioremap");
        if (vaddr == Ioremap.NULL) {
            device.devres().free(object);
            return Ioremap.NULL;
        }
        device.devres()
                .add(
                        Devres.Kind.MAPPING,
                        vaddr,
                        object,
                        () -> services.ioremap().iounmap(vaddr));
        return vaddr;
    }

    /**
     * Takes a mapping back early: {@code devm_iounmap()}. An address that the device has not mapped leaves warnings.
     *
     * @param vaddr what a mapping returned
     */
    public void iounmap(long vaddr) {
        if (device.devres().remove(Devres.Kind.MAPPING, vaddr) == null) {
            services.log().accept("WARNING: at lib/devres.c devm_iounmap()");
        }
        services.ioremap().iounmap(vaddr);
    }

    /**
     * Takes and maps a device's resource, uncached: {@code devm_ioremap_resource()}.
     *
     * @param resource what to map, or null
     * @return kernel address; or {@code -EINVAL} for what is no memory, {@code -EBUSY} when somebody has it, {@code -ENOMEM}
     */
    public long ioremapResource(@Nullable Resource resource) {
        return mapResource(resource, CacheMode.UNCACHED_MINUS);
    }

    /**
     * Takes and maps a device's resource, write-combining: {@code devm_ioremap_resource_wc()}.
     *
     * @param resource what to map, or null
     * @return as {@link #ioremapResource}
     */
    public long ioremapResourceWc(@Nullable Resource resource) {
        return mapResource(resource, CacheMode.WRITE_COMBINING);
    }

    private long mapResource(@Nullable Resource resource, CacheMode mode) {
        if (resource == null || resource.type() != Resource.MEM) {
            String what = resource == null ? "(null)" : resource.toString();
            device.print("error -EINVAL: invalid resource " + what);
            return -Errno.EINVAL;
        }
        String name = resource.name() == null ? device.name() : device.name() + " " + resource.name();
        if (device.memory().kmalloc(name.length() + 1L, Gfp.GFP_KERNEL) == 0) {
            return -Errno.ENOMEM;
        }
        if (requestMemRegion(resource.start(), resource.size(), name) == null) {
            device.print("error -EBUSY: can't request region for resource " + resource);
            return -Errno.EBUSY;
        }
        long vaddr = map(resource.start(), resource.size(), mode);
        if (vaddr == Ioremap.NULL) {
            releaseMemRegion(resource.start(), resource.size());
            return -Errno.ENOMEM;
        }
        return vaddr;
    }
}
