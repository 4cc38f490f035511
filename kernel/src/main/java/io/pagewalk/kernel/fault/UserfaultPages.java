package io.pagewalk.kernel.fault;

import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.kernel.filemap.Inode;
import io.pagewalk.kernel.filemap.OpenFile;
import io.pagewalk.kernel.filemap.PageCache;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.rmap.AnonVmas;
import io.pagewalk.kernel.rmap.Folios;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.vma.AnonVma;
import io.pagewalk.kernel.vma.MappedFile;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.RssCounter;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Puts single pages where userfaultfd wants them: the first half of {@code mm/userfaultfd.c}. Each call is about one page of an area that its caller has checked, and gives 0 or
 * a negative errno.
 */
public final class UserfaultPages {
    private static final int PAGE_BYTES = 4096;
    private static final long POISON = PteMarkers.entry(PteMarkers.POISONED);

    /** Where the contents of a page come from. */
    @FunctionalInterface
    public interface Contents {
        /**
         * Fills a page.
         *
         * @param page receives 4096 bytes
         * @return whether all could be read
         */
        boolean read(byte[] page);
    }

    /** Whether stores to a new page are told. */
    public enum Protected {
        /** They are: {@code MFILL_ATOMIC_WP}. */
        YES,
        /** They are not. */
        NO
    }

    private final PagingMode mode;
    private final PhysicalMemory memory;
    private final PageTables tables;
    private final Protection protection;
    private final Folios folios;
    private final MemMap memmap;
    private final AnonVmas anonVmas;
    private final PageCache cache;
    private final TlbFlusher flusher;
    private final HugePages hugePages;
    private final HugeMappings huge;
    private final long zeroPfn;
    private final byte[] buffer = new byte[PAGE_BYTES];

    /**
     * Creates the calls of one machine.
     *
     * @param kernel the kernel's tables
     * @param anonVmas the reverse map
     * @param cache pages of files in memory
     * @param hugePages huge pages, which are split when a page of one moves
     * @param flusher flushes TLBs
     */
    public UserfaultPages(
            KernelTables kernel, AnonVmas anonVmas, PageCache cache, HugePages hugePages, TlbFlusher flusher) {
        this.mode = kernel.mode();
        this.memory = kernel.memory();
        this.tables = kernel.tables();
        this.protection = kernel.protection();
        this.folios = kernel.folios();
        this.memmap = folios.memmap();
        this.anonVmas = anonVmas;
        this.cache = cache;
        this.flusher = flusher;
        this.hugePages = hugePages;
        this.huge = hugePages.mappings();
        this.zeroPfn = kernel.zeroPfn();
    }

    /** Returns whether write protection and minor faults can be had: {@code CONFIG_HAVE_ARCH_USERFAULTFD_WP}, {@code CONFIG_HAVE_ARCH_USERFAULTFD_MINOR}. */
    public boolean canProtect() {
        return mode.architecture() == PagingMode.Architecture.X86_64;
    }

    /**
     * Gives a private area its anon_vma before a page comes to lie in it: {@code find_vma_and_prepare_anon()}.
     *
     * @param vma an area
     */
    public void prepare(Vma vma) {
        if (!vma.has(VmaFlags.VM_SHARED) && vma.anonVma() == null) {
            anonVmas.prepare(vma);
        }
    }

    /**
     * Returns whether all pages of a range can be read without a fault.
     *
     * @param mm an address space
     * @param start first address
     * @param end first address behind
     */
    public boolean isPresent(Mm mm, long start, long end) {
        for (long vaddr = start & -PAGE_BYTES; vaddr < end; vaddr += PAGE_BYTES) {
            if (mm.pgdPfn() < 0 || !mode.isPresent(tables.entry(mm, vaddr))) {
                return false;
            }
        }
        return true;
    }

