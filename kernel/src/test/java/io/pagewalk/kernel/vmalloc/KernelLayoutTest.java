package io.pagewalk.kernel.vmalloc;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.Size;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.page.AddressConversion;
import io.pagewalk.kernel.vmalloc.KernelLayout.Region;
import io.pagewalk.kernel.vmalloc.KernelLayout.Use;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Borders as Documentation/arch/x86/x86_64/mm.rst and Documentation/arch/riscv/vm-layout.rst list them; those of i386 follow arch/x86/include/asm/pgtable_32_areas.h. */
class KernelLayoutTest {
    private static KernelLayout layout(PagingMode mode) {
        AddressConversion conversion = switch (mode) {
            case X86_64_4LEVEL -> AddressConversion.x8664FourLevel(1 << 20);
            case X86_64_5LEVEL -> AddressConversion.x8664FiveLevel(1 << 20);
            case I386, I386_PAE -> AddressConversion.i386(1 << 19);
            case SV39, SV48, SV57 -> AddressConversion.riscv(mode.virtualBits(), 1 << 20);
        };
        return KernelLayout.of(mode, conversion);
    }

    @ParameterizedTest
    @EnumSource(PagingMode.class)
    void regions_ofEachMode_followEachOtherWithoutGap(PagingMode mode) {
        KernelLayout layout = layout(mode);
        long next = 0;
        for (Region region : layout.regions()) {
            assertThat(region.start()).as(region.name()).isEqualTo(next);
            assertThat(Long.compareUnsigned(region.last(), region.start())).isPositive();
            assertThat(layout.regionOf(region.last())).isEqualTo(region);
            next = region.last() + 1;
        }
        assertThat(next).isEqualTo(mode.architecture() == PagingMode.Architecture.I386 ? 1L << 32 : 0);
    }

    @ParameterizedTest
    @CsvSource({
        "X86_64_4LEVEL, USER,       0000000000000000, 00007fffffffffff",
        "X86_64_4LEVEL, DIRECT_MAP, ffff888000000000, ffffc87fffffffff",
        "X86_64_4LEVEL, VMALLOC,    ffffc90000000000, ffffe8ffffffffff",
        "X86_64_4LEVEL, VMEMMAP,    ffffea0000000000, ffffeaffffffffff",
        "X86_64_4LEVEL, KERNEL,     ffffffff80000000, ffffffff9fffffff",
        "X86_64_4LEVEL, MODULES,    ffffffffa0000000, fffffffffeffffff",
        "X86_64_5LEVEL, USER,       0000000000000000, 00ffffffffffffff",
        "X86_64_5LEVEL, DIRECT_MAP, ff11000000000000, ff90ffffffffffff",
        "X86_64_5LEVEL, VMALLOC,    ffa0000000000000, ffd1ffffffffffff",
        "X86_64_5LEVEL, VMEMMAP,    ffd4000000000000, ffd5ffffffffffff",
        "X86_64_5LEVEL, MODULES,    ffffffffa0000000, fffffffffeffffff",
        "SV39, USER,       0000000000000000, 0000003fffffffff",
        "SV39, FIXMAP,     ffffffc4fea00000, ffffffc4feffffff",
        "SV39, VMEMMAP,    ffffffc500000000, ffffffc5ffffffff",
        "SV39, VMALLOC,    ffffffc600000000, ffffffd5ffffffff",
        "SV39, DIRECT_MAP, ffffffd600000000, fffffff5ffffffff",
        "SV48, USER,       0000000000000000, 00007fffffffffff",
        "SV48, VMEMMAP,    ffff8d8000000000, ffff8f7fffffffff",
        "SV48, VMALLOC,    ffff8f8000000000, ffffaf7fffffffff",
        "SV48, DIRECT_MAP, ffffaf8000000000, ffffef7fffffffff",
        "SV57, USER,       0000000000000000, 00ffffffffffffff",
        "SV57, VMEMMAP,    ff1c000000000000, ff1fffffffffffff",
        "SV57, VMALLOC,    ff20000000000000, ff5fffffffffffff",
        "SV57, DIRECT_MAP, ff60000000000000, ffdeffffffffffff",
        "SV57, MODULES,    ffffffff00000000, ffffffff7fffffff",
        "SV57, KERNEL,     ffffffff80000000, ffffffffffffffff",
    })
    void region_ofTheDocumentation_liesWhereItSays(PagingMode mode, Use use, String start, String last) {
        assertThat(layout(mode).regions().stream().filter(region -> region.use() == use))
                .singleElement()
                .satisfies(region -> {
                    assertThat(region.start()).isEqualTo(Long.parseUnsignedLong(start, 16));
                    assertThat(region.last()).isEqualTo(Long.parseUnsignedLong(last, 16));
                });
    }

    @ParameterizedTest
    @CsvSource({
        // 896 MiB of low memory, 8 MiB of VMALLOC_OFFSET, LAST_PKMAP of 1024 and 512.
        "I386,     c0000000, f8000000, f8800000, 1024",
        "I386_PAE, c0000000, f8000000, f8800000, 512",
        "I386_PAE, 80000000, f8000000, f8800000, 512",
        "I386,     b0000000, f8000000, f8800000, 1024",
    })
    void i386_eachSplit_leaves128MiBForWhatIsNotTheDirectMap(
            PagingMode mode, String pageOffset, String highMemory, String vmallocStart, int slots) {
        AddressConversion conversion = AddressConversion.i386(1 << 20, Long.parseLong(pageOffset, 16));
        KernelLayout layout = KernelLayout.of(mode, conversion);
        assertThat(conversion.pageOffset() + (conversion.lowmemFrames() << 12))
                .isEqualTo(Long.parseLong(highMemory, 16));
        assertThat(layout.vmallocStart()).isEqualTo(Long.parseLong(vmallocStart, 16));
        assertThat(layout.pkmapPages()).isEqualTo(slots);
        assertThat(layout.pkmapStart() % (mode == PagingMode.I386 ? 4 * Size.MIB : 2 * Size.MIB))
                .isZero();
        assertThat(layout.vmallocEnd()).isEqualTo(layout.pkmapStart() - 8192);
        assertThat(layout.kmapStart()).isBetween(layout.fixmapStart(), layout.fixmapEnd());
    }
}
