package io.pagewalk.kernel.vma;

import io.pagewalk.kernel.numa.Mempolicy;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Joining and splitting areas: the rules of {@code mm/vma.c} that decide how many lines {@code /proc/PID/maps} has.
 *
 * <p>Two neighbours become one area when flags, file, file offset and anon_vma fit together. An area without anon_vma fits every other, and
 * takes over its anon_vma, unless that other area inherited pages from a parent process.
 */
final class VmaMerge {
    private VmaMerge() {}

    /** What is to be merged: the attributes of a range, as {@code struct vma_merge_struct}. */
    record Range(
            Mm mm,
            long start,
            long end,
            long pgoff,
            long flags,
            @Nullable MappedFile file,
            @Nullable AnonVma anonVma,
            @Nullable Vma copiedFrom,
            @Nullable String anonymousName,
            @Nullable Mempolicy policy,
            @Nullable UserfaultContext userfault) {

        /** Describes a part of an existing area with other flags. */
        static Range of(Vma vma, long start, long end, long flags) {
            return like(vma, start, end, vma.pgoffOf(start), null).withFlags(flags);
        }

        /**
         * Describes a range with the attributes of an area.
         *
         * @param area the area
         * @param start first address
         * @param end first address behind
         * @param pgoff page offset of the start
         * @param copiedFrom the area whose pages move there, or null
         */
        static Range like(Vma area, long start, long end, long pgoff, @Nullable Vma copiedFrom) {
            return new Range(
                    area.mm(),
                    start,
                    end,
                    pgoff,
                    area.flags(),
                    area.file(),
                    area.anonVma(),
                    copiedFrom,
                    area.anonymousName(),
                    area.policy(),
                    area.userfault());
        }

        /** Describes new memory that nobody has written to. */
        static Range fresh(Mm mm, long start, long end, long pgoff, long flags, @Nullable MappedFile file) {
            return new Range(mm, start, end, pgoff, flags, file, null, null, null, null, null);
        }

        private Range withFlags(long value) {
            return new Range(mm, start, end, pgoff, value, file, anonVma, copiedFrom, anonymousName, policy, userfault);
        }

        /** Returns the same with another policy. */
        Range withPolicy(@Nullable Mempolicy value) {
            return new Range(mm, start, end, pgoff, flags, file, anonVma, copiedFrom, anonymousName, value, userfault);
        }

        /** Returns the same with another name. */
        Range withName(@Nullable String value) {
            return new Range(mm, start, end, pgoff, flags, file, anonVma, copiedFrom, value, policy, userfault);
        }

        /** Returns the same with another userfaultfd. */
        Range withUserfault(@Nullable UserfaultContext value) {
            return new Range(mm, start, end, pgoff, flags, file, anonVma, copiedFrom, anonymousName, policy, value);
        }
    }

    /**
     * Gives a part of an area other flags in the tree, by merging it into a neighbour or by splitting it off: {@code mm/vma.c:vma_modify_flags()}.
     * The flags of the returned area are the caller's to set.
     *
     * @param vma the area
     * @param start first address of the part
     * @param end first address behind the part
     * @param newFlags its coming flags
     * @return the area that now holds exactly the part, or a bigger one that already had these flags; null when there would be too many areas
     */
    static @Nullable Vma modifyFlags(Vma vma, long start, long end, long newFlags) {
        return modify(vma, Range.of(vma, start, end, newFlags));
    }

    /**
     * Gives a part of an area other attributes in the tree, as {@link #modifyFlags} does: {@code mm/vma.c:vma_modify()}.
     *
     * @param vma the area
     * @param range the part with its coming attributes, which are the caller's to set
     * @return the area that now holds exactly the part, or a bigger one that already had these attributes; null when there would be too many areas
     */
    static @Nullable Vma modify(Vma vma, Range range) {
        long start = range.start();
        long end = range.end();
        Vma merged = mergeExisting(vma, range);
        if (merged != null) {
            return merged;
        }
        if (vma.start() < start && !split(vma, start, NewPart.BELOW)) {
            return null;
        }
        if (vma.end() > end && !split(vma, end, NewPart.ABOVE)) {
            return null;
        }
        return vma;
    }

