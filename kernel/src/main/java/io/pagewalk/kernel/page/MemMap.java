package io.pagewalk.kernel.page;

import io.pagewalk.base.Digest;
import io.pagewalk.base.KernelBug;
import io.pagewalk.base.Violations;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * All {@code struct page} of a machine: Linux's memmap under {@code CONFIG_SPARSEMEM_VMEMMAP}.
 *
 * <p>A section of {@value #SECTION_FRAMES} frames gets its arrays when one of its frames is first touched. The owner of a frame in an untouched
 * section is known from the boot ranges, so memory that nobody used costs nothing.
 */
@SuppressWarnings("EnumOrdinal") // ordinals index arrays in hot paths and leave the program only as sums
public final class MemMap {
    /*
     *   pfn  63 ................ 15 14 ............. 0
     *       | section              | frame in section |
     */

    /** Frames of a section: 128 MiB as on x86-64 ({@code SECTION_SIZE_BITS} 27). */
    public static final int SECTION_FRAMES = 1 << 15;

    /** Bits of a pfn that number the frame inside its section. */
    public static final int SECTION_MASK = SECTION_FRAMES - 1;

    /** Order of a pageblock: a 2 MiB huge page. */
    public static final int PAGEBLOCK_ORDER = 9;

    /** Largest order of the buddy allocator. */
    public static final int MAX_PAGE_ORDER = 10;

    /** Link value that means "the list head". No frame has this number. */
    public static final int LIST_END = -1;

    /** Bytes of Linux's {@code struct page}. */
    public static final int STRUCT_PAGE_BYTES = 64;

    static final int SECTION_SHIFT = 15;
    private static final int PCP = FrameOwner.PCP.ordinal();
    private static final int KERNEL = FrameOwner.KERNEL.ordinal();

    private final long frames;
    private final @Nullable MemMapSection[] sections;
    private final FrameRange[] bootRanges;
    /** Invariant: {@code ownerFrames[o] == number of frames whose owner is o}, but for PCP: those are what the others leave. */
    private final long[] ownerFrames = new long[FrameOwner.values().length];

    /** Zone slots in ascending order of their borders; see {@link #setZones}. */
    private long[] zoneStarts = {0};

    private int[] zoneSlots = {0};

    /**
     * Creates the memmap of a machine that just booted.
     *
     * @param frames first frame number above all memory, at most 2^32 - 1
     * @param bootRanges owners at boot, ascending, not overlapping; frames between them are {@link FrameOwner#HOLE}
     */
    public MemMap(long frames, List<FrameRange> bootRanges) {
        if (frames <= 0 || frames >= 1L << 32) {
            throw new IllegalArgumentException(frames + " frames, at most 2^32 - 1 are possible");
        }
        this.frames = frames;
        this.sections = new MemMapSection[(int) ((frames + SECTION_MASK) >>> SECTION_SHIFT)];
        this.bootRanges = bootRanges.toArray(FrameRange[]::new);
        long end = 0;
        long used = 0;
        for (FrameRange range : this.bootRanges) {
            KernelBug.on(range.startPfn() < end || range.endPfn() > frames, "boot ranges overlap at " + range);
            end = range.endPfn();
            used += range.frames();
            ownerFrames[range.owner().ordinal()] += range.frames();
        }
        ownerFrames[FrameOwner.HOLE.ordinal()] += frames - used;
    }

    /**
     * Tells which zone each frame belongs to, before any frame is touched.
     *
     * @param starts first frames, ascending, multiples of a pageblock, the first is 0; each reaches to the next
     * @param slots the zone's number from each start on
     */
    public void setZones(long[] starts, int[] slots) {
        KernelBug.on(touchedSections() > 0, "zones change after a frame was touched");
        zoneStarts = starts.clone();
        zoneSlots = slots.clone();
    }

    /**
     * Returns the number of the zone that a frame belongs to: {@code page_zone()}.
     *
     * @param pfn a valid frame
     */
    public int zoneSlot(long pfn) {
        MemMapSection section = sections[(int) (pfn >>> SECTION_SHIFT)];
        return section != null
                ? section.zone[((int) pfn & SECTION_MASK) >> PAGEBLOCK_ORDER]
                : zoneSlots[zonePlace(pfn & -(1L << PAGEBLOCK_ORDER))];
    }

    /** Returns the first frame number above all memory: {@code max_pfn}. */
    public long frames() {
        return frames;
    }

    /**
     * Returns whether a frame number lies inside the memmap; it may still be a hole.
     *
     * @param pfn any number
     */
    public boolean isValid(long pfn) {
        return pfn >= 0 && pfn < frames;
    }

    /**
     * Returns the arrays that hold a frame's fields, made now when the frame is the first touched of its section.
     *
     * @param pfn a valid frame
     */
    public MemMapSection section(long pfn) {
        MemMapSection section = sections[(int) (pfn >>> SECTION_SHIFT)];
        return section != null ? section : touch((int) (pfn >>> SECTION_SHIFT));
    }

    /** Returns how many sections have been touched. */
    public int touchedSections() {
        int count = 0;
        for (MemMapSection section : sections) {
            count += section == null ? 0 : 1;
        }
        return count;
    }

    /**
     * Returns whether the section of a frame has its arrays.
     *
     * @param pfn a valid frame
     */
    public boolean isTouched(long pfn) {
        return sections[(int) (pfn >>> SECTION_SHIFT)] != null;
    }

    /**
     * Returns all flags of a page, bits of {@link PageFlags}; a tail page has its own {@link PageFlags#PER_PAGE} and else those of its head.
     *
     * @param pfn a valid frame
     */
    public int flags(long pfn) {
        int flags = section(pfn).flags[(int) pfn & SECTION_MASK];
        return (flags & PageFlags.TAIL) == 0
                ? flags
                : (flags & PageFlags.PER_PAGE) | (flags(compoundHead(pfn)) & ~PageFlags.PER_PAGE);
    }

    /**
     * Returns whether one or more flags are all set.
     *
     * @param pfn a valid frame
     * @param mask bits of {@link PageFlags}
     */
    public boolean hasFlags(long pfn, int mask) {
        return (flags(pfn) & mask) == mask;
    }

    /**
     * Sets flags: {@code SetPageXxx()}. Those that a folio has as a whole are set at its head.
     *
     * @param pfn a valid frame
     * @param mask bits of {@link PageFlags}, all or none of them {@link PageFlags#PER_PAGE}
     */
    public void setFlags(long pfn, int mask) {
        long page = (mask & PageFlags.PER_PAGE) != 0 ? pfn : compoundHead(pfn);
        section(page).flags[(int) page & SECTION_MASK] |= mask;
    }

    /**
     * Clears flags: {@code ClearPageXxx()}. Those that a folio has as a whole are cleared at its head.
     *
     * @param pfn a valid frame
     * @param mask bits of {@link PageFlags}, all or none of them {@link PageFlags#PER_PAGE}
     */
    public void clearFlags(long pfn, int mask) {
        long page = (mask & PageFlags.PER_PAGE) != 0 ? pfn : compoundHead(pfn);
        section(page).flags[(int) page & SECTION_MASK] &= ~mask;
    }

    /**
     * Returns the number of users of a page or of the folio that it belongs to: {@code folio_ref_count()}.
     *
     * @param pfn a valid frame
     */
    public int refcount(long pfn) {
        long head = compoundHead(pfn);
        return section(head).refcount[(int) head & SECTION_MASK];
    }

    /**
     * Takes a reference: {@code get_page()}.
     *
     * @param pfn any frame of an allocated page
     */
    public void get(long pfn) {
        getMany(pfn, 1);
    }

    /**
     * Takes several references at once: {@code folio_ref_add()}.
     *
     * @param pfn any frame of an allocated page
     * @param count how many, at least 0
     */
    public void getMany(long pfn, int count) {
        long head = compoundHead(pfn);
        MemMapSection section = section(head);
        int i = (int) head & SECTION_MASK;
        if (section.refcount[i] <= 0) {
            throw new KernelBug("reference taken on free frame " + head);
        }
        section.refcount[i] += count;
    }

    /**
     * Drops a reference and tells whether it was the last: {@code put_page_testzero()}. The caller then frees the page; {@code PageAllocator.putPage}
     * does both.
     *
     * @param pfn head of an allocated page
     */
    public boolean putTestZero(long pfn) {
        MemMapSection section = section(pfn);
        int i = (int) pfn & SECTION_MASK;
        int left = --section.refcount[i];
        if (left < 0) {
            throw new KernelBug("reference dropped on free frame " + pfn);
        }
        return left == 0;
    }

    /**
     * Returns how many entries of leaf tables map a frame; entries that map a whole huge page are counted by its {@link LargeFolios}.
     *
     * @param pfn a valid frame
     */
    public int mapcount(long pfn) {
        return section(pfn).mapcount[(int) pfn & SECTION_MASK];
    }

    /**
     * Counts one more mapping.
     *
     * @param pfn an allocated frame
     * @return the mappings now, at least 1
     */
    public int incMapcount(long pfn) {
        return ++section(pfn).mapcount[(int) pfn & SECTION_MASK];
    }

    /**
     * Counts one mapping less.
     *
     * @param pfn a mapped frame
     * @return the mappings left, at least 0
     */
    public int decMapcount(long pfn) {
        int left = --section(pfn).mapcount[(int) pfn & SECTION_MASK];
        if (left < 0) {
            throw new KernelBug("mapcount of frame " + pfn + " below zero");
        }
        return left;
    }

    /**
     * Returns the number of the address space or anon_vma that the page belongs to, 0 for none. Each page of a folio knows it.
     *
     * @param pfn a valid frame
     */
    public int mapping(long pfn) {
        return section(pfn).mapping[(int) pfn & SECTION_MASK];
    }

    /**
     * Returns the page's offset in its mapping, in pages.
     *
     * @param pfn a valid frame
     */
    public long index(long pfn) {
        return section(pfn).index[(int) pfn & SECTION_MASK];
    }

    /**
     * Ties a page to a place in a mapping.
     *
     * @param pfn an allocated frame
     * @param mapping number of the address space or anon_vma, 0 for none
     * @param index offset in pages
     */
    public void setMapping(long pfn, int mapping, long index) {
        MemMapSection section = section(pfn);
        int i = (int) pfn & SECTION_MASK;
        section.mapping[i] = mapping;
        section.index[i] = index;
    }

    /**
     * Returns who has a frame. Does not touch its section.
     *
     * @param pfn a valid frame
     */
    public FrameOwner owner(long pfn) {
        MemMapSection section = sections[(int) (pfn >>> SECTION_SHIFT)];
        if (section != null) {
            return FrameOwner.of(section.owner[(int) pfn & SECTION_MASK]);
        }
        int range = FrameRange.atOrAfter(bootRanges, pfn);
        return range < bootRanges.length && bootRanges[range].startPfn() <= pfn
                ? bootRanges[range].owner()
                : FrameOwner.HOLE;
    }

    /**
     * Gives one frame to another owner and keeps the sums.
     *
     * @param pfn a valid frame
     * @param owner the new owner
     */
    public void setOwner(long pfn, FrameOwner owner) {
        setOwner(section(pfn), (int) pfn & SECTION_MASK, owner);
    }

    /**
     * Gives one frame to another owner, for callers that hold its section.
     *
     * @param section the frame's section
     * @param i the frame's place in it
     * @param owner the new owner
     */
    public void setOwner(MemMapSection section, int i, FrameOwner owner) {
        int then = owner.ordinal();
        ownerFrames[section.owner[i]]--;
        ownerFrames[then]++;
        section.owner[i] = (byte) then;
    }

    /**
     * Gives one frame to a per-CPU list, for callers that hold its section.
     *
     * @param section the frame's section
     * @param i the frame's place in it
     */
    public void giveToCpu(MemMapSection section, int i) {
        ownerFrames[section.owner[i]]--;
        section.owner[i] = (byte) PCP;
    }

    /**
     * Gives one frame from a per-CPU list to the kernel, for callers that hold its section.
     *
     * @param section the frame's section
     * @param i the frame's place in it
     */
    public void takeFromCpu(MemMapSection section, int i) {
        ownerFrames[KERNEL]++;
        section.owner[i] = (byte) KERNEL;
    }

    /**
     * Gives neighbouring frames of one section that have one owner to another.
     *
     * @param section the frames' section
     * @param first place of the first one
     * @param end place behind the last one
     * @param owner the new owner
     */
    public void setOwner(MemMapSection section, int first, int end, FrameOwner owner) {
        int now = section.owner[first];
        byte then = (byte) owner.ordinal();
        for (int i = first; i < end; i++) {
            KernelBug.on(section.owner[i] != now, "neighbouring frames have two owners");
            section.owner[i] = then;
        }
        ownerFrames[now] -= end - first;
        ownerFrames[then] += end - first;
    }

    /**
     * Gives a block that lies in one section and has one owner to another.
     *
     * @param pfn first frame, aligned to the order
     * @param order at most {@link #MAX_PAGE_ORDER}
     * @param owner the new owner
     */
    public void setBlockOwner(long pfn, int order, FrameOwner owner) {
        int first = (int) pfn & SECTION_MASK;
        setOwner(section(pfn), first, first + (1 << order), owner);
    }

    /**
     * Returns how many frames an owner has now.
     *
     * @param owner any owner
     */
    public long ownerFrames(FrameOwner owner) {
        if (owner != FrameOwner.PCP) {
            return ownerFrames[owner.ordinal()];
        }
        long left = frames + ownerFrames[PCP];
        for (long count : ownerFrames) {
            left -= count;
        }
        return left;
    }

    /**
     * Returns the next frame of the list that a frame is on, or {@link #LIST_END} as a long of -1.
     *
     * @param pfn a frame on a list
     */
    public long next(long pfn) {
        return toPfn(section(pfn).next[(int) pfn & SECTION_MASK]);
    }

    /**
     * Returns the previous frame of the list that a frame is on, or -1.
     *
     * @param pfn a frame on a list
     */
    public long prev(long pfn) {
        return toPfn(section(pfn).prev[(int) pfn & SECTION_MASK]);
    }

    /**
     * Sets both links of a frame.
     *
     * @param pfn a valid frame
     * @param prev previous frame or -1
     * @param next next frame or -1
     */
    public void setLinks(long pfn, long prev, long next) {
        MemMapSection section = section(pfn);
        int i = (int) pfn & SECTION_MASK;
        section.prev[i] = (int) prev;
        section.next[i] = (int) next;
    }

    /**
     * Sets the link to the next frame.
     *
     * @param pfn a valid frame
     * @param next next frame or -1
     */
    public void setNext(long pfn, long next) {
        section(pfn).next[(int) pfn & SECTION_MASK] = (int) next;
    }

    /**
     * Sets the link to the previous frame.
     *
     * @param pfn a valid frame
     * @param prev previous frame or -1
     */
    public void setPrev(long pfn, long prev) {
        section(pfn).prev[(int) pfn & SECTION_MASK] = (int) prev;
    }

    /**
     * Returns the order stored at the head of a free block or compound page; 0 for a single page.
     *
     * @param pfn a head
     */
    public int order(long pfn) {
        return section(pfn).order[(int) pfn & SECTION_MASK];
    }

    /**
     * Stores the order at a head.
     *
     * @param pfn a head
     * @param order at most {@link #MAX_PAGE_ORDER}
     */
    public void setOrder(long pfn, int order) {
        section(pfn).order[(int) pfn & SECTION_MASK] = (byte) order;
    }

    /**
     * Returns the head of the compound page that a frame belongs to, or the frame itself: {@code compound_head()}.
     *
     * @param pfn a valid frame
     */
    public long compoundHead(long pfn) {
        MemMapSection section = section(pfn);
        int i = (int) pfn & SECTION_MASK;
        return (section.flags[i] & PageFlags.TAIL) != 0 ? toPfn(section.next[i]) : pfn;
    }

    /**
     * Returns the migrate type of the pageblock of a frame: {@code get_pageblock_migratetype()}.
     *
     * @param pfn a valid frame
     */
    public int pageblockType(long pfn) {
        MemMapSection section = sections[(int) (pfn >>> SECTION_SHIFT)];
        return section == null ? MigrateType.MOVABLE : section.pageblock[((int) pfn & SECTION_MASK) >> PAGEBLOCK_ORDER];
    }

    /**
     * Sets the migrate type of the pageblock of a frame: {@code set_pageblock_migratetype()}.
     *
     * @param pfn a valid frame
     * @param type a constant of {@link MigrateType}
     */
    public void setPageblockType(long pfn, int type) {
        section(pfn).pageblock[((int) pfn & SECTION_MASK) >> PAGEBLOCK_ORDER] = (byte) type;
    }

    private int zonePlace(long pfn) {
        int place = Arrays.binarySearch(zoneStarts, pfn);
        return place >= 0 ? place : -place - 2;
    }

    /**
     * Adds the state of all touched frames to a digest.
     *
     * @param digest receives it
     */
    public void addToDigest(Digest digest) {
        for (FrameOwner owner : FrameOwner.values()) {
            digest.add(ownerFrames(owner));
        }
        for (int s = 0; s < sections.length; s++) {
            MemMapSection section = sections[s];
            if (section == null) {
                continue;
            }
            digest.add(s);
            section.addToDigest(digest);
        }
    }

    /**
     * Checks that the sums by owner are what a walk over all frames finds.
     *
     * @param out receives what is broken
     */
    public void verify(Violations out) {
        long[] found = OwnerCount.walk(sections, bootRanges, frames);
        for (FrameOwner owner : FrameOwner.values()) {
            out.expectEqual(
                    "memmap", "frames of " + owner + " == frames counted", ownerFrames(owner), found[owner.ordinal()]);
        }
    }

    private static long toPfn(int link) {
        return link == LIST_END ? -1 : Integer.toUnsignedLong(link);
    }

    private MemMapSection touch(int number) {
        MemMapSection section = new MemMapSection();
        long base = (long) number << SECTION_SHIFT;
        long end = base + SECTION_FRAMES;
        for (int r = FrameRange.atOrAfter(bootRanges, base);
                r < bootRanges.length && bootRanges[r].startPfn() < end;
                r++) {
            FrameRange range = bootRanges[r];
            int from = (int) (Math.max(range.startPfn(), base) - base);
            int to = (int) (Math.min(range.endPfn(), end) - base);
            Arrays.fill(section.owner, from, to, (byte) range.owner().ordinal());
            if (range.owner() != FrameOwner.FREE) {
                Arrays.fill(section.flags, from, to, PageFlags.RESERVED);
                Arrays.fill(section.refcount, from, to, 1);
            } else {
                markLazyBlocks(section, from, to);
            }
        }
        for (int block = 0; block < section.zone.length; block++) {
            section.zone[block] = (short) zoneSlots[zonePlace(base + ((long) block << PAGEBLOCK_ORDER))];
        }
        sections[number] = section;
        return section;
    }

    /** Marks every whole block of the largest order in free frames; the free lists hold them as range nodes. */
    private static void markLazyBlocks(MemMapSection section, int from, int to) {
        int block = 1 << MAX_PAGE_ORDER;
        for (int i = (from + block - 1) & -block; i + block <= to; i += block) {
            section.flags[i] = PageFlags.BUDDY | PageFlags.LAZY;
            section.order[i] = MAX_PAGE_ORDER;
        }
    }
}
