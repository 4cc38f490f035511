package io.pagewalk.observe.ledger;

import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.zone.Zone;
import java.util.ArrayList;
import java.util.List;

/**
 * Every frame of the machine, by owner.
 *
 * <p>Invariant: {@code sum of the rows + unaccountedFrames == ramFrames}, and {@code unaccountedFrames == 0} in a machine without defects.
 *
 * @param rows owners with at least one frame, in the order of {@link FrameOwner}
 * @param ramFrames frames that are RAM
 * @param unaccountedFrames RAM that no owner has
 */
public record Ledger(List<Row> rows, long ramFrames, long unaccountedFrames) {
    /**
     * One owner.
     *
     * @param owner whose frames
     * @param frames how many, at least 1
     */
    public record Row(FrameOwner owner, long frames) {}

    /** Copies the rows. */
    public Ledger {
        rows = List.copyOf(rows);
    }

    /**
     * Counts a machine's frames.
     *
     * @param memMap its page structures, which know each frame's owner
     * @param zones its zones, which know how much RAM there is
     */
    public static Ledger of(MemMap memMap, List<Zone> zones) {
        List<Row> rows = new ArrayList<>();
        long owned = 0;
        for (FrameOwner owner : FrameOwner.values()) {
            long frames = memMap.ownerFrames(owner);
            if (owner != FrameOwner.HOLE && frames != 0) {
                rows.add(new Row(owner, frames));
                owned += frames;
            }
        }
        long ram = zones.stream().mapToLong(Zone::presentPages).sum();
        return new Ledger(rows, ram, ram - owned);
    }

    /**
     * Returns an owner's frames.
     *
     * @param owner any owner
     */
    public long frames(FrameOwner owner) {
        return rows.stream()
                .filter(row -> row.owner() == owner)
                .mapToLong(Row::frames)
                .sum();
    }
}
