package io.pagewalk.kernel.vma;

import io.pagewalk.base.Bits;
import io.pagewalk.base.Digest;
import io.pagewalk.kernel.numa.Mempolicy;
import io.pagewalk.kernel.numa.SharedPolicy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One area of an address space: {@code struct vm_area_struct}, one line of {@code /proc/PID/maps}.
 *
 * <p>Its range changes only through {@link VmaTree}, which keeps a copy of it.
 *
 * <pre>
 *   start                                end
 *     |  page pgoff | pgoff+1 | ...       |      pgoff counts pages of the file; in a private
 *     +-----------------------------------+      anonymous area it is start / 4096 of the place
 *                                                where the area was first written
 * </pre>
 */
public final class Vma {
    /** Base-2 logarithm of the page size. */
    static final int PAGE_SHIFT = 12;

    private static final long[] NO_OBJECTS = {};

    private final Mm mm;
    private long start;
    private long end;
    private long flags;
    private long pgoff;
    private @Nullable MappedFile file;
    private @Nullable AnonVma anonVma;
    private @Nullable String name;
    private @Nullable String anonymousName;
    private @Nullable VmaOperations operations;
    private int cacheFlags;
    private @Nullable FrameTracking tracking;
    private @Nullable Object privateData;
    private @Nullable Mempolicy policy;
    private @Nullable UserfaultContext userfault;
    private final List<AnonVma> anonVmaChain = new ArrayList<>(1);
    private boolean attached;
    private boolean isAnonymousFile;
    private long kernelObject;
    private long[] chainObjects = NO_OBJECTS;

    /**
     * Creates an area that is not yet in a tree.
     *
     * @param mm its address space
     * @param start first address, page aligned
     * @param end first address behind it, page aligned, above {@code start}
     * @param flags {@link VmaFlags} bits
     * @param pgoff page offset in the file, or {@code start / 4096} of a new anonymous area
     * @param file the mapped file, or null for anonymous memory; the reference belongs to the area
     */
    public Vma(Mm mm, long start, long end, long flags, long pgoff, @Nullable MappedFile file) {
        this.mm = mm;
        this.start = start;
        this.end = end;
        this.flags = flags;
        this.pgoff = pgoff;
        this.file = file;
    }

    /** Returns the address space it belongs to. */
    public Mm mm() {
        return mm;
    }

    /** Returns its first address. */
    public long start() {
        return start;
    }

    /** Returns the first address behind it. */
    public long end() {
        return end;
    }

    /** Returns its length in bytes. */
    public long sizeBytes() {
        return end - start;
    }

    /** Returns its length in pages ({@code vma_pages()}). */
    public long pages() {
        return (end - start) >>> PAGE_SHIFT;
    }

    /** Returns its {@link VmaFlags} bits. */
    public long flags() {
        return flags;
    }

    /**
     * Replaces its {@link VmaFlags} bits; page tables and counters are the caller's affair.
     *
     * @param value the new bits
     */
    public void setFlags(long value) {
        flags = value;
    }

    /**
     * Gives it other flags but keeps those that stay for good, which it may have from a neighbour that was merged in.
     *
     * @param value the new bits
     */
    void replaceFlags(long value) {
        flags = value | (flags & VmaFlags.VM_IGNORE_MERGE);
    }

    /**
     * Returns whether a part may not be split off: {@code [vdso]} and its like are whole or gone ({@code mm/mmap.c:special_mapping_split()}), huge pages are not cut
     * ({@code vm_ops->may_split()}).
     */
    boolean isSplitRefused(long partStart, long partEnd) {
        if (specialName() != null) {
            return partStart > start || partEnd < end;
        }
        return operations != null
                && ((partStart > start && !operations.maySplit(this, partStart))
                        || (partEnd < end && !operations.maySplit(this, partEnd)));
    }

    /** Takes over the flags that stay for good. */
    void stickTo(long others) {
        flags |= others & VmaFlags.VM_IGNORE_MERGE;
    }

    /**
     * Returns whether any of some bits is set.
     *
     * @param bits {@link VmaFlags} bits
     */
    public boolean has(long bits) {
        return (flags & bits) != 0;
    }