    /**
     * Puts a range that is a hole into a neighbour: {@code mm/vma.c:vma_merge_new_range()}.
     *
     * @param range what shall be there
     * @param sides which neighbours may take it
     * @return the neighbour that grew, or null when none fits
     */
    static @Nullable Vma mergeNew(Range range, Sides sides) {
        return mergeNew(
                range,
                range.mm().vmas().findLastBelow(range.start()),
                sides == Sides.BELOW ? null : range.mm().vmas().findFirst(range.end()));
    }

    /**
     * As {@link #mergeNew(Range, Sides)} with neighbours that the caller chose.
     *
     * @param range what shall be there
     * @param previous the area below, or null to leave it alone
     * @param next the area above, or null to leave it alone
     */
    static @Nullable Vma mergeNew(Range range, @Nullable Vma previous, @Nullable Vma next) {
        if ((range.flags() & VmaFlags.VM_SPECIAL) != 0) {
            return null;
        }
        boolean left = previous != null && previous.end() == range.start() && fitsAfter(range, previous, null);
        boolean right = next != null
                && next.start() == range.end()
                && fitsBefore(range, next, null)
                && (!left || previous == null || (anonVmasFit(previous, next) && mayRemove(next)));
        if (left && previous != null) {
            previous.stickTo(range.flags());
            if (right && next != null) {
                previous.stickTo(next.flags());
                duplicateAnonVma(previous, next);
                takeOverSource(previous, range);
                dropMerged(next);
                adjust(previous, previous.start(), next.end(), previous.pgoff());
            } else {
                takeOverSource(previous, range);
                adjust(previous, previous.start(), range.end(), previous.pgoff());
            }
            return grown(previous, range);
        }
        if (right && next != null) {
            next.stickTo(range.flags());
            takeOverSource(next, range);
            adjust(next, range.start(), next.end(), range.pgoff());
            return grown(next, range);
        }
        return null;
    }

    /** Which neighbours may take a new range. */
    enum Sides {
        /** Only the one below, as {@code brk()} does. */
        BELOW,
        /** Both. */
        BOTH
    }

    /** Which side of a split gets the new object; visible only in who keeps a reference to what. */
    enum NewPart {
        /** The new area lies below the old one. */
        BELOW,
        /** The new area lies above the old one. */
        ABOVE
    }

    /**
     * Returns whether a part of an area may not be split off. What {@code mm/vma.c:vma_modify()} has done by then stays: the area is split at the start of the part when only the
     * end is refused.
     *
     * @param vma the area
     * @param start first address of the part
     * @param end first address behind the part
     */
    static boolean isSplitRefused(Vma vma, long start, long end) {
        if (!vma.isSplitRefused(start, end)) {
            return false;
        }
        if (start > vma.start() && !vma.isSplitRefused(start, vma.end())) {
            split(vma, start, NewPart.BELOW);
        }
        return true;
    }

    /**
     * Splits an area unless there are too many: {@code mm/vma.c:split_vma()}.
     *
     * @param vma the area
     * @param address a page border inside it
     * @param part where the new area comes to lie
     * @return whether it was split
     */
    static boolean split(Vma vma, long address, NewPart part) {
        Mm mm = vma.mm();
        if (mm.mapCount() >= mm.services().settings().maxMapCount()) {
            return false;
        }
        splitAlways(vma, address, part);
        return true;
    }

    /**
     * Splits an area: {@code mm/vma.c:__split_vma()}.
     *
     * @param vma the area
     * @param address a page border inside it
     * @param part where the new area comes to lie
     */
    static void splitAlways(Vma vma, long address, NewPart part) {
        Mm mm = vma.mm();
        Vma other = vma.duplicate(mm);
        mm.services().pageTables().splitHuge(vma, address);
        if (part == NewPart.BELOW) {
            other.setRange(vma.start(), address, vma.pgoff());
        } else {
            other.setRange(address, vma.end(), vma.pgoffOf(address));
        }
        cloneAnonVma(other, vma);
        MappedFile file = vma.file();
        if (file != null) {
            file.get();
        }
        if (part == NewPart.BELOW) {
            adjust(vma, address, vma.end(), vma.pgoffOf(address));
        } else {
            adjust(vma, vma.start(), address, vma.pgoff());
        }
        link(other);
        other.opened();
    }

