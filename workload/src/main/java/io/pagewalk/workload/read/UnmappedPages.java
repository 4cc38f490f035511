package io.pagewalk.workload.read;

import io.pagewalk.hardware.mmu.Access;
import io.pagewalk.workload.trace.AccessSink;
import io.pagewalk.workload.trace.InitialMap;
import io.pagewalk.workload.trace.SyscallEvent;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Passes everything on and works out which mappings a program must have had from its start: those of all pages that it touched before any of its calls mapped them.
 *
 * <p>For traces whose tool did not say what was mapped. Pages that were fetched from become {@code r-xp}, all others {@code rw-p}; pages of one kind less than 2 MiB apart become one mapping. Files are not known: all is anonymous.
 */
final class UnmappedPages implements AccessSink {
    private static final int PAGE_SHIFT = 12;
    private static final int REGION_PAGES = 512;
    private static final int WIDEST_GAP_PAGES = 511;
    /* Nothing is mapped below vm.mmap_min_addr nor above user space with four levels: an access there is the program's fault, as on Linux. */
    private static final long FIRST_PAGE = 16;
    private static final long END_PAGE = (1L << 35) - 1;
    private static final byte DATA = 1;
    private static final byte CODE = 2;
    private static final byte MAPPED = 4;
    private static final int MMAP = 9;
    private static final int BRK = 12;
    private static final int MREMAP = 25;

    private final AccessSink next;
    private final TreeMap<Long, byte[]> regions = new TreeMap<>(Long::compareUnsigned);
    private final TreeMap<Long, Long> mapped = new TreeMap<>(Long::compareUnsigned);
    private long region = -1;
    private byte[] kinds = new byte[REGION_PAGES];
    private long brkStart;

    UnmappedPages(AccessSink next) {
        this.next = next;
    }

    /** Returns where the heap begins: what the first {@code brk} returned, or 0. */
    long brkStart() {
        return brkStart;
    }

    @Override
    public void access(int kind, long vaddr, int sizeBytes) {
        byte touched = kind == Access.FETCH ? CODE : DATA;
        touch(vaddr >>> PAGE_SHIFT, touched);
        long last = (vaddr + sizeBytes - 1) >>> PAGE_SHIFT;
        if (last != vaddr >>> PAGE_SHIFT) {
            touch(last, touched);
        }
        next.access(kind, vaddr, sizeBytes);
    }

    private void touch(long page, byte touched) {
        if (page < FIRST_PAGE || page >= END_PAGE) {
            return;
        }
        if (page / REGION_PAGES != region) {
            region = page / REGION_PAGES;
            kinds = regions.computeIfAbsent(region, r -> new byte[REGION_PAGES]);
        }
        int index = (int) (page % REGION_PAGES);
        byte before = kinds[index];
        if ((before & (touched | MAPPED)) == 0) {
            kinds[index] = (byte) (before | (before == 0 && isMapped(page) ? MAPPED : touched));
        }
    }

    private boolean isMapped(long page) {
        Map.Entry<Long, Long> range = mapped.floorEntry(page);
        return range != null && Long.compareUnsigned(page, range.getValue()) < 0;
    }

    @Override
    public void syscall(SyscallEvent event) {
        long result = event.result();
        boolean isError = result < 0 && result >= -4095;
        if (!isError) {
            switch (event.number()) {
                case MMAP -> map(result, event.a1());
                case MREMAP -> map(result, event.a2());
                case BRK -> brk(result);
                default -> {
                    /* Maps nothing. */
                }
            }
        }
        next.syscall(event);
    }

    private void brk(long end) {
        if (brkStart == 0) {
            brkStart = end;
        } else {
            map(brkStart, end - brkStart);
        }
    }

    private void map(long start, long bytes) {
        long first = start >>> PAGE_SHIFT;
        long end = (start + bytes + (1 << PAGE_SHIFT) - 1) >>> PAGE_SHIFT;
        mapped.merge(first, end, (left, right) -> Long.compareUnsigned(left, right) > 0 ? left : right);
    }

    @Override
    public void switchThread(int thread) {
        next.switchThread(thread);
    }

    @Override
    public void exitThread(int thread, int status) {
        next.exitThread(thread, status);
    }

    @Override
    public void exitProcess(int status) {
        next.exitProcess(status);
    }

    /** Returns the mappings, in the order of addresses. */
    List<InitialMap> maps() {
        List<InitialMap> maps = new ArrayList<>();
        long start = 0;
        long end = 0;
        boolean isCode = false;
        for (Map.Entry<Long, byte[]> entry : regions.entrySet()) {
            byte[] pages = entry.getValue();
            for (int i = 0; i < REGION_PAGES; i++) {
                if ((pages[i] & (DATA | CODE)) == 0) {
                    continue;
                }
                long page = entry.getKey() * REGION_PAGES + i;
                boolean code = (pages[i] & CODE) != 0;
                boolean continues =
                        end != 0 && code == isCode && page - end <= WIDEST_GAP_PAGES && !isMappedBetween(end, page);
                if (!continues) {
                    add(maps, start, end, isCode);
                    start = page;
                    isCode = code;
                }
                end = page + 1;
            }
        }
        add(maps, start, end, isCode);
        return maps;
    }

    private boolean isMappedBetween(long from, long to) {
        Map.Entry<Long, Long> range = mapped.lowerEntry(to);
        return range != null && Long.compareUnsigned(range.getValue(), from) > 0;
    }

    private static void add(List<InitialMap> maps, long start, long end, boolean isCode) {
        if (end != 0) {
            maps.add(new InitialMap(start << PAGE_SHIFT, end << PAGE_SHIFT, isCode ? "r-xp" : "rw-p", 0, null, null));
        }
    }
}
