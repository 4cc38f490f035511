package io.pagewalk.kernel.hugetlb;

import io.pagewalk.base.Digest;
import io.pagewalk.base.KernelBug;
import io.pagewalk.kernel.filemap.HugetlbInodeInfo;
import io.pagewalk.kernel.filemap.Inode;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * A file of huge pages: {@code struct hugetlbfs_inode_info} with its page cache and its promises.
 *
 * <p>Invariant: the pages of the file are in regions of its map, unless nobody promised any (private mappings leave the file alone).
 */
public final class HugetlbInode implements HugetlbInodeInfo {
    /** No more seals: {@code F_SEAL_SEAL}, with which every file begins. */
    private static final int F_SEAL_SEAL = 1;

    private static final int F_SEAL_SHRINK = 2;
    private static final int F_SEAL_GROW = 4;
    private static final int WRITE_SEALS = 8 | 0x10;

    /** Largest page offset whose byte offset is positive: the opposite of {@code PGOFF_LOFFT_MAX}. */
    private static final long MAX_PGOFF = Long.MAX_VALUE >>> 12;

    private final HugetlbMount mount;
    private final HugetlbTables tables;
    private final ResvMap reservations = new ResvMap();
    /** First frames by place in huge pages. */
    private final TreeMap<Long, Long> pages = new TreeMap<>();

    private @Nullable Inode inode;
    private boolean isSegment;
    private int seals = F_SEAL_SEAL;
    private int mode;

    HugetlbInode(HugetlbMount mount, HugetlbTables tables, int mode) {
        this.mount = mount;
        this.tables = tables;
        this.mode = mode;
    }

    void setInode(Inode value) {
        inode = value;
    }

    /** Returns the file itself. */
    Inode inode() {
        Inode own = inode;
        if (own == null) {
            throw new KernelBug("a file of huge pages without inode");
        }
        return own;
    }

    long id() {
        return inode().id();
    }

    /** Returns where it lies. */
    public HugetlbMount mount() {
        return mount;
    }

    HugePool pool() {
        return mount.pool();
    }

    @Nullable
    Subpool subpool() {
        return mount.subpool();
    }

    ResvMap reservations() {
        return reservations;
    }

    /** Says that it is a segment, whose pages {@code shmget()} promised: {@code S_PRIVATE}. */
    void markSegment() {
        isSegment = true;
    }

    /** Returns its seals. */
    public int seals() {
        return seals;
    }

    /**
     * Sets its seals.
     *
     * @param value bits of {@code F_SEAL_*}
     */
    public void setSeals(int value) {
        seals = value;
    }

    /** Returns its permission bits. */
    public int mode() {
        return mode;
    }

    /**
     * Sets its permission bits.
     *
     * @param value the bits
     */
    public void setMode(int value) {
        mode = value;
    }

    /** Returns whether somebody holds a page beside those that map it: {@code memfd_wait_for_pins()}, whose waiting ends nothing here. */
    public boolean hasHeldPages() {
        for (long head : pages.values()) {
            if (tables.folios().isHeld(head)) {
                return true;
            }
        }
        return false;
    }

    /** Returns {@code st_blocks}: units of 512 bytes. */
    public long blocks() {
        return pages.size() * (pageBytes() >>> 9);
    }

    @Override
    public long pageBytes() {
        return pool().pageBytes();
    }

    @Override
    public long pages() {
        return pages.size();
    }

    /** Returns the first frame of a page, or -1. */
    long get(long index) {
        Long head = pages.get(index);
        return head == null ? -1 : head;
    }

    void put(long index, long head) {
        pages.put(index, head);
    }

    /** Returns all pages by place. */
    Map<Long, Long> cached() {
        return pages;
    }

    @Override
    public long frameAt(long position) {
        long head = get(position >>> pool().shift());
        return head < 0 ? -1 : head + ((position & (pageBytes() - 1)) >>> 12);
    }

    @Override
    public long mmap(Vma vma) {
        vma.setFlags(vma.flags() | VmaFlags.VM_HUGETLB | VmaFlags.VM_DONTEXPAND);
        vma.setOperations(HugetlbAreas.OPERATIONS);
        long order = pool().order();
        if (vma.pgoff() > MAX_PGOFF || (vma.pgoff() & ((1L << order) - 1)) != 0) {
            return -Errno.EINVAL;
        }
        long end = vma.sizeBytes() + (vma.pgoff() << 12);
        if (end < 0) {
            return -Errno.EINVAL;
        }
        long flags = vma.flags() | (isSegment ? VmaFlags.VM_NORESERVE : 0);
        if (!Reservations.reserve(this, vma.pgoff() >>> order, end >>> pool().shift(), vma, flags)) {
            return -Errno.ENOMEM;
        }
        if (vma.has(VmaFlags.VM_WRITE) && inode().sizeBytes() < end) {
            inode().setSizeBytes(end);
        }
        return 0;
    }

