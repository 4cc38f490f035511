package io.pagewalk.kernel.ksm;

import io.pagewalk.base.Digest;
import io.pagewalk.base.SimClock;
import io.pagewalk.base.Violations;
import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.fault.FaultHandler;
import io.pagewalk.kernel.fault.FaultTask;
import io.pagewalk.kernel.fault.KernelTables;
import io.pagewalk.kernel.fault.PageEntries;
import io.pagewalk.kernel.fault.PageRangeWalk;
import io.pagewalk.kernel.fault.TlbFlusher;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.rmap.AnonVmas;
import io.pagewalk.kernel.rmap.Folios;
import io.pagewalk.kernel.rmap.KsmRmap;
import io.pagewalk.kernel.vma.AnonVma;
import io.pagewalk.kernel.vma.KsmOps;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** The merging of equal pages on one machine: ksmd and what calls ask of it ({@code mm/ksm.c}). It begins stopped, as on Linux. */
public final class Ksm implements KsmOps, KsmRmap {
    /** {@link #run}: ksmd stands still. */
    public static final int RUN_STOP = 0;

    /** {@link #run}: ksmd works. */
    public static final int RUN_MERGE = 1;

    /** {@link #run}: ksmd stands still, and all merged pages have been taken apart. */
    public static final int RUN_UNMERGE = 2;

    private static final long NANOS_PER_MILLI = 1_000_000;

    /**
     * What it needs of a machine.
     *
     * @param mode format of page tables
     * @param memory contents of pages
     * @param tables the kernel's tables
     * @param folios the life cycle of pages
     * @param anonVmas leads from anonymous memory to areas
     * @param faults copies pages
     * @param flusher flushes TLBs
     * @param clock the time
     * @param nanosPerPage work of ksmd for one page, for its advisor
     * @param current the running task, which a call's copies are charged to; null when none runs
     */
    public record Machine(
            PagingMode mode,
            PhysicalMemory memory,
            KernelTables tables,
            Folios folios,
            AnonVmas anonVmas,
            FaultHandler faults,
            TlbFlusher flusher,
            SimClock clock,
            long nanosPerPage,
            Supplier<@Nullable FaultTask> current) {}

    /** ksmd faults for others and counts for nobody. */
    private static final FaultTask KSMD = new FaultTask() {
        @Override
        public void countMinorFault() {}

        @Override
        public void countMajorFault() {}

        @Override
        public int tid() {
            return 0;
        }

        @Override
        public boolean isExiting() {
            return false;
        }

        @Override
        public boolean isKilled() {
            return false;
        }
    };

    private final KsmSettings settings = new KsmSettings();
    private final KsmCounters counters = new KsmCounters();
    private final StableTree stable;
    private final PageMerger merger;
    private final KsmScanner scanner;
    private final AnonVmas anonVmas;
    private final Supplier<@Nullable FaultTask> current;
    private final SimClock clock;
    private final MemMap memmap;
    private long nextWakeNanos;
    private boolean isAwake;

    /**
     * Creates it, stopped.
     *
     * @param machine what it needs
     */
    public Ksm(Machine machine) {
        this.anonVmas = machine.anonVmas();
        this.current = machine.current();
        this.clock = machine.clock();
        this.memmap = machine.folios().memmap();
        PageContents contents = new PageContents(machine.memory());
        this.stable = new StableTree(machine.folios(), contents, settings, counters, clock);
        this.merger = new PageMerger(
                new PageEntries(machine.tables(), machine.flusher()), machine.faults(), machine.folios(), contents);
        int nodes = machine.folios().allocator().nodes().size();
        this.scanner = new KsmScanner(
                stable,
                new UnstableTree(merger, contents, stable, settings, counters, nodes),
                merger,
                contents,
                settings,
                counters,
                KSMD,
                new PageRangeWalk(machine.tables()),
                machine.mode(),
                memmap,
                clock,
                machine.nanosPerPage());
    }

    KsmSettings settings() {
        return settings;
    }

    KsmCounters counters() {
        return counters;
    }

    KsmAdvisor advisor() {
        return scanner.advisor();
    }

    StableTree stable() {
        return stable;
    }

    @Override
    public long enter(Mm mm) {
        scanner.enter(mm);
        return 0;
    }

    /**
     * An address space was copied: {@code include/linux/ksm.h:ksm_fork()}.
     *
     * @param child the copy
     * @param parent what it was copied from
     */
    public void fork(Mm child, Mm parent) {
        child.ksm().setMergesAny(parent.ksm().mergesAny());
        if (parent.ksm().isMergeable()) {
            enter(child);
        }
    }

    /**
     * A program begins in a new address space: {@code include/linux/ksm.h:ksm_execve()}.
     *
     * @param mm the new address space
     * @param mergesAny what the old one had chosen
     */
    public void execve(Mm mm, boolean mergesAny) {
        mm.ksm().setMergesAny(mergesAny);
        if (mergesAny) {
            enter(mm);
        }
    }

    /**
     * The last user leaves an address space whose areas are still there: {@code ksm_exit()}.
     *
     * @param mm the address space
     */
    public void exit(Mm mm) {
        if (mm.ksm().isMergeable()) {
            scanner.exit(mm);
        }
    }

    /**
     * Merges in all areas that can be merged, now and later: {@code ksm_enable_merge_any()}.
     *
     * @param mm the address space
     * @return 0
     */
    public long enableMergeAny(Mm mm) {
        if (mm.ksm().mergesAny()) {
            return 0;
        }
        if (!mm.ksm().isMergeable()) {
            enter(mm);
        }
        mm.ksm().setMergesAny(true);
        for (Vma vma : mm.vmas()) {
            vma.setFlags(KsmOps.flagsOfNewArea(mm, vma.flags()));
        }
        return 0;
    }

