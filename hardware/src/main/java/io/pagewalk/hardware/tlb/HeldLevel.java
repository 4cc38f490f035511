package io.pagewalk.hardware.tlb;

/** The entries of one level in a {@link Tlb}: which array takes them, and how many there are. */
final class HeldLevel {
    final int level;

    /** An entry's key is {@code vpn >>> shift}. */
    final int shift;

    /** Number of the array. */
    final int array;

    final int firstSlot;
    final int setMask;
    final int ways;
    final Victims victims;

    /** Equals the number of valid entries of this level. */
    int live;

    HeldLevel(int level, int shift, int array, int firstSlot, TlbArray geometry, Victims victims) {
        this.level = level;
        this.shift = shift;
        this.array = array;
        this.firstSlot = firstSlot;
        this.setMask = geometry.sets() - 1;
        this.ways = geometry.ways();
        this.victims = victims;
    }

    int setOf(long key) {
        return (int) key & setMask;
    }

    /** Returns the first slot of the set that a key belongs to. */
    int firstSlotOf(long key) {
        return firstSlot + setOf(key) * ways;
    }
}
