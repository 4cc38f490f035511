package io.pagewalk.kernel.vmalloc;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.Size;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.syscall.Errno;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/**
 * {@code mm/vmalloc.c} on a machine of 256 MiB. Places and sizes are those of /proc/vmallocinfo of a 6.18 machine with two CPUs: the first area at {@code ffffc90000000000}, a stack of
 * four pages shown as 20480 bytes.
 */
class VmallocTest {
    private static final String CALLER = "test+0x0/0x10";

    private final VmallocFixture f = VmallocFixture.x8664(256 * Size.MIB, 2);
    private final Vmalloc vmalloc = f.vmalloc;

    @AfterEach
    void everythingIsInOrder() {
        f.verify();
    }

    @Test
    void vmalloc_first_takesTheLowestAddressAndAGuardPage() {
        long first = vmalloc.vmalloc(16 << 10, Gfp.GFP_KERNEL, CALLER);
        long second = vmalloc.vmalloc(1, Gfp.GFP_KERNEL, CALLER);
        assertThat(first).isEqualTo(0xffff_c900_0000_0000L);
        assertThat(second).isEqualTo(first + 20_480);
        assertThat(requireNonNull(vmalloc.find(first)).sizeBytes()).isEqualTo(20_480);
        assertThat(vmalloc.toPhys(first + (16 << 10))).isEqualTo(-1);
        assertThat(vmalloc.allocatedPages()).isEqualTo(5);
    }

    @Test
    void vmalloc_afterFragmentation_isContiguousInAddressesAndScatteredInRam() {
        // Every second frame of a block stays taken, so that no two neighbours are free on the per-CPU list.
        long block = f.allocator.allocPages(Gfp.GFP_KERNEL, 6);
        f.allocator.splitPage(block, 6);
        for (int i = 0; i < 64; i += 2) {
            f.allocator.freePages(block + i, 0);
        }
        long vaddr = vmalloc.vmalloc(8 * 4096, Gfp.GFP_KERNEL, CALLER);
        VmArea area = requireNonNull(vmalloc.find(vaddr));
        int neighbours = 0;
        for (int i = 0; i < 8; i++) {
            assertThat(vmalloc.toPhys(vaddr + i * 4096L)).isEqualTo(area.pfn(i) << 12);
            neighbours += i > 0 && area.pfn(i) == area.pfn(i - 1) + 1 ? 1 : 0;
        }
        assertThat(neighbours).isZero();
        for (int i = 1; i < 64; i += 2) {
            f.allocator.freePages(block + i, 0);
        }
    }

    @Test
    void vfree_area_givesFramesBackAndKeepsTheAddressUntilThePurge() {
        long before = f.freeFrames();
        long vaddr = vmalloc.vmalloc(64 << 10, Gfp.GFP_KERNEL, CALLER);
        int tables = f.initMm.tableCount() - 1;
        vmalloc.vfree(vaddr);
        assertThat(f.freeFrames()).isEqualTo(before - tables);
        assertThat(vmalloc.lazyPages()).isEqualTo(17);
        assertThat(vmalloc.lazyAreas()).hasSize(1);
        assertThat(f.flushes).isEmpty();
        assertThat(vmalloc.vmalloc(64 << 10, Gfp.GFP_KERNEL, CALLER)).isEqualTo(vaddr + (68 << 10));
        vmalloc.purge();
        assertThat(f.flushes).containsExactly("ffffc90000000000-ffffc90000011000");
        assertThat(vmalloc.lazyPages()).isZero();
        assertThat(vmalloc.vmalloc(64 << 10, Gfp.GFP_KERNEL, CALLER)).isEqualTo(vaddr);
    }

    @Test
    void vfree_pastTheThreshold_purgesByItself() {
        // lazy_max_pages() with two CPUs: fls(2) = 2 times 32 MiB.
        assertThat(vmalloc.lazyMaxPages()).isEqualTo(16_384);
        int freed = 0;
        while (vmalloc.purges() == 0) {
            vmalloc.vfree(vmalloc.vmalloc(4 * Size.MIB, Gfp.GFP_KERNEL, CALLER));
            freed++;
            assertThat(freed).isLessThan(100);
        }
        // Each free leaves 1025 pages and, for the array of 1024 pointers, 3 more.
        assertThat(freed).isEqualTo(16);
        // The last array goes after the area that it belonged to.
        assertThat(vmalloc.lazyPages()).isEqualTo(3);
    }