    /**
     * Maps a new page with given contents; in a shared area it becomes one of the file: {@code mfill_atomic_pte_copy()} and {@code mm/shmem.c:shmem_mfill_atomic_pte()}.
     *
     * @param vma the area
     * @param vaddr page address
     * @param contents what the page holds
     * @param isProtected whether stores to it are told
     * @return 0, {@code -ENOMEM}, {@code -EFAULT} when the contents could not be read or the place is behind the end of the file, {@code -EEXIST} when there is a page
     */
    public long copy(Vma vma, long vaddr, Contents contents, Protected isProtected) {
        long table = tableOf(vma, vaddr);
        if (table < 0) {
            return table;
        }
        if (vma.has(VmaFlags.VM_SHARED)) {
            return contents.read(buffer) ? addToFile(vma, vaddr, isProtected) : -Errno.EFAULT;
        }
        long pfn = folios.allocate(Gfp.GFP_HIGHUSER_MOVABLE, vma, vaddr);
        if (pfn < 0) {
            return -Errno.ENOMEM;
        }
        long error = -Errno.EFAULT;
        if (contents.read(buffer)) {
            memory.copyIn(pfn << 12, buffer, 0, PAGE_BYTES);
            error = install(vma, vaddr, pfn, null, isProtected);
        }
        if (error != 0) {
            folios.put(pfn);
        }
        return error;
    }

    /** Puts the page in the buffer into the file and maps it. */
    private long addToFile(Vma vma, long vaddr, Protected isProtected) {
        OpenFile file = fileOf(vma);
        if (file == null) {
            return -Errno.EINVAL;
        }
        if (isBehindEnd(vma, vaddr)) {
            return -Errno.EFAULT;
        }
        Inode inode = file.inodeObject();
        long index = vma.pgoffOf(vaddr);
        if (inode.cachedPfn(index) >= 0) {
            return -Errno.EEXIST;
        }
        long pfn = cache.pageForWrite(inode, index, true, 4096);
        if (pfn < 0) {
            return -Errno.ENOMEM;
        }
        memory.copyIn(pfn << 12, buffer, 0, PAGE_BYTES);
        memmap.get(pfn);
        long error = install(vma, vaddr, pfn, file, isProtected);
        if (error != 0) {
            folios.put(pfn);
            cache.removeRange(inode, index, index + 1);
        }
        return error;
    }

    /**
     * Maps zeros: {@code mfill_atomic_pte_zeropage()}.
     *
     * @param vma the area
     * @param vaddr page address
     * @return as {@link #copy}; a private area allows no marker at the place
     */
    public long zero(Vma vma, long vaddr) {
        if (vma.has(VmaFlags.VM_SHARED)) {
            return copy(
                    vma,
                    vaddr,
                    page -> {
                        Arrays.fill(page, (byte) 0);
                        return true;
                    },
                    Protected.NO);
        }
        int flags = protection.flags(vma) | PteFlags.SPECIAL;
        return putIfEmpty(vma, vaddr, mode.leaf(zeroPfn, flags, 1));
    }

    /**
     * Lets each access to a place end in SIGBUS: {@code mfill_atomic_pte_poison()}.
     *
     * @param vma the area
     * @param vaddr page address
     * @return 0, {@code -ENOMEM}, {@code -EFAULT} behind the end of the file, {@code -EEXIST} when there is a page or a marker
     */
    public long poison(Vma vma, long vaddr) {
        return putIfEmpty(vma, vaddr, POISON);
    }

    private long putIfEmpty(Vma vma, long vaddr, long entry) {
        long table = tableOf(vma, vaddr);
        if (table < 0) {
            return table;
        }
        int index = mode.index(vaddr, 1);
        if (isBehindEnd(vma, vaddr)) {
            return -Errno.EFAULT;
        }
        if (mode.readEntry(memory, table, index) != 0) {
            return -Errno.EEXIST;
        }
        mode.writeEntry(memory, table, index, entry);
        return 0;
    }

    /**
     * Maps the page that the file has: {@code mfill_atomic_pte_continue()}.
     *
     * @param vma an area of a file in memory
     * @param vaddr page address
     * @param isProtected whether stores to it are told
     * @return 0, {@code -ENOMEM}, {@code -EINVAL} behind the end of the file, {@code -EFAULT} when the file has no page, {@code -EEXIST} when one is mapped
     */
    public long proceed(Vma vma, long vaddr, Protected isProtected) {
        long table = tableOf(vma, vaddr);
        if (table < 0) {
            return table;
        }
        OpenFile file = fileOf(vma);
        if (file == null || isBehindEnd(vma, vaddr)) {
            return -Errno.EINVAL;
        }
        long pfn = file.inodeObject().cachedPfn(vma.pgoffOf(vaddr));
        if (pfn < 0) {
            return -Errno.EFAULT;
        }
        memmap.setFlags(pfn, PageFlags.UPTODATE);
        memmap.get(pfn);
        long error = install(vma, vaddr, pfn, file, isProtected);
        if (error != 0) {
            folios.put(pfn);
        }
        return error;
    }

