package io.pagewalk.observe.proc;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.Size;
import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.memblock.BootMemory;
import io.pagewalk.kernel.memblock.BootPlan;
import io.pagewalk.kernel.page.AddressConversion;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.slub.CacheRequest;
import io.pagewalk.kernel.slub.KmemCache;
import io.pagewalk.kernel.slub.SlabAllocator;
import io.pagewalk.kernel.slub.SlabFlags;
import io.pagewalk.kernel.slub.SlabOptions;
import io.pagewalk.kernel.slub.SlabParameters;
import io.pagewalk.kernel.sysctl.Sysctls;
import io.pagewalk.kernel.zone.ZoneLayout;
import org.junit.jupiter.api.Test;

/** The file against lines that Linux printed: its columns as {@code /proc/slabinfo} of a 6.18 machine and recorded ones have them. */
class SlabInfoTest {
    private static SlabAllocator boot() {
        long frames = (256 * Size.MIB) >>> 12;
        PhysicalMemory memory = new PhysicalMemory(frames);
        BootPlan plan =
                BootPlan.simple(ZoneLayout.x8664(), 256 * Size.MIB, 2, AddressConversion.x8664FourLevel(frames));
        PageAllocator pages =
                BootMemory.boot(plan, new Sysctls(), memory::clearFrame).allocator();
        return new SlabAllocator(memory, pages, SlabParameters.wide(2), SlabOptions.DEFAULT);
    }

    @Test
    void print_hasLinuxsHeaderAndColumns() {
        SlabAllocator slabs = boot();
        KmemCache cache = slabs.create(CacheRequest.of("btrfs_delayed_node", 312, SlabFlags.NO_MERGE));
        assertThat(SlabInfo.print(slabs).lines().limit(3))
                .containsExactly(
                        "slabinfo - version: 2.1",
                        "# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables <limit> <batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>",
                        "btrfs_delayed_node      0      0    312   13    1 : tunables    0    0    0 : slabdata      0      0      0");
        for (int i = 0; i < 14; i++) {
            cache.alloc(Gfp.GFP_KERNEL);
        }
        assertThat(SlabInfo.print(slabs).lines().skip(2).findFirst())
                .contains(
                        "btrfs_delayed_node     26     26    312   13    1 : tunables    0    0    0 : slabdata      2      2      0");
    }

    @Test
    void print_freeObjectsOfSlabsOnNodeLists_areNotActive() {
        SlabAllocator slabs = boot();
        KmemCache cache = slabs.create(CacheRequest.of("some", 256, SlabFlags.NO_MERGE));
        long first = cache.alloc(Gfp.GFP_KERNEL);
        cache.alloc(Gfp.GFP_KERNEL);
        cache.free(first);
        assertThat(SlabInfo.print(slabs)).contains("some                  16     16    256   16    1 :");
        cache.shrink();
        assertThat(SlabInfo.print(slabs)).contains("some                   1     16    256   16    1 :");
    }
}
