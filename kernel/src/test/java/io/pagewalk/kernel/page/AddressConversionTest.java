package io.pagewalk.kernel.page;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pagewalk.base.KernelBug;
import java.util.List;
import org.junit.jupiter.api.Test;

class AddressConversionTest {
    /** Start of the direct map as {@code Documentation/arch} of each architecture gives it. */
    @Test
    void pageToVirt_everyArchitecture_roundTrips() {
        long frames = 1 << 20;
        List<AddressConversion> all = List.of(
                AddressConversion.x8664FourLevel(frames),
                AddressConversion.x8664FiveLevel(frames),
                AddressConversion.i386(frames),
                AddressConversion.riscv(39, frames),
                AddressConversion.riscv(48, frames),
                AddressConversion.riscv(57, frames));
        assertThat(all.stream().map(c -> Long.toHexString(c.pageToVirt(0))))
                .containsExactly(
                        "ffff888000000000",
                        "ff11000000000000",
                        "c0000000",
                        "ffffffd600000000",
                        "ffffaf8000000000",
                        "ff60000000000000");
        for (AddressConversion conversion : all) {
            long pfn = conversion.lowmemFrames() - 1;
            assertThat(conversion.virtToPage(conversion.pageToVirt(pfn))).isEqualTo(pfn);
            assertThat(conversion.virtToPhys(conversion.physToVirt(0x12345))).isEqualTo(0x12345);
            assertThat(AddressConversion.physToPage(AddressConversion.pageToPhys(pfn)))
                    .isEqualTo(pfn);
        }
    }

    @Test
    void pageToVirt_highmem_hasNoAddress() {
        AddressConversion conversion = AddressConversion.i386(1 << 19);
        assertThat(conversion.pageToVirt((896 << 8) - 1)).isEqualTo(0xf7fff000L);
        assertThat(conversion.pageToVirt(896 << 8)).isEqualTo(AddressConversion.NO_ADDRESS);
        assertThat(conversion.physToVirt(896L << 20)).isEqualTo(AddressConversion.NO_ADDRESS);
    }

    @Test
    void virtToPhys_outsideDirectMap_isCaught() {
        AddressConversion conversion = AddressConversion.i386(1 << 19);
        assertThatThrownBy(() -> conversion.virtToPhys(0xbfffffffL)).isInstanceOf(KernelBug.class);
        assertThatThrownBy(() -> conversion.virtToPhys(0xf8000000L)).isInstanceOf(KernelBug.class);
    }
}
