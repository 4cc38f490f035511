package io.pagewalk.hardware.machine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pagewalk.base.BadInput;
import io.pagewalk.base.Digest;
import io.pagewalk.base.Violations;
import io.pagewalk.hardware.cpu.CpuModels;
import io.pagewalk.hardware.disk.DiskDescription;
import io.pagewalk.hardware.mmu.Access;
import io.pagewalk.hardware.mmu.MmuFault;
import io.pagewalk.hardware.mmu.Refill;
import io.pagewalk.hardware.numa.NumaTopology;
import io.pagewalk.hardware.paging.PagingMode;
import java.util.List;
import org.junit.jupiter.api.Test;

class MachineTest {
    private static final long GIB = 1L << 30;

    private static MachineDescription server(PagingMode mode, String cpu, FirmwareMap firmware, long split) {
        return new MachineDescription(
                "server",
                "a server with two nodes",
                mode,
                firmware,
                List.of(
                        new NodeDescription(0, List.of(new MemoryRange(0, split)), List.of(0, 1)),
                        new NodeDescription(1, List.of(new MemoryRange(split, 1L << 44)), List.of(2, 3))),
                List.of(List.of(10, 21), List.of(21, 10)),
                CpuModels.byName(cpu),
                4,
                2_500_000_000L,
                Refill.HARDWARE,
                List.of(new DiskDescription(
                        "nvme0n1", 64 * GIB, 80_000, 3_000_000_000L, 64, DiskDescription.Use.FILES)),
                KernelImage.at(16 << 20),
                List.of(),
                List.of(),
                90);
    }

    @Test
    void machine_ofATebibyte_isBuiltAndCosts_littleMemory() {
        Machine machine =
                new Machine(server(PagingMode.X86_64_4LEVEL, "skylake", FirmwareMap.pc(1024 * GIB), 513 * GIB), 1);
        assertThat(machine.memory().frames()).isEqualTo(1025 * GIB / 4096);
        assertThat(machine.memory().residentFrames()).isZero();
        assertThat(machine.cpu(3).node()).isEqualTo(1);
        assertThat(machine.numa().distance(0, 1)).isEqualTo(21);
        assertThat(machine.numa().latencyNanos(0, 1, 90)).isEqualTo(189);
        assertThat(machine.disks(DiskDescription.Use.SWAP)).isEmpty();
        int fault = machine.cpu(0).mmu().access(0x1000, Access.LOAD);
        assertThat(MmuFault.kind(fault)).as("no page table yet").isEqualTo(MmuFault.NOT_PRESENT);
        Violations violations = new Violations();
        machine.verify(violations);
        violations.throwIfAny();
    }

    @Test
    void digest_ofEqualMachines_isEqual() {
        Digest first = new Digest();
        Digest second = new Digest();
        new Machine(server(PagingMode.X86_64_4LEVEL, "zen2", FirmwareMap.pc(8 * GIB), 5 * GIB), 1).addToDigest(first);
        new Machine(server(PagingMode.X86_64_4LEVEL, "zen2", FirmwareMap.pc(8 * GIB), 5 * GIB), 1).addToDigest(second);
        assertThat(first.value()).isEqualTo(second.value());
    }

    @Test
    void description_impossible_isRefusedWithTheReason() {
        assertThatThrownBy(() -> server(PagingMode.SV39, "skylake", FirmwareMap.pc(8 * GIB), 5 * GIB))
                .hasMessageContaining("CPU skylake has no paging mode sv39");
        assertThatThrownBy(() -> server(PagingMode.I386_PAE, "pentium-m", FirmwareMap.pc(128 * GIB), 5 * GIB))
                .hasMessageContaining("beyond 36 physical address bits");
        assertThatThrownBy(() -> server(PagingMode.X86_64_4LEVEL, "skylake", FirmwareMap.pc(2 << 20), 5 * GIB))
                .hasMessageContaining("is not in usable memory");
        assertThatThrownBy(() -> new NumaTopology(new int[][] {{10, 10}, {20, 10}}, new int[1]))
                .hasMessageContaining("distance 10 from node 0 to node 1");
        assertThatThrownBy(() -> FirmwareMap.pc(12 << 10)).hasMessageContaining("12288 bytes");
        assertThatThrownBy(() -> CpuModels.byName("z80"))
                .isInstanceOf(BadInput.class)
                .hasMessageContaining("skylake");
    }

    @Test
    void pc_of8Gib_hasTheHoleBelow4Gib() {
        FirmwareMap map = FirmwareMap.pc(8 * GIB);
        assertThat(map.endFrame()).isEqualTo(9 * GIB / 4096);
        assertThat(map.usable()).hasSize(3);
        assertThat(map.limitedTo(GIB).endFrame()).isEqualTo(GIB / 4096);
        assertThat(map.usable().get(1).toString()).isEqualTo("[mem 0x0000000000100000-0x00000000bfffffff]");
    }
}