    @Test
    void vfree_inInterrupt_isPutOff() {
        long vaddr = vmalloc.vmalloc(4096, Gfp.GFP_KERNEL, CALLER);
        f.allocator.setInInterrupt(true);
        vmalloc.vfree(vaddr);
        assertThat(vmalloc.find(vaddr)).isNotNull();
        assertThat(vmalloc.deferredCount()).isEqualTo(1);
        f.allocator.setInInterrupt(false);
        vmalloc.runDeferred();
        assertThat(vmalloc.find(vaddr)).isNull();
        assertThat(vmalloc.allocatedPages()).isZero();
    }

    @Test
    void vfree_nonsense_isALineInTheLog() {
        vmalloc.vfree(0);
        assertThat(f.log).isEmpty();
        vmalloc.vfree(0xffff_c900_0000_1000L);
        vmalloc.vfree(0xffff_c900_0000_0008L);
        assertThat(f.log)
                .containsExactly(
                        "Trying to vfree() nonexistent vm area (0xffffc90000001000)",
                        "Trying to vfree() bad address (0xffffc90000000008)");
    }

    @Test
    void vfree_twice_isALineInTheLog() {
        long vaddr = vmalloc.vmalloc(4096, Gfp.GFP_KERNEL, CALLER);
        vmalloc.vfree(vaddr);
        vmalloc.vfree(vaddr);
        assertThat(f.log).containsExactly("Trying to vfree() nonexistent vm area (0xffffc90000000000)");
    }

    @Test
    void vmalloc_tooLarge_failsWithTheKernelsWords() {
        assertThat(vmalloc.vmalloc(Size.GIB, Gfp.GFP_KERNEL, CALLER)).isZero();
        assertThat(f.log)
                .containsExactly(
                        "vmalloc error: size 1073741824, exceeds total pages, mode:0xcc0(GFP_KERNEL), nodemask=(null)");
        assertThat(vmalloc.vmalloc(Size.GIB, Gfp.GFP_KERNEL | Gfp.NOWARN, CALLER))
                .isZero();
        assertThat(f.log).hasSize(1);
    }

    @Test
    void vmalloc_zeroBytes_isAWarning() {
        assertThat(vmalloc.vmalloc(0, Gfp.GFP_KERNEL, CALLER)).isZero();
        assertThat(f.log).containsExactly("WARNING: vmalloc of 0 bytes by " + CALLER);
    }

    @Test
    void vmalloc_outOfMemory_leaksNothing() {
        long most = vmalloc.vmalloc(200 * Size.MIB, Gfp.GFP_KERNEL, CALLER);
        long before = f.freeFrames();
        long owned = vmalloc.allocatedPages();
        long tables = f.initMm.tableCount();
        assertThat(vmalloc.vmalloc(100 * Size.MIB, Gfp.GFP_KERNEL, CALLER)).isZero();
        assertThat(f.log).hasSize(1);
        assertThat(f.log.getFirst())
                .startsWith("vmalloc error: size ")
                .contains(", failed to allocate pages, mode:0xcc2");
        assertThat(f.freeFrames()).isEqualTo(before - (f.initMm.tableCount() - tables));
        assertThat(vmalloc.allocatedPages()).isEqualTo(owned);
        vmalloc.vfree(most);
        assertThat(vmalloc.allocatedPages()).isZero();
    }

    @Test
    void vmalloc_inInterrupt_isABug() {
        f.allocator.setInInterrupt(true);
        assertThat(vmalloc.vmalloc(4096, Gfp.GFP_ATOMIC, CALLER)).isZero();
        f.allocator.setInInterrupt(false);
        assertThat(f.log.getFirst()).startsWith("kernel BUG at mm/vmalloc.c");
    }

    @Test
    void vmalloc_manyPages_takesItsPageArrayFromVmallocToo() {
        // /proc/vmallocinfo shows "vpages" when the array of pointers is larger than a page: from 513 pages on.
        long small = vmalloc.vmalloc(512 * 4096, Gfp.GFP_KERNEL, CALLER);
        assertThat(requireNonNull(vmalloc.find(small)).pageArray()).isZero();
        long large = vmalloc.vmalloc(513 * 4096, Gfp.GFP_KERNEL, CALLER);
        long array = requireNonNull(vmalloc.find(large)).pageArray();
        assertThat(requireNonNull(vmalloc.find(array)).pageCount()).isEqualTo(2);
        vmalloc.vfree(large);
        assertThat(vmalloc.find(array)).isNull();
        assertThat(vmalloc.allocatedPages()).isEqualTo(512);
    }

