package io.pagewalk.kernel.fault;

import io.pagewalk.kernel.filemap.FileSystem;
import io.pagewalk.kernel.filemap.Inode;
import io.pagewalk.kernel.huge.HugePagePolicy;
import io.pagewalk.kernel.huge.HugePageSettings;
import io.pagewalk.kernel.page.LargeFolios;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.rmap.AnonVmas;
import io.pagewalk.kernel.rmap.FolioSplit;
import io.pagewalk.kernel.rmap.Folios;
import io.pagewalk.kernel.rmap.HugePageStats;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.Vma;
import java.util.List;

/** Huge pages of a machine: which areas may have them, how they are mapped, and how they are split wherever that is ({@code mm/huge_memory.c}). */
public final class HugePages {
    private final PinnedCopies pinned;
    private final HugeMappings mappings;
    private final HugePagePolicy policy;
    private final HugePageStats stats;
    private boolean knowsContents = true;
    private final FolioSplit split;
    private final AnonVmas anonVmas;
    private final FileSystem files;
    private final LargeFolios large;
    private final MemMap memmap;

    /**
     * Creates it for one machine.
     *
     * @param kernel the kernel's tables
     * @param anonVmas the reverse map
     * @param files the page cache's files
     * @param settings which huge pages are switched on
     * @param flusher flushes TLBs
     */
    public HugePages(
            KernelTables kernel, AnonVmas anonVmas, FileSystem files, HugePageSettings settings, TlbFlusher flusher) {
        Folios folios = kernel.folios();
        this.pinned = new PinnedCopies(kernel, anonVmas);
        this.stats = folios.stats();
        this.mappings = new HugeMappings(kernel, flusher, pinned, settings);
        kernel.setHugeMappings(mappings);
        this.policy = new HugePagePolicy(settings);
        this.split = new FolioSplit(folios);
        this.anonVmas = anonVmas;
        this.files = files;
        this.large = folios.large();
        this.memmap = folios.memmap();
        files.cache().shmem().setHugePages(settings);
    }

    /** Says that programs store nothing, as in the replay of a trace: then no page is known to hold zeros only. */
    public void setContentsUnknown() {
        knowsContents = false;
    }

    HugeMappings mappings() {
        return mappings;
    }

    PinnedCopies pinned() {
        return pinned;
    }

    /** Returns which areas may have huge pages. */
    public HugePagePolicy policy() {
        return policy;
    }

    /**
     * Returns the flags of the entry that maps a huge page as a whole.
     *
     * @param mm an address space
     * @param vaddr where it may be mapped
     * @param head its first frame
     * @return bits of {@code PteFlags}, or -1 when no such entry maps it there
     */
    public int flagsOfMapping(Mm mm, long vaddr, long head) {
        return mappings.flagsOfMapping(mm, vaddr, head);
    }

    /**
     * Lets the entry that maps a huge page as a whole point to another one, with the same rights and marks: {@code remove_migration_pmd()}.
     *
     * @param mm an address space
     * @param vaddr where such an entry exists
     * @param head first frame of the other one
     */
    public void redirect(Mm mm, long vaddr, long head) {
        mappings.redirect(mm, vaddr, head);
    }

    /**
     * Makes single pages of a folio.
     *
     * @param head first frame of a large folio
     * @return whether it was split; it is not while somebody else refers to it ({@code -EAGAIN})
     */
    public boolean split(long head) {
        if (!split.canSplit(head)) {
            stats.countSplit(large.order(head), false);
            return false;
        }
        int mapping = memmap.mapping(head);
        Inode inode = mapping > 0 ? files.find(mapping) : null;
        if (inode != null) {
            return files.cache().splitToPages(inode, head);
        }
        List<Vma> areas = mapping < 0 ? anonVmas.areasOf(-mapping) : List.of();
        long index = memmap.index(head);
        int pages = large.pages(head);
        for (Vma vma : areas) {
            mappings.splitIfMapped(vma, index, head);
            mappings.beforeSplit(vma, index, head, pages);
        }
        split.toPages(head);
        for (Vma vma : areas) {
            mappings.afterSplit(vma, index, head, pages, knowsContents);
        }
        return true;
    }
}
