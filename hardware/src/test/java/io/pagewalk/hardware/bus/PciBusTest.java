package io.pagewalk.hardware.bus;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.Violations;
import io.pagewalk.hardware.memory.PhysicalMemory;
import org.junit.jupiter.api.Test;

/** Configuration space as the PCI Local Bus Specification 3.0, chapter 6, describes it. */
class PciBusTest {
    private static final long VIDEO_BYTES = 16L << 20;
    private static final int SLOT = 2;

    private final PhysicalMemory memory = new PhysicalMemory(1024);
    private final PhysicalBus bus = new PhysicalBus(memory);
    private final PortSpace ports = new PortSpace();
    private final PciBus pci = new PciBus(bus, ports);
    private final FramebufferCard card = new FramebufferCard(VIDEO_BYTES);

    PciBusTest() {
        pci.plug(0, new HostBridge());
        pci.plug(SLOT, card);
    }

    private int readByPorts(int slot, int register) {
        ports.write(PciBus.CONFIG_ADDRESS, 4, 0x8000_0000 | slot << 11 | register);
        return ports.read(PciBus.CONFIG_DATA, 4);
    }

    private void writeByPorts(int slot, int register, int value) {
        ports.write(PciBus.CONFIG_ADDRESS, 4, 0x8000_0000 | slot << 11 | register);
        ports.write(PciBus.CONFIG_DATA, 4, value);
    }

    private void check() {
        Violations violations = new Violations();
        pci.verify(violations);
        bus.verify(violations);
        violations.throwIfAny();
    }

    @Test
    void configPorts_presentAndEmptySlots_answerIdentityAndAllOnes() {
        assertThat(readByPorts(SLOT, 0)).isEqualTo(FramebufferCard.DEVICE << 16 | FramebufferCard.VENDOR);
        assertThat(readByPorts(5, 0)).isEqualTo(-1);
        ports.write(PciBus.CONFIG_ADDRESS, 4, SLOT << 11);
        assertThat(ports.read(PciBus.CONFIG_DATA, 4)).as("enable bit off").isEqualTo(-1);
    }

    @Test
    void bar_writtenWithAllOnes_tellsItsSizeAndType() {
        writeByPorts(SLOT, 0x10, -1);
        writeByPorts(SLOT, 0x14, -1);
        writeByPorts(SLOT, 0x18, -1);
        writeByPorts(SLOT, 0x1c, -1);
        assertThat(readByPorts(SLOT, 0x10)).as("64-bit, prefetchable").isEqualTo((int) -VIDEO_BYTES | 12);
        assertThat(readByPorts(SLOT, 0x14)).isEqualTo(-1);
        assertThat(readByPorts(SLOT, 0x18)).as("32-bit").isEqualTo(-FramebufferCard.REGISTER_BYTES);
        assertThat(readByPorts(SLOT, 0x1c)).as("no register").isZero();
        assertThat(readByPorts(SLOT, 0)).as("identity cannot be written").isNotEqualTo(-1);
        check();
    }

    @Test
    void window_answersOnlyWhileMemoryDecodingIsOn_andMovesWithItsRegister() {
        long at = 0x40_0000_0000L;
        pci.writeConfig(SLOT, 0x14, 4, (int) (at >>> 32));
        assertThat(bus.isDevice(at)).isFalse();
        pci.writeConfig(SLOT, PciFunction.COMMAND, 2, PciFunction.COMMAND_MEMORY);
        assertThat(bus.isDevice(at)).isTrue();
        bus.write(at + 8, 4, 0xcafe);
        assertThat(card.videoByte(8)).isEqualTo((byte) 0xfe);

        pci.writeConfig(SLOT, 0x14, 4, 0x50);
        assertThat(bus.isDevice(at)).isFalse();
        assertThat(bus.read(0x50_0000_0008L, 4)).isEqualTo(0xcafe);
        pci.writeConfig(SLOT, PciFunction.COMMAND, 2, 0);
        assertThat(bus.isDevice(0x50_0000_0008L)).isFalse();
        assertThat(bus.read(0x50_0000_0008L, 4)).isEqualTo(0xffff_ffffL);
        check();
    }

    @Test
    void window_inFrontOfRam_hidesIt() {
        bus.write(0x8000, 8, 0x1122_3344_5566_7788L);
        pci.writeConfig(SLOT, 0x18, 4, 0x8000);
        pci.writeConfig(SLOT, PciFunction.COMMAND, 2, PciFunction.COMMAND_MEMORY);
        assertThat(bus.read(0x8000, 4)).isEqualTo(FramebufferCard.ID_VALUE);
        assertThat(bus.isMemory(0x8000)).isFalse();
        bus.write(0x8000 + FramebufferCard.SCRATCH, 4, 7);
        assertThat(bus.read(0x8000 + FramebufferCard.SCRATCH, 4)).isEqualTo(7);
        assertThat(memory.readLong(0x8000)).isEqualTo(0x1122_3344_5566_7788L);
    }

    @Test
    void memory_accessesOfEveryWidth_changeTheirOwnBytesOnly() {
        bus.write(0x1000, 8, -1);
        bus.write(0x1001, 1, 0x12);
        bus.write(0x1002, 2, 0x3456);
        bus.write(0x1004, 4, 0x789a_bcdeL);
        assertThat(memory.readLong(0x1000)).isEqualTo(0x789a_bcde_3456_12ffL);
        assertThat(bus.read(0x1002, 2)).isEqualTo(0x3456);
        assertThat(bus.read(0x100_0000, 8)).as("behind the end of RAM").isEqualTo(-1);
    }

    @Test
    void card_registers_setModeAndFillPixels() {
        pci.writeConfig(SLOT, 0x18, 4, 0xfe00_0000);
        pci.writeConfig(SLOT, PciFunction.COMMAND, 2, PciFunction.COMMAND_MEMORY);
        long registers = 0xfe00_0000L;
        bus.write(registers + FramebufferCard.WIDTH, 4, 4);
        bus.write(registers + FramebufferCard.HEIGHT, 4, 2);
        bus.write(registers + FramebufferCard.HEIGHT, 4, 1 << 30);
        assertThat(card.height()).as("a mode that does not fit is ignored").isEqualTo(2);
        bus.write(registers + FramebufferCard.FILL, 4, 0x00ff_8800);
        assertThat(card.pixel(3, 1)).as("display off").isZero();
        bus.write(registers + FramebufferCard.CONTROL, 4, 1);
        assertThat(card.pixel(3, 1)).isEqualTo(0x00ff_8800);
        assertThat(bus.read(registers + FramebufferCard.MEMORY, 4)).isEqualTo(VIDEO_BYTES);
    }
}
