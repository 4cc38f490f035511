package io.pagewalk.kernel.io;

import io.pagewalk.base.Bits;
import io.pagewalk.base.Digest;
import io.pagewalk.base.KernelBug;
import io.pagewalk.base.Violations;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.syscall.Errno;
import java.util.Locale;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * One tree of resources: {@code ioport_resource} or {@code iomem_resource} with the operations of {@code kernel/resource.c}.
 *
 * <p>A driver that wants a range for itself requests a <em>region</em>, which becomes a busy leaf; firmware, buses and boot code <em>insert</em> resources, which may take
 * others in.
 *
 * <p>Differs from Linux: nobody sleeps here, so a muxed region that is taken is refused at once where Linux waits for its owner.
 */
public final class ResourceTree {
    /** {@code sizeof(struct resource)} on 64-bit. */
    public static final int RESOURCE_BYTES = 64;

    /** Visits resources of a tree. */
    @FunctionalInterface
    public interface Visitor {
        /**
         * One resource.
         *
         * @param resource which
         * @param depth 0 for those right below the root
         */
        void visit(Resource resource, int depth);
    }

    private final Resource root;
    private final ObjectAllocator objects;
    private final Consumer<String> log;
    private int regions;

    /**
     * Creates an empty tree.
     *
     * @param name name of the root
     * @param end last address or port
     * @param type {@link Resource#IO} or {@link Resource#MEM}
     * @param objects where {@code struct resource} of regions comes from
     * @param log receives lines of the kernel's log
     */
    public ResourceTree(String name, long end, int type, ObjectAllocator objects, Consumer<String> log) {
        this.root = new Resource(name, 0, end, type);
        this.objects = objects;
        this.log = log;
    }

    /** Returns the root. */
    public Resource root() {
        return root;
    }

    /**
     * Puts a resource right below another one: {@code request_resource()}.
     *
     * @param parent where
     * @param added which, in no tree
     * @return 0, or {@code -EBUSY} when something overlaps it or it does not fit
     */
    public int requestResource(Resource parent, Resource added) {
        return requestConflict(parent, added) == null ? 0 : -Errno.EBUSY;
    }

    /** {@code __request_resource()}: returns what is in the way, the parent itself when the range does not lie in it, null when it worked. */
    private static @Nullable Resource requestConflict(Resource parent, Resource added) {
        if (added.end() < added.start() || added.start() < parent.start() || added.end() > parent.end()) {
            return parent;
        }
        Resource before = null;
        Resource next = parent.child;
        while (next != null && next.end() < added.start()) {
            before = next;
            next = next.sibling;
        }
        if (next != null && next.start() <= added.end()) {
            return next;
        }
        added.sibling = next;
        added.parent = parent;
        if (before == null) {
            parent.child = added;
        } else {
            before.sibling = added;
        }
        return null;
    }

    /**
     * Puts a resource into the tree and takes in those that lie wholly inside it: {@code insert_resource()}.
     *
     * @param added which, in no tree
     * @return 0, or {@code -EBUSY} when it overlaps something in part or equals a root
     */
    public int insertResource(Resource added) {
        return insertConflict(root, added) == null ? 0 : -Errno.EBUSY;
    }

    /**
     * Puts a resource into the tree, making it larger until it holds what it overlaps: {@code insert_resource_expand_to_fit()}.
     *
     * @param added which, in no tree
     */
    public void insertExpanding(Resource added) {
        Resource conflict = insertConflict(root, added);
        while (conflict != null && conflict != root) {
            added.setRange(Math.min(conflict.start(), added.start()), Math.max(conflict.end(), added.end()));
            log.accept("Expanded resource " + added.name() + " due to conflict with " + conflict.name());
            conflict = insertConflict(root, added);
        }
    }

    private static @Nullable Resource insertConflict(Resource top, Resource added) {
        Resource parent = top;
        Resource first;
        while (true) {
            first = requestConflict(parent, added);
            if (first == null || first == parent || first == added) {
                return first;
            }
            boolean isAround = first.start() <= added.start() && first.end() >= added.end();
            boolean isSame = first.start() == added.start() && first.end() == added.end();
            if (!isAround || isSame) {
                break;
            }
            parent = first;
        }
        Resource last = first;
        while (true) {
            if (last.start() < added.start() || last.end() > added.end()) {
                return last;
            }
            Resource after = last.sibling;
            if (after == null || after.start() > added.end()) {
                break;
            }
            last = after;
        }
        adopt(parent, added, first, last);
        return null;
    }

