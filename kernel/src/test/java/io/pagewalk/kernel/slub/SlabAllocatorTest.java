package io.pagewalk.kernel.slub;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.Size;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.zone.NodeStat;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The calls that allocate bytes, as {@code include/linux/slab.h} and {@code mm/slub.c} describe them. */
class SlabAllocatorTest {
    private final TestSlabs machine = TestSlabs.plain();
    private final SlabAllocator slabs = machine.slabs;

    private String cacheOf(long vaddr) {
        Slab slab = machine.cache("kmalloc-8").core.slabOf(vaddr);
        return slab == null ? "none" : slab.cache.name();
    }

    @Test
    void kmalloc_zeroBytes_isAnAddressThatMayOnlyBeFreed() {
        assertThat(slabs.kmalloc(0, Gfp.GFP_KERNEL)).isEqualTo(SlabAllocator.ZERO_SIZE_PTR);
        assertThat(slabs.kcalloc(0, 8, Gfp.GFP_KERNEL)).isEqualTo(SlabAllocator.ZERO_SIZE_PTR);
        assertThat(slabs.ksize(SlabAllocator.ZERO_SIZE_PTR)).isZero();
        slabs.kfree(SlabAllocator.ZERO_SIZE_PTR);
        slabs.kfree(0);
        assertThat(machine.log).isEmpty();
        machine.verify();
    }

    @Test
    void kcalloc_productOverflows_isNull() {
        assertThat(slabs.kcalloc(1L << 33, 1L << 32, Gfp.GFP_KERNEL)).isZero();
        assertThat(slabs.kcalloc(-1, 2, Gfp.GFP_KERNEL)).isZero();
        assertThat(slabs.kmallocArray(Long.MAX_VALUE, 4, Gfp.GFP_KERNEL)).isZero();
        TestSlabs narrow = new TestSlabs(SlabOptions.DEFAULT, 64 * Size.MIB, 1, 4);
        assertThat(narrow.slabs.kcalloc(1 << 16, 1 << 16, Gfp.GFP_KERNEL)).isZero();
        machine.verify();
    }

    @Test
    void kmalloc_aboveTheLargestBlock_isNullAndWarnsOnce() {
        assertThat(slabs.kmalloc(4 * Size.MIB + 1, Gfp.GFP_KERNEL | Gfp.NOWARN)).isZero();
        assertThat(machine.log).isEmpty();
        assertThat(slabs.kmalloc(4 * Size.MIB + 1, Gfp.GFP_KERNEL)).isZero();
        assertThat(slabs.kmalloc(-1, Gfp.GFP_KERNEL)).isZero();
        assertThat(machine.log)
                .containsExactly("WARNING: CPU: 0 PID: 42 at mm/page_alloc.c __alloc_frozen_pages_noprof");
        machine.verify();
    }

    @ParameterizedTest
    @CsvSource({
        "1, kmalloc-8",
        "8, kmalloc-8",
        "9, kmalloc-16",
        "64, kmalloc-64",
        "65, kmalloc-96",
        "96, kmalloc-96",
        "97, kmalloc-128",
        "129, kmalloc-192",
        "192, kmalloc-192",
        "193, kmalloc-256",
        "1025, kmalloc-2k",
        "8192, kmalloc-8k",
        "8193, none"
    })
    void kmalloc_eachSize_comesFromTheCacheAboveIt(long bytes, String cache) {
        long object = slabs.kmalloc(bytes, Gfp.GFP_KERNEL);
        assertThat(cacheOf(object)).isEqualTo(cache);
        assertThat(slabs.ksize(object))
                .isEqualTo(slabs.kmallocSizeRoundup(bytes))
                .isGreaterThanOrEqualTo(bytes);
        slabs.kfree(object);
        machine.verify();
    }

