package io.pagewalk.kernel.hugetlb;

import io.pagewalk.base.Digest;
import io.pagewalk.base.Violations;
import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.kernel.fault.FaultHandler;
import io.pagewalk.kernel.fault.FaultTask;
import io.pagewalk.kernel.fault.HugeEntries;
import io.pagewalk.kernel.fault.HugetlbFills;
import io.pagewalk.kernel.fault.KernelTables;
import io.pagewalk.kernel.fault.TlbFlusher;
import io.pagewalk.kernel.filemap.FileSystem;
import io.pagewalk.kernel.filemap.Inode;
import io.pagewalk.kernel.filemap.OpenFile;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.rmap.AnonVmas;
import io.pagewalk.kernel.time.CostModel;
import io.pagewalk.kernel.time.TimeAccount;
import io.pagewalk.kernel.vma.HugetlbFileSource;
import io.pagewalk.kernel.vma.MappedFile;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.PageTableOps;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** The huge pages of one machine: pools, mounts, files and the areas that map them. */
public final class Hugetlb implements HugetlbFileSource {
    /** Permission bits of files that calls make: {@code S_IRWXUGO}. */
    private static final int ALL_RIGHTS = 0777;

    /** Minor number of the kernel's own mount of the default size; those of other sizes follow. */
    private static final int KERNEL_MOUNT_MINOR = 0x11;

    private static final int FIRST_MOUNT_MINOR = 0x80;
    private static final String ANONYMOUS_NAME = "/anon_hugepage";

    private final HugePools pools;
    private final FileSystem files;
    private final HugeFolios folios;
    private final HugetlbTables tables;
    private final HugetlbFaults faults;
    private final HugetlbMigration migration;
    private final List<HugetlbMount> kernelMounts = new ArrayList<>();
    private final List<HugetlbMount> mounts = new ArrayList<>();

    /**
     * What the package needs of a machine.
     *
     * @param kernel page tables
     * @param files all files
     * @param anonVmas the reverse map
     * @param flusher flushes TLBs
     * @param time the clock
     * @param costs what clearing and copying costs
     * @param log receives the kernel's messages
     */
    public record Machine(
            KernelTables kernel,
            FileSystem files,
            AnonVmas anonVmas,
            TlbFlusher flusher,
            TimeAccount time,
            CostModel costs,
            Consumer<String> log) {}

    /**
     * Sets up the kernel's own mounts: {@code init_hugetlbfs_fs()}.
     *
     * @param machine the machine
     * @param pools its pools
     */
    public Hugetlb(Machine machine, HugePools pools) {
        this.pools = pools;
        this.files = machine.files();
        this.folios = new HugeFolios(
                pools, machine.kernel().folios(), machine.kernel().memory(), machine.time(), machine.costs());
        this.tables = new HugetlbTables(new HugeEntries(machine.kernel()), folios, machine.flusher());
        this.faults = new HugetlbFaults(tables, machine.anonVmas(), machine.log());
        this.migration = new HugetlbMigration(tables, pools, machine.anonVmas());
        kernelMounts.add(mountOf(pools.defaultPool()));
        for (HugePool pool : pools.all()) {
            if (pool != pools.defaultPool()) {
                kernelMounts.add(mountOf(pool));
            }
        }
    }

    private HugetlbMount mountOf(HugePool pool) {
        return new HugetlbMount("", KERNEL_MOUNT_MINOR + kernelMounts.size(), pool, null, -1);
    }

    /**
     * Puts itself between the calls and the page tables of small pages.
     *
     * @param small what calls do to small pages
     * @param handler the fault handler, which sends faults in these areas here
     * @param current the running task
     * @return what calls do to all pages
     */
    public PageTableOps wire(PageTableOps small, FaultHandler handler, Supplier<FaultTask> current) {
        handler.setHugetlb(faults);
        return new HugetlbTableOps(tables, small, handler, current);
    }

    /** Returns what moves pages of pools. */
    public HugetlbMigration migration() {
        return migration;
    }

    /** Returns what userfaultfd does to places of hugetlbfs. */
    public HugetlbFills fills() {
        return new HugetlbUserfaults(tables);
    }

    /** Returns the pools. */
    public HugePools pools() {
        return pools;
    }

    @Override
    public long pageBytes(int shift) {
        HugePool pool = pools.ofShift(shift);
        return pool == null ? 0 : pool.pageBytes();
    }

    @Override
    public @Nullable MappedFile create(long sizeBytes, int shift) {
        return setup(ANONYMOUS_NAME, sizeBytes, VmaFlags.VM_NORESERVE, shift);
    }

