package io.pagewalk.kernel.system;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.Size;
import io.pagewalk.hardware.mmu.Access;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.vmalloc.InitMm;
import io.pagewalk.kernel.vmalloc.PerCpu;
import io.pagewalk.kernel.vmalloc.VmFlags;
import io.pagewalk.kernel.vmalloc.Vmalloc;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The kernel's own addresses as its code meets them: through the MMU, with faults as values and lines of {@code arch/x86/mm/fault.c} in the log. */
class KernelVirtualMemoryTest {
    private static final String CALLER = "test+0x0/0x10";

    private final TestKernel k = TestKernel.boot();
    private final LinuxKernel kernel = k.kernel;
    private final KernelMemory memory = kernel.kernelMemory();
    private final Vmalloc vmalloc = kernel.vmalloc();

    @AfterEach
    void everythingIsInOrder() {
        k.verify();
    }

    private List<String> messages() {
        return kernel.log().lines().stream()
                .map(line -> line.substring(line.indexOf(']') + 2))
                .toList();
    }

    @Test
    void vmalloc_storeAndLoad_goThroughTheMmu() {
        long vaddr = vmalloc.vzalloc(3 * 4096, CALLER);
        assertThat(memory.store(vaddr + 8192, 42)).isEqualTo(KernelMemory.OK);
        assertThat(kernel.machine().memory().readLong(vmalloc.toPhys(vaddr + 8192)))
                .isEqualTo(42);
        long[] value = {-1};
        assertThat(memory.load(vaddr, value)).isEqualTo(KernelMemory.OK);
        assertThat(value[0]).isZero();
        vmalloc.vfree(vaddr);
    }

    @Test
    void vmalloc_pastTheEnd_hitsTheGuardPage() {
        long vaddr = vmalloc.vmalloc(4096, Gfp.GFP_KERNEL, CALLER);
        assertThat(memory.store(vaddr + 4096, 1)).isEqualTo(KernelMemory.OOPS);
        assertThat(messages())
                .endsWith(
                        "BUG: unable to handle page fault for address: " + Long.toHexString(vaddr + 4096),
                        "#PF: supervisor write access in kernel mode",
                        "#PF: error_code(0x0002) - not-present page",
                        "Oops: Oops: 0002 [#1] SMP");
        vmalloc.vfree(vaddr);
    }

    @Test
    void vmalloc_execution_isForbidden() {
        long vaddr = vmalloc.vmalloc(4096, Gfp.GFP_KERNEL, CALLER);
        assertThat(memory.access(vaddr, Access.FETCH)).isEqualTo(KernelMemory.OOPS);
        assertThat(messages()).contains("#PF: error_code(0x0011) - permissions violation");
        long module = vmalloc.moduleAlloc(4096, CALLER);
        assertThat(memory.access(module, Access.FETCH)).isEqualTo(KernelMemory.OK);
        vmalloc.vfree(module);
        vmalloc.vfree(vaddr);
    }

    @Test
    void kernelText_store_isForbidden() {
        long text = kernel.kernelTables().layout().kernelMap()
                + kernel.machine().description().kernel().code().start();
        assertThat(memory.access(text, Access.FETCH)).isEqualTo(KernelMemory.OK);
        assertThat(memory.store(text, 1)).isEqualTo(KernelMemory.OOPS);
        assertThat(messages()).contains("#PF: error_code(0x0003) - permissions violation");
    }

    @Test
    void vfree_beforeThePurge_leavesWhatTheTlbHolds() {
        long vaddr = vmalloc.vmalloc(4096, Gfp.GFP_KERNEL, CALLER);
        assertThat(memory.store(vaddr, 1)).isEqualTo(KernelMemory.OK);
        vmalloc.vfree(vaddr);
        assertThat(memory.access(vaddr, Access.LOAD)).isEqualTo(KernelMemory.OK);
        vmalloc.purge();
        assertThat(memory.access(vaddr, Access.LOAD)).isEqualTo(KernelMemory.OOPS);
    }

    @Test
    void null_access_isNamedSo() {
        assertThat(memory.access(8, Access.LOAD)).isEqualTo(KernelMemory.OOPS);
        assertThat(messages()).contains("BUG: kernel NULL pointer dereference, address: 0000000000000008");
        assertThat(memory.oopses()).isEqualTo(1);
    }

