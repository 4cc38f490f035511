package io.pagewalk.lab.run;

import io.pagewalk.workload.trace.AccessSink;
import io.pagewalk.workload.trace.InitialMap;
import io.pagewalk.workload.trace.SyscallEvent;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;

/**
 * The mappings that a program must have had when its trace began, for traces that do not name them: pages that it touches and that no
 * {@code mmap} or {@code brk} of the trace had made before.
 *
 * <p>Differs from a recorded start: files are not known, so all of it is private anonymous memory, and a store to a page that was read-only is no fault.
 */
final class TouchedPages implements AccessSink {
    private static final int PAGE_SHIFT = 12;

    /** {@code vm.mmap_min_addr}: nothing is ever mapped below. An access there is the program's fault, as on Linux. */
    private static final long FIRST_PAGE = 16;

    /** First page behind user space with four levels. */
    private static final long END_PAGE = (1L << 35) - 1;

    private static final int SYS_MMAP = 9;
    private static final int SYS_BRK = 12;
    private static final int SYS_MREMAP = 25;

    /** Pages this near to each other belong to one mapping: 64 KiB, less than the gap that a linker leaves between programs and libraries. */
    private static final long JOINED_PAGES = 16;

    private final AccessSink next;

    /** First to last page of each run of touched pages. */
    private final NavigableMap<Long, Long> touched = new TreeMap<>(Long::compareUnsigned);

    /** First page to the first behind of what the trace maps itself. */
    private final NavigableMap<Long, Long> mapped = new TreeMap<>(Long::compareUnsigned);

    private long lastPage = -1;
    private long heapStart;
    private long heapEnd;

    TouchedPages(AccessSink next) {
        this.next = next;
    }

    @Override
    public void access(int kind, long vaddr, int sizeBytes) {
        long first = vaddr >>> PAGE_SHIFT;
        long last = (vaddr + sizeBytes - 1) >>> PAGE_SHIFT;
        if (first != lastPage || last != lastPage) {
            touch(first);
            if (last != first) {
                touch(last);
            }
            lastPage = last;
        }
        next.access(kind, vaddr, sizeBytes);
    }

    @Override
    public void switchThread(int thread) {
        next.switchThread(thread);
    }

    @Override
    public void syscall(SyscallEvent event) {
        long result = event.result();
        boolean isError = result < 0 && result > -4096;
        if (!isError && event.number() == SYS_MMAP) {
            map(result, result + event.a1());
        } else if (!isError && event.number() == SYS_MREMAP) {
            map(result, result + event.a2());
        } else if (event.number() == SYS_BRK && result > 0) {
            if (heapStart == 0) {
                heapStart = result;
            } else if (result > heapEnd) {
                map(heapStart, result);
            }
            heapEnd = Math.max(heapEnd, result);
        }
        next.syscall(event);
    }

    @Override
    public void exitThread(int thread, int status) {
        next.exitThread(thread, status);
    }

    @Override
    public void exitProcess(int status) {
        next.exitProcess(status);
    }

    /** Returns where the heap begins, 0 when the trace never asks. */
    long heapStart() {
        return heapStart;
    }

    /** Returns the mappings in ascending order. */
    List<InitialMap> initialMaps() {
        List<InitialMap> maps = new ArrayList<>();
        for (Map.Entry<Long, Long> run : touched.entrySet()) {
            maps.add(new InitialMap(
                    run.getKey() << PAGE_SHIFT, (run.getValue() + 1) << PAGE_SHIFT, "rwxp", 0, null, null));
        }
        return maps;
    }

    private void map(long start, long end) {
        mapped.merge(
                start >>> PAGE_SHIFT,
                (end + 4095) >>> PAGE_SHIFT,
                (old, now) -> Long.compareUnsigned(old, now) > 0 ? old : now);
        lastPage = -1;
    }

    private void touch(long page) {
        if (page < FIRST_PAGE || page >= END_PAGE) {
            return;
        }
        Map.Entry<Long, Long> area = mapped.floorEntry(page);
        if (area != null && Long.compareUnsigned(page, area.getValue()) < 0) {
            return;
        }
        Map.Entry<Long, Long> before = touched.floorEntry(page);
        if (before != null && Long.compareUnsigned(page, before.getValue()) <= 0) {
            return;
        }
        long start = page;
        long end = page;
        if (before != null && page - before.getValue() <= JOINED_PAGES) {
            start = before.getKey();
        }
        Map.Entry<Long, Long> after = touched.higherEntry(page);
        if (after != null && after.getKey() - page <= JOINED_PAGES) {
            end = after.getValue();
            touched.remove(after.getKey());
        }
        touched.put(start, end);
    }
}
