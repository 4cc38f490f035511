package io.pagewalk.kernel.buddy;

import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.zone.NodeData;
import io.pagewalk.kernel.zone.Zone;
import io.pagewalk.kernel.zone.ZoneType;

/** The report of a request that got nothing: {@code mm/page_alloc.c:warn_alloc()}, at most one in ten seconds. */
final class FailureReport {
    private static final long INTERVAL_NANOS = 10_000_000_000L;

    private final PageAllocator allocator;
    private boolean hasReported;
    private long lastNanos;

    FailureReport(PageAllocator allocator) {
        this.allocator = allocator;
    }

    void warnAlloc(int gfp, String message) {
        AllocatorHost host = allocator.checks().host();
        if ((gfp & Gfp.NOWARN) != 0
                || (hasReported && host.nowNanos() - lastNanos < INTERVAL_NANOS)
                || ((gfp & Gfp.DMA) != 0 && !hasManagedDma())) {
            return;
        }
        hasReported = true;
        lastNanos = host.nowNanos();
        int nodes = allocator.nodes().size();
        host.print(host.comm() + ": " + message + ", mode:0x" + Integer.toHexString(gfp) + "(" + Gfp.describe(gfp)
                + "), nodemask=(null),cpuset=/,mems_allowed=" + (nodes == 1 ? "0" : "0-" + (nodes - 1)));
        host.dumpStack();
        host.showMem();
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
