package io.pagewalk.observe.proc;

import io.pagewalk.kernel.slub.KmemCache;
import io.pagewalk.kernel.slub.SlabAllocator;
import java.util.Locale;

/** {@code /proc/slabinfo}, version 2.1: {@code mm/slab_common.c:cache_show()}. */
public final class SlabInfo {
    private SlabInfo() {}

    /**
     * Prints all caches, the newest first; merged ones go by the name of the oldest.
     *
     * @param slabs the kernel's caches
     * @return the file
     */
    public static String print(SlabAllocator slabs) {
        StringBuilder text = new StringBuilder("slabinfo - version: 2.1\n"
                + "# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>"
                + " : tunables <limit> <batchcount> <sharedfactor>"
                + " : slabdata <active_slabs> <num_slabs> <sharedavail>\n");
        for (KmemCache cache : slabs.caches()) {
            long count = cache.slabs();
            text.append(String.format(
                    Locale.ROOT,
                    "%-17s %6d %6d %6d %4d %4d : tunables %4d %4d %4d : slabdata %6d %6d %6d\n",
                    cache.name(),
                    cache.activeObjects(),
                    cache.totalObjects(),
                    cache.size(),
                    cache.objectsPerSlab(),
                    1 << cache.order(),
                    0,
                    0,
                    0,
                    count,
                    count,
                    0));
        }
        return text.toString();
    }
}