    @Test
    void kmalloc_flags_chooseTheKind() {
        assertThat(cacheOf(slabs.kmalloc(100, Gfp.GFP_KERNEL_ACCOUNT))).isEqualTo("kmalloc-cg-128");
        assertThat(cacheOf(slabs.kmalloc(100, Gfp.GFP_KERNEL | Gfp.RECLAIMABLE)))
                .isEqualTo("kmalloc-rcl-128");
        long dma = slabs.kmalloc(100, Gfp.GFP_KERNEL | Gfp.DMA | Gfp.ACCOUNT);
        assertThat(cacheOf(dma)).isEqualTo("dma-kmalloc-128");
        assertThat(machine.physical(dma)).isLessThan(16 * Size.MIB);
        long before = machine.pages.counters().global(NodeStat.NR_SLAB_RECLAIMABLE);
        for (int i = 0; i < 100; i++) {
            slabs.kmalloc(4096, Gfp.GFP_KERNEL | Gfp.RECLAIMABLE);
        }
        assertThat(machine.pages.counters().global(NodeStat.NR_SLAB_RECLAIMABLE) - before)
                .isEqualTo(104);
        machine.verify();
    }

    @Test
    void kmalloc_fromHighMemory_isFixedUpAndSaid() {
        assertThat(slabs.kmalloc(64, Gfp.GFP_KERNEL | Gfp.HIGHMEM)).isNotZero();
        assertThat(machine.logged()).startsWith("Unexpected gfp: 0x2 (").contains("Fix your code!");
    }

    @Test
    void kmalloc_large_countsAsUnreclaimableSlab() {
        long before = machine.pages.counters().global(NodeStat.NR_SLAB_UNRECLAIMABLE);
        long object = slabs.kmalloc(20_000, Gfp.GFP_KERNEL);
        assertThat(slabs.ksize(object)).isEqualTo(32_768);
        assertThat(machine.pages.counters().global(NodeStat.NR_SLAB_UNRECLAIMABLE) - before)
                .isEqualTo(8);
        slabs.kfree(object + 4096);
        assertThat(machine.logged()).contains("at mm/slub.c free_large_kmalloc");
        machine.verify();
        slabs.kfree(object);
        assertThat(machine.pages.counters().global(NodeStat.NR_SLAB_UNRECLAIMABLE))
                .isEqualTo(before);
        machine.verify();
    }

    @Test
    void krealloc_keepsContents_andMovesOnlyWhenItMust() {
        long object = slabs.kmalloc(50, Gfp.GFP_KERNEL);
        machine.write(object + 49, 0x55);
        assertThat(slabs.krealloc(object, 64, Gfp.GFP_KERNEL)).isEqualTo(object);
        long moved = slabs.krealloc(object, 65, Gfp.GFP_KERNEL);
        assertThat(moved).isNotEqualTo(object);
        assertThat(machine.memory.readByte(machine.physical(moved + 49))).isEqualTo((byte) 0x55);
        assertThat(slabs.krealloc(moved, 0, Gfp.GFP_KERNEL)).isEqualTo(SlabAllocator.ZERO_SIZE_PTR);
        assertThat(cacheOf(slabs.krealloc(0, 9000, Gfp.GFP_KERNEL))).isEqualTo("none");
        assertThat(slabs.krealloc(slabs.kmalloc(8, Gfp.GFP_KERNEL), 5 * Size.MIB, Gfp.GFP_KERNEL | Gfp.NOWARN))
                .isZero();
        machine.verify();
    }

    @Test
    void kfreeSensitive_leavesNothingBehind() {
        long object = slabs.kmalloc(256, Gfp.GFP_KERNEL);
        for (int i = 0; i < 256; i++) {
            machine.write(object + i, 0x5e);
        }
        slabs.kfreeSensitive(object);
        int pointer = machine.cache("kmalloc-256").geometry().freePointer();
        for (int i = 0; i < 256; i++) {
            if (i < pointer || i >= pointer + 8) {
                assertThat(machine.memory.readByte(machine.physical(object + i)))
                        .as("byte %s", i)
                        .isZero();
            }
        }
        machine.verify();
    }