    /** Puts a resource between a parent and a run of its children. */
    private static void adopt(Resource parent, Resource added, Resource first, Resource last) {
        added.parent = parent;
        added.sibling = last.sibling;
        added.child = first;
        last.sibling = null;
        for (Resource each = first; each != null; each = each.sibling) {
            each.parent = added;
        }
        if (parent.child == first) {
            parent.child = added;
            return;
        }
        Resource before = parent.child;
        while (before != null && before.sibling != first) {
            before = before.sibling;
        }
        KernelBug.on(before == null, "a resource is missing among its siblings");
        if (before != null) {
            before.sibling = added;
        }
    }

    /**
     * Takes a resource with everything inside out of the tree: {@code release_resource()}.
     *
     * @param old which
     * @return 0, or {@code -EINVAL} when it is in no tree
     */
    public int releaseResource(Resource old) {
        return unlink(old, true);
    }

    /**
     * Takes a resource out of the tree and leaves what was inside in its place: {@code remove_resource()}.
     *
     * @param old which
     * @return 0, or {@code -EINVAL} when it is in no tree
     */
    public int removeResource(Resource old) {
        return unlink(old, false);
    }

    private static int unlink(Resource old, boolean withChildren) {
        Resource parent = old.parent;
        if (parent == null) {
            return -Errno.EINVAL;
        }
        Resource before = null;
        Resource at = parent.child;
        while (at != null && at != old) {
            before = at;
            at = at.sibling;
        }
        if (at == null) {
            return -Errno.EINVAL;
        }
        Resource follower = old.sibling;
        if (!withChildren && old.child != null) {
            Resource last = old.child;
            for (Resource each = old.child; each != null; each = each.sibling) {
                each.parent = parent;
                last = each;
            }
            last.sibling = follower;
            follower = old.child;
            old.child = null;
        }
        if (before == null) {
            parent.child = follower;
        } else {
            before.sibling = follower;
        }
        old.parent = null;
        old.sibling = null;
        return 0;
    }

    /**
     * Finds room in a resource and puts a new one there: {@code allocate_resource()}. The lowest place that fits is taken.
     *
     * @param parent where
     * @param added which, in no tree; its range is set
     * @param size bytes or ports
     * @param min lowest address allowed
     * @param max highest address allowed
     * @param align a power of two
     * @return 0, or {@code -EBUSY} when there is no room
     */
    public int allocateResource(Resource parent, Resource added, long size, long min, long max, long align) {
        long from = parent.start();
        Resource next = parent.child;
        while (true) {
            long to = next == null ? parent.end() : next.start() - 1;
            long low = Bits.roundUp(Math.max(from, min), align);
            long high = Math.min(to, max);
            if (from <= to && low >= from && low + size - 1 >= low && low + size - 1 <= high) {
                added.setRange(low, low + size - 1);
                return requestResource(parent, added);
            }
            if (next == null || next.end() == parent.end()) {
                return -Errno.EBUSY;
            }
            from = next.end() + 1;
            next = next.sibling;
        }
    }

    /**
     * Takes a range for a driver: {@code __request_region()}. It becomes a busy child of the innermost resource around it that nobody uses.
     *
     * @param start first address or port
     * @param size how many, at least 1
     * @param name who asks
     * @param flags {@link Resource#EXCLUSIVE}, {@link Resource#MUXED} or 0
     * @return the region, or null when something is in the way or there is no memory
     */
    public @Nullable Resource requestRegion(long start, long size, String name, int flags) {
        long object = objects.kmalloc(RESOURCE_BYTES, Gfp.GFP_KERNEL | Gfp.ZERO);
        if (object == 0) {
            return null;
        }
        Resource region = new Resource(name, start, start + size - 1, 0, object);
        Resource parent = root;
        while (true) {
            int inherited = parent.flags() & (Resource.TYPE_BITS | Resource.EXT_TYPE_BITS);
            region.setFlags(inherited | Resource.BUSY | flags);
            Resource conflict = requestConflict(parent, region);
            if (conflict == null) {
                regions++;
                return region;
            }
            if (conflict == parent || conflict.has(Resource.BUSY)) {
                objects.kfree(object);
                return null;
            }
            parent = conflict;
        }
    }