    @Test
    void kernelStack_overflow_hitsItsGuardPage() {
        kernel.schedule(k.task);
        long stack = k.task.kernelStack();
        assertThat(memory.store(stack, 1)).isEqualTo(KernelMemory.OK);
        assertThat(memory.store(stack - 8, 1)).isEqualTo(KernelMemory.OOPS);
        assertThat(messages()).anyMatch(line -> line.startsWith("BUG: TASK stack guard page was hit at "));
    }

    @Test
    void kernelMapping_madeAfterTheProcess_isSeenByIt() {
        kernel.schedule(k.task);
        long module = vmalloc.moduleAlloc(4096, CALLER);
        assertThat(memory.store(module, 7)).isEqualTo(KernelMemory.OK);
        Task child = requireNonNull(kernel.fork(k.task));
        kernel.schedule(child);
        long[] value = {0};
        assertThat(memory.load(module, value)).isEqualTo(KernelMemory.OK);
        assertThat(value[0]).isEqualTo(7);
    }

    @Test
    void vmap_ofNothingOrTooMuch_isNull() {
        assertThat(vmalloc.vmap(new long[0], 0, VmFlags.MAP, InitMm.PAGE_KERNEL, CALLER))
                .isZero();
        assertThat(vmalloc.vmap(new long[0], 1 << 20, VmFlags.MAP, InitMm.PAGE_KERNEL, CALLER))
                .isZero();
    }

    @Test
    void fixmap_setAgain_showsTheNewPage() {
        // fix_to_virt() of x86-64: FIXADDR_TOP is ffffffffff7ff000, and the vsyscall page its slot 511.
        assertThat(kernel.fixmap().address(511)).isEqualTo(0xffff_ffff_ff60_0000L);
        int slot = 520;
        long vaddr = kernel.fixmap().address(slot);
        assertThat(kernel.fixmap().slot(vaddr + 5)).isEqualTo(slot);
        long first = kernel.allocator().allocPage(Gfp.GFP_KERNEL);
        long second = kernel.allocator().allocPage(Gfp.GFP_KERNEL);
        assertThat(kernel.fixmap().set(slot, first << 12, InitMm.PAGE_KERNEL)).isTrue();
        memory.store(vaddr, 1);
        kernel.fixmap().set(slot, second << 12, InitMm.PAGE_KERNEL);
        memory.store(vaddr, 2);
        assertThat(kernel.machine().memory().readLong(first << 12)).isEqualTo(1);
        assertThat(kernel.machine().memory().readLong(second << 12)).isEqualTo(2);
        kernel.fixmap().clear(slot);
        assertThat(memory.access(vaddr, Access.LOAD)).isEqualTo(KernelMemory.OOPS);
        assertThat(kernel.fixmap().set(5_000, 0, InitMm.PAGE_KERNEL)).isFalse();
        kernel.allocator().freePages(first, 0);
        kernel.allocator().freePages(second, 0);
    }

    @Test
    void kvmalloc_largerThanAnyBlock_liesInTheVmallocArea() {
        long vaddr = kernel.slabs().kvmalloc(16 * Size.MIB, Gfp.GFP_KERNEL);
        assertThat(vmalloc.layout().isVmalloc(vaddr)).isTrue();
        kernel.slabs().kvfree(vaddr);
        assertThat(vmalloc.find(vaddr)).isNull();
    }

    @Test
    void perCpu_objects_haveACopyOfTheirOwnForEachCpu() {
        PerCpu perCpu = kernel.perCpu();
        long before = perCpu.pages();
        List<Long> places = new ArrayList<>();
        while (perCpu.chunkCount() < 3) {
            places.add(perCpu.alloc(32 << 10, 8, Gfp.GFP_KERNEL));
        }
        long place = places.getLast();
        assertThat(perCpu.address(place, 1) - perCpu.address(place, 0)).isEqualTo(perCpu.unitBytes());
        assertThat(memory.store(perCpu.address(place, 0), 1)).isEqualTo(KernelMemory.OK);
        assertThat(memory.store(perCpu.address(place, 1), 2)).isEqualTo(KernelMemory.OK);
        long[] value = {0};
        memory.load(perCpu.address(place, 0), value);
        assertThat(value[0]).isEqualTo(1);
        assertThat(perCpu.pages()).isGreaterThan(before);
        assertThat(perCpu.alloc(0, 8, Gfp.GFP_KERNEL)).isEqualTo(PerCpu.NULL);
        assertThat(perCpu.alloc((32 << 10) + 1, 8, Gfp.GFP_KERNEL)).isEqualTo(PerCpu.NULL);
        k.verify();
        places.forEach(perCpu::free);
        assertThat(perCpu.chunkCount()).isEqualTo(2);
    }