    @Test
    void vmallocHuge_largeEnough_isMappedByLargeLeaves() {
        long vaddr = vmalloc.vmallocHuge(5 * Size.MIB, Gfp.GFP_KERNEL, CALLER);
        assertThat(vaddr % (2 * Size.MIB)).isZero();
        assertThat(f.initMm.leafLevel(vaddr)).isEqualTo(2);
        VmArea area = requireNonNull(vmalloc.find(vaddr));
        assertThat(area.pageCount()).isEqualTo(3 * 512);
        assertThat(area.pageOrder()).isEqualTo(9);
        assertThat(area.sizeBytes()).isEqualTo(6 * Size.MIB + 4096);
        vmalloc.vfree(vaddr);
        assertThat(f.initMm.leafLevel(vaddr)).isZero();
    }

    @Test
    void vmallocHuge_small_isMappedByPages() {
        long vaddr = vmalloc.vmallocHuge(Size.MIB, Gfp.GFP_KERNEL, CALLER);
        assertThat(f.initMm.leafLevel(vaddr)).isEqualTo(1);
    }

    @Test
    void vmallocHuge_withoutLargeBlocks_fallsBackToPages() {
        // One frame out of every block of 2 MiB is kept, so none is whole.
        for (long pfn = f.allocator.allocPages(Gfp.GFP_KERNEL | Gfp.NOWARN, 9);
                pfn >= 0;
                pfn = f.allocator.allocPages(Gfp.GFP_KERNEL | Gfp.NOWARN, 9)) {
            f.allocator.splitPage(pfn, 9);
            for (int i = 1; i < 512; i++) {
                f.allocator.freePages(pfn + i, 0);
            }
        }
        long vaddr = vmalloc.vmallocHuge(2 * Size.MIB, Gfp.GFP_KERNEL, CALLER);
        assertThat(vaddr).isNotZero();
        assertThat(f.initMm.leafLevel(vaddr)).isEqualTo(1);
    }

    @Test
    void vmap_frames_leavesThemToTheCaller() {
        long[] pfns = {f.allocator.allocPage(Gfp.GFP_KERNEL), f.allocator.allocPage(Gfp.GFP_KERNEL)};
        long vaddr = vmalloc.vmap(pfns, 2, VmFlags.MAP, InitMm.PAGE_KERNEL_EXEC, CALLER);
        assertThat(vmalloc.toPhys(vaddr + 4096)).isEqualTo(pfns[1] << 12);
        assertThat(f.initMm.flags(vaddr)).isEqualTo(InitMm.PAGE_KERNEL);
        assertThat(vmalloc.allocatedPages()).isZero();
        vmalloc.vunmap(vaddr);
        assertThat(vmalloc.toPhys(vaddr)).isEqualTo(-1);
        f.allocator.freePages(pfns[0], 0);
        f.allocator.freePages(pfns[1], 0);
    }

    @Test
    void vmap_withPutPages_letsVfreeDropThem() {
        long before = f.boot.memMap().ownerFrames(FrameOwner.KERNEL);
        long[] pfns = {f.allocator.allocPage(Gfp.GFP_KERNEL)};
        long vaddr = vmalloc.vmap(pfns, 1, VmFlags.MAP | VmFlags.MAP_PUT_PAGES, InitMm.PAGE_KERNEL, CALLER);
        vmalloc.vfree(vaddr);
        assertThat(f.boot.memMap().ownerFrames(FrameOwner.KERNEL)).isEqualTo(before);
    }

    @Test
    void moduleAlloc_code_liesInTheModuleArea() {
        long vaddr = vmalloc.moduleAlloc(100_000, CALLER);
        assertThat(vaddr).isEqualTo(0xffff_ffff_a000_0000L);
        assertThat(f.layout.isVmallocOrModule(vaddr)).isTrue();
        assertThat(f.layout.isVmalloc(vaddr)).isFalse();
    }

