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
import java.util.List;
import org.junit.jupiter.api.Test;

/** ZONE_MOVABLE as {@code mm/mm_init.c:find_zone_movable_pfns_for_nodes()} of 6.18 cuts it. */
class MovableZoneTest {
    private static final long MIB = Size.MIB;

    @Test
    void boot_kernelcore_leavesTheRestMovable() {
        BootMemory memory = boot("kernelcore=512M", 2048 * MIB);
        Zone movable = zone(memory, 3);
        assertThat(movable.startPfn()).isEqualTo(512 * 256);
        assertThat(movable.endPfn()).isEqualTo(2048 * 256);
        assertThat(zone(memory, 1).endPfn()).isEqualTo(512 * 256);
        assertThat(movable.managedPages()).isGreaterThan(1400 * 256);
        TestMachines.verify(memory);
    }

    @Test
    void boot_movablecore_takesSoMuchFromTheTop() {
        BootMemory memory = boot("movablecore=256M", 1024 * MIB);
        assertThat(zone(memory, 3).startPfn()).isEqualTo(768 * 256);
        assertThat(zone(memory, 3).presentPages()).isEqualTo(256 * 256);
    }

    @Test
    void boot_percent_isOfAllMemory() {
        BootMemory memory = boot("kernelcore=25%", 1024 * MIB);
        assertThat(zone(memory, 3).startPfn()).isEqualTo(256 * 256);
    }

    @Test
    void boot_kernelcoreOfEverything_makesNoZone() {
        assertThat(zone(boot("kernelcore=8G", 1024 * MIB), 3).isPopulated()).isFalse();
    }

    @Test
    void boot_twoNodes_spreadsTheKernelsMemory() {
        long ram = 4096 * MIB;
        BootPlan plan = new BootPlan(
                        ZoneLayout.riscv64(),
                        List.of(new BootPlan.NodeMemory(0, ram / 2, 0), new BootPlan.NodeMemory(ram / 2, ram, 1)),
                        List.of(new BootPlan.Taken(0, MIB, FrameOwner.RESERVED)),
                        List.of(),
                        List.of(0, 1),
                        List.of(List.of(10, 20), List.of(20, 10)),
                        AddressConversion.riscv(48, ram >>> 12),
                        64,
                        BootPlan.PER_CPU_PAGES)
                .withParameters(BootParameters.parse("kernelcore=1G"));
        BootMemory memory = BootMemory.boot(plan, new Sysctls(), pfn -> {});
        for (int node = 0; node < 2; node++) {
            Zone movable = memory.nodes().get(node).zones().get(2);
            assertThat(movable.startPfn()).isEqualTo((node * 2048L + 512) * 256);
            assertThat(movable.presentPages()).isEqualTo(1536 * 256);
        }
        TestMachines.verify(memory);
    }

    @Test
    void allocPages_onlyMovableRequests_useTheZone() {
        BootMemory memory = boot("kernelcore=128M", 256 * MIB);
        PageAllocator allocator = memory.allocator();
        long movable = allocator.allocPages(Gfp.GFP_HIGHUSER_MOVABLE, 0);
        assertThat(allocator.zoneOf(movable).name()).isEqualTo("Movable");
        for (long pfn = 0; pfn != PageAllocator.NO_PAGE; ) {
            pfn = allocator.allocPages(Gfp.GFP_ATOMIC | Gfp.HIGHMEM, 0);
            assertThat(pfn).isLessThan(128 * 256);
        }
        TestMachines.verify(memory);
    }

    @Test
    void parse_badAmounts_areRefused() {
        for (String line : List.of("kernelcore=", "movablecore=x", "kernelcore=101%", "cma=-1", "cma=12Q")) {
            assertThatThrownBy(() -> BootParameters.parse(line)).as(line).isInstanceOf(BadInput.class);
        }
        BootParameters other = BootParameters.parse("ro quiet");
        assertThat(other.kernelcore()).isEqualTo(BootParameters.NONE.kernelcore());
        assertThat(other.movablecore()).isEqualTo(BootParameters.NONE.movablecore());
        assertThat(other.cmaBytes()).isZero();
    }

    @Test
    void boot_cmaLargerThanMemory_isRefused() {
        assertThatThrownBy(() -> boot("cma=1G", 256 * MIB)).isInstanceOf(BadInput.class);
    }

    private static BootMemory boot(String commandLine, long ram) {
        BootPlan plan = BootPlan.simple(ZoneLayout.x8664(), ram, 1, AddressConversion.x8664FourLevel(ram >>> 12))
                .withParameters(BootParameters.parse(commandLine));
        return BootMemory.boot(plan, new Sysctls(), pfn -> {});
    }

    private static Zone zone(BootMemory memory, int index) {
        return memory.nodes().getFirst().zones().get(index);
    }
}