    /** Returns its protection key: {@code vma_pkey()}. */
    public int protectionKey() {
        return (int) ((flags & VmaFlags.VM_PKEY_MASK) >>> VmaFlags.VM_PKEY_SHIFT);
    }

    /** Returns whether first writes to its pages must be seen by the soft-dirty tracker: {@code vma_soft_dirty_enabled()}. */
    public boolean isSoftDirtyEnabled() {
        return !has(VmaFlags.VM_SOFTDIRTY) && mm.services().settings().tracksSoftDirty();
    }

    /** Makes the whole area count as written to, as new memory does; without a tracker nothing happens. */
    void markSoftDirty() {
        if (mm.services().settings().tracksSoftDirty()) {
            flags |= VmaFlags.VM_SOFTDIRTY;
        }
    }

    /** Returns the page offset of its first address in its file, or in its anonymous numbering. */
    public long pgoff() {
        return pgoff;
    }

    /**
     * Returns the page offset of an address in its file or anonymous numbering ({@code linear_page_index()}).
     *
     * @param vaddr an address in the area
     */
    public long pgoffOf(long vaddr) {
        return pgoff + ((vaddr - start) >>> PAGE_SHIFT);
    }

    /** Returns the mapped file, null for private anonymous memory. */
    public @Nullable MappedFile file() {
        return file;
    }

    /** Returns the anon_vma that new anonymous pages of this area belong to, null as long as nothing was written. */
    public @Nullable AnonVma anonVma() {
        return anonVma;
    }

    /**
     * Sets the anon_vma: the reverse map does so before the first anonymous page of the area.
     *
     * @param value the new identity
     */
    public void setAnonVma(@Nullable AnonVma value) {
        anonVma = value;
    }

    /** Returns the anon_vmas the area is linked to, changed by {@link AnonVmaOps} only; more than one means that pages of a parent may be here. */
    public List<AnonVma> anonVmaChain() {
        return anonVmaChain;
    }

    /** Returns whether this is private anonymous memory, or a private mapping of no file ({@code vma_is_anonymous()}). */
    public boolean isAnonymous() {
        return (file == null || isAnonymousFile) && name == null;
    }

    /** Makes its pages anonymous although it has a file, as a private mapping of {@code /dev/zero} has: {@code vma_set_anonymous()}. For a driver's mmap operation. */
    public void becomeAnonymous() {
        isAnonymousFile = true;
        operations = null;
    }

    /**
     * Gives a new area another file than the one it was asked for: {@code vma_set_file()}. For a driver's mmap operation, which drops the reference to the old file.
     *
     * @param value the file, with a reference for the area; its pages are the file's own
     */
    public void replaceFile(MappedFile value) {
        file = value;
        operations = null;
    }

    /** Returns the name of a special mapping such as {@code [vdso]}, null for all others. */
    public @Nullable String specialName() {
        return name;
    }

    /**
     * Makes it a special mapping, whose pages the kernel provides: {@code _install_special_mapping()}.
     *
     * @param value {@code [vdso]}, {@code [vvar]}, {@code [vvar_vclock]}
     */
    public void setSpecialName(@Nullable String value) {
        name = value;
    }

    /** Returns the name that {@code prctl(PR_SET_VMA)} gave, or null. */
    public @Nullable String anonymousName() {
        return anonymousName;
    }

    void setAnonymousName(@Nullable String value) {
        anonymousName = value;
    }

    /** Returns the driver's operations, null for every area that maps no device. */
    public @Nullable VmaOperations operations() {
        return operations;
    }

    /**
     * Sets the driver's operations: {@code vma->vm_ops}, for its mmap operation.
     *
     * @param value what the driver does for the area
     */
    public void setOperations(VmaOperations value) {
        operations = value;
    }

    /** Returns the cache mode of its entries as {@code PteFlags}: the part of {@code vma->vm_page_prot} that protection changes keep. */
    public int cacheFlags() {
        return cacheFlags;
    }