    @Test
    void perCpu_chunkFreedInTheMiddle_leavesAPlaceForTheNext() {
        PerCpu perCpu = kernel.perCpu();
        List<Long> places = new ArrayList<>();
        while (perCpu.chunkCount() < 5) {
            places.add(perCpu.alloc(32 << 10, 8, Gfp.GFP_KERNEL));
        }
        // All objects of the second and the third chunk go; one of the two stays as the spare, the other's place is a
        // hole.
        places.removeIf(place -> {
            boolean isMiddle = place / perCpu.unitBytes() == 1 || place / perCpu.unitBytes() == 2;
            if (isMiddle) {
                perCpu.free(place);
            }
            return isMiddle;
        });
        assertThat(perCpu.chunkCount()).isLessThan(5);
        while (perCpu.chunkCount() < 6) {
            places.add(perCpu.alloc(32 << 10, 8, Gfp.GFP_KERNEL));
        }
        assertThat(places).doesNotContain(PerCpu.NULL).doesNotHaveDuplicates();
        places.forEach(perCpu::free);
    }

    private long unusedFrames() {
        return kernel.memmap().ownerFrames(FrameOwner.FREE) + kernel.memmap().ownerFrames(FrameOwner.PCP);
    }

    @Test
    void everyFailNth_ofEachCall_leaksNothing() {
        Map<String, LongSupplier> calls = new LinkedHashMap<>();
        int quiet = Gfp.GFP_KERNEL | Gfp.NOWARN;
        calls.put("vmalloc", () -> vmalloc.vmalloc(3 * Size.MIB, quiet, CALLER));
        calls.put("vmalloc_huge", () -> vmalloc.vmallocHuge(5 * Size.MIB, quiet, CALLER));
        calls.put("vmalloc_user", () -> vmalloc.vmallocUser(200 * Size.KIB, CALLER));
        calls.put("module_alloc", () -> vmalloc.moduleAlloc(300 * Size.KIB, CALLER));
        calls.put("kvmalloc", () -> kernel.slabs().kvmalloc(9 * Size.MIB, quiet));
        calls.forEach((name, call) -> {
            vmalloc.vfree(call.getAsLong());
            vmalloc.purge();
            long before = unusedFrames() + kernel.kernelTables().tableCount();
            int nth = 0;
            boolean hasFailed = true;
            while (hasFailed) {
                nth++;
                kernel.allocator().failNth().arm(nth);
                long vaddr = call.getAsLong();
                hasFailed = kernel.allocator().failNth().hasFailed();
                kernel.allocator().failNth().arm(0);
                vmalloc.vfree(vaddr);
                assertThat(unusedFrames() + kernel.kernelTables().tableCount())
                        .as("%s, fail-nth %d", name, nth)
                        .isEqualTo(before);
                k.verify();
            }
            assertThat(nth).as(name).isGreaterThan(1);
        });
    }

    @Test
    void everyFailNth_ofStacksAndPerCpu_leaksNothing() {
        List<Long> stacks = new ArrayList<>();
        long inUse = kernel.kernelStacks().inUse();
        long place = kernel.perCpu().alloc(32 << 10, 8, Gfp.GFP_KERNEL);
        while (kernel.perCpu().chunkCount() < 2) {
            place = kernel.perCpu().alloc(32 << 10, 8, Gfp.GFP_KERNEL);
        }
        kernel.perCpu().free(place);
        for (int nth = 1; nth < 60; nth++) {
            kernel.allocator().failNth().arm(nth);
            for (int i = 0; i < 5; i++) {
                long stack = kernel.kernelStacks().allocate();
                if (stack != Vmalloc.NULL) {
                    stacks.add(stack);
                }
            }
            long object = kernel.perCpu().alloc(32 << 10, 8, Gfp.GFP_KERNEL);
            kernel.allocator().failNth().arm(0);
            kernel.perCpu().free(object);
            k.verify();
            stacks.forEach(kernel.kernelStacks()::free);
            stacks.clear();
            k.verify();
        }
        assertThat(kernel.kernelStacks().inUse()).isEqualTo(inUse);
    }