    @Override
    public long changeSize(long bytes) {
        if ((bytes & (pageBytes() - 1)) != 0) {
            return -Errno.EINVAL;
        }
        long old = inode().sizeBytes();
        if ((bytes < old && (seals & F_SEAL_SHRINK) != 0) || (bytes > old && (seals & F_SEAL_GROW) != 0)) {
            return -Errno.EPERM;
        }
        inode().setSizeBytes(bytes);
        unmap(bytes, Long.MAX_VALUE, HugetlbTables.Marks.GO);
        removePages(bytes >>> pool().shift());
        return 0;
    }

    /** {@code hugetlb_vmdelete_list()}: takes a range out of every area, private copies too. */
    private void unmap(long from, long to, HugetlbTables.Marks marks) {
        long first = from >>> 12;
        long last = to == Long.MAX_VALUE ? Long.MAX_VALUE : to >>> 12;
        for (Vma vma : List.copyOf(inode().mappings())) {
            long start = Math.max(first, vma.pgoff());
            long end = Math.min(last, vma.pgoff() + vma.pages());
            if (start < end) {
                long shift = vma.start() - (vma.pgoff() << 12);
                tables.zap(vma, (start << 12) + shift, (end << 12) + shift, marks);
            }
        }
    }

    /** {@code remove_inode_hugepages()} for truncation. */
    private void removePages(long from) {
        long freed = 0;
        for (long head : List.copyOf(pages.tailMap(from).values())) {
            tables.folios().leaveFile(head);
            freed++;
        }
        pages.tailMap(from).clear();
        unreserve(from, Long.MAX_VALUE, freed);
    }

    /** {@code hugetlb_unreserve_pages()}. */
    private void unreserve(long from, long to, long freed) {
        long removed = reservations.remove(from, to);
        pool().account(-Subpool.give(subpool(), removed - freed));
    }

    @Override
    public long punchHole(long from, long to) {
        long bytes = pageBytes();
        long start = (from + bytes - 1) & -bytes;
        long end = to & -bytes;
        if ((seals & WRITE_SEALS) != 0) {
            return -Errno.EPERM;
        }
        if (from < start) {
            clearPart(from, Math.min(to, start));
        }
        if (end > start) {
            unmap(start, end, HugetlbTables.Marks.STAY);
        }
        if (to > end && to > start) {
            clearPart(end, to);
        }
        for (long index = start >>> pool().shift(); index < end >>> pool().shift(); index++) {
            Long head = pages.remove(index);
            if (head != null) {
                tables.folios().leaveFile(head);
                unreserve(index, index + 1, 1);
            }
            if (pages.ceilingKey(index) == null) {
                break;
            }
        }
        return 0;
    }

    /** {@code hugetlbfs_zero_partial_page()}: the range lies in one page. */
    private void clearPart(long from, long to) {
        long head = get(from >>> pool().shift());
        if (head >= 0) {
            long offset = from & (pageBytes() - 1);
            tables.folios().clearPart(head, offset, offset + to - from);
        }
    }

    @Override
    public long allocate(long from, long to, boolean keepsSize) {
        if ((seals & F_SEAL_GROW) != 0 && to > inode().sizeBytes()) {
            return -Errno.EPERM;
        }
        long end = (to + pageBytes() - 1) >>> pool().shift();
        for (long index = from >>> pool().shift(); index < end; index++) {
            if (pages.containsKey(index)) {
                continue;
            }
            long head = tables.folios().allocate(this, null, index, false);
            if (head < 0) {
                return -Errno.ENOSPC;
            }
            tables.folios().zero(head);
            tables.folios().addToFile(head, this, index);
        }
        if (!keepsSize && to > inode().sizeBytes()) {
            inode().setSizeBytes(to);
        }
        return 0;
    }

    @Override
    public long checkSeals(long vmFlags) {
        if ((seals & WRITE_SEALS) == 0 || (vmFlags & VmaFlags.VM_SHARED) == 0) {
            return vmFlags;
        }
        return (vmFlags & VmaFlags.VM_WRITE) != 0 ? -Errno.EPERM : vmFlags & ~VmaFlags.VM_MAYWRITE;
    }

    @Override
    public void evicted() {
        removePages(0);
        mount.giveInode();
        tables.forget(this);
    }

    void addToDigest(Digest digest) {
        digest.add(seals);
        reservations.addToDigest(digest);
        pages.forEach((index, head) -> {
            digest.add(index);
            digest.add(head);
        });
    }
}