    /**
     * Sets the cache mode: {@code pgprot_noncached()}, {@code pgprot_writecombine()}.
     *
     * @param value {@code PteFlags.UNCACHED}, {@code PteFlags.WRITE_COMBINING} or 0
     */
    public void setCacheFlags(int value) {
        cacheFlags = value;
    }

    /** Returns what the driver keeps of the area, copied with it: {@code vma->vm_private_data}. */
    public @Nullable Object privateData() {
        return privateData;
    }

    /**
     * Sets what the driver keeps of the area.
     *
     * @param value anything; copies of the area share it
     */
    public void setPrivateData(@Nullable Object value) {
        privateData = value;
    }

    /** Returns the size of its pages: {@code vma_kernel_pagesize()}. */
    public long kernelPageBytes() {
        long huge = has(VmaFlags.VM_HUGETLB) && file != null ? file.hugePageBytes() : 0;
        return huge == 0 ? 1L << PAGE_SHIFT : huge;
    }

    /** Returns the reservation of the memory it maps, or null. */
    public @Nullable FrameTracking tracking() {
        return tracking;
    }

    /**
     * Sets the reservation of the memory it maps: {@code vma->pfnmap_track_ctx}.
     *
     * @param value with one reference for this area
     */
    public void setTracking(FrameTracking value) {
        tracking = value;
    }

    /** Returns where its pages shall come from, null for wherever the task's pages come from: {@code vma->vm_policy}. */
    public @Nullable Mempolicy policy() {
        return policy;
    }

    /**
     * Sets where its pages shall come from.
     *
     * @param value a policy, or null
     */
    void setPolicy(@Nullable Mempolicy value) {
        policy = value;
    }

    /**
     * Returns the policy of a page, of a file in memory the file's own: {@code mm/mempolicy.c:__get_vma_policy()}.
     *
     * @param vaddr an address in the area
     * @return the policy, or null
     */
    public @Nullable Mempolicy policyAt(long vaddr) {
        SharedPolicy shared = file == null ? null : file.sharedPolicy();
        return shared == null ? policy : shared.lookup(pgoffOf(vaddr));
    }

    /** Returns whether it maps a file in memory that has policies of its own. */
    public boolean hasSharedPolicy() {
        SharedPolicy shared = file == null ? null : file.sharedPolicy();
        return shared != null && !shared.isEmpty();
    }

    /**
     * Returns what interleaving counts at a page: {@code mm/mempolicy.c:get_vma_policy()}. Files in memory begin at different nodes.
     *
     * @param vaddr an address in the area
     */
    public long interleaveIndex(long vaddr) {
        boolean isShared = file != null && file.sharedPolicy() != null;
        return pgoffOf(vaddr) + (isShared && file != null ? file.inode() : 0);
    }

    /** Returns the userfaultfd that it is registered with, null as a rule ({@code vma->vm_userfaultfd_ctx}). */
    public @Nullable UserfaultContext userfault() {
        return userfault;
    }

    void setUserfault(@Nullable UserfaultContext value) {
        userfault = value;
    }

    /**
     * Sets the page offset: {@code vma->vm_pgoff}, which {@code remap_pfn_range()} makes the frame number in a private area.
     *
     * @param value page offset of the first address
     */
    public void setPgoff(long value) {
        pgoff = value;
    }

    /** Tells driver and reservation that a copy is there: {@code vm_ops->open()}, {@code vma_pfnmap_track_ctx_dup()}. */
    void opened() {
        if (tracking != null) {
            tracking.get();
        }
        if (operations != null) {
            operations.open(this);
        }
    }

    /** Tells the driver that it is the copy of fork. */
    void forked() {
        if (operations != null) {
            operations.forked(this);
        }
    }

    /** Tells the driver that what it holds has moved to a copy. */
    void moved() {
        if (operations != null) {
            operations.moved(this);
        }
    }

    /** Tells driver and reservation that the area has gone: {@code vma_close()}, {@code vm_area_free()}. */
    void closed() {
        if (operations != null) {
            operations.close(this);
        }
        if (tracking != null) {
            tracking.put();
        }
    }

    /** Returns whether it lies in its address space's tree. */
    public boolean isAttached() {
        return attached;
    }

