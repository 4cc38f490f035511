package io.pagewalk.hardware.segmentation;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.hardware.mmu.Access;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the recorded trials of {@link RealCpuTest} cannot reach: other privilege levels, system descriptors, caching. Expectations: Intel SDM volumes 2 and 3. */
class SegmentationUnitTest {
    private static final long GDT = 0x1000;

    /** Descriptors that Linux and every protected-mode primer use, as raw numbers: {@code arch/x86/include/asm/desc_defs.h:DESC_CODE32, DESC_DATA32}. */
    private static final long FLAT_CODE = 0x00cf9a000000ffffL;

    private static final long FLAT_DATA = 0x00cf92000000ffffL;

    private final PhysicalMemory memory = new PhysicalMemory(16);
    private final SegmentationUnit unit = new SegmentationUnit(memory);

    @BeforeEach
    void makeTables() {
        unit.loadGdt(GDT, 8 * 10);
    }

    private int put(int index, long descriptor) {
        memory.writeLong(GDT + 8L * index, descriptor);
        return Selector.gdt(index, 0);
    }

    @Test
    void segment_flat4GiB_isTheDescriptorThatEverybodyUses() {
        assertThat(Descriptor.segment(0, 1L << 32, Descriptor.EXECUTE_READ, 0)).isEqualTo(FLAT_CODE);
        assertThat(Descriptor.segment(0, 1L << 32, Descriptor.READ_WRITE, 0)).isEqualTo(FLAT_DATA);
        assertThat(Descriptor.limit(FLAT_DATA)).isEqualTo(0xffff_ffffL);
    }

    @Test
    void segment286_upperWord_isZero() {
        long descriptor = Descriptor.segment286(0x123456, 0x100, Descriptor.READ_WRITE, 3);
        assertThat(descriptor).isEqualTo(0x0000f212345600ffL);
    }

    @Test
    void segment_aboveOneMiB_isRoundedUpToPages() {
        long descriptor = Descriptor.segment(0, (1 << 20) + 1, Descriptor.READ_WRITE, 3);
        assertThat(Descriptor.limit(descriptor)).isEqualTo((1 << 20) + 0xfff);
        assertThat(Descriptor.limit(Descriptor.segment(0, 1 << 20, Descriptor.READ_WRITE, 3)))
                .isEqualTo((1 << 20) - 1);
    }

    @ParameterizedTest
    @CsvSource({
        // data: MAX(CPL, RPL) <= DPL
        "DS, 2, 0, 0, 0, true",
        "DS, 2, 0, 1, 0, false",
        "DS, 2, 3, 3, 3, true",
        "DS, 2, 2, 3, 0, false",
        "DS, 2, 2, 1, 2, true",
        // conforming code is readable from everywhere, other code by the same rule as data
        "DS, 14, 0, 3, 3, true",
        "DS, 10, 0, 3, 3, false",
        "DS, 10, 3, 3, 3, true",
        "DS, 8, 3, 3, 3, false",
        // stack: CPL == RPL == DPL and writable
        "SS, 2, 0, 0, 0, true",
        "SS, 2, 3, 0, 3, false",
        "SS, 2, 3, 3, 0, false",
        "SS, 2, 0, 3, 3, false",
        "SS, 0, 0, 0, 0, false",
        "SS, 6, 1, 1, 1, true",
        // code: nonconforming DPL == CPL and RPL <= CPL; conforming DPL <= CPL
        "CS, 10, 0, 0, 0, true",
        "CS, 10, 0, 3, 3, false",
        "CS, 10, 3, 0, 0, false",
        "CS, 10, 0, 0, 1, false",
        "CS, 14, 0, 3, 0, true",
        "CS, 14, 3, 0, 0, false",
        "CS, 2, 0, 0, 0, false",
    })
    void load_privilegeAndType_asTheManualSays(
            SegmentRegister register, int type, int dpl, int cpl, int rpl, boolean isAllowed) {
        put(1, Descriptor.segment(0, 4096, type, dpl));
        unit.setCpl(cpl);
        long result = unit.load(register, Selector.gdt(1, rpl));
        assertThat(SegmentFault.isFault(result)).isEqualTo(!isAllowed);
        if (!isAllowed) {
            assertThat(SegmentFault.describe(result)).isEqualTo("#GP(0x8)");
        }
    }