    /**
     * Makes a file without a name: {@code hugetlb_file_setup()}.
     *
     * @param name what maps shows
     * @param sizeBytes its length, a multiple of the page size
     * @param vmFlags with {@code VM_NORESERVE} no pages are promised now
     * @param shift size of its pages, for which {@link #pageBytes} is not 0
     * @return the file with one reference, or null when the pages cannot be promised
     */
    public @Nullable OpenFile setup(String name, long sizeBytes, long vmFlags, int shift) {
        HugePool pool = pools.ofShift(shift);
        for (HugetlbMount mount : kernelMounts) {
            if (mount.pool() == pool) {
                return make(mount, name, sizeBytes, vmFlags);
            }
        }
        return null;
    }

    private @Nullable OpenFile make(HugetlbMount mount, String name, long sizeBytes, long vmFlags) {
        HugetlbInode info = new HugetlbInode(mount, tables, ALL_RIGHTS);
        Inode inode = files.makeHugetlb(name, mount.takeInode(), mount.deviceMinor(), info, FileSystem.Naming.UNLINKED);
        adopt(info, inode);
        inode.setSizeBytes(sizeBytes);
        OpenFile file = files.open(inode, OpenFile.O_RDWR);
        if (!Reservations.reserve(info, 0, sizeBytes >>> mount.pool().shift(), null, vmFlags)) {
            file.put();
            return null;
        }
        return file;
    }

    private void adopt(HugetlbInode info, Inode inode) {
        info.setInode(inode);
        tables.remember(info);
    }

    /**
     * Makes the file of a segment: its pages are promised now and not by each attachment.
     *
     * @param name what maps shows
     * @param sizeBytes its length, a multiple of the page size
     * @param vmFlags with {@code VM_NORESERVE} no pages are promised
     * @param shift size of its pages
     * @return the file with one reference, or null when the pages cannot be promised
     */
    public @Nullable OpenFile setupSegment(String name, long sizeBytes, long vmFlags, int shift) {
        OpenFile file = setup(name, sizeBytes, vmFlags, shift);
        if (file != null && file.inodeObject().hugetlb() instanceof HugetlbInode info) {
            info.markSegment();
        }
        return file;
    }

    /**
     * Returns what a file of huge pages is more than others.
     *
     * @param file any open file
     * @return its inode, or null for other files
     */
    public static @Nullable HugetlbInode inodeOf(OpenFile file) {
        return file.inodeObject().hugetlb() instanceof HugetlbInode info ? info : null;
    }

    /**
     * Mounts a hugetlbfs: {@code mount -t hugetlbfs}.
     *
     * @param path where, without a slash at the end
     * @param pageBytes size of its pages, 0 for the default
     * @param maxBytes {@code size=}, or -1
     * @param minBytes {@code min_size=}, or -1
     * @param maxInodes {@code nr_inodes=}, the root included, or -1
     * @return the mount, or null: a page size that does not exist, a least size above the largest, or pages that cannot be promised
     */
    public @Nullable HugetlbMount mount(String path, long pageBytes, long maxBytes, long minBytes, long maxInodes) {
        HugePool pool = pageBytes == 0 ? pools.defaultPool() : pools.ofShift(Long.numberOfTrailingZeros(pageBytes));
        if (pool == null || (pageBytes != 0 && pool.pageBytes() != pageBytes)) {
            return null;
        }
        long max = maxBytes < 0 ? Subpool.NO_LIMIT : maxBytes >>> pool.shift();
        long min = minBytes < 0 ? Subpool.NO_LIMIT : minBytes >>> pool.shift();
        if (max != Subpool.NO_LIMIT && min > max) {
            return null;
        }
        Subpool subpool = null;
        if (max != Subpool.NO_LIMIT || min != Subpool.NO_LIMIT) {
            subpool = Subpool.make(pool, max, min);
            if (subpool == null) {
                return null;
            }
        }
        HugetlbMount mount = new HugetlbMount(path, FIRST_MOUNT_MINOR + mounts.size(), pool, subpool, maxInodes);
        mounts.add(mount);
        return mount;
    }

    /**
     * Takes a mount away; its files must be gone ({@code hugetlbfs_put_super()}).
     *
     * @param mount a mount of {@link #mount}
     */
    public void unmount(HugetlbMount mount) {
        mounts.remove(mount);
        Subpool subpool = mount.subpool();
        if (subpool != null) {
            subpool.unmount();
        }
    }

    /**
     * Finds the mount that a path lies on.
     *
     * @param path absolute path
     * @return the mount, or null
     */
    public @Nullable HugetlbMount mountOf(String path) {
        for (HugetlbMount mount : mounts) {
            if (path.equals(mount.path()) || path.startsWith(mount.path() + "/")) {
                return mount;
            }
        }
        return null;
    }

