package io.pagewalk.kernel.vma;

import io.pagewalk.kernel.syscall.Errno;
import org.jspecify.annotations.Nullable;

/** {@code mremap()}: {@code mm/mremap.c:do_mremap()}. */
public final class Mremap {
    private static final int MAPS_FOR_A_MOVE = 3;
    private static final int MAPS_FOR_UNMAPPING = 2;

    private final Mm mm;
    private final long flags;
    private long addr;
    private long oldLength;
    private long newLength;
    private long newAddr;
    private @Nullable Vma vma;
    private boolean populateGrowth;

    private Mremap(Mm mm, long addr, long oldLength, long newLength, long flags, long newAddr) {
        this.mm = mm;
        this.addr = addr;
        this.oldLength = oldLength;
        this.newLength = newLength;
        this.flags = flags;
        this.newAddr = newAddr;
    }

    /**
     * Grows, shrinks or moves a mapping.
     *
     * @param mm the address space
     * @param addr first address, page aligned
     * @param oldLength bytes now; 0 makes a second mapping of a shared one
     * @param newLength bytes wanted
     * @param flags {@code MREMAP_*}
     * @param newAddr where to with {@code MREMAP_FIXED}, a hint with {@code MREMAP_DONTUNMAP}
     * @return the new address, {@code -EINVAL}, {@code -EFAULT} when the old range is no single mapping, {@code -ENOMEM}, {@code -EAGAIN} when too much
     *     would be locked, {@code -EPERM} for a sealed area
     */
    public static long mremap(Mm mm, long addr, long oldLength, long newLength, long flags, long newAddr) {
        return new Mremap(mm, addr, Pages.align(oldLength), Pages.align(newLength), flags, newAddr).run();
    }

    private long run() {
        long error = checkArguments();
        if (error != 0) {
            return error;
        }
        long result;
        if ((flags & MapFlags.MREMAP_FIXED) != 0 && oldLength == newLength) {
            result = moveAreas();
        } else {
            vma = lookup(addr);
            error = checkArea();
            if (error != 0) {
                return error;
            }
            result = impliesNewAddress() ? moveTo() : resize();
        }
        if (!Errno.isError(result) && populateGrowth) {
            Populate.populate(mm, newAddr + oldLength, newLength - oldLength, Populate.OnError.SKIP_AREA);
        }
        return result;
    }

    private boolean impliesNewAddress() {
        return (flags & (MapFlags.MREMAP_FIXED | MapFlags.MREMAP_DONTUNMAP)) != 0;
    }

    private boolean keepsSource() {
        return (flags & MapFlags.MREMAP_DONTUNMAP) != 0;
    }

    /** {@code check_mremap_params()}. */
    private long checkArguments() {
        long known = MapFlags.MREMAP_MAYMOVE | MapFlags.MREMAP_FIXED | MapFlags.MREMAP_DONTUNMAP;
        long taskSize = mm.taskSize();
        if ((flags & ~known) != 0 || Pages.offset(addr) != 0 || newLength == 0 || Pages.above(newLength, taskSize)) {
            return -Errno.EINVAL;
        }
        if (!impliesNewAddress()) {
            return 0;
        }
        if (Pages.above(newAddr, taskSize - newLength)
                || Pages.offset(newAddr) != 0
                || (flags & MapFlags.MREMAP_MAYMOVE) == 0
                || (keepsSource() && oldLength != newLength)
                || overlaps()) {
            return -Errno.EINVAL;
        }
        int limit = mm.services().settings().maxMapCount();
        return mm.mapCount() + MAPS_FOR_UNMAPPING >= limit - MAPS_FOR_A_MOVE ? -Errno.ENOMEM : 0;
    }

    private boolean overlaps() {
        return Pages.above(addr + oldLength, newAddr) && Pages.above(newAddr + newLength, addr);
    }

