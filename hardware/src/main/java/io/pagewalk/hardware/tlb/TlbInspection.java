package io.pagewalk.hardware.tlb;

import io.pagewalk.base.Digest;
import io.pagewalk.base.Violations;

/** The full walks over a {@link Tlb}: its digest and its checks. Neither changes anything. */
final class TlbInspection {
    private TlbInspection() {}

    static void addToDigest(Tlb tlb, Digest digest) {
        digest.add(tlb.hits());
        digest.add(draws(tlb));
        for (int a = 0; a < tlb.arrays.length; a++) {
            TlbArray array = tlb.arrays[a];
            for (int set = 0; set < array.sets(); set++) {
                addSetToDigest(
                        tlb, digest, tlb.arrayBase[a] + set * array.ways(), array.ways(), tlb.victims[a].isOrdered());
                if (array.replacement() == Replacement.TREE_PLRU) {
                    digest.add(tlb.victims[a].tree(set));
                }
            }
        }
    }

    static void verify(Tlb tlb, Violations out) {
        int[] counted = new int[tlb.levels + 1];
        int countedPieces = 0;
        for (int a = 0; a < tlb.arrays.length; a++) {
            for (int slot = tlb.arrayBase[a]; slot < tlb.arrayBase[a] + tlb.arrays[a].entries(); slot++) {
                if (tlb.keys[slot] == Tlb.INVALID) {
                    continue;
                }
                int level = tlb.entryLevel(slot);
                counted[level]++;
                countedPieces += TlbEntry.isPiece(tlb.entries[slot]) ? 1 : 0;
                int set = tlb.victims[a].setOf(slot);
                String where = "TLB " + tlb.name + " slot " + slot;
                out.expectEqual(where, "array of its level", tlb.held[level].array, a);
                out.expectEqual(where, "set of its key", (int) tlb.keys[slot] & (tlb.arrays[a].sets() - 1), set);
                out.expectEqual(
                        where, "shift of its level", tlb.held[level].shift, tlb.entries[slot] & TlbEntry.SHIFT_MASK);
                out.expectEqual(
                        where,
                        "rights under its protection key",
                        TlbEntry.under(TlbEntry.whole(tlb.entries[slot]), tlb.pkru),
                        tlb.entries[slot]);
                if (tlb.stamps[slot] > tlb.clock) {
                    out.add(where, "stamp " + tlb.stamps[slot] + " is later than the clock " + tlb.clock);
                }
                for (int other = slot + 1; other < tlb.arrayBase[a] + (set + 1) * tlb.arrays[a].ways(); other++) {
                    if (tlb.keys[other] == tlb.keys[slot]
                            && tlb.entryLevel(other) == level
                            && tlb.owner(other) == tlb.owner(slot)) {
                        out.add(where, "the same page as slot " + other);
                    }
                }
            }
        }
        int hashed = 0;
        for (char count : tlb.present) {
            hashed += count;
        }
        out.expectEqual("TLB " + tlb.name, "entries counted by hash", tlb.live(), hashed);
        for (int level = 1; level <= tlb.levels; level++) {
            HeldLevel held = tlb.held[level];
            out.expectEqual(
                    "TLB " + tlb.name,
                    "live entries of level " + level,
                    held.level == level ? held.live : 0,
                    counted[level]);
            out.expectEqual(
                    "TLB " + tlb.name,
                    "bit of level " + level + " among the levels held",
                    (tlb.heldLevels >>> level) & 1,
                    counted[level] > 0 ? 1 : 0);
        }
        for (int a = 0; a < tlb.arrays.length; a++) {
            tlb.victims[a].verify("TLB " + tlb.name + " array " + a, out);
        }
        out.expectEqual("TLB " + tlb.name, "pieces of bigger leaves", tlb.pieces, countedPieces);
    }

    private static long draws(Tlb tlb) {
        long draws = 0;
        for (Victims array : tlb.victims) {
            draws += array.draws();
        }
        return draws;
    }

    private static void addSetToDigest(Tlb tlb, Digest digest, int first, int ways, boolean isOrdered) {
        long previous = -1;
        for (int rank = 0; rank < ways; rank++) {
            int slot = isOrdered ? nextByStamp(tlb, first, ways, previous) : first + rank;
            if (slot < 0) {
                break;
            }
            previous = tlb.stamps[slot];
            if (tlb.keys[slot] != Tlb.INVALID) {
                digest.add(tlb.keys[slot]);
                digest.add(tlb.entries[slot]);
                digest.add(tlb.owner(slot));
                digest.add(tlb.pfns[slot]);
            }
            digest.add(isOrdered ? 0 : rank);
        }
    }

    /** Returns the valid slot with the smallest stamp above a given one, or -1. */
    private static int nextByStamp(Tlb tlb, int first, int ways, long previous) {
        int best = -1;
        for (int slot = first; slot < first + ways; slot++) {
            if (tlb.keys[slot] != Tlb.INVALID
                    && tlb.stamps[slot] > previous
                    && (best < 0 || tlb.stamps[slot] < tlb.stamps[best])) {
                best = slot;
            }
        }
        return best;
    }
}
