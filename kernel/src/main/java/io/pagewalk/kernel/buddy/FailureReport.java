package io.pagewalk.kernel.buddy;

import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.zone.NodeData;
import io.pagewalk.kernel.zone.Zone;
import io.pagewalk.kernel.zone.ZoneType;

/** The report of a request that got nothing: {@code mm/page_alloc.c:warn_alloc()}, at most one in ten seconds; the next one says how many were left out. */
final class FailureReport {
    private static final long INTERVAL_NANOS = 10_000_000_000L;

    private final PageAllocator allocator;
    /** State of {@code lib/ratelimit.c:___ratelimit()} with a burst of one. */
    private boolean hasReported;

    private long lastNanos;
    private long suppressed;

    FailureReport(PageAllocator allocator) {
        this.allocator = allocator;
    }

    void warnAlloc(int gfp, String nodes, String message) {
        AllocatorHost host = allocator.checks().host();
        if ((gfp & Gfp.NOWARN) != 0 || !isDue(host) || ((gfp & Gfp.DMA) != 0 && !hasManagedDma())) {
            return;
        }
        int allowed = allocator.nodes().size();
        host.print(host.comm() + ": " + message + ", mode:0x" + Integer.toHexString(gfp) + "(" + Gfp.describe(gfp)
                + "), nodemask=" + nodes + ",cpuset=/,mems_allowed=" + (allowed == 1 ? "0" : "0-" + (allowed - 1)));
        host.dumpStack();
        host.showMem(gfp);
    }

    private boolean isDue(AllocatorHost host) {
        long now = host.nowNanos();
        if (hasReported && now - lastNanos <= INTERVAL_NANOS) {
            suppressed++;
            return false;
        }
        if (suppressed > 0) {
            host.print("warn_alloc: " + suppressed + " callbacks suppressed");
            suppressed = 0;
        }
        hasReported = true;
        lastNanos = now;
        return true;
    }

    private boolean hasManagedDma() {
        for (NodeData node : allocator.nodes()) {
            for (Zone zone : node.zones()) {
                if (zone.type() == ZoneType.DMA && zone.isManaged()) {
                    return true;
                }
            }
        }
        return false;
    }
}