    /** {@code check_prep_vma()}. */
    private long checkArea() {
        Vma area = vma;
        if (area == null) {
            return -Errno.EFAULT;
        }
        if (area.has(VmaFlags.VM_SEALED)) {
            return -Errno.EPERM;
        }
        if (area.has(VmaFlags.VM_HUGETLB) && !alignToHugePages(area.kernelPageBytes())) {
            return -Errno.EINVAL;
        }
        if (!impliesNewAddress()) {
            newAddr = addr;
            if (!Pages.above(newLength, oldLength)) {
                return 0;
            }
        }
        if (oldLength == 0 && !area.has(VmaFlags.VM_SHARED | VmaFlags.VM_MAYSHARE)) {
            return -Errno.EINVAL;
        }
        long fixed = VmaFlags.VM_DONTEXPAND | VmaFlags.VM_PFNMAP;
        if (keepsSource() && area.has(fixed)) {
            return -Errno.EINVAL;
        }
        long moved = Pages.above(oldLength, newLength) ? newLength : oldLength;
        if (Pages.above(moved, area.end() - addr)) {
            return -Errno.EFAULT;
        }
        if (newLength == moved) {
            return 0;
        }
        populateGrowth = area.has(VmaFlags.VM_LOCKED);
        long pgoff = area.pgoffOf(addr);
        if (Pages.above(pgoff, pgoff + (newLength >>> Vma.PAGE_SHIFT))) {
            return -Errno.EINVAL;
        }
        if (area.has(fixed)) {
            return -Errno.EFAULT;
        }
        long growth = newLength - oldLength;
        if (!MmLimits.mlockFutureOk(mm, area.flags(), growth)) {
            return -Errno.EAGAIN;
        }
        return MmLimits.mayExpandVm(mm, area.flags(), growth >>> Vma.PAGE_SHIFT) ? 0 : -Errno.ENOMEM;
    }

    /** {@code align_hugetlb()}: lengths are rounded up, and no reservation grows. */
    private boolean alignToHugePages(long bytes) {
        oldLength = (oldLength + bytes - 1) & -bytes;
        newLength = (newLength + bytes - 1) & -bytes;
        // The new address counts even where no flag says that there is one.
        return ((addr | newAddr) & (bytes - 1)) == 0 && !Pages.above(newLength, oldLength);
    }

    /** {@code remap_move()}: a plain move takes all areas of the range along, with the holes between them. */
    private long moveAreas() {
        long start = addr;
        long end = addr + oldLength;
        long target = newAddr;
        long first = -Errno.EFAULT;
        long lastEnd = -1;
        Vma area = start < 0 ? null : mm.vmas().findFirst(start);
        while (area != null && area.start() < end) {
            if (lastEnd < 0 && start < area.start()) {
                return -Errno.EFAULT;
            }
            long from = Math.max(area.start(), start);
            long to = Math.min(area.end(), end);
            long areaEnd = area.end();
            newAddr = target + (lastEnd < 0 ? 0 : area.start() - lastEnd);
            addr = from;
            oldLength = to - from;
            newLength = oldLength;
            vma = area;
            boolean isAlone = lastEnd < 0 && areaEnd >= end;
            if (!isAlone && !mayMoveWithOthers(area)) {
                return -Errno.EFAULT;
            }
            long result = checkArea();
            if (result == 0) {
                result = moveTo();
            }
            if (Errno.isError(result)) {
                return result;
            }
            if (lastEnd < 0) {
                first = result;
            }
            lastEnd = areaEnd;
            target = result + newLength;
            // What stays of the last area, with MREMAP_DONTUNMAP all of it, is not another one.
            area = areaEnd >= end ? null : mm.vmas().findFirst(to);
        }
        return first;
    }

    /** {@code vma_multi_allowed()}: an area of userfaultfd is moved alone, because the move is told afterwards; a file that chooses addresses in its own way might not come to lie where it is wanted; of those only attachments of segments are known here. */
    private static boolean mayMoveWithOthers(Vma area) {
        VmaOperations operations = area.operations();
        return area.userfault() == null
                && (operations == null || !operations.hasFilePages() || area.has(VmaFlags.VM_HUGETLB));
    }

