package io.pagewalk.hardware.machine;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class PciWindowsTest {
    private static final long GIB = 1L << 30;

    @Test
    void windows_ofAPc_lieBelowTheInterruptControllersAndAboveRam() {
        PciWindows windows = PciWindows.of(FirmwareMap.pc(24 * GIB), 46);
        assertThat(windows.low()).isEqualTo(new MemoryRange(3 * GIB, 0xfec0_0000L));
        // A Firecracker machine of 24 GiB with Linux 6.18 has its PCI bus at 4000000000-7fffffffff.
        assertThat(windows.high()).isEqualTo(new MemoryRange(0x40_0000_0000L, 0x80_0000_0000L));
    }

    @Test
    void windows_ofA36BitCpu_haveNoHighPart() {
        assertThat(PciWindows.of(FirmwareMap.pc(2 * GIB), 36).high()).isNull();
    }
}