    /** High memory of a 32-bit machine with 1.5 GiB. */
    private static TestKernel i386() {
        return TestKernel.boot("pentium-m", PagingMode.I386_PAE, 1536 * Size.MIB, 1, BootOptions.defaults());
    }

    @Test
    void kmap_highPage_isReachedThroughItsSlot() {
        TestKernel narrow = i386();
        LinuxKernel small = narrow.kernel;
        long high = small.allocator().allocPage(Gfp.GFP_HIGHUSER);
        assertThat(small.bootMemory().conversion().isHighmem(high)).isTrue();
        assertThat(small.highmem().pageAddress(high)).isZero();
        long vaddr = small.highmem().kmap(high);
        assertThat(small.kernelMemory().store(vaddr, 5)).isEqualTo(KernelMemory.OK);
        long brief = small.kmapLocal().map(0, high);
        long[] value = {0};
        small.kernelMemory().load(brief, value);
        assertThat(value[0]).isEqualTo(5);
        assertThat(small.highmem().pageOf(vaddr)).isEqualTo(high);
        narrow.verify();
        assertThat(small.kmapLocal().unmap(0, brief)).isTrue();
        small.highmem().kunmap(high);
        // The entry stays until flush_all_zero_pkmaps(), and kmap() finds it again.
        assertThat(small.highmem().kmap(high)).isEqualTo(vaddr);
        small.highmem().kunmap(high);
        small.highmem().flushUnused();
        assertThat(small.highmem().pageAddress(high)).isZero();
        assertThat(small.kernelMemory().access(vaddr, Access.LOAD)).isEqualTo(KernelMemory.OOPS);
        small.allocator().freePages(high, 0);
        narrow.verify();
    }

    @Test
    void kmap_poolExhausted_sleepsUntilASlotIsFree() {
        TestKernel narrow = i386();
        LinuxKernel small = narrow.kernel;
        assertThat(small.highmem().slots()).isEqualTo(512);
        List<Long> pages = new ArrayList<>();
        for (int i = 0; i < 514; i++) {
            pages.add(small.allocator().allocPage(Gfp.GFP_HIGHUSER));
        }
        List<Long> woken = new ArrayList<>();
        for (int i = 0; i < 512; i++) {
            assertThat(small.highmem().kmap(pages.get(i), vaddr -> {})).isTrue();
        }
        assertThat(small.highmem().used()).isEqualTo(512);
        assertThat(small.highmem().kmap(pages.get(512), woken::add)).isFalse();
        assertThat(small.highmem().kmap(pages.get(513), woken::add)).isFalse();
        assertThat(small.highmem().sleepers()).isEqualTo(2);
        narrow.verify();
        long freed = small.highmem().pageAddress(pages.get(7));
        small.highmem().kunmap(pages.get(7));
        assertThat(woken).containsExactly(freed);
        assertThat(small.highmem().sleepers()).isEqualTo(1);
        narrow.verify();
        small.highmem().kunmap(pages.get(8));
        assertThat(woken).hasSize(2);
        narrow.verify();
    }

    @Test
    void kmapLocal_outOfOrderOrTooDeep_isALineInTheLog() {
        TestKernel narrow = i386();
        LinuxKernel small = narrow.kernel;
        long high = small.allocator().allocPage(Gfp.GFP_HIGHUSER);
        long first = small.kmapLocal().map(0, high);
        long second = small.kmapLocal().map(0, high);
        assertThat(second).isEqualTo(first - 4096);
        assertThat(small.kmapLocal().unmap(0, first)).isFalse();
        assertThat(small.log().lines().getLast()).contains("out of order on CPU 0");
        assertThat(small.kmapLocal().unmap(0, second)).isTrue();
        assertThat(small.kmapLocal().unmap(0, first)).isTrue();
        // KM_MAX_IDX is 16, and the index must stay below it.
        for (int i = 0; i < 15; i++) {
            assertThat(small.kmapLocal().map(0, high)).isNotZero();
        }
        assertThat(small.kmapLocal().map(0, high)).isZero();
        assertThat(small.log().lines().getLast()).contains("kmap_local stack of CPU 0 is full");
        narrow.verify();
    }
}
