package io.pagewalk.kernel.memblock;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pagewalk.base.BadInput;
import io.pagewalk.base.Size;
import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.buddy.TestMachines;
import io.pagewalk.kernel.page.AddressConversion;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.sysctl.Sysctls;
import io.pagewalk.kernel.zone.Zone;
import io.pagewalk.kernel.zone.ZoneLayout;
import io.pagewalk.kernel.zone.ZoneType;
import io.pagewalk.kernel.zone.Zonelist;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;

class BootMemoryTest {
    private static final List<Integer> ONE_CPU = List.of(0);

    @Test
    void boot_i386With512M_mapsAllOfItDirectly() {
        BootMemory memory = TestMachines.i386(512 * Size.MIB);
        Zone high = zone(memory, ZoneType.HIGHMEM);
        assertThat(high.presentPages()).isZero();
        assertThat(memory.conversion().pageToVirt(memory.memMap().frames() - 1))
                .isEqualTo(0xc000_0000L + 512 * Size.MIB - 4096);
        TestMachines.verify(memory);
    }

    @Test
    void boot_i386With2G_putsAllAbove896MIntoHighmem() {
        BootMemory memory = TestMachines.i386(2 * Size.GIB);
        Zone high = zone(memory, ZoneType.HIGHMEM);
        assertThat(high.startPfn()).isEqualTo(896L << 8);
        assertThat(high.presentPages()).isEqualTo((2048L - 896) << 8);
        assertThat(high.managedPages()).isEqualTo(high.presentPages());
        long pfn = memory.allocator().allocPage(Gfp.GFP_HIGHUSER);
        assertThat(memory.conversion().isHighmem(pfn)).isTrue();
        assertThat(memory.conversion().pageToVirt(pfn)).isEqualTo(AddressConversion.NO_ADDRESS);
        long low = memory.allocator().allocPage(Gfp.GFP_KERNEL);
        assertThat(memory.conversion().isHighmem(low)).isFalse();
        TestMachines.verify(memory);
    }

    /** Numbers of the boot log and /proc/zoneinfo of a 2-CPU Firecracker machine with Linux 6.18.44. */
    @Test
    void boot_firecrackerMap_hasTheZonesOfItsKernel() {
        List<BootPlan.NodeMemory> ram = List.of(
                new BootPlan.NodeMemory(0x1000, 0x9fc00, 0),
                new BootPlan.NodeMemory(0x100000, 0xc0000000L, 0),
                new BootPlan.NodeMemory(0x100000000L, 0x640000000L, 0));
        List<BootPlan.Kept> kept = List.of(
                new BootPlan.Kept(0, ZoneType.DMA, 158),
                new BootPlan.Kept(0, ZoneType.DMA32, 782336 - 772915),
                new BootPlan.Kept(0, ZoneType.NORMAL, 5505024 - 131072));
        BootPlan plan = new BootPlan(
                ZoneLayout.x8664(),
                ram,
                List.of(new BootPlan.Taken(0, 1 << 20, FrameOwner.RESERVED)),
                kept,
                List.of(0, 0),
                List.of(List.of(10)),
                AddressConversion.x8664FourLevel(0x640000),
                64,
                BootPlan.PER_CPU_PAGES);
        Sysctls sysctls = new Sysctls();
        BootMemory memory = BootMemory.boot(plan, sysctls, pfn -> {});
        Zone dma = zone(memory, ZoneType.DMA);
        assertThat(List.of(dma.startPfn(), dma.spannedPages(), dma.presentPages(), dma.managedPages()))
                .containsExactly(1L, 4095L, 3998L, 3840L);
        Zone dma32 = zone(memory, ZoneType.DMA32);
        assertThat(List.of(dma32.startPfn(), dma32.spannedPages(), dma32.presentPages(), dma32.managedPages()))
                .containsExactly(4096L, 1044480L, 782336L, 772915L);
        Zone normal = zone(memory, ZoneType.NORMAL);
        assertThat(List.of(normal.startPfn(), normal.spannedPages(), normal.presentPages(), normal.managedPages()))
                .containsExactly(1048576L, 5505024L, 5505024L, 131072L);
        assertThat(sysctls.get("vm.min_free_kbytes")).isEqualTo(67584);
        assertThat(memory.memmapBootPages()).isEqualTo(98304);
        assertThat(dma.pageset(0).batch).isEqualTo(1);
        assertThat(dma.pageset(0).highMin).isEqualTo(44);
        assertThat(dma.pageset(0).highMax).isEqualTo(240);
        assertThat(dma32.pageset(0).batch).isEqualTo(63);
        assertThat(dma32.pageset(0).highMin).isEqualTo(8990);
        assertThat(dma32.pageset(0).highMax).isEqualTo(48307);
        assertThat(normal.pageset(0).batch).isEqualTo(31);
        assertThat(normal.pageset(0).highMin).isEqualTo(1524);
        assertThat(normal.pageset(0).highMax).isEqualTo(8192);
        TestMachines.verify(memory);
    }

