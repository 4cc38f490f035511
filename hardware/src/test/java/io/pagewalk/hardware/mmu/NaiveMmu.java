package io.pagewalk.hardware.mmu;

import io.pagewalk.base.SeededRandom;
import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.hardware.paging.PagingMode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The obvious MMU over {@link NaiveTlb} and {@link NaiveWalker}: the reference that the real one is compared with after every step. */
final class NaiveMmu {
    private final PagingMode mode;
    private final MmuGeometry geometry;
    private final Refill refill;
    private final NaiveWalker walker;
    private final NaiveTlb l1i;
    private final NaiveTlb l1d;
    private final @Nullable NaiveTlb l2d;
    private final @Nullable NaiveTlb l2i;
    private final long[] l2Hits;
    private final long[] walked;
    private long root;
    private int asid;
    private long l1iMisses;
    private long l1dMisses;
    private long l2Misses;
    private long dirtyWalks;
    private long permissionWalks;
    private long faults;
    private long traps;
    private long pageInvalidations;
    private long flushes;
    private long dropped;
    private long rootLoads;

    NaiveMmu(PhysicalMemory memory, PagingMode mode, MmuGeometry geometry, Refill refill, SeededRandom random) {
        this.mode = mode;
        this.geometry = geometry;
        this.refill = refill;
        this.walker = new NaiveWalker(memory, mode, geometry.physicalBits(), geometry.walkCacheEntries());
        this.l1i = new NaiveTlb(mode, geometry.l1Instruction(), random.fork("l1i"));
        this.l1d = new NaiveTlb(mode, geometry.l1Data(), random.fork("l1d"));
        this.l2d = geometry.l2().isEmpty() ? null : new NaiveTlb(mode, geometry.l2(), random.fork("l2"));
        this.l2i = geometry.l2Instruction().isEmpty()
                ? l2d
                : new NaiveTlb(mode, geometry.l2Instruction(), random.fork("l2i"));
        this.l2Hits = new long[mode.levels()];
        this.walked = new long[mode.levels()];
    }

    private List<NaiveTlb> all() {
        List<NaiveTlb> all = new ArrayList<>(List.of(l1i, l1d));
        if (l2d != null) {
            all.add(l2d);
        }
        if (l2i != null && l2i != l2d) {
            all.add(l2i);
        }
        return all;
    }

    private boolean isCanonical(long vaddr) {
        if (mode.virtualBits() == 32) {
            return vaddr >= 0 && vaddr < 1L << 32;
        }
        long upper = vaddr >> (mode.virtualBits() - 1);
        return upper == 0 || upper == -1;
    }

    int access(long vaddr, int kind, Privilege privilege) {
        if (!isCanonical(vaddr)) {
            faults++;
            return MmuFault.of(MmuFault.NON_CANONICAL, kind, privilege, mode.hasNoExecute());
        }
        long vpn = vaddr >>> 12;
        boolean isFetch = kind == Access.FETCH;
        NaiveTlb l1 = isFetch ? l1i : l1d;
        NaiveTlb l2 = isFetch ? l2i : l2d;
        NaiveTlb.Entry entry = l1.find(vpn, asid);
        if (entry != null) {
            l1.hit(entry);
            if (entry.allows(kind, privilege, l1 == l1d ? walker.pkru : 0) && (kind != Access.STORE || entry.dirty)) {
                return 0;
            }
        } else {
            if (isFetch) {
                l1iMisses++;
            } else {
                l1dMisses++;
            }
            entry = l2 == null ? null : l2.find(vpn, asid);
            if (l2 == null || entry == null) {
                l2Misses++;
                return translate(vaddr, kind, privilege);
            }
            l2.hit(entry);
            l2Hits[entry.level - 1]++;
            if (entry.allows(kind, privilege, l1 == l1d ? walker.pkru : 0) && (kind != Access.STORE || entry.dirty)) {
                NaiveWalker.Found rights = new NaiveWalker.Found(
                        0, 0, 0, entry.read, entry.write, entry.exec, entry.user, entry.global, entry.dirty, entry.key);
                l1.put(vpn, asid, entry.pfn + (vpn - entry.vpn), entry.level, entry.leafLevel, rights);
                return 0;
            }
        }
        if (entry.allows(kind, privilege, l1 == l1d ? walker.pkru : 0)) {
            dirtyWalks++;
        } else {
            permissionWalks++;
            all().forEach(tlb -> tlb.removePage(vpn, asid));
        }
        return translate(vaddr, kind, privilege);
    }