    /** Returns the leaf table of a place, made when missing; {@code -EEXIST} where a huge page is mapped, {@code -ENOMEM}. */
    private long tableOf(Vma vma, long vaddr) {
        if (tables.hugeEntry(vma.mm(), vaddr) != 0) {
            return -Errno.EEXIST;
        }
        long table = tables.findOrMake(vma.mm(), vaddr);
        return table < 0 ? -Errno.ENOMEM : table;
    }

    /** {@code mfill_atomic_install_pte()}; a null file means a new anonymous page. The page's one reference goes over to the entry. */
    private long install(Vma vma, long vaddr, long pfn, @Nullable OpenFile file, Protected isProtected) {
        long table = tables.find(vma.mm(), vaddr);
        int index = mode.index(vaddr, 1);
        if (isBehindEnd(vma, vaddr)) {
            return -Errno.EFAULT;
        }
        long old = mode.readEntry(memory, table, index);
        if (old != 0 && !PteMarkers.is(old)) {
            return -Errno.EEXIST;
        }
        int flags = protection.flags(vma) | PteFlags.DIRTY | softDirty(vma);
        if (vma.has(VmaFlags.VM_WRITE) && (file == null || vma.has(VmaFlags.VM_SHARED))) {
            flags |= PteFlags.WRITE;
        }
        if (isProtected == Protected.YES) {
            flags = (flags | PteFlags.UFFD_WP) & ~PteFlags.WRITE;
        }
        AnonVma anonVma = vma.anonVma();
        if (file != null) {
            folios.addMapping(pfn, vma.mm());
            if (vma.has(VmaFlags.VM_LOCKED)) {
                folios.mlocked().mlock(pfn);
            }
            vma.mm().addRss(RssCounter.SHMEM, 1);
        } else if (anonVma != null) {
            folios.addNewAnon(pfn, vma, anonVma, vaddr);
            vma.mm().addRss(RssCounter.ANON, 1);
        } else {
            return -Errno.ENOMEM;
        }
        mode.writeEntry(memory, table, index, mode.leaf(pfn, flags, 1));
        return 0;
    }

    /**
     * Moves a page of one's own, or a huge page when all of it goes to such a place, without copying it: the loop's body in {@code move_pages()}.
     *
     * @param to the area to move to
     * @param toAddress page address in it
     * @param from the area to take from
     * @param fromAddress page address in it
     * @param length bytes that are still to move, at least a page
     * @param allowsHoles whether there may be no page
     * @return the bytes that were moved, {@code -ENOMEM}, {@code -EEXIST} when something is at the target, {@code -ENOENT} when there is no page, {@code -EBUSY} when others use it,
     *     {@code -EFAULT} for a marker
     */
    public long move(Vma to, long toAddress, Vma from, long fromAddress, long length, boolean allowsHoles) {
        Mm mm = from.mm();
        if (tables.hugeEntry(mm, toAddress) != 0) {
            return -Errno.EEXIST;
        }
        long entry = tables.hugeEntry(mm, fromAddress);
        if (entry != 0) {
            boolean isZero = huge.isZero(entry);
            if (!isZero && !memmap.hasFlags(mode.pfn(entry, PageTables.HUGE_LEVEL), PageFlags.ANON_EXCLUSIVE)) {
                return -Errno.EBUSY;
            }
            boolean isWhole =
                    huge.isWhole(fromAddress, fromAddress + length) && huge.isWhole(toAddress, toAddress + length);
            if (isWhole && tables.isRegionEmpty(mm, toAddress)) {
                return moveHuge(to, toAddress, from, fromAddress, entry);
            }
            huge.split(from, fromAddress);
        }
        long source = tables.find(mm, fromAddress);
        if (source < 0 && !allowsHoles) {
            return -Errno.ENOENT;
        }
        source = source < 0 ? tables.findOrMake(mm, fromAddress) : source;
        long target = tables.findOrMake(mm, toAddress);
        if (source < 0 || target < 0) {
            return -Errno.ENOMEM;
        }
        long error = movePage(to, toAddress, target, from, fromAddress, source, allowsHoles);
        return error != 0 ? error : PAGE_BYTES;
    }