    @Test
    void kmalloc_inInterruptWithSleep_isSaidAndServed() {
        machine.pages.setInInterrupt(true);
        assertThat(slabs.kmalloc(64, Gfp.GFP_KERNEL)).isNotZero();
        assertThat(machine.log.getFirst())
                .isEqualTo("BUG: sleeping function called from invalid context at include/linux/sched/mm.h");
        machine.log.clear();
        assertThat(slabs.kmalloc(64, Gfp.GFP_ATOMIC)).isNotZero();
        assertThat(machine.log).isEmpty();
        machine.pages.setInInterrupt(false);
        machine.verify();
    }

    @Test
    void create_ofLikeCaches_sharesOne() {
        KmemCache first = slabs.create(CacheRequest.of("like-1", 104, 0));
        KmemCache second = slabs.create(CacheRequest.of("like-2", 100, 0));
        KmemCache third = slabs.create(CacheRequest.of("like-3", 100, SlabFlags.NO_MERGE));
        KmemCache fourth = slabs.create(CacheRequest.of("like-4", 100, SlabFlags.RECLAIM_ACCOUNT));
        assertThat(second).isSameAs(first);
        assertThat(third).isNotSameAs(first);
        assertThat(fourth).isNotSameAs(first);
        assertThat(first.aliases()).containsExactly("like-2");
        slabs.destroy(second);
        assertThat(slabs.find("like-1")).isSameAs(first);
        slabs.destroy(first);
        assertThat(slabs.find("like-1")).isNull();
        assertThat(machine.log).isEmpty();
        machine.verify();
    }

    @Test
    void create_withImpossibleSize_isRefused() {
        assertThat(slabs.createOrNull(CacheRequest.of("huge", (int) (5 * Size.MIB), 0)))
                .isNull();
        assertThat(slabs.createOrNull(CacheRequest.of("none", 0, 0))).isNull();
        assertThat(machine.logged()).contains("__kmem_cache_create_args(huge) failed with error -22");
        machine.verify();
    }

    @Test
    void constructor_runsOncePerObjectOfASlab_andContentsSurviveFree() {
        Set<Long> constructed = new HashSet<>();
        KmemCache cache = slabs.create(CacheRequest.of("made", 120, 0)
                .constructedBy(v -> assertThat(constructed.add(v)).isTrue()));
        long object = cache.alloc(Gfp.GFP_KERNEL);
        assertThat(constructed).hasSize(cache.objectsPerSlab()).contains(object);
        for (int i = 0; i < 120; i++) {
            machine.write(object + i, i);
        }
        cache.free(object);
        for (int i = 0; i < 120; i++) {
            assertThat(machine.memory.readByte(machine.physical(object + i))).isEqualTo((byte) i);
        }
        assertThat(cache.alloc(Gfp.GFP_KERNEL)).isEqualTo(object);
        assertThat(constructed).hasSize(cache.objectsPerSlab());
    }

    @Test
    void usercopy_outsideTheRegion_isRefused() {
        KmemCache cache = slabs.create(CacheRequest.of("copied", 96, 0).copyable(16, 32));
        long object = cache.alloc(Gfp.GFP_KERNEL);
        assertThat(slabs.checkObjectCopy(object + 16, 32, true)).isTrue();
        assertThat(slabs.checkObjectCopy(object + 47, 1, true)).isTrue();
        assertThat(machine.log).isEmpty();
        assertThat(slabs.checkObjectCopy(object + 8, 16, true)).isFalse();
        assertThat(slabs.checkObjectCopy(object + 40, 16, false)).isFalse();
        assertThat(machine.log)
                .containsExactly(
                        "usercopy: Kernel memory exposure attempt detected from SLUB object 'copied' (offset 8, size 16)!",
                        "usercopy: Kernel memory overwrite attempt detected to SLUB object 'copied' (offset 40, size 16)!");
        machine.log.clear();
        assertThat(slabs.checkObjectCopy(slabs.kmalloc(64, Gfp.GFP_KERNEL), 65, true))
                .isFalse();
        assertThat(machine.logged()).contains("SLUB object 'kmalloc-64' (offset 0, size 65)!");
        machine.log.clear();
        long large = slabs.kmalloc(12_000, Gfp.GFP_KERNEL);
        assertThat(slabs.checkObjectCopy(large, 16_384, true)).isTrue();
        assertThat(slabs.checkObjectCopy(large + 4096, 16_384, true)).isFalse();
        assertThat(machine.logged()).contains("attempt detected from page alloc (offset 4096, size 16384)!");
    }

