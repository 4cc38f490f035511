package io.pagewalk.hardware.segmentation;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.hardware.segmentation.RealMode.Processor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Addresses in real mode; expectations from Intel's manuals of the 8086 and the 80286 and from the reset vectors of both. */
class RealModeTest {
    @ParameterizedTest
    @CsvSource({
        // 8086 reset vector ffff:0000, video memory, wrap at 1 MiB, interrupt vector 0x21
        "ffff, 0000, ffff0",
        "b800, 0000, b8000",
        "0000, 0084, 84",
        "1234, 5678, 179b8",
        "ffff, 0010, 0",
        "ffff, ffff, ffef",
    })
    void physical_a20Closed_wrapsAtOneMiB(String segment, String offset, String address) {
        RealMode cpu = new RealMode(Processor.I80286);
        assertThat(cpu.physical(Integer.parseInt(segment, 16), Integer.parseInt(offset, 16)))
                .isEqualTo(Long.parseLong(address, 16));
    }

    @Test
    void physical_a20Open_reachesTheHighMemoryArea() {
        RealMode cpu = new RealMode(Processor.I80286);
        cpu.setA20(true);
        assertThat(cpu.physical(0xffff, 0x10)).isEqualTo(0x100000);
        assertThat(cpu.physical(0xffff, 0xffff)).isEqualTo(RealMode.MAX_ADDRESS);
    }

    @Test
    void physical_8086_hasNoA20() {
        RealMode cpu = new RealMode(Processor.I8086);
        cpu.setA20(true);
        assertThat(cpu.isA20Open()).isFalse();
        assertThat(cpu.physical(0xffff, 0x10)).isZero();
    }

    @Test
    void physical_manySegments_nameTheSameByte() {
        RealMode cpu = new RealMode(Processor.I8086);
        assertThat(cpu.physical(0x1000, 0x10)).isEqualTo(cpu.physical(0x1001, 0));
    }

    @Test
    void operand_wordAtTheLastOffset_wrapsOnThe8086AndFaultsLater() {
        RealMode old = new RealMode(Processor.I8086);
        RealMode later = new RealMode(Processor.I80286);
        assertThat(old.operand(SegmentRegister.DS, 0x1000, 0xffff, 2)).isEqualTo(0x1ffff);
        assertThat(SegmentFault.vector(later.operand(SegmentRegister.DS, 0x1000, 0xffff, 2)))
                .isEqualTo(SegmentFault.GENERAL_PROTECTION);
        assertThat(SegmentFault.vector(later.operand(SegmentRegister.SS, 0x1000, 0xfffe, 4)))
                .isEqualTo(SegmentFault.STACK);
        assertThat(later.operand(SegmentRegister.SS, 0x1000, 0xfffe, 2)).isEqualTo(0x1fffe);
    }
}