    /**
     * Takes that back, with everything that is merged: {@code ksm_disable_merge_any()}.
     *
     * @param mm the address space
     * @return 0 or {@code -ENOMEM}
     */
    public long disableMergeAny(Mm mm) {
        if (!mm.ksm().mergesAny()) {
            return 0;
        }
        for (Vma vma : mm.vmas()) {
            if (!vma.has(VmaFlags.VM_MERGEABLE)) {
                continue;
            }
            long error = vma.anonVma() == null ? 0 : unmerge(vma, vma.start(), vma.end());
            if (error != 0) {
                for (Vma each : mm.vmas()) {
                    each.setFlags(KsmOps.flagsOfNewArea(mm, each.flags()));
                }
                return error;
            }
            vma.setFlags(vma.flags() & ~VmaFlags.VM_MERGEABLE);
        }
        mm.ksm().setMergesAny(false);
        return 0;
    }

    @Override
    public long unmerge(Vma vma, long start, long end) {
        FaultTask task = current.get();
        return unmerge(task == null ? KSMD : task, vma, start, end);
    }

    private long unmerge(FaultTask task, Vma vma, long start, long end) {
        for (long vaddr = start; vaddr < end; vaddr += 4096) {
            long error = merger.unshare(task, vma, vaddr);
            if (error != 0) {
                return error;
            }
        }
        return 0;
    }

    /** {@code run_store()}. */
    long run(int value) {
        if (settings.run == value) {
            return 0;
        }
        settings.run = value;
        isAwake = false;
        if (value == RUN_UNMERGE) {
            long error = scanner.unmergeAll(this::unmergeAll);
            if (error != 0) {
                settings.run = RUN_STOP;
                return error;
            }
        }
        return 0;
    }

    private long unmergeAll(Mm mm) {
        for (Vma vma : mm.vmas()) {
            if (vma.has(VmaFlags.VM_MERGEABLE) && vma.anonVma() != null) {
                long error = unmerge(vma, vma.start(), vma.end());
                if (error != 0) {
                    return error;
                }
            }
        }
        return 0;
    }

    /** Lets ksmd work when it is its time: {@code ksm_scan_thread()}. The system calls this often; it costs nothing while ksmd is stopped. */
    public void runThread() {
        if (settings.run != RUN_MERGE || !scanner.hasWork()) {
            isAwake = false;
            return;
        }
        if (!isAwake) {
            isAwake = true;
            nextWakeNanos = clock.nanos();
        }
        while (nextWakeNanos <= clock.nanos() && scanner.hasWork()) {
            nextWakeNanos += Math.max(1, settings.sleepMillisecs * NANOS_PER_MILLI);
            scanner.scan(settings.pagesToScan);
        }
    }

    /**
     * Lets ksmd make one batch now, whatever the time and whether it is stopped: {@code ksm_do_scan()}.
     *
     * @param pages how many it looks at; the end of a full scan ends it early
     */
    public void scan(long pages) {
        scanner.scan(pages);
    }

    @Override
    public void walk(long pfn, KsmRmap.Place visitor) {
        StableNode node = stable.nodeOf(pfn);
        if (node == null) {
            return;
        }
        for (int pass = 0; pass < 2; pass++) {
            boolean isForForks = pass == 1;
            for (RmapItem item : node.items) {
                AnonVma anonVma = item.anonVma;
                if (anonVma == null) {
                    continue;
                }
                for (Vma vma : anonVmas.areasOf((int) anonVma.id())) {
                    if (vma.contains(item.vaddr) && (vma.mm() != item.mm) == isForForks) {
                        visitor.at(vma, item.vaddr);
                    }
                }
            }
        }
    }

    @Override
    public void migrated(long from, long to) {
        stable.migrated(from, to);
    }

    /** Returns whether ksmd has anything to look at. */
    boolean hasWork() {
        return scanner.hasWork();
    }

    /**
     * Checks counters against the trees and items.
     *
     * @param out receives what is broken
     */
    public void verify(Violations out) {
        long[] seen = new long[4];
        stable.forEach(node -> {
            seen[0] += node.items.isEmpty() ? 0 : 1;
            seen[1] += Math.max(0, node.items.size() - 1);
            for (RmapItem item : node.items) {
                if (item.head != node) {
                    out.add("ksm", "an item hangs from a node that it does not know");
                }
            }
        });
        scanner.forEachItem(item -> {
            seen[2]++;
            seen[3] += item.unstableScan >= 0 ? 1 : 0;
        });
        out.expectEqual("ksm", "pages_shared == nodes with items", counters.pagesShared, seen[0]);
        out.expectEqual("ksm", "pages_sharing == further items", counters.pagesSharing, seen[1]);
        out.expectEqual("ksm", "rmap items == items of all address spaces", counters.rmapItems, seen[2]);
        out.expectEqual("ksm", "pages_unshared == items in the unstable tree", counters.pagesUnshared, seen[3]);
    }

    /**
     * Adds settings and counters.
     *
     * @param digest where to
     */
    public void addToDigest(Digest digest) {
        if (settings.run == RUN_STOP && counters.pagesScanned == 0) {
            return;
        }
        digest.add(settings.run);
        digest.add(counters.pagesShared);
        digest.add(counters.pagesSharing);
        digest.add(counters.pagesUnshared);
        digest.add(counters.pagesScanned);
        digest.add(counters.rmapItems);
        digest.add(counters.fullScans);
    }
}
