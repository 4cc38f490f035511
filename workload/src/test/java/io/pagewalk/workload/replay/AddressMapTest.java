package io.pagewalk.workload.replay;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pagewalk.base.BadInput;
import io.pagewalk.base.SeededRandom;
import io.pagewalk.base.Size;
import io.pagewalk.hardware.paging.PagingMode;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Programs moved into a narrow user half, beside a naive look-up. */
class AddressMapTest {
    private static final long HIGH = 0x7f12_3450_0000L;

    @Test
    void toMachine_everythingFits_isIdentity() {
        AddressMap map = AddressMap.of("t", ranges(0x400000, 0x5000, HIGH, 0x1000), PagingMode.X86_64_4LEVEL);
        assertThat(map.isIdentity()).isTrue();
        for (long vaddr : new long[] {0, 0x400000, HIGH, HIGH + 0x1234567, -4096, Long.MIN_VALUE}) {
            assertThat(map.toMachine(vaddr)).isEqualTo(vaddr);
        }
        assertThat(map.rangeBytes(0x400000, HIGH)).isEqualTo(HIGH);
    }

    @Test
    void toMachine_randomRegions_keepsOrderAndPlaceModuloFourMebibytes() {
        SeededRandom random = new SeededRandom(1);
        for (int round = 0; round < 200; round++) {
            MappedRanges ranges = new MappedRanges();
            ranges.add(HIGH, 4096);
            for (int i = 0; i < 20; i++) {
                ranges.add(random.nextLong(1L << 47) & -4096, (1 + random.nextInt(1000)) * 4096L);
            }
            AddressMap map = AddressMap.of("t", ranges, PagingMode.I386);
            long lastEnd = 0;
            for (Map.Entry<Long, Long> region : ranges.regions().entrySet()) {
                long start = region.getKey();
                long length = region.getValue() - start;
                long placed = map.toMachine(start);
                assertThat((placed - start) % AddressMap.CONGRUENCE_BYTES).isZero();
                if (lastEnd != 0) {
                    assertThat(placed - lastEnd)
                            .isBetween(
                                    MappedRanges.MAX_GAP_BYTES,
                                    MappedRanges.MAX_GAP_BYTES + AddressMap.CONGRUENCE_BYTES);
                }
                assertThat(map.toMachine(start + length - 1)).isEqualTo(placed + length - 1);
                assertThat(map.toMachine(start + length)).isEqualTo(AddressMap.HOLE);
                assertThat(map.toMachine(start - 1)).isEqualTo(AddressMap.HOLE + 4095);
                lastEnd = placed + length;
            }
            assertThat(lastEnd).isLessThanOrEqualTo(PagingMode.I386.userEnd());
        }
    }

    @Test
    void toMachine_addressesOfNoRegion_goToTheHoleOrStayLow() {
        AddressMap map = AddressMap.of("t", ranges(0x400000, 0x5000, HIGH, 0x1000), PagingMode.SV39);
        assertThat(map.toMachine(0)).isZero();
        assertThat(map.toMachine(0x7008)).isEqualTo(0x7008);
        assertThat(map.toMachine(0x10010)).isEqualTo(AddressMap.HOLE + 0x10);
        assertThat(map.toMachine(-1)).isEqualTo(AddressMap.HOLE + 4095);
        assertThat(map.toMachine(0x400000)).isEqualTo(0x400000);
    }

    @Test
    void mappingToMachine_noRegion_staysOutOfTheHole() {
        AddressMap map = AddressMap.of("t", ranges(0x400000, 0x5000, HIGH, 0x1000), PagingMode.SV39);
        assertThat(map.mappingToMachine(HIGH)).isEqualTo(map.toMachine(HIGH));
        assertThat(map.mappingToMachine(1L << 57)).isEqualTo(1L << 57);
    }

    @Test
    void rangeBytes_rangeOverAShortenedGap_endsWhereItsLastPageLies() {
        AddressMap map = AddressMap.of("t", ranges(0x400000, 0x5000, HIGH, 0x3000), PagingMode.SV39);
        long placed = map.toMachine(HIGH);
        assertThat(placed).isBetween(0x405000L + (16 << 20), 0x405000L + (20 << 20));
        assertThat(map.rangeStart(0x402000, HIGH - 0x400000)).isEqualTo(0x402000);
        assertThat(map.rangeBytes(0x402000, HIGH - 0x400000)).isEqualTo(placed + 0x2000 - 0x402000);
        /* Both ends in no region: only the region between them. */
        assertThat(map.rangeStart(HIGH - 0x9000, 0x100000)).isEqualTo(placed);
        assertThat(map.rangeBytes(HIGH - 0x9000, 0x100000)).isEqualTo(0x3000);
        /* From null over everything. */
        assertThat(map.rangeStart(0, 1L << 47)).isEqualTo(0x400000);
        assertThat(map.rangeBytes(0, 1L << 47)).isEqualTo(placed + 0x3000 - 0x400000);
        /* No region at all: one page that is never mapped. */
        assertThat(map.rangeStart(HIGH + 0x9000, 0x100000)).isEqualTo(AddressMap.HOLE);
        assertThat(map.rangeBytes(HIGH + 0x9000, 0x100000)).isEqualTo(4096);
    }

    @Test
    void add_whatNoKernelMaps_isLeftOut() {
        MappedRanges ranges = new MappedRanges();
        ranges.add(-4096, 4096);
        ranges.add(0, 0x10000);
        ranges.add(0x400000, 0);
        ranges.add(0x400000, -1);
        ranges.add(1L << 56, 4096);
        ranges.add(4096, Long.MAX_VALUE);
        assertThat(ranges.regions()).isEmpty();
        assertThat(AddressMap.of("t", ranges, PagingMode.I386).isIdentity()).isTrue();
    }

    @Test
    void of_programTooLarge_namesNeededAndAvailableBytes() {
        MappedRanges ranges = ranges(0x400000, 0x5000, HIGH, 3 * Size.GIB);
        assertThatThrownBy(() -> AddressMap.of("big", ranges, PagingMode.I386))
                .isInstanceOf(BadInput.class)
                .hasMessageMatching("trace big on a machine with i386 paging: found a program that needs \\d+ bytes of"
                        + " address space where 3221225472 are available, expected .*x86-64.*");
        assertThat(AddressMap.of("big", ranges, PagingMode.SV39).isIdentity()).isFalse();
    }

    private static MappedRanges ranges(long start, long bytes, long otherStart, long otherBytes) {
        MappedRanges ranges = new MappedRanges();
        ranges.add(start, bytes);
        ranges.add(otherStart, otherBytes);
        return ranges;
    }
}