    @Test
    void boot_oneTebibyte_isFastAndSmall() {
        Runtime runtime = Runtime.getRuntime();
        System.gc();
        long before = runtime.totalMemory() - runtime.freeMemory();
        long start = System.nanoTime();
        BootMemory memory = TestMachines.x8664(Size.TIB, 64);
        long nanos = System.nanoTime() - start;
        long pfn = memory.allocator().allocPage(Gfp.GFP_HIGHUSER_MOVABLE);
        System.gc();
        long bytes = runtime.totalMemory() - runtime.freeMemory() - before;
        assertThat(nanos).isLessThan(1_000_000_000L);
        assertThat(bytes).isLessThan(512 * Size.MIB);
        assertThat(memory.allocator().zoneOf(pfn).type()).isEqualTo(ZoneType.NORMAL);
        assertThat(memory.memMap().touchedSections()).isLessThan(20);
        TestMachines.verify(memory);
    }

    /** Frame numbers above 2^31 are negative in the lists' links. */
    @Test
    void boot_fifteenTebibytes_linksFramesBeyondTheSignedRange() {
        BootMemory memory = TestMachines.x8664(15 * Size.TIB, 1);
        long pfn = memory.allocator().allocPage(Gfp.GFP_HIGHUSER_MOVABLE);
        assertThat(pfn).isGreaterThan(1L << 31);
        memory.allocator().freePages(pfn, 0);
        memory.allocator().drainAllPages();
        TestMachines.verify(memory);
    }

    @Test
    void zonelist_fourNodes_followsDistanceThenNextNode() {
        List<BootPlan.NodeMemory> ram = new ArrayList<>();
        for (int node = 0; node < 4; node++) {
            ram.add(new BootPlan.NodeMemory(node * 8L * Size.GIB, (node + 1) * 8L * Size.GIB, node));
        }
        BootPlan plan = new BootPlan(
                ZoneLayout.x8664(),
                ram,
                List.of(new BootPlan.Taken(0, 1 << 20, FrameOwner.RESERVED)),
                List.of(),
                List.of(0, 1, 2, 3),
                List.of(
                        List.of(10, 21, 31, 21),
                        List.of(21, 10, 21, 31),
                        List.of(31, 21, 10, 21),
                        List.of(21, 31, 21, 10)),
                AddressConversion.x8664FourLevel(32 << 18),
                64,
                BootPlan.PER_CPU_PAGES);
        BootMemory memory = BootMemory.boot(plan, new Sysctls(), pfn -> {});
        assertThat(names(memory.nodes().get(0).fallback()))
                .containsExactly("0 Normal", "0 DMA32", "0 DMA", "1 Normal", "3 Normal", "2 Normal");
        assertThat(names(memory.nodes().get(2).fallback()))
                .containsExactly("2 Normal", "3 Normal", "1 Normal", "0 Normal", "0 DMA32", "0 DMA");
        assertThat(names(memory.nodes().get(3).thisNode())).containsExactly("3 Normal");
        PageAllocator allocator = memory.allocator();
        allocator.setCpu(2);
        assertThat(allocator.zoneOf(allocator.allocPage(Gfp.GFP_KERNEL)).node()).isEqualTo(2);
        TestMachines.verify(memory);
    }

    @Test
    void boot_riscvWith4G_hasDma32AndNormal() {
        long start = 0x8000_0000L;
        BootPlan plan = new BootPlan(
                ZoneLayout.riscv64(),
                List.of(new BootPlan.NodeMemory(start, start + 4 * Size.GIB, 0)),
                List.of(new BootPlan.Taken(start, start + 32 * Size.MIB, FrameOwner.KERNEL_IMAGE)),
                List.of(),
                ONE_CPU,
                List.of(List.of(10)),
                AddressConversion.riscv(39, (start + 4 * Size.GIB) >>> 12),
                64,
                BootPlan.PER_CPU_PAGES);
        BootMemory memory = BootMemory.boot(plan, new Sysctls(), pfn -> {});
        assertThat(zone(memory, ZoneType.DMA32).startPfn()).isEqualTo(start >>> 12);
        assertThat(zone(memory, ZoneType.DMA32).presentPages()).isEqualTo((2 * Size.GIB) >>> 12);
        assertThat(zone(memory, ZoneType.NORMAL).presentPages()).isEqualTo((2 * Size.GIB) >>> 12);
        TestMachines.verify(memory);
    }

    @Test
    void boot_tooLittleRam_saysSo() {
        assertThatThrownBy(() -> TestMachines.x8664(Size.MIB + 65536, 1))
                .isInstanceOf(BadInput.class)
                .hasMessageContaining("too little RAM");
    }

    @Test
    void boot_ownersOfAllFrames_sumToTheRam() {
        BootMemory memory = TestMachines.x8664(Size.GIB, 2);
        long sum = 0;
        for (FrameOwner owner : FrameOwner.values()) {
            sum += owner == FrameOwner.HOLE ? 0 : memory.memMap().ownerFrames(owner);
        }
        assertThat(sum).isEqualTo(Size.GIB >>> 12);
        assertThat(Collections.max(
                        memory.zones().stream().map(Zone::managedPages).toList()))
                .isEqualTo(zone(memory, ZoneType.DMA32).managedPages());
    }

    private static Zone zone(BootMemory memory, ZoneType type) {
        return memory.nodes().get(0).zones().get(memory.layout().indexOf(type));
    }

    private static List<String> names(Zonelist list) {
        List<String> names = new ArrayList<>();
        for (int i = 0; i < list.size(); i++) {
            names.add(list.get(i).node() + " " + list.get(i).name());
        }
        return names;
    }
}
