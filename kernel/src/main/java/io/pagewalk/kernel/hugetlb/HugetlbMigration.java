package io.pagewalk.kernel.hugetlb;

import io.pagewalk.base.KernelBug;
import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.kernel.fault.HugeEntries;
import io.pagewalk.kernel.numa.Nodemask;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.rmap.AnonVmas;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Moves pages of pools to other frames: {@code mm/migrate.c:unmap_and_move_huge_page()} and {@code mm/hugetlb.c:move_hugetlb_state()}. */
public final class HugetlbMigration {
    /** What came of a page. */
    public enum Outcome {
        /** It lies somewhere else now. */
        MOVED,
        /** Somebody else refers to it; it is still isolated. */
        FAILED,
        /** There was no page to move it to; it is still isolated. */
        NO_MEMORY
    }

    private final HugetlbTables tables;
    private final HugeEntries entries;
    private final HugeFolios folios;
    private final HugePools pools;
    private final AnonVmas anonVmas;
    private final MemMap memmap;
    private final Set<Long> isolated = new HashSet<>();

    HugetlbMigration(HugetlbTables tables, HugePools pools, AnonVmas anonVmas) {
        this.tables = tables;
        this.entries = tables.entries();
        this.folios = tables.folios();
        this.pools = pools;
        this.anonVmas = anonVmas;
        this.memmap = folios.memmap();
    }

    /**
     * Returns whether a page belongs to a pool: {@code folio_test_hugetlb()}.
     *
     * @param pfn a frame
     */
    public boolean isPoolPage(long pfn) {
        return memmap.owner(pfn) == FrameOwner.HUGETLB;
    }

    /**
     * Returns whether more than one entry maps a page of a pool: {@code folio_maybe_mapped_shared()}.
     *
     * @param head its first frame
     */
    public boolean isMappedShared(long head) {
        return folios.folios().large().mapcount(head) > 1;
    }

    /**
     * Takes a page for migration: {@code isolate_hugetlb()}.
     *
     * @param head its first frame
     * @return false when somebody has it already
     */
    public boolean isolate(long head) {
        boolean isFirst = isolated.add(head);
        if (isFirst) {
            memmap.get(head);
        }
        return isFirst;
    }

    /**
     * Lets a page go that was isolated: {@code folio_putback_hugetlb()}.
     *
     * @param head its first frame
     */
    public void putBack(long head) {
        KernelBug.on(!isolated.remove(head), "huge page " + head + " is put back without having been taken");
        folios.put(head);
    }

    /**
     * Moves an isolated page.
     *
     * @param from its first frame
     * @param node where to
     * @param allowed the nodes that pages of the pool may lie on, null for all
     * @param isFixed whether a page that the pool has not can come from this node only
     * @return what came of it; a page that was moved is no longer isolated
     */
    public Outcome migrate(long from, int node, @Nullable Nodemask allowed, boolean isFixed) {
        HugePool pool = pools.poolOf(from);
        long to = pool.takeTemporary(node, allowed, isFixed);
        if (to < 0) {
            return Outcome.NO_MEMORY;
        }
        HugetlbInode inode = folios.isAnon(from) ? null : fileOf(from);
        int references = folios.folios().large().mapcount(from) + (inode == null ? 0 : 1) + 1;
        if (memmap.refcount(from) != references || (inode == null && folios.countsForMount(from))) {
            folios.put(to);
            return Outcome.FAILED;
        }
        folios.become(from, to, pool.order());
        long index = memmap.index(from);
        List<Vma> areas = inode == null
                ? anonVmas.areasOf(-memmap.mapping(from))
                : inode.inode().mappings();
        for (Vma vma : areas) {
            redirect(vma, index, from, to);
        }
        KernelBug.on(folios.folios().large().mapcount(from) != 0, "huge page " + from + " is mapped by nobody");
        if (inode != null) {
            memmap.get(to);
            inode.put(index >>> pool.order(), to);
            folios.put(from);
        }
        pool.replaced(from, to);
        putBack(from);
        folios.put(to);
        return Outcome.MOVED;
    }

    private HugetlbInode fileOf(long head) {
        int id = memmap.mapping(head);
        for (HugetlbInode inode : tables.inodes()) {
            if (inode.id() == id) {
                return inode;
            }
        }
        throw new KernelBug("huge page " + head + " belongs to a file that is gone");
    }

    private void redirect(Vma vma, long index, long from, long to) {
        long place = index - vma.pgoff();
        if (!vma.has(VmaFlags.VM_HUGETLB) || place < 0 || place >= vma.pages()) {
            return;
        }
        Mm mm = vma.mm();
        long vaddr = vma.start() + (place << 12);
        int level = tables.levelOf(vma);
        long entry = entries.get(mm, vaddr, level);
        if (!HugetlbTables.isPage(entry) || entries.pfn(entry, level) != from) {
            return;
        }
        int flags = entries.flags(entry, level);
        if ((flags & PteFlags.DIRTY) != 0) {
            memmap.setFlags(to, PageFlags.DIRTY);
        }
        entries.set(mm, vaddr, level, entries.leaf(to, flags, level));
        tables.flusher().flushRange(mm, vaddr, vaddr + vma.kernelPageBytes(), false);
        folios.removeMapping(from, mm);
        folios.addMapping(to, mm);
        folios.put(from);
    }
}
