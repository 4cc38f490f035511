package io.pagewalk.kernel.system;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.Size;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.slub.KmemCache;
import io.pagewalk.kernel.slub.SlabAllocator;
import io.pagewalk.kernel.slub.SlabOptions;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The kernel's own objects in their caches, on a whole machine. */
class KernelObjectsTest {
    private static TestKernel boot(SlabOptions options) {
        return TestKernel.boot(
                "skylake",
                PagingMode.X86_64_4LEVEL,
                256 * Size.MIB,
                2,
                BootOptions.defaults().withSlab(options));
    }

    private static long used(TestKernel k, String cache) {
        return requireNonNull(k.kernel.slabs().find(cache)).allocatedObjects();
    }

    @Test
    void fork_takesWhatTheChildNeeds_andExitGivesItBack() {
        TestKernel k = TestKernel.boot();
        k.anonymous(10);
        List<String> names =
                List.of("task_struct", "mm_struct", "vm_area_struct", "files_cache", "fs_cache", "anon_vma");
        List<Long> before = names.stream().map(name -> used(k, name)).toList();
        Task child = requireNonNull(k.kernel.fork(k.task));
        assertThat(used(k, "task_struct")).isEqualTo(before.get(0) + 1);
        assertThat(used(k, "mm_struct")).isEqualTo(before.get(1) + 1);
        assertThat(used(k, "vm_area_struct")).isEqualTo(2 * before.get(2));
        k.verify();
        k.kernel.exitGroup(child, 0);
        k.call("wait4", child.tid(), 0, 0, 0);
        assertThat(names.stream().map(name -> used(k, name)).toList()).isEqualTo(before);
        k.verify();
    }

    /** With all of {@code slab_debug} a history of the kernel itself finds nothing wrong, and every object lies in a debugged slab. */
    @Test
    void slabDebug_onAWholeMachine_findsNothing() {
        TestKernel k = boot(SlabOptions.DEFAULT.withDebug("FZPU"));
        for (int i = 0; i < 20; i++) {
            Task child = requireNonNull(k.kernel.fork(k.task));
            long area = k.call(child, "mmap", 0, 8 * TestKernel.PAGE, TestKernel.RW, TestKernel.ANON, -1, 0);
            k.call(child, "munmap", area + TestKernel.PAGE, TestKernel.PAGE);
            k.kernel.exitGroup(child, 0);
            k.call("wait4", child.tid(), 0, 0, 0);
        }
        for (KmemCache cache : k.kernel.slabs().caches()) {
            assertThat(cache.validate()).as(cache.name()).isZero();
        }
        assertThat(k.kernel.log().lines().stream().filter(line -> line.contains("BUG") || line.contains("FIX")))
                .isEmpty();
        k.verify();
    }

    @Test
    void kvmalloc_moreThanABlock_comesFromTheVmallocArea() {
        TestKernel k = TestKernel.boot();
        SlabAllocator slabs = k.kernel.slabs();
        long small = slabs.kvmalloc(6000, Gfp.GFP_KERNEL);
        long large = slabs.kvmalloc(6 * Size.MIB, Gfp.GFP_KERNEL);
        assertThat(k.kernel.vmalloc().layout().isVmalloc(small)).isFalse();
        assertThat(k.kernel.vmalloc().layout().isVmalloc(large)).isTrue();
        assertThat(slabs.kvmalloc(3L << 30, Gfp.GFP_KERNEL)).isZero();
        k.verify();
        slabs.kvfree(small);
        slabs.kvfree(large);
        assertThat(k.kernel.vmalloc().find(large)).isNull();
        k.verify();
    }

    /** Blocks of 64 KiB are gone, single pages are not: the case that {@code kvmalloc()} exists for. */
    @Test
    void kvmalloc_fragmentedMemory_fallsBackToSinglePages() {
        TestKernel k = TestKernel.boot();
        List<Long> blocks = takeBlocks(k);
        for (long pfn : blocks.subList(0, blocks.size() / 2)) {
            k.kernel.allocator().splitPage(pfn, 4);
            for (int i = 0; i < 16; i += 2) {
                k.kernel.allocator().freePages(pfn + i, 0);
            }
        }
        takeBlocks(k);
        assertThat(k.kernel.slabs().kmalloc(65_536, Gfp.GFP_KERNEL | Gfp.NORETRY | Gfp.NOWARN))
                .isZero();
        long vaddr = k.kernel.slabs().kvmalloc(65_536, Gfp.GFP_KERNEL | Gfp.NORETRY);
        assertThat(k.kernel.vmalloc().layout().isVmalloc(vaddr)).isTrue();
        k.kernel.slabs().kvfree(vaddr);
        k.verify();
    }

    /** Takes every block of 64 KiB that watermarks allow. */
    private static List<Long> takeBlocks(TestKernel k) {
        List<Long> blocks = new ArrayList<>();
        while (true) {
            long pfn = k.kernel.allocator().allocPages(Gfp.GFP_KERNEL | Gfp.NORETRY | Gfp.NOWARN, 4);
            if (pfn == PageAllocator.NO_PAGE) {
                return blocks;
            }
            blocks.add(pfn);
        }
    }

    @Test
    void damage_byADriver_leavesTheMachineSound() {
        TestKernel k = TestKernel.boot();
        SlabAllocator slabs = k.kernel.slabs();
        long object = slabs.kmalloc(64, Gfp.GFP_KERNEL);
        slabs.kfree(object);
        slabs.kfree(object);
        slabs.kfree(object + 3);
        slabs.kfree(0x1234_5678L);
        slabs.kcalloc(1L << 40, 1L << 40, Gfp.GFP_KERNEL);
        assertThat(k.kernel.log().lines().stream()
                        .anyMatch(line -> line.contains("BUG kmalloc-64 (Not tainted): Object already free")))
                .isTrue();
        k.verify();
    }
}