    /** {@code mremap_to()}. */
    private long moveTo() {
        if ((flags & MapFlags.MREMAP_FIXED) != 0) {
            long error = Munmap.munmap(mm, newAddr, newLength);
            if (error != 0) {
                return error;
            }
            vma = lookup(addr);
        }
        if (Pages.above(oldLength, newLength)) {
            long error = Munmap.munmap(mm, addr + newLength, oldLength - newLength);
            if (error != 0) {
                return error;
            }
            oldLength = newLength;
            vma = lookup(addr);
        }
        Vma area = vma;
        if (area == null) {
            return -Errno.EFAULT;
        }
        if (keepsSource() && !MmLimits.mayExpandVm(mm, area.flags(), oldLength >>> Vma.PAGE_SHIFT)) {
            return -Errno.ENOMEM;
        }
        return chooseAddressAndMove(area);
    }

    /** {@code mremap_at()}. */
    private long resize() {
        Vma area = vma;
        if (area == null || oldLength == newLength) {
            return area == null ? -Errno.EFAULT : addr;
        }
        if (Pages.above(oldLength, newLength)) {
            long error = Munmap.munmap(mm, addr + newLength, oldLength - newLength);
            return error != 0 ? error : addr;
        }
        if (area.end() - addr == oldLength && isExpandable(area)) {
            return expandInPlace(area);
        }
        if ((flags & MapFlags.MREMAP_MAYMOVE) == 0) {
            return -Errno.ENOMEM;
        }
        return chooseAddressAndMove(area);
    }

    private boolean isExpandable(Vma area) {
        long end = area.end() + newLength - oldLength;
        return end > area.end()
                && mm.vmas().findIntersection(area.end(), end) == null
                && !Errno.isError(UnmappedArea.get(mm, null, area.start(), end - area.start(), 0, MapFlags.MAP_FIXED));
    }

    /** {@code vrm_calc_charge()}: an area that counts asks even when nothing is added. */
    private boolean isRefused(Vma area, long pages) {
        return area.has(VmaFlags.VM_ACCOUNT) && mm.services().overcommit().charge(mm, pages) != 0;
    }

    /** {@code expand_vma_in_place()}. */
    private long expandInPlace(Vma area) {
        long growth = newLength - oldLength;
        long pages = growth >>> Vma.PAGE_SHIFT;
        long charged = area.has(VmaFlags.VM_ACCOUNT) ? pages : 0;
        if (isRefused(area, charged)) {
            return -Errno.ENOMEM;
        }
        long end = area.end();
        VmaMerge.Range range = VmaMerge.Range.like(area, end, end + growth, area.pgoffOf(end), null);
        Vma next = mm.vmas().next(area);
        if (VmaMerge.mergeNew(range, area, next) == null) {
            mm.services().overcommit().uncharge(charged);
            return -Errno.ENOMEM;
        }
        countNew(area.flags(), pages);
        return addr;
    }

    private long chooseAddressAndMove(Vma area) {
        long mapFlags = (flags & MapFlags.MREMAP_FIXED) != 0 ? MapFlags.MAP_FIXED : 0;
        if (area.has(VmaFlags.VM_MAYSHARE)) {
            mapFlags |= MapFlags.MAP_SHARED;
        }
        long hint = impliesNewAddress() ? newAddr : 0;
        long target = UnmappedArea.get(mm, area.file(), hint, newLength, area.pgoffOf(addr), mapFlags);
        if (Errno.isError(target)) {
            return target;
        }
        newAddr = target;
        return move(area);
    }