    @Test
    void shrink_givesEmptySlabsBack_andTheFullestPartialComesFirst() {
        KmemCache cache = slabs.create(CacheRequest.of("shrunk", 256, SlabFlags.NO_MERGE));
        List<Long> objects = new ArrayList<>();
        for (int i = 0; i < 16 * 8; i++) {
            objects.add(cache.alloc(Gfp.GFP_KERNEL));
        }
        for (int i = 0; i < objects.size(); i++) {
            // Slab s keeps s objects.
            if (i % 16 >= i / 16) {
                cache.free(objects.get(i));
            }
        }
        assertThat(cache.shrink()).isTrue();
        assertThat(cache.slabs()).isEqualTo(7);
        assertThat(cache.partialSlabs()).isEqualTo(7);
        long next = cache.alloc(Gfp.GFP_KERNEL);
        assertThat(next & -4096L).isEqualTo(objects.get(7 * 16) & -4096L);
        machine.verify();
    }

    @Test
    void sheaf_servesFreedObjectsLastInFirstOut() {
        KmemCache cache = slabs.create(CacheRequest.of("with-sheaves", 176, 0).withSheaves(32));
        assertThat(cache.sheafCapacity()).isEqualTo(32);
        long first = cache.alloc(Gfp.GFP_KERNEL);
        long second = cache.alloc(Gfp.GFP_KERNEL);
        cache.free(first);
        cache.free(second);
        assertThat(cache.alloc(Gfp.GFP_KERNEL)).isEqualTo(second);
        assertThat(cache.alloc(Gfp.GFP_KERNEL)).isEqualTo(first);
        machine.verify();
    }

    @Test
    void allocBulk_withoutMemory_leavesNothingAllocated() {
        KmemCache cache = slabs.create(CacheRequest.of("bulk", 4096, SlabFlags.NO_MERGE));
        long[] objects = new long[100_000];
        assertThat(cache.allocBulk(Gfp.GFP_KERNEL | Gfp.NORETRY | Gfp.NOWARN, objects, objects.length))
                .isZero();
        assertThat(cache.allocatedObjects()).isZero();
        assertThat(cache.allocBulk(Gfp.GFP_KERNEL, objects, 50)).isEqualTo(50);
        cache.freeBulk(objects, 50);
        assertThat(cache.allocatedObjects()).isZero();
        machine.verify();
    }

    /** Every allocation on the way is made to fail once: the call says so, and nothing is lost. */
    @Test
    void failNth_eachAllocationInTurn_leaksNothing() {
        long usedBefore = -1;
        for (int nth = 1; nth < 60; nth++) {
            TestSlabs fresh = TestSlabs.plain();
            fresh.pages.failNth().arm(nth);
            KmemCache cache = fresh.slabs.createOrNull(
                    CacheRequest.of("shaky", 176, SlabFlags.NO_MERGE).withSheaves(32));
            if (cache != null) {
                long[] objects = new long[40];
                for (int i = 0; i < objects.length; i++) {
                    objects[i] = cache.alloc(Gfp.GFP_KERNEL);
                }
                cache.freeBulk(objects, objects.length);
                assertThat(cache.allocatedObjects()).isZero();
                slabsAreSound(fresh);
                fresh.slabs.destroy(cache);
                assertThat(fresh.logged()).doesNotContain("still has objects");
            }
            fresh.pages.failNth().arm(0);
            slabsAreSound(fresh);
            long used = 0;
            for (KmemCache each : fresh.slabs.caches()) {
                each.shrink();
                used += each.allocatedObjects();
            }
            assertThat(used).as("objects in use after failure %s", nth).isEqualTo(usedBefore < 0 ? used : usedBefore);
            usedBefore = used;
        }
    }

    private static void slabsAreSound(TestSlabs machine) {
        machine.verify();
    }
}