    /**
     * Returns whether an address lies in it.
     *
     * @param vaddr any address
     */
    public boolean contains(long vaddr) {
        return vaddr >= start && vaddr < end;
    }

    /** Returns the lowest address that other areas keep clear of: below a stack lies the guard gap ({@code vm_start_gap()}). */
    public long startWithGap() {
        if (!has(VmaFlags.VM_STARTGAP_FLAGS)) {
            return start;
        }
        long gap = has(VmaFlags.VM_GROWSDOWN) ? mm.layout().stackGuardGapBytes() : 1L << PAGE_SHIFT;
        return Bits.isBelow(start, gap) ? 0 : start - gap;
    }

    /** Returns the last word of a maps line: the path, {@code [heap]}, {@code [stack]}, a special name, or nothing: {@code fs/proc/task_mmu.c:get_vma_name()}. */
    public String mapsName() {
        if (file != null) {
            return anonymousName == null ? file.path() : "[anon_shmem:" + anonymousName + "]";
        }
        if (name != null) {
            return name;
        }
        if (start < mm.brk() && end > mm.startBrk()) {
            return "[heap]";
        }
        if (start <= mm.startStack() && end >= mm.startStack()) {
            return "[stack]";
        }
        return anonymousName == null ? "" : "[anon:" + anonymousName + "]";
    }

    /**
     * Adds everything that tells two areas apart.
     *
     * @param digest where to
     */
    public void addToDigest(Digest digest) {
        digest.add(start);
        digest.add(end);
        digest.add(flags);
        digest.add(pgoff);
        digest.add(cacheFlags);
        digest.add(anonymousName == null ? "" : anonymousName);
        digest.add(file == null ? -1 : file.id());
        digest.add(anonVma == null ? -1 : anonVma.id());
        if (policy != null) {
            policy.addToDigest(digest);
        }
        if (userfault != null) {
            digest.add(userfault.id());
        }
    }

    /** Returns {@code start-end perms pgoff name} for messages. */
    @Override
    public String toString() {
        return Long.toHexString(start) + "-" + Long.toHexString(end) + " " + VmaFlags.permissions(flags) + " "
                + Long.toHexString(pgoff << PAGE_SHIFT) + " " + mapsName();
    }

    /**
     * Sets the range; only the tree calls it for an attached area.
     *
     * @param newStart first address
     * @param newEnd first address behind
     * @param newPgoff page offset of the first address
     */
    void setRange(long newStart, long newEnd, long newPgoff) {
        start = newStart;
        end = newEnd;
        pgoff = newPgoff;
    }

    void setAttached(boolean value) {
        attached = value;
    }

    /** Takes the memory of its {@code struct vm_area_struct} unless it has it: {@code vm_area_alloc()}. Returns false when memory ran out. */
    boolean takeObject() {
        if (kernelObject == 0) {
            kernelObject = mm.services().areas().take();
        }
        return kernelObject != 0;
    }

    /** Gives that memory back: {@code vm_area_free()}. */
    void giveObject() {
        mm.services().areas().give(kernelObject);
        kernelObject = 0;
    }

    /**
     * Returns the addresses of the {@code struct anon_vma_chain} that link it, one for each entry of {@link #anonVmaChain()}.
     *
     * @param count how many there must be room for
     */
    public long[] chainObjects(int count) {
        if (chainObjects.length < count) {
            chainObjects = Arrays.copyOf(chainObjects, Math.max(count, 2 * chainObjects.length));
        }
        return chainObjects;
    }

    void setFile(@Nullable MappedFile value) {
        file = value;
    }

    /** Returns a detached copy with the same range and attributes, no anon_vma links, no file reference taken and nobody told: {@code vm_area_dup()}. */
    Vma duplicate(Mm target) {
        Vma copy = new Vma(target, start, end, flags, pgoff, file);
        copy.name = name;
        copy.anonymousName = anonymousName;
        copy.operations = operations;
        copy.cacheFlags = cacheFlags;
        copy.isAnonymousFile = isAnonymousFile;
        copy.tracking = tracking;
        copy.privateData = privateData;
        copy.policy = policy;
        copy.userfault = userfault;
        return copy;
    }
}