    @Test
    void getVmArea_ioremap_isAlignedToItsSize() {
        vmalloc.vmalloc(1, Gfp.GFP_KERNEL, CALLER);
        VmArea area = requireNonNull(vmalloc.getVmArea(
                3 * Size.MIB, 1, f.layout.vmallocStart(), f.layout.vmallocEnd(), VmFlags.IOREMAP, CALLER));
        assertThat(area.address()).isEqualTo(0xffff_c900_0040_0000L);
        assertThat(vmalloc.mapRange(area.address(), 0xfe00_0000L, 3 * Size.MIB, InitMm.PAGE_KERNEL))
                .isZero();
        assertThat(f.initMm.leafLevel(area.address())).isEqualTo(2);
        assertThat(f.initMm.leafLevel(area.address() + 2 * Size.MIB)).isEqualTo(1);
        assertThat(vmalloc.mapRange(area.address(), 0xfe00_0000L, 4 * Size.MIB, InitMm.PAGE_KERNEL))
                .isEqualTo(-Errno.ERANGE);
        assertThat(vmalloc.mapRange(0xffff_d000_0000_0000L, 0, 4096, InitMm.PAGE_KERNEL))
                .isEqualTo(-Errno.EINVAL);
        vmalloc.freeVmArea(area);
    }

    @Test
    void vmalloc_onTwoCpus_reusesAddressesOfItsOwnNode() {
        // With two CPUs there are two nodes; a purged area goes to the pool of the CPU that had asked for it.
        long first = vmalloc.vmalloc(4096, Gfp.GFP_KERNEL, CALLER);
        long second = vmalloc.vmalloc(4096, Gfp.GFP_KERNEL, CALLER);
        vmalloc.vfree(first);
        vmalloc.purge();
        f.allocator.setCpu(1);
        long other = vmalloc.vmalloc(4096, Gfp.GFP_KERNEL, CALLER);
        assertThat(other).isEqualTo(second + 8192);
        f.allocator.setCpu(0);
        assertThat(vmalloc.vmalloc(4096, Gfp.GFP_KERNEL, CALLER)).isEqualTo(first);
    }

    @Test
    void vmalloc_everyFailNth_leaksNothing() {
        // The tables of the range exist before, because Linux keeps them too.
        vmalloc.vfree(vmalloc.vmalloc(3 * Size.MIB, Gfp.GFP_KERNEL, CALLER));
        vmalloc.purge();
        long before = f.freeFrames() + f.initMm.tableCount();
        int failures = 0;
        for (long nth = 1; ; nth++) {
            f.allocator.failNth().arm(nth);
            long vaddr = vmalloc.vmalloc(3 * Size.MIB, Gfp.GFP_KERNEL | Gfp.NOWARN, CALLER);
            boolean hasFailed = f.allocator.failNth().hasFailed();
            f.allocator.failNth().arm(0);
            if (vaddr != 0) {
                vmalloc.vfree(vaddr);
            } else {
                failures++;
            }
            assertThat(f.freeFrames() + f.initMm.tableCount())
                    .as("fail-nth %d", nth)
                    .isEqualTo(before);
            assertThat(vmalloc.allocatedPages()).isZero();
            f.verify();
            if (!hasFailed) {
                break;
            }
        }
        assertThat(failures).isPositive();
    }

    @Test
    void vmalloc_spaceExhausted_purgesAndThenFails() {
        VmallocFixture small = VmallocFixture.i386(2 * Size.GIB);
        long bytes = 60 * Size.MIB;
        long first = small.vmalloc.vmalloc(bytes, Gfp.GFP_KERNEL, CALLER);
        assertThat(first).isEqualTo(0xf880_0000L);
        assertThat(small.vmalloc.vmalloc(bytes, Gfp.GFP_KERNEL, CALLER)).isZero();
        assertThat(small.log)
                .containsExactly(
                        "vmalloc_node_range for size 62918656 failed: Address range restricted to 0xf8800000 -"
                                + " 0xfeffe000",
                        "vmalloc error: size 62914560, vm_struct allocation failed, mode:0xcc0(GFP_KERNEL),"
                                + " nodemask=(null)");
        small.vmalloc.vfree(first);
        assertThat(small.vmalloc.vmalloc(bytes, Gfp.GFP_KERNEL, CALLER)).isEqualTo(first);
        assertThat(small.vmalloc.purges()).isEqualTo(1);
        small.verify();
    }
}
