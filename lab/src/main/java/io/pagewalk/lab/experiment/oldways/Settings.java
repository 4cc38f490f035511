package io.pagewalk.lab.experiment.oldways;

import io.pagewalk.base.BadInput;
import io.pagewalk.base.Size;

/**
 * What the comparison is asked for.
 *
 * @param seed of the history
 * @param ramBytes memory of each machine, the system's 64 KiB included
 * @param steps requests of the history
 * @param segmentBytes mean size of a new segment
 * @param loadPercent how much of the memory for programs the history asks for when it is busy
 */
public record Settings(long seed, long ramBytes, int steps, int segmentBytes, int loadPercent) {
    /** A segment of a real-mode machine holds no more, so none does. */
    static final int SEGMENT_MAX_BYTES = 64 << 10;

    private static final long PAGE_BYTES = 4096;
    private static final int SEGMENTS_PER_PLACE = 3;

    /** What the command uses when it is told nothing. */
    public static final Settings DEFAULT = new Settings(1, Size.MIB, 2000, 8 << 10, 90);

    /** Refuses what no history can be made of. */
    public Settings {
        long ramMax = (long) DescriptorSystem.PLACES * SEGMENTS_PER_PLACE * segmentBytes;
        if (segmentBytes < 64 || segmentBytes > SEGMENT_MAX_BYTES / 4) {
            throw new BadInput("--segment", Size.format(segmentBytes), "a mean size from 64 B to 16 KiB");
        }
        if (ramBytes < 256 << 10 || ramBytes % PAGE_BYTES != 0) {
            throw new BadInput("--ram", Size.format(ramBytes), "a multiple of 4 KiB from 256 KiB");
        }
        if (ramBytes > ramMax) {
            throw new BadInput(
                    "--ram",
                    Size.format(ramBytes),
                    "at most " + Size.format(ramMax) + " with segments of " + Size.format(segmentBytes));
        }
        if (steps < 1 || steps > 1_000_000) {
            throw new BadInput("--steps", Integer.toString(steps), "a number from 1 to 1000000");
        }
        if (loadPercent < 1 || loadPercent > 100) {
            throw new BadInput("--load", Integer.toString(loadPercent), "a percentage from 1 to 100");
        }
    }

    /** Returns the memory for programs. */
    public long programBytes() {
        return ramBytes - PartitionedSystem.SYSTEM_BYTES;
    }
}