    /**
     * Makes a file with a name: {@code hugetlbfs_create()}.
     *
     * @param mount where
     * @param path its path, not yet known
     * @param mode permission bits
     * @return its inode, or null when the mount has no room for inodes ({@code ENOSPC})
     */
    public @Nullable Inode createFile(HugetlbMount mount, String path, int mode) {
        long number = mount.takeInode();
        if (number < 0) {
            return null;
        }
        HugetlbInode info = new HugetlbInode(mount, tables, mode);
        Inode inode = files.makeHugetlb(path, number, mount.deviceMinor(), info, FileSystem.Naming.LINKED);
        adopt(info, inode);
        return inode;
    }

    /**
     * Copies the entries of an area for fork: {@code copy_hugetlb_page_range()}.
     *
     * @param child the copy of the area
     * @param parent an area of hugetlbfs
     * @return 0, {@code -ENOMEM}, or {@code -ENOSPC} when a pinned page cannot be copied
     */
    public long copy(Vma child, Vma parent) {
        return tables.copy(child, parent);
    }

    /**
     * Returns how much memory in huge pages an address space maps: {@code mm->hugetlb_usage}.
     *
     * @param mm the address space
     * @return small pages
     */
    public long mappedPages(Mm mm) {
        long pages = 0;
        for (Vma vma : mm.vmas()) {
            if (vma.has(VmaFlags.VM_HUGETLB)) {
                pages += tables.mapped(vma) * (vma.kernelPageBytes() >>> 12);
            }
        }
        return pages;
    }

    /**
     * Checks pools, files and the counts of every page in use.
     *
     * @param spaces all address spaces
     * @param held references of a page that kernel code holds
     * @param out receives what is broken
     */
    public void verify(List<Mm> spaces, Map<Long, Integer> held, Violations out) {
        pools.verify(out);
        MemMap memmap = folios.memmap();
        Map<Long, Integer> mappings = new HashMap<>();
        Map<Long, Integer> cached = new HashMap<>();
        for (Mm mm : spaces) {
            for (Vma vma : mm.vmas()) {
                if (vma.has(VmaFlags.VM_HUGETLB)) {
                    count(vma, mappings, out);
                }
            }
        }
        for (HugetlbInode inode : tables.inodes()) {
            inode.cached().values().forEach(head -> cached.merge(head, 1, Integer::sum));
            inode.cached()
                    .forEach((index, head) -> out.expectEqual(
                            "huge page " + index, "mapping == inode", memmap.mapping(head), inode.id()));
            Subpool subpool = inode.subpool();
            if (subpool != null) {
                subpool.verify("mount " + inode.mount().path(), out);
            }
        }
        Set<Long> used = new HashSet<>(mappings.keySet());
        used.addAll(cached.keySet());
        held.keySet().stream()
                .filter(head -> memmap.owner(head) == FrameOwner.HUGETLB)
                .forEach(used::add);
        for (HugePool pool : pools.all()) {
            long inUse =
                    used.stream().filter(head -> pools.poolOf(head) == pool).count();
            out.expectEqual(
                    "pool of order " + pool.order(), "pages - free == pages in use", pool.pages() - pool.free(), inUse);
        }
        mappings.forEach((head, count) -> {
            String where = "huge page " + head;
            int references = count + cached.getOrDefault(head, 0) + held.getOrDefault(head, 0);
            out.expectEqual(
                    where, "mapcount == entries", folios.folios().large().mapcount(head), count);
            out.expectEqual(where, "refcount == entries + file", memmap.refcount(head), references);
        });
    }

    private void count(Vma vma, Map<Long, Integer> mappings, Violations out) {
        int level = tables.levelOf(vma);
        for (long vaddr = vma.start(); vaddr < vma.end(); vaddr += vma.kernelPageBytes()) {
            long entry = tables.entries().get(vma.mm(), vaddr, level);
            if (!HugetlbTables.isPage(entry)) {
                continue;
            }
            long head = tables.entries().pfn(entry, level);
            mappings.merge(head, 1, Integer::sum);
            boolean isWritable = (tables.entries().flags(entry, level) & PteFlags.WRITE) != 0;
            if (isWritable && (tables.entries().flags(entry, level) & PteFlags.UFFD_WP) != 0) {
                out.add("huge page " + head, "is writable although stores are to be told in " + vma);
            }
            if (isWritable && folios.isAnon(head) && !folios.memmap().hasFlags(head, PageFlags.ANON_EXCLUSIVE)) {
                out.add("huge page " + head, "is shared and writable in " + vma);
            }
        }
    }

    /**
     * Adds pools and files.
     *
     * @param digest where to
     */
    public void addToDigest(Digest digest) {
        pools.addToDigest(digest);
        tables.inodes().forEach(inode -> inode.addToDigest(digest));
    }
}