    /**
     * Gives a driver's range back: {@code __release_region()}. A range that is not exactly a busy region only leaves a line in the log.
     *
     * @param start first address or port
     * @param size how many
     */
    public void releaseRegion(long start, long size) {
        long end = start + size - 1;
        Resource at = root.child;
        while (at != null) {
            if (at.start() <= start && at.end() >= end) {
                if (!at.has(Resource.BUSY)) {
                    at = at.child;
                    continue;
                }
                if (at.start() != start || at.end() != end) {
                    break;
                }
                unlink(at, true);
                if (at.object() != 0) {
                    objects.kfree(at.object());
                    regions--;
                }
                return;
            }
            at = at.sibling;
        }
        // %pa prints 2 + 2 * sizeof(phys_addr_t) characters.
        log.accept(String.format(Locale.ROOT, "Trying to free nonexistent resource <0x%016x-0x%016x>", start, end));
    }

    /**
     * Warns when a mapping reaches over the border of a device's resource: {@code iomem_map_sanity_check()}.
     *
     * @param paddr first address
     * @param size bytes
     * @return whether it is sane
     */
    public boolean isSaneMapping(long paddr, long size) {
        long end = paddr + size - 1;
        Resource bad = firstCrossing(root.child, paddr, end);
        if (bad != null) {
            log.accept(String.format(
                    Locale.ROOT,
                    "resource sanity check: requesting [mem 0x%016x-0x%016x], which spans more than %s %s",
                    paddr,
                    end,
                    bad.name(),
                    bad));
        }
        return bad == null;
    }

    private static @Nullable Resource firstCrossing(@Nullable Resource first, long paddr, long end) {
        for (Resource at = first; at != null; at = at.sibling) {
            if (at.start() > end || at.end() < paddr) {
                continue;
            }
            boolean holds = at.start() >>> 12 <= paddr >>> 12 && at.end() >>> 12 >= end >>> 12;
            if (!holds && !at.has(Resource.BUSY)) {
                return at;
            }
            Resource inside = firstCrossing(at.child, paddr, end);
            if (inside != null) {
                return inside;
            }
        }
        return null;
    }

    /**
     * Returns whether a range touches RAM: {@code walk_mem_res()} with {@code IORESOURCE_SYSTEM_RAM}, without asking which pages are reserved.
     *
     * @param start first address
     * @param end last address
     */
    public boolean touchesRam(long start, long end) {
        return touches(root.child, start, end);
    }

    private static boolean touches(@Nullable Resource first, long start, long end) {
        for (Resource at = first; at != null && at.start() <= end; at = at.sibling) {
            if (at.end() >= start && (at.has(Resource.SYSTEM_RAM) || touches(at.child, start, end))) {
                return true;
            }
        }
        return false;
    }

    /**
     * Visits all resources below the root, parents before children, in ascending order: the lines of {@code /proc/iomem}.
     *
     * @param visitor told about each
     */
    public void forEach(Visitor visitor) {
        visit(root.child, 0, visitor);
    }

    private static void visit(@Nullable Resource first, int depth, Visitor visitor) {
        for (Resource at = first; at != null; at = at.sibling) {
            visitor.visit(at, depth);
            visit(at.child, depth + 1, visitor);
        }
    }

    /** Returns how many regions drivers hold now. */
    public int regions() {
        return regions;
    }

    /**
     * Adds all resources to a digest.
     *
     * @param digest where to
     */
    public void addToDigest(Digest digest) {
        forEach((resource, depth) -> {
            digest.add(depth);
            digest.add(resource.start());
            digest.add(resource.end());
            digest.add(resource.flags());
        });
    }

    /**
     * Checks {@code parent contains child}, {@code siblings ascend}, and the number of regions.
     *
     * @param out where violations go
     */
    public void verify(Violations out) {
        int[] found = new int[1];
        check(root, out);
        forEach((resource, depth) -> {
            check(resource, out);
            found[0] += resource.object() != 0 ? 1 : 0;
        });
        out.expectEqual("resources of " + root.name(), "regions == busy resources found", regions, found[0]);
    }

    private static void check(Resource parent, Violations out) {
        long end = parent.start() - 1;
        for (Resource at = parent.child; at != null; at = at.sibling) {
            if (at.parent != parent) {
                out.add("resource " + at, "hangs below " + parent + " but names " + at.parent);
            }
            if (at.start() <= end || at.end() < at.start() || at.end() > parent.end()) {
                out.add("resource " + at, "does not lie behind " + Bits.hex(end) + " in " + parent);
            }
            end = at.end();
        }
    }
}