    @Test
    void load_rightsBeforePresence_decideTheVector() {
        put(1, Descriptor.absent(Descriptor.segment(0, 4096, Descriptor.READ_WRITE, 0)));
        assertThat(SegmentFault.describe(unit.load(SegmentRegister.DS, 8))).isEqualTo("#NP(0x8)");
        assertThat(SegmentFault.describe(unit.load(SegmentRegister.SS, 8))).isEqualTo("#SS(0x8)");
        unit.setCpl(3);
        assertThat(SegmentFault.describe(unit.load(SegmentRegister.DS, 8))).isEqualTo("#GP(0x8)");
    }

    @Test
    void loadLdt_wrongDescriptors_areRefused() {
        put(1, Descriptor.segment(0, 4096, Descriptor.READ_WRITE, 0));
        put(2, Descriptor.absent(Descriptor.ldt(0x2000, 16)));
        put(3, Descriptor.ldt(0x2000, 16));
        assertThat(SegmentFault.describe(unit.loadLdt(Selector.gdt(1, 0)))).isEqualTo("#GP(0x8)");
        assertThat(SegmentFault.describe(unit.loadLdt(Selector.gdt(2, 0)))).isEqualTo("#NP(0x10)");
        assertThat(SegmentFault.describe(unit.loadLdt(Selector.ldt(3, 0)))).isEqualTo("#GP(0x1c)");
        assertThat(SegmentFault.describe(unit.loadLdt(Selector.gdt(99, 0)))).isEqualTo("#GP(0x318)");
        assertThat(unit.loadLdt(Selector.gdt(3, 0))).isEqualTo(SegmentFault.NONE);
        assertThat(SegmentFault.describe(unit.load(SegmentRegister.DS, Selector.ldt(2, 3))))
                .isEqualTo("#GP(0x14)");
    }

    @Test
    void load_localSelectorWithoutLdt_isRefused() {
        assertThat(unit.loadLdt(Selector.NULL)).isEqualTo(SegmentFault.NONE);
        assertThat(SegmentFault.describe(unit.load(SegmentRegister.ES, Selector.ldt(0, 0))))
                .isEqualTo("#GP(0x4)");
    }

    @Test
    void load_refused_keepsWhatTheRegisterHeld() {
        unit.load(SegmentRegister.DS, put(1, Descriptor.segment(0x5000, 4096, Descriptor.READ_WRITE, 0)));
        unit.load(SegmentRegister.DS, put(2, Descriptor.segment(0, 4096, Descriptor.EXECUTE_ONLY, 0)));
        assertThat(unit.selector(SegmentRegister.DS)).isEqualTo(8);
        assertThat(unit.linear(SegmentRegister.DS, 4, 1, Access.LOAD)).isEqualTo(0x5004);
    }

    @Test
    void linear_descriptorChangedInMemory_isSeenAfterTheNextLoad() {
        int selector = put(1, Descriptor.segment(0x5000, 4096, Descriptor.READ_WRITE, 0));
        unit.load(SegmentRegister.DS, selector);
        put(1, Descriptor.segment(0x9000, 4096, Descriptor.READ_WRITE, 0));
        assertThat(unit.linear(SegmentRegister.DS, 0, 1, Access.LOAD)).isEqualTo(0x5000);
        unit.load(SegmentRegister.DS, selector);
        assertThat(unit.linear(SegmentRegister.DS, 0, 1, Access.LOAD)).isEqualTo(0x9000);
    }

    @Test
    void load_firstTime_setsTheAccessedBitInMemory() {
        int selector = put(1, Descriptor.segment(0x5000, 4096, Descriptor.READ_WRITE, 0));
        unit.load(SegmentRegister.DS, selector);
        assertThat(Descriptor.isAccessed(memory.readLong(GDT + 8))).isTrue();
        long after = unit.memoryReferences();
        unit.load(SegmentRegister.ES, selector);
        assertThat(after).isEqualTo(3);
        assertThat(unit.memoryReferences()).isEqualTo(5);
    }

    @Test
    void linear_nullSelector_faultsAtTheAccess() {
        assertThat(unit.load(SegmentRegister.ES, 3)).isEqualTo(SegmentFault.NONE);
        assertThat(SegmentFault.describe(unit.linear(SegmentRegister.ES, 0, 1, Access.LOAD)))
                .isEqualTo("#GP(0)");
        assertThat(SegmentFault.describe(unit.load(SegmentRegister.SS, 0))).isEqualTo("#GP(0)");
    }

    @Test
    void linear_baseAndOffset_wrapAtFourGiB() {
        unit.load(SegmentRegister.DS, put(1, Descriptor.segment(0xffff_f000L, 1L << 32, Descriptor.READ_WRITE, 0)));
        assertThat(unit.linear(SegmentRegister.DS, 0x2000, 4, Access.STORE)).isEqualTo(0x1000);
    }
}