    /** {@code mm/huge_memory.c:move_pages_huge_pmd()}. */
    private long moveHuge(Vma to, long toAddress, Vma from, long fromAddress, long entry) {
        Mm mm = from.mm();
        int flags = protection.flags(to);
        long head = mode.pfn(entry, PageTables.HUGE_LEVEL);
        if (huge.isZero(entry)) {
            flags |= PteFlags.SPECIAL;
        } else {
            AnonVma anonVma = to.anonVma();
            if (anonVma == null || folios.isMaybePinned(head)) {
                return -Errno.EBUSY;
            }
            folios.moveAnon(head, anonVma, to.pgoffOf(toAddress));
            flags |= PteFlags.DIRTY | PteFlags.WRITE;
        }
        if (!tables.makeUpper(mm, toAddress)) {
            return -Errno.ENOMEM;
        }
        tables.setHugeEntry(mm, fromAddress, 0);
        huge.flush(mm, fromAddress);
        tables.setHugeEntry(mm, toAddress, mode.leaf(head, flags, PageTables.HUGE_LEVEL));
        tables.deposit(mm, toAddress, tables.withdraw(mm, fromAddress));
        return tables.hugeBytes();
    }

    /** {@code move_pages_pte()}. */
    private long movePage(
            Vma to, long toAddress, long target, Vma from, long fromAddress, long source, boolean allowsHoles) {
        int fromIndex = mode.index(fromAddress, 1);
        int toIndex = mode.index(toAddress, 1);
        long entry = mode.readEntry(memory, source, fromIndex);
        if (mode.readEntry(memory, target, toIndex) != 0) {
            return -Errno.EEXIST;
        }
        if (entry == 0) {
            return allowsHoles ? 0 : -Errno.ENOENT;
        }
        if (PteMarkers.is(entry)) {
            return -Errno.EFAULT;
        }
        long pfn = mode.pfn(entry, 1);
        int flags = protection.flags(to);
        if (pfn == zeroPfn) {
            flags |= PteFlags.SPECIAL;
        } else {
            AnonVma anonVma = to.anonVma();
            boolean isOwn =
                    (mode.flags(entry, 1) & PteFlags.SPECIAL) == 0 && memmap.hasFlags(pfn, PageFlags.ANON_EXCLUSIVE);
            if (!isOwn || anonVma == null) {
                return -Errno.EBUSY;
            }
            if (folios.large().isLarge(pfn)) {
                if (!hugePages.split(memmap.compoundHead(pfn))) {
                    return -Errno.EBUSY;
                }
                return movePage(to, toAddress, target, from, fromAddress, source, allowsHoles);
            }
            if (folios.isMaybePinned(pfn)) {
                return -Errno.EBUSY;
            }
            folios.moveAnon(pfn, anonVma, to.pgoffOf(toAddress));
            flags |= (mode.flags(entry, 1) & PteFlags.DIRTY) | PteFlags.WRITE | softDirty(to);
        }
        mode.writeEntry(memory, source, fromIndex, 0);
        flusher.flushRange(from.mm(), fromAddress, fromAddress + PAGE_BYTES, false);
        mode.writeEntry(memory, target, toIndex, mode.leaf(pfn, flags, 1));
        return 0;
    }

    /** Returns the mark of a page that was written to or moved, where such marks are kept. */
    private static int softDirty(Vma vma) {
        return vma.mm().services().settings().tracksSoftDirty() ? PteFlags.SOFT_DIRTY : 0;
    }

    /** {@code mfill_file_over_size()}. */
    private static boolean isBehindEnd(Vma vma, long vaddr) {
        MappedFile file = vma.file();
        return file != null && vma.pgoffOf(vaddr) >= (file.sizeBytes() + PAGE_BYTES - 1) / PAGE_BYTES;
    }

    private static @Nullable OpenFile fileOf(Vma vma) {
        return vma.file() instanceof OpenFile file && file.isShmem() ? file : null;
    }
}