    /** {@code move_vma()}. */
    private long move(Vma area) {
        if (mm.mapCount() >= mm.services().settings().maxMapCount() - MAPS_FOR_A_MOVE) {
            return -Errno.ENOMEM;
        }
        if (area.has(VmaFlags.VM_MERGEABLE) && area.anonVma() != null) {
            // The reverse map finds merged pages by the address that ksmd saw them at.
            long error = mm.services().ksm().unmerge(area, addr, addr + oldLength);
            if (error != 0) {
                return error;
            }
        }
        Overcommit overcommit = mm.services().overcommit();
        long charged = area.has(VmaFlags.VM_ACCOUNT)
                ? (keepsSource() ? newLength : newLength - oldLength) >>> Vma.PAGE_SHIFT
                : 0;
        if (isRefused(area, charged)) {
            return -Errno.ENOMEM;
        }
        long areaFlags = area.flags();
        Vma copy = copy(area);
        // A source that nobody has written to may have been swallowed by its own copy.
        Vma source = area.isAttached() ? area : copy;
        boolean moved = oldLength == 0 || mm.services().pageTables().moveTables(source, addr, copy, newAddr, oldLength);
        long hiwaterVm = mm.rememberedHiwaterVm();
        countNew(areaFlags, newLength >>> Vma.PAGE_SHIFT);
        if (moved) {
            tellUserfault(copy);
        }
        source.moved();
        if (!moved) {
            unmap(copy, newAddr, newLength);
            overcommit.uncharge(charged);
        } else if (keepsSource()) {
            leaveSource(source, copy);
        } else {
            unmap(source, addr, oldLength);
        }
        mm.restoreHiwaterVm(hiwaterVm);
        return moved ? newAddr : -Errno.ENOMEM;
    }

    /** {@code mremap_userfaultfd_prep()}. */
    private void tellUserfault(Vma copy) {
        UserfaultContext context = copy.userfault();
        if (context == null) {
            return;
        }
        if (context.followsMoves()) {
            context.noteMove(addr, newAddr, oldLength);
        } else {
            UserfaultAreas.reset(copy);
        }
    }

    /** {@code mm/vma.c:copy_vma()}. */
    private Vma copy(Vma area) {
        long end = newAddr + newLength;
        boolean untouched = area.isAnonymous() && area.anonVma() == null;
        long pgoff = untouched ? newAddr >>> Vma.PAGE_SHIFT : area.pgoffOf(addr);
        Vma below = mm.vmas().findLastBelow(newAddr);
        Vma above = mm.vmas().findFirst(end);
        VmaMerge.Range range = VmaMerge.Range.like(area, newAddr, end, pgoff, area);
        Vma merged = VmaMerge.mergeNew(range, below, above);
        if (merged != null) {
            return merged;
        }
        Vma copy = area.duplicate(mm);
        copy.setRange(newAddr, end, pgoff);
        VmaMerge.cloneAnonVma(copy, area);
        MappedFile file = copy.file();
        if (file != null) {
            file.get();
        }
        copy.opened();
        VmaMerge.link(copy);
        return copy;
    }

    /** {@code unmap_source_vma()}: the commitment of the old range goes over to the new one. */
    private void unmap(Vma area, long start, long length) {
        if (length == 0) {
            return;
        }
        boolean accounted = area.has(VmaFlags.VM_ACCOUNT) && !keepsSource();
        long areaStart = area.start();
        long areaEnd = area.end();
        if (accounted) {
            area.setFlags(area.flags() & ~VmaFlags.VM_ACCOUNT);
        }
        Munmap.munmap(mm, start, length);
        if (!accounted) {
            return;
        }
        Vma below = areaStart < start ? mm.vmas().find(start - 1) : null;
        Vma above = areaEnd > start + length ? mm.vmas().find(start + length) : null;
        if (below != null) {
            below.setFlags(below.flags() | VmaFlags.VM_ACCOUNT);
        }
        if (above != null) {
            above.setFlags(above.flags() | VmaFlags.VM_ACCOUNT);
        }
    }

    /** {@code dontunmap_complete()}. */
    private void leaveSource(Vma source, Vma copy) {
        if (source.has(VmaFlags.VM_LOCKED)) {
            mm.noteLockedTwice(source.pages());
        }
        source.setFlags(source.flags() & ~VmaFlags.VM_LOCKED_MASK);
        boolean whole = source.start() == addr && source.end() == addr + oldLength;
        if (source != copy && whole && !source.anonVmaChain().isEmpty()) {
            mm.services().anonVmas().unlink(source);
        }
    }

    private void countNew(long areaFlags, long pages) {
        mm.account(areaFlags, pages);
        if ((areaFlags & VmaFlags.VM_LOCKED) != 0) {
            mm.addLockedVm(pages);
        }
    }

    private @Nullable Vma lookup(long vaddr) {
        return vaddr < 0 ? null : mm.vmas().find(vaddr);
    }
}