    private int translate(long vaddr, int kind, Privilege privilege) {
        if (refill == Refill.SOFTWARE) {
            traps++;
            return MmuFault.of(MmuFault.TLB_REFILL, kind, privilege, mode.hasNoExecute());
        }
        return finish(walker.walk(root, asid, vaddr, kind, privilege, true), vaddr, kind, privilege);
    }

    int refillFromTables(long vaddr, int kind, Privilege privilege) {
        return finish(walker.walk(root, 0, vaddr, kind, privilege, false), vaddr, kind, privilege);
    }

    private int finish(NaiveWalker.Found found, long vaddr, int kind, Privilege privilege) {
        long vpn = vaddr >>> 12;
        if (found.fault() != 0) {
            faults++;
            all().forEach(tlb -> tlb.removePage(vpn, asid));
            walker.forgetAddress(vaddr, asid);
            boolean isByKey = found.fault() == NaiveWalker.BY_KEY;
            int fault =
                    MmuFault.of(isByKey ? MmuFault.PROTECTION : found.fault(), kind, privilege, mode.hasNoExecute());
            return isByKey ? MmuFault.byKey(fault) : fault;
        }
        walked[found.level() - 1]++;
        long pages = 1L << (mode.shift(found.level()) - 12);
        long pfn = found.pfn() + vpn % pages;
        if (vpn < 0) {
            throw new IllegalStateException("a page number is never negative");
        }
        NaiveTlb l2 = kind == Access.FETCH ? l2i : l2d;
        if (l2 != null) {
            l2.put(vpn, asid, pfn, found.level(), found.level(), found);
        }
        (kind == Access.FETCH ? l1i : l1d).put(vpn, asid, pfn, found.level(), found.level(), found);
        return 0;
    }

    void loadRoot(long newRoot, int newAsid, boolean keepEntries) {
        rootLoads++;
        root = newRoot;
        asid = newAsid;
        if (geometry.asidBits() == 0) {
            invalidateAllNonGlobal();
        } else if (!keepEntries) {
            invalidateAsid(newAsid);
        }
    }

    void writePkru(int register) {
        walker.pkru = register;
    }

    void invalidatePage(long vaddr, int ofAsid) {
        pageInvalidations++;
        all().forEach(tlb -> dropped += tlb.removePage(vaddr >>> 12, ofAsid));
        walker.forgetAsid(ofAsid);
    }

    void invalidateAsid(int ofAsid) {
        flushes++;
        all().forEach(tlb -> dropped += tlb.removeIf(entry -> !entry.global && entry.asid == ofAsid));
        walker.forgetAsid(ofAsid);
    }

    void invalidateAllNonGlobal() {
        flushes++;
        all().forEach(tlb -> dropped += tlb.removeIf(entry -> !entry.global));
        walker.forgetAll();
    }

    void invalidateAll() {
        flushes++;
        all().forEach(tlb -> dropped += tlb.removeIf(entry -> true));
        walker.forgetAll();
    }

    void recency(long vaddr, int kind) {
        NaiveTlb l1 = kind == Access.FETCH ? l1i : l1d;
        NaiveTlb.Entry entry = l1.find(vaddr >>> 12, asid);
        if (entry != null) {
            l1.used(entry);
        }
    }

    long physicalAddress(long vaddr, int kind) {
        NaiveTlb.Entry entry = (kind == Access.FETCH ? l1i : l1d).find(vaddr >>> 12, asid);
        return entry == null ? -1 : (entry.pfn + ((vaddr >>> 12) - entry.vpn)) * 4096 + (vaddr & 4095);
    }

    /** Returns the valid entries of each TLB, in the order of {@link Mmu#tlbs}. */
    List<Integer> live() {
        return all().stream().map(NaiveTlb::live).toList();
    }

    TlbStats stats() {
        List<Long> walkCacheHits = new ArrayList<>();
        for (int level = 2; level <= mode.levels(); level++) {
            walkCacheHits.add(walker.cacheHits[level]);
        }
        long hits = sum(l2Hits);
        return new TlbStats(
                l1i.hits,
                l1iMisses,
                l1d.hits,
                l1dMisses,
                hits,
                l2Misses,
                list(l2Hits),
                list(walked),
                walker.walks,
                walker.references,
                walkCacheHits,
                dirtyWalks,
                permissionWalks,
                walker.entryWrites,
                faults,
                traps,
                pageInvalidations,
                flushes,
                dropped,
                rootLoads,
                hits * geometry.l2HitCycles()
                        + walker.references * geometry.walkReferenceCycles()
                        + traps * geometry.refillTrapCycles());
    }

    private static long sum(long[] values) {
        return Arrays.stream(values).sum();
    }

    private static List<Long> list(long[] values) {
        return Arrays.stream(values).boxed().toList();
    }
}
