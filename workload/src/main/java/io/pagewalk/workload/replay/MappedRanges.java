package io.pagewalk.workload.replay;

import io.pagewalk.base.Bits;
import io.pagewalk.kernel.syscall.SyscallNumbers;
import io.pagewalk.kernel.vma.AddressLayout;
import io.pagewalk.kernel.vma.ResourceLimits;
import io.pagewalk.workload.trace.ControlKind;
import io.pagewalk.workload.trace.ControlReader;
import io.pagewalk.workload.trace.InitialMap;
import io.pagewalk.workload.trace.SyscallEvent;
import io.pagewalk.workload.trace.TraceBlock;
import io.pagewalk.workload.trace.TraceBlock.Columns;
import io.pagewalk.workload.trace.TraceFile;
import io.pagewalk.workload.trace.TraceHeader;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Every range of addresses at which a recorded program has memory at some time, merged to regions.
 *
 * <p>Ranges that a small gap parts are one region with the gap in it, so that what lies near a mapping stays near it. A stack counts with the room that it may
 * grow into.
 */
final class MappedRanges {
    /** Gaps up to this belong to a region. Larger than the guard gaps and the alignment that programs leave between mappings. */
    static final long MAX_GAP_BYTES = 16L << 20;

    /** Nothing is mapped below: the usual {@code vm.mmap_min_addr}. */
    static final long LOWEST = 0x10000;

    /* Nothing is mapped above: the largest user half that Linux has. What claims to be is no mapping. */
    private static final long HIGHEST = 1L << 56;
    private static final long STACK_ROOM_BYTES =
            ResourceLimits.DEFAULT_STACK_BYTES + AddressLayout.DEFAULT_STACK_GUARD_GAP_BYTES;
    private static final long PAGE_BYTES = 4096;
    private static final long MAP_GROWSDOWN = 0x100;

    /* Start of each region -> its end. No two are closer than MAX_GAP_BYTES. */
    private final TreeMap<Long, Long> regions = new TreeMap<>();

    MappedRanges() {}

    /** Collects the ranges of a program: those of its header, and those that its system calls made. */
    static MappedRanges of(TraceFile trace, SyscallNumbers numbers) {
        MappedRanges ranges = ofHeader(trace.header());
        long brkStart = trace.header().brkStart();
        Map<Long, Long> sharedSizes = new HashMap<>();
        TraceBlock block = trace.newBlock();
        for (int i = 0; i < trace.blocks(); i++) {
            trace.readBlock(i, block, Columns.CONTROLS);
            ControlReader controls = block.controls();
            while (controls.next(Integer.MAX_VALUE)) {
                if (controls.kind() == ControlKind.SYSCALL) {
                    ranges.addCall(controls.syscall(), numbers, brkStart, sharedSizes);
                }
            }
        }
        return ranges;
    }

    /** Collects the ranges that a program has when its first instruction runs. */
    static MappedRanges ofHeader(TraceHeader header) {
        MappedRanges ranges = new MappedRanges();
        for (InitialMap map : header.maps()) {
            ranges.add(map.start(), map.end() - map.start());
            if ("[stack]".equals(map.name())) {
                ranges.addRoomBelow(map.end());
            }
        }
        if (header.brkStart() != 0) {
            /* The heap may stay empty, but where it begins must be known. */
            ranges.add(header.brkStart(), 2 * PAGE_BYTES);
        }
        return ranges;
    }

    private void addCall(SyscallEvent call, SyscallNumbers numbers, long brkStart, Map<Long, Long> sharedSizes) {
        long result = call.result();
        if (result < 0) {
            return;
        }
        switch (numbers.name(call.number())) {
            case "mmap" -> {
                add(result, call.a1());
                if ((call.a3() & MAP_GROWSDOWN) != 0) {
                    addRoomBelow(result + call.a1());
                }
            }
            case "mremap" -> add(result, call.a2());
            case "shmget" -> sharedSizes.put(result, call.a1());
            case "shmat" -> add(result, Objects.requireNonNullElse(sharedSizes.get(call.a0()), PAGE_BYTES));
            case "brk" -> {
                long start = brkStart == 0 ? result : brkStart;
                /* The end of the heap is an address, too: one page more than the heap. */
                add(start, result - start + PAGE_BYTES);
            }
            default -> {
                /* No other call maps anything. */
            }
        }
    }

    /* A stack may grow to its limit, and keeps its distance from what lies below. */
    private void addRoomBelow(long end) {
        if (end > STACK_ROOM_BYTES) {
            add(end - STACK_ROOM_BYTES, STACK_ROOM_BYTES);
        }
    }

    /** Adds a range; what is empty or lies where nothing can be mapped is left out. */
    void add(long start, long bytes) {
        if (start < 0 || start >= HIGHEST || bytes <= 0 || bytes > HIGHEST - start) {
            return;
        }
        long from = Bits.roundDown(Math.max(start, LOWEST), PAGE_BYTES);
        long to = Bits.roundUp(start + bytes, PAGE_BYTES);
        if (from >= to) {
            return;
        }
        Map.@Nullable Entry<Long, Long> near = regions.floorEntry(to + MAX_GAP_BYTES);
        while (near != null && near.getValue() >= from - MAX_GAP_BYTES) {
            from = Math.min(from, near.getKey());
            to = Math.max(to, near.getValue());
            regions.remove(near.getKey());
            near = regions.floorEntry(to + MAX_GAP_BYTES);
        }
        regions.put(from, to);
    }

    /** Returns the start of each region and its end, in ascending order. */
    SortedMap<Long, Long> regions() {
        return regions;
    }

    /** Returns the end of the highest region; 0 when there is none. */
    long end() {
        return regions.isEmpty() ? 0 : regions.lastEntry().getValue();
    }
}
