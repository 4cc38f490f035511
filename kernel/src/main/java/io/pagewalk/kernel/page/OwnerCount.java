package io.pagewalk.kernel.page;

import org.jspecify.annotations.Nullable;

/** Counts the frames of each owner by a walk over all of them, to hold the memmap's sums against. */
final class OwnerCount {
    private OwnerCount() {}

    /**
     * Returns how many frames each owner has, by ordinal.
     *
     * @param sections touched sections, null where all frames are as at boot
     * @param bootRanges owners at boot
     * @param frames first frame number above all memory
     */
    static long[] walk(@Nullable MemMapSection[] sections, FrameRange[] bootRanges, long frames) {
        long[] found = new long[FrameOwner.values().length];
        for (int s = 0; s < sections.length; s++) {
            MemMapSection section = sections[s];
            long base = (long) s << MemMap.SECTION_SHIFT;
            long end = Math.min(base + MemMap.SECTION_FRAMES, frames);
            if (section != null) {
                for (int i = 0; i < end - base; i++) {
                    found[section.owner[i]]++;
                }
                continue;
            }
            long known = 0;
            for (int r = FrameRange.atOrAfter(bootRanges, base);
                    r < bootRanges.length && bootRanges[r].startPfn() < end;
                    r++) {
                FrameRange range = bootRanges[r];
                long part = Math.min(range.endPfn(), end) - Math.max(range.startPfn(), base);
                found[range.owner().ordinal()] += part;
                known += part;
            }
            found[FrameOwner.HOLE.ordinal()] += end - base - known;
        }
        return found;
    }
}
