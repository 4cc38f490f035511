package io.pagewalk.hardware.tlb;

/** Which entry of a full set makes room for a new one. */
public enum Replacement {
    /** The one whose last use lies furthest back. */
    LRU,
    /** The one that a binary tree of "the other half was used last" bits points to; the number of ways must be a power of two. */
    TREE_PLRU,
    /** The one that was filled first. */
    FIFO,
    /** A random one, from the machine's seed. */
    RANDOM
}
