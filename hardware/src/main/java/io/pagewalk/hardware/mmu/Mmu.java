package io.pagewalk.hardware.mmu;

import io.pagewalk.base.Digest;
import io.pagewalk.base.KernelBug;
import io.pagewalk.base.SeededRandom;
import io.pagewalk.base.Violations;
import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.hardware.paging.Pkru;
import io.pagewalk.hardware.paging.Walker;
import io.pagewalk.hardware.tlb.Tlb;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The memory management unit of one CPU. Every access of the CPU goes through {@link #access}.
 *
 * <p>An access looks into the first level of its kind (instruction or data), then into the second level, then walks. A successful walk fills both levels; a
 * second-level hit fills the first. A store through an entry whose dirty bit is not cached walks again to set it in memory. An entry that refuses an access is
 * dropped and the page table is walked before a fault is raised, and a fault takes everything cached for its address away (Intel SDM volume 3, section 4.10.4.1),
 * so that rights may be added in the page table without a flush. Taking rights away needs an invalidation by the kernel: until then stale entries translate.
 *
 * <p>Accesses never cross a page: a caller splits those that do.
 *
 * <p>Protection keys are checked at each data access to a user page, against the register as it is then: the entries of the first level for data have the rights that
 * the register leaves, and all of them get new ones when it is written.
 */
public final class Mmu {
    /*
     * What makes replay by episodes exact: a first-level hit changes nothing but that level's recency and hit count. Everything else (second level, page-walk
     * caches, memory) changes only on first-level misses and on stores through clean entries, which the replayer plays in their order.
     */
    private enum Fill {
        /** No TLB on the way holds the page. */
        INSERT,
        /** Some may, and what they hold is replaced. */
        OVERWRITE
    }

    private static final int USER_NEEDED = Tlb.needed(Access.LOAD, false);

    /** No page has this number: a page number has 52 bits. */
    private static final long NO_PAGE = -1;

    private final PagingMode mode;
    private final MmuGeometry geometry;
    private final Refill refill;
    private final Walker walker;
    private final boolean reportsFetch;
    private final Tlb l1i;
    private final Tlb l1d;

    /** The second level for data and, when the part's is unified, for instructions too. */
    private final @Nullable Tlb l2d;

    private final @Nullable Tlb l2i;

    private long rootPfn;
    private int asid;
    private int pkru;

    /** The page that a fault took out of all TLBs, while nothing was filled since: the access made again need not look for it. */
    private long droppedVpn = NO_PAGE;

    private long l1iMisses;
    private long l1dMisses;
    private long l2Misses;
    private long dirtyWalks;
    private long permissionWalks;
    private long faults;
    private long refillTraps;
    private long pageInvalidations;
    private long flushes;
    private long entriesDropped;
    private long rootLoads;
    private long disturbances;
    private final long[] l2HitsByLevel;
    private final long[] walkedByLevel;

    /**
     * Creates an MMU with empty TLBs and root frame 0.
     *
     * @param memory the machine's memory
     * @param mode the paging mode
     * @param geometry TLBs, page-walk caches and costs
     * @param refill who refills the TLB
     * @param random for arrays with random replacement
     */
    public Mmu(PhysicalMemory memory, PagingMode mode, MmuGeometry geometry, Refill refill, SeededRandom random) {
        this.mode = mode;
        this.geometry = geometry;
        this.refill = refill;
        this.walker = new Walker(memory, mode, geometry.physicalBits(), geometry.walkCacheEntries());
        this.reportsFetch = mode.hasNoExecute();
        this.l1i = new Tlb("l1i", mode, geometry.l1Instruction(), random.fork("l1i"));
        this.l1d = new Tlb("l1d", mode, geometry.l1Data(), random.fork("l1d"));
        this.l2d = geometry.l2().isEmpty() ? null : new Tlb("l2", mode, geometry.l2(), random.fork("l2"));
        this.l2i = geometry.l2Instruction().isEmpty()
                ? l2d
                : new Tlb("l2i", mode, geometry.l2Instruction(), random.fork("l2i"));
        this.l2HitsByLevel = new long[mode.levels()];
        this.walkedByLevel = new long[mode.levels()];
    }

    /**
     * Makes one access in user mode.
     *
     * @param vaddr any address
     * @param kind an {@link Access} kind
     * @return 0 when it is done, otherwise an {@link MmuFault}
     */
    public int access(long vaddr, int kind) {
        Tlb l1 = kind == Access.FETCH ? l1i : l1d;
        if (l1.hit(vaddr >>> 12, USER_NEEDED << kind)) {
            return 0;
        }
        return accessSlowly(l1, vaddr, kind, Privilege.USER);
    }

    /**
     * Makes one access in user or supervisor mode.
     *
     * @param vaddr any address
     * @param kind an {@link Access} kind
     * @param privilege on whose behalf
     * @return 0 when it is done, otherwise an {@link MmuFault}
     */
    public int access(long vaddr, int kind, Privilege privilege) {
        Tlb l1 = kind == Access.FETCH ? l1i : l1d;
        if (l1.hit(vaddr >>> 12, Tlb.needed(kind, privilege == Privilege.SUPERVISOR))) {
            return 0;
        }
        return accessSlowly(l1, vaddr, kind, privilege);
    }

    private int accessSlowly(Tlb l1, long vaddr, int kind, Privilege privilege) {
        if (!mode.isCanonical(vaddr)) {
            return fault(MmuFault.NON_CANONICAL, vaddr, kind, privilege);
        }
        long vpn = vaddr >>> 12;
        boolean isSupervisor = privilege == Privilege.SUPERVISOR;
        int needed = Tlb.needed(kind, isSupervisor);
        boolean isDropped = vpn == droppedVpn;
        int slot = isDropped ? -1 : l1.find(vpn);
        if (slot >= 0) {
            l1.countHit(slot);
            if (l1.allows(slot, needed)) {
                return 0;
            }
            if (kind == Access.STORE && l1.allows(slot, Tlb.neededOnceDirty(isSupervisor))) {
                dirtyWalks++;
                return translate(l1, vaddr, kind, privilege, Fill.OVERWRITE);
            }
            permissionWalks++;
            // A small entry is the accessed page's own and about to come back; a big one may have served other pages
            // that do not.
            int expected = l1.entryLevel(slot) == 1 ? 1 : 0;
            dropForRewalk(l1, vpn, expected);
            return translate(l1, vaddr, kind, privilege, Fill.INSERT);
        }
        if (l1 == l1i) {
            l1iMisses++;
        } else {
            l1dMisses++;
        }
        Tlb l2 = l1 == l1i ? l2i : l2d;
        slot = l2 == null || isDropped ? -1 : l2.find(vpn);
        if (l2 == null || slot < 0) {
            l2Misses++;
            return translate(l1, vaddr, kind, privilege, Fill.INSERT);
        }
        l2.countHit(slot);
        l2HitsByLevel[l2.entryLevel(slot) - 1]++;
        if (l1.allowsFrom(l2, slot, needed)) {
            l1.insertFrom(l2, slot, vpn);
            return 0;
        }
        if (kind == Access.STORE && l1.allowsFrom(l2, slot, Tlb.neededOnceDirty(isSupervisor))) {
            dirtyWalks++;
            return translate(l1, vaddr, kind, privilege, Fill.OVERWRITE);
        }
        permissionWalks++;
        dropForRewalk(l1, vpn, 0);
        return translate(l1, vaddr, kind, privilege, Fill.INSERT);
    }

    /** Walks, or asks the kernel to, after the TLBs had no usable entry. */
    private int translate(Tlb l1, long vaddr, int kind, Privilege privilege, Fill fill) {
        if (refill == Refill.SOFTWARE) {
            refillTraps++;
            return MmuFault.of(MmuFault.TLB_REFILL, kind, privilege, reportsFetch);
        }
        long walked = walker.walk(
                rootPfn, asid, vaddr, Access.neededFlags(kind, privilege), Access.forbiddenFlags(kind, privilege));
        return finish(l1, walked, vaddr, kind, privilege, fill);
    }

    private int finish(Tlb l1, long walked, long vaddr, int kind, Privilege privilege, Fill fill) {
        if (walked < 0) {
            int faultKind = switch (Walker.outcome(walked)) {
                case Walker.NOT_PRESENT -> MmuFault.NOT_PRESENT;
                case Walker.RESERVED -> MmuFault.RESERVED;
                default -> MmuFault.PROTECTION;
            };
            int fault = fault(faultKind, vaddr, kind, privilege);
            return Walker.outcome(walked) == Walker.DENIED_BY_KEY ? MmuFault.byKey(fault) : fault;
        }
        install(l1, vaddr >>> 12, Walker.pfn(walked), Walker.level(walked), Walker.flags(walked), fill);
        return 0;
    }

    private void install(Tlb l1, long vpn, long leafPfn, int level, int flags, Fill fill) {
        walkedByLevel[level - 1]++;
        droppedVpn = NO_PAGE;
        long pfn = leafPfn + (vpn & (mode.pagesPerLeaf(level) - 1));
        Tlb l2 = l1 == l1i ? l2i : l2d;
        if (fill == Fill.INSERT) {
            if (l2 != null) {
                l2.insert(vpn, pfn, level, level, flags);
            }
            l1.insert(vpn, pfn, level, level, flags);
        } else {
            if (l2 != null) {
                l2.put(vpn, pfn, level, level, flags);
            }
            disturbances += l1.put(vpn, pfn, level, level, flags);
        }
    }

    private int fault(int faultKind, long vaddr, int kind, Privilege privilege) {
        faults++;
        if (faultKind != MmuFault.NON_CANONICAL) {
            long vpn = vaddr >>> 12;
            dropForRewalk(kind == Access.FETCH ? l1i : l1d, vpn, 0);
            droppedVpn = vpn;
            walker.invalidateAddress(vaddr, asid);
        }
        return MmuFault.of(faultKind, kind, privilege, reportsFetch);
    }

    /** Takes a page out of all TLBs; so many entries of the accessing first level are no disturbance. */
    private void dropForRewalk(Tlb l1, long vpn, int expected) {
        int dropped = l1.invalidatePage(vpn, asid) + (l1 == l1i ? l1d : l1i).invalidatePage(vpn, asid);
        disturbances += dropped - expected;
        if (l2d != null) {
            l2d.invalidatePage(vpn, asid);
        }
        if (l2i != null && l2i != l2d) {
            l2i.invalidatePage(vpn, asid);
        }
    }

    /**
     * Ends a {@link MmuFault#TLB_REFILL} exception with what the kernel looked up: enters the translation and completes the access, which must not be
     * repeated.
     *
     * @param vaddr the address of the access
     * @param kind its kind
     * @param privilege on whose behalf
     * @param entry the leaf as the kernel found it, accessed and dirty bits set by the kernel
     * @param level its level
     * @return 0, or the fault that the access deserves
     */
    public int refill(long vaddr, int kind, Privilege privilege, long entry, int level) {
        Tlb l1 = kind == Access.FETCH ? l1i : l1d;
        if (!mode.isPresent(entry)) {
            return fault(MmuFault.NOT_PRESENT, vaddr, kind, privilege);
        }
        if (mode.isReserved(entry, level, geometry.physicalBits())) {
            return fault(MmuFault.RESERVED, vaddr, kind, privilege);
        }
        int flags = mode.flags(entry, level);
        int needed = Access.neededFlags(kind, privilege);
        if (Pkru.refuses(pkru, flags, needed)) {
            return MmuFault.byKey(fault(MmuFault.PROTECTION, vaddr, kind, privilege));
        }
        if ((flags & needed) != needed || (flags & Access.forbiddenFlags(kind, privilege)) != 0) {
            return fault(MmuFault.PROTECTION, vaddr, kind, privilege);
        }
        install(l1, vaddr >>> 12, mode.pfn(entry, level), level, flags, Fill.OVERWRITE);
        return 0;
    }

    /**
     * Ends a {@link MmuFault#TLB_REFILL} exception with a handler that reads the page tables as the hardware would and sets the same accessed and dirty bits.
     *
     * @param vaddr the address of the access
     * @param kind its kind
     * @param privilege on whose behalf
     * @return 0 when the access is done (it must not be repeated), otherwise the fault it deserves
     */
    public int refillFromTables(long vaddr, int kind, Privilege privilege) {
        Tlb l1 = kind == Access.FETCH ? l1i : l1d;
        long walked = walker.walkBySoftware(
                rootPfn, vaddr, Access.neededFlags(kind, privilege), Access.forbiddenFlags(kind, privilege));
        return finish(l1, walked, vaddr, kind, privilege, Fill.OVERWRITE);
    }

    /**
     * Makes a page the most recent of its first-level set without counting an access; nothing happens when it is not there. It ends an episode.
     *
     * @param vaddr an address in the page
     * @param kind FETCH for the instruction side, anything else for the data side
     */
    public void recency(long vaddr, int kind) {
        (kind == Access.FETCH ? l1i : l1d).refresh(vaddr >>> 12);
    }

    /**
     * Counts accesses that are known to hit the first level.
     *
     * @param kind FETCH for the instruction side, anything else for the data side
     * @param count how many, at least 0
     */
    public void countHits(int kind, long count) {
        (kind == Access.FETCH ? l1i : l1d).countHits(count);
    }

    /**
     * Returns whether episodes can be replayed by first touches, {@link #countHits} and {@link #recency}, with the same result as access by access. Inside an
     * episode at most four data pages and four instruction pages (of 4 KiB, whatever maps them) are touched.
     *
     * <ol>
     *   <li>{@link #access} is called for the first touch of each page of a side and for the first store to a page that was loaded first, in their order;
     *   <li>after each of these, when {@link #disturbances} has grown since the episode began, what was left out so far is counted, the pages touched so far are
     *       made recent in the order of their last use up to and including this access, and the rest of the episode is played access by access;
     *   <li>at the end, what was left out is counted and the pages are made recent in the order of their last use.
     * </ol>
     */
    public boolean supportsEpisodes() {
        return geometry.supportsEpisodes();
    }

    /**
     * Returns a number that grows whenever something other than replacement took a live first-level entry away, except the entry of the access that was being
     * made. An episode during which it grew must be played out access by access from there.
     */
    public long disturbances() {
        return disturbances;
    }

    /**
     * Loads the root of the page tables: a CR3 or satp write.
     *
     * @param newRootPfn the frame of the root table
     * @param newAsid the PCID or ASID; 0 when the part has none
     * @param keepEntries whether the new address space's old entries stay (CR3 bit 63). Without ASIDs all entries that are not global go whatever it says
     */
    public void loadRoot(long newRootPfn, int newAsid, boolean keepEntries) {
        KernelBug.on(newAsid < 0 || newAsid >> geometry.asidBits() != 0, "ASID " + newAsid + " does not fit");
        rootLoads++;
        droppedVpn = NO_PAGE;
        rootPfn = newRootPfn;
        asid = newAsid;
        if (geometry.asidBits() == 0) {
            invalidateAllNonGlobal();
        } else if (!keepEntries) {
            invalidateAsid(newAsid);
        }
        for (Tlb tlb : tlbs()) {
            tlb.switchTo(newAsid);
        }
    }

    /** Returns the register of protection keys. */
    public int pkru() {
        return pkru;
    }

    /**
     * Writes the register of protection keys. It takes effect with the next access, without any invalidation.
     *
     * @param register see {@link Pkru}; 0 on parts and in paging modes without keys
     */
    public void writePkru(int register) {
        if (register != pkru) {
            pkru = register;
            l1d.setPkru(register);
            walker.setPkru(register);
        }
    }

    /** Returns the frame of the current root table. */
    public long rootPfn() {
        return rootPfn;
    }

    /** Returns the current PCID or ASID. */
    public int asid() {
        return asid;
    }

    /**
     * Takes one page out of the TLBs, in all sizes and pieces, global or not, and empties the address space's page-walk caches: INVLPG, INVPCID type 0, or
     * SFENCE.VMA with an address.
     *
     * @param vaddr an address in the page
     * @param ofAsid the address space
     */
    public void invalidatePage(long vaddr, int ofAsid) {
        pageInvalidations++;
        long vpn = vaddr >>> 12;
        int first = l1i.invalidatePage(vpn, ofAsid) + l1d.invalidatePage(vpn, ofAsid);
        int second = l2d == null ? 0 : l2d.invalidatePage(vpn, ofAsid);
        if (l2i != null && l2i != l2d) {
            second += l2i.invalidatePage(vpn, ofAsid);
        }
        walker.invalidateAsid(ofAsid);
        disturbances += first;
        entriesDropped += first + second;
    }

    /**
     * Takes an address space out of the TLBs and page-walk caches, except global entries: INVPCID type 1, a CR3 write, SFENCE.VMA with an ASID.
     *
     * @param ofAsid the address space
     */
    public void invalidateAsid(int ofAsid) {
        flushes++;
        int first = l1i.invalidateAsid(ofAsid) + l1d.invalidateAsid(ofAsid);
        int second = l2d == null ? 0 : l2d.invalidateAsid(ofAsid);
        if (l2i != null && l2i != l2d) {
            second += l2i.invalidateAsid(ofAsid);
        }
        walker.invalidateAsid(ofAsid);
        disturbances += first;
        entriesDropped += first + second;
    }

    /** Takes all address spaces out of the TLBs and page-walk caches, except global entries: INVPCID type 3. */
    public void invalidateAllNonGlobal() {
        flushes++;
        int first = l1i.invalidateNonGlobal() + l1d.invalidateNonGlobal();
        int second = l2d == null ? 0 : l2d.invalidateNonGlobal();
        if (l2i != null && l2i != l2d) {
            second += l2i.invalidateNonGlobal();
        }
        walker.invalidateAll();
        disturbances += first;
        entriesDropped += first + second;
    }

    /** Empties TLBs and page-walk caches: INVPCID type 2, SFENCE.VMA without operands. */
    public void invalidateAll() {
        flushes++;
        int first = l1i.invalidateAll() + l1d.invalidateAll();
        int second = l2d == null ? 0 : l2d.invalidateAll();
        if (l2i != null && l2i != l2d) {
            second += l2i.invalidateAll();
        }
        walker.invalidateAll();
        disturbances += first;
        entriesDropped += first + second;
    }

    /**
     * Translates by the page tables alone, without rights, counts or marks; TLBs are not asked. For observers.
     *
     * @param vaddr any address
     * @return the physical address, or -1 when nothing is mapped there
     */
    public long translate(long vaddr) {
        if (!mode.isCanonical(vaddr)) {
            return -1;
        }
        long found = walker.peek(rootPfn, vaddr);
        if (found < 0) {
            return -1;
        }
        long offset = vaddr & ((1L << mode.shift(Walker.level(found))) - 1);
        return (Walker.pfn(found) << 12) + offset;
    }

    /**
     * Returns where an access that has just succeeded went: the first-level entry's frame, even if the page table says something else by now.
     *
     * @param vaddr the address of the access
     * @param kind its kind
     * @return the physical address, or -1 when the first level does not hold the page
     */
    public long physicalAddress(long vaddr, int kind) {
        Tlb l1 = kind == Access.FETCH ? l1i : l1d;
        int slot = l1.find(vaddr >>> 12);
        return slot < 0 ? -1 : (l1.pfn(slot, vaddr >>> 12) << 12) + (vaddr & 4095);
    }

    /** Returns the paging mode. */
    public PagingMode mode() {
        return mode;
    }

    /** Returns the geometry. */
    public MmuGeometry geometry() {
        return geometry;
    }

    /** Returns who refills the TLB. */
    public Refill refill() {
        return refill;
    }

    /** Returns all counters as they stand. */
    public TlbStats stats() {
        long l2Hits = 0;
        List<Long> walkCacheHits = new ArrayList<>();
        for (long hits : l2HitsByLevel) {
            l2Hits += hits;
        }
        for (int level = 2; level <= mode.levels(); level++) {
            walkCacheHits.add(walker.cacheHits(level));
        }
        long cycles = l2Hits * geometry.l2HitCycles()
                + walker.references() * geometry.walkReferenceCycles()
                + refillTraps * geometry.refillTrapCycles();
        return new TlbStats(
                l1i.hits(),
                l1iMisses,
                l1d.hits(),
                l1dMisses,
                l2Hits,
                l2Misses,
                listOf(l2HitsByLevel),
                listOf(walkedByLevel),
                walker.walks(),
                walker.references(),
                walkCacheHits,
                dirtyWalks,
                permissionWalks,
                walker.entryWrites(),
                faults,
                refillTraps,
                pageInvalidations,
                flushes,
                entriesDropped,
                rootLoads,
                cycles);
    }

    /**
     * Adds contents, recency order and counters to a digest.
     *
     * @param digest where to add
     */
    public void addToDigest(Digest digest) {
        digest.add(rootPfn);
        digest.add(asid);
        digest.add(pkru);
        for (Tlb tlb : tlbs()) {
            tlb.addToDigest(digest);
        }
        walker.addToDigest(digest);
        stats().addToDigest(digest);
    }

    /**
     * Checks TLBs, page-walk caches and the equations between the counters.
     *
     * @param out where violations go
     */
    public void verify(Violations out) {
        for (Tlb tlb : tlbs()) {
            tlb.verify(out);
        }
        walker.verify(out);
        TlbStats stats = stats();
        out.expectEqual(
                "mmu",
                "first-level misses == second-level hits and misses",
                stats.l1iMisses() + stats.l1dMisses(),
                stats.l2Hits() + stats.l2Misses());
        out.expectEqual(
                "mmu",
                "walks and refill traps == second-level misses, dirty and permission walks",
                stats.walks() + stats.refillTraps(),
                stats.l2Misses() + stats.dirtyWalks() + stats.permissionWalks());
    }

    /** Returns the TLBs: instruction, data, then the second level (data first when it is split). */
    List<Tlb> tlbs() {
        List<Tlb> all = new ArrayList<>(List.of(l1i, l1d));
        if (l2d != null) {
            all.add(l2d);
        }
        if (l2i != null && l2i != l2d) {
            all.add(l2i);
        }
        return all;
    }

    private static List<Long> listOf(long[] values) {
        List<Long> list = new ArrayList<>(values.length);
        for (long value : values) {
            list.add(value);
        }
        return list;
    }
}