    /**
     * Puts a complete area into the tree and its file's list: {@code mm/vma.c:vma_link()}.
     *
     * @param vma a detached area
     */
    static void link(Vma vma) {
        vma.mm().vmas().insert(vma);
        MappedFile file = vma.file();
        if (file != null) {
            file.vmaLinked(vma);
        }
    }

    /**
     * Gives a copy the anon_vmas of its original: {@code anon_vma_clone()}.
     *
     * @param copy an area without any
     * @param original the area it was copied from
     */
    static void cloneAnonVma(Vma copy, Vma original) {
        copy.setAnonVma(original.anonVma());
        if (!original.anonVmaChain().isEmpty()) {
            copy.mm().services().anonVmas().cloneChain(copy, original);
        }
    }

    /**
     * Finds a neighbour whose anon_vma a first write may share, so that the two can merge later: {@code mm/vma.c:find_mergeable_anon_vma()}.
     *
     * @param vma an area without anon_vma
     * @return the anon_vma to use, or null to make a new one
     */
    static @Nullable AnonVma findMergeableAnonVma(Vma vma) {
        Vma next = vma.mm().vmas().next(vma);
        if (next != null) {
            AnonVma anonVma = reusable(next, vma, next);
            if (anonVma != null) {
                return anonVma;
            }
        }
        Vma previous = vma.mm().vmas().previous(vma);
        return previous == null ? null : reusable(previous, previous, vma);
    }

    private static @Nullable AnonVma reusable(Vma old, Vma below, Vma above) {
        long mayDiffer = VmaFlags.VM_ACCESS_FLAGS | VmaFlags.VM_IGNORE_MERGE;
        boolean compatible = below.end() == above.start()
                && below.file() == above.file()
                && Mempolicy.same(below.policy(), above.policy())
                && ((below.flags() ^ above.flags()) & ~mayDiffer) == 0
                && above.pgoff() == below.pgoff() + below.pages();
        return compatible && old.anonVmaChain().size() == 1 ? old.anonVma() : null;
    }

    /*
     * A part of middle gets new attributes:
     *
     *   previous  middle   next            both fit: previous grows over middle and next
     *   ........[********]........         left fits: previous grows, middle shrinks or goes
     *            ^ start  ^ end            right fits: next grows downwards, middle shrinks or goes
     */
    private static @Nullable Vma mergeExisting(Vma middle, Range range) {
        boolean leftSide = range.start() == middle.start();
        boolean rightSide = range.end() == middle.end();
        if ((range.flags() & VmaFlags.VM_SPECIAL) != 0 || (!leftSide && !rightSide)) {
            return null;
        }
        VmaTree tree = middle.mm().vmas();
        Vma previous = leftSide ? tree.previous(middle) : null;
        Vma next = rightSide ? tree.next(middle) : null;
        boolean left = previous != null && previous.end() == range.start() && fitsAfter(range, previous, middle);
        boolean right = next != null
                && next.start() == range.end()
                && fitsBefore(range, next, middle)
                && (!left || previous == null || anonVmasFit(previous, next));
        if (leftSide && rightSide && !mayRemove(middle)) {
            return null;
        }
        if (left && previous != null) {
            previous.stickTo(range.flags());
            if (right && next != null) {
                previous.stickTo(next.flags());
                duplicateAnonVma(previous, next.anonVma() != null ? next : middle);
                dropMerged(middle);
                dropMerged(next);
                adjust(previous, previous.start(), next.end(), previous.pgoff());
                return grown(previous, range);
            }
            duplicateAnonVma(previous, middle);
            if (rightSide) {
                dropMerged(middle);
            } else {
                middle.mm().services().pageTables().splitHuge(middle, range.end());
                adjust(middle, range.end(), middle.end(), middle.pgoffOf(range.end()));
            }
            adjust(previous, previous.start(), range.end(), previous.pgoff());
            return grown(previous, range);
        }
        if (right && next != null) {
            next.stickTo(range.flags());
            duplicateAnonVma(next, middle);
            if (leftSide) {
                dropMerged(middle);
            } else {
                middle.mm().services().pageTables().splitHuge(middle, range.start());
                adjust(middle, middle.start(), range.start(), middle.pgoff());
            }
            adjust(next, range.start(), next.end(), range.pgoff());
            return grown(next, range);
        }
        return null;
    }

    /** khugepaged may find an area large enough now that was not. */
    private static Vma grown(Vma vma, Range range) {
        vma.mm().services().khugepaged().enter(vma, range.flags());
        return vma;
    }

    /** {@code mm/vma.c:can_merge_remove_vma()}. */
    private static boolean mayRemove(@Nullable Vma vma) {
        VmaOperations operations = vma == null ? null : vma.operations();
        return operations == null || !operations.forbidsRemoval();
    }

    private static boolean fitsAfter(Range range, Vma previous, @Nullable Vma middle) {
        return attributesFit(range, previous)
                && anonVmaFits(range, previous, middle)
                && previous.pgoff() + previous.pages() == range.pgoff();
    }

    private static boolean fitsBefore(Range range, Vma next, @Nullable Vma middle) {
        return attributesFit(range, next)
                && anonVmaFits(range, next, middle)
                && next.pgoff() == range.pgoff() + ((range.end() - range.start()) >>> Vma.PAGE_SHIFT);
    }

    /** {@code mm/vma.c:is_mergeable_vma()}. */
    private static boolean attributesFit(Range range, Vma neighbour) {
        return ((neighbour.flags() ^ range.flags()) & ~VmaFlags.VM_IGNORE_MERGE) == 0
                && neighbour.file() == range.file()
                && Objects.equals(neighbour.anonymousName(), range.anonymousName())
                && Mempolicy.same(neighbour.policy(), range.policy())
                && neighbour.userfault() == range.userfault();
    }

    /** {@code mm/vma.c:is_mergeable_anon_vma()}. */
    private static boolean anonVmaFits(Range range, Vma target, @Nullable Vma source) {
        AnonVma targetAnonVma = target.anonVma();
        AnonVma sourceAnonVma = range.anonVma();
        if (targetAnonVma == null && sourceAnonVma != null) {
            return !isForkChild(source) && !isForkChild(range.copiedFrom());
        }
        if (targetAnonVma != null && sourceAnonVma == null) {
            return !isForkChild(target);
        }
        return targetAnonVma == sourceAnonVma;
    }

    private static boolean anonVmasFit(Vma previous, Vma next) {
        return previous.anonVma() == null || next.anonVma() == null || previous.anonVma() == next.anonVma();
    }

    /** Returns whether an area may hold pages of a parent process ({@code vma_is_fork_child()}). */
    private static boolean isForkChild(@Nullable Vma vma) {
        return vma != null && vma.anonVma() != null && vma.anonVmaChain().size() != 1;
    }

    /** {@code mm/vma.c:dup_anon_vma()}. */
    private static void duplicateAnonVma(Vma target, Vma source) {
        if (source.anonVma() != null && target.anonVma() == null) {
            cloneAnonVma(target, source);
        }
    }

    private static void takeOverSource(Vma target, Range range) {
        Vma source = range.copiedFrom();
        if (source != null) {
            duplicateAnonVma(target, source);
        }
    }

    /** Takes an area out of the tree whose range another one is about to take over. */
    private static void dropMerged(Vma vma) {
        MappedFile file = vma.file();
        if (file != null) {
            file.vmaUnlinked(vma);
        }
        vma.mm().vmas().remove(vma);
        if (!vma.anonVmaChain().isEmpty()) {
            vma.mm().services().anonVmas().unlink(vma);
        }
        if (file != null) {
            file.put();
        }
    }

    /**
     * Changes the range of an area in the tree, in its file and in the reverse map.
     *
     * @param vma an area in the tree
     * @param start its new first address
     * @param end its new first address behind
     * @param pgoff page offset of the new first address
     */
    static void adjust(Vma vma, long start, long end, long pgoff) {
        MappedFile file = vma.file();
        if (file != null) {
            file.vmaUnlinked(vma);
        }
        boolean inReverseMap = !vma.anonVmaChain().isEmpty();
        AnonVmaOps anonVmas = vma.mm().services().anonVmas();
        if (inReverseMap) {
            anonVmas.beforeRangeChange(vma);
        }
        vma.mm().vmas().setRange(vma, start, end, pgoff);
        if (inReverseMap) {
            anonVmas.afterRangeChange(vma);
        }
        if (file != null) {
            file.vmaLinked(vma);
        }
    }
}
