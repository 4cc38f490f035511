package io.pagewalk.hardware.paging;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pagewalk.base.BadInput;
import io.pagewalk.base.SeededRandom;
import io.pagewalk.hardware.memory.PhysicalMemory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Entry values were taken from the kernel's own definitions: arch/x86/include/asm/pgtable_types.h and arch/riscv/include/asm/pgtable-bits.h. */
class PagingModeTest {
    private static final int USER_DATA = PteFlags.READ | PteFlags.WRITE | PteFlags.USER;
    private static final int ALL = (1 << 11) - 1 & ~PteFlags.PROT_NONE & ~PteFlags.WRITE_COMBINING & ~PteFlags.UNCACHED;

    @Test
    void leaf_x86UserData_hasBitsOfPageShared() {
        long entry = PagingMode.X86_64_4LEVEL.leaf(0x1234, USER_DATA | PteFlags.ACCESSED | PteFlags.DIRTY, 1);
        assertThat(entry).isEqualTo(0x8000_0000_0123_4067L);
    }

    @Test
    void table_x86_isPageTable0x67() {
        assertThat(PagingMode.X86_64_4LEVEL.table(5, 2)).isEqualTo(0x5067);
        assertThat(PagingMode.I386.table(5, 2)).isEqualTo(0x5067);
        assertThat(PagingMode.I386_PAE.table(5, 2)).isEqualTo(0x5067);
        assertThat(PagingMode.I386_PAE.table(5, 3)).as("a PDPTE has no rights").isEqualTo(0x5001);
    }

    @Test
    void leaf_x86Huge_hasPageSizeBit() {
        long entry = PagingMode.X86_64_4LEVEL.leaf(512, USER_DATA | PteFlags.EXEC, 2);
        assertThat(entry).isEqualTo(0x20_0087L);
        assertThat(PagingMode.X86_64_4LEVEL.isLeaf(entry, 2)).isTrue();
        assertThat(PagingMode.X86_64_4LEVEL.pfn(entry, 2)).isEqualTo(512);
    }

    @Test
    void leaf_i386FourMebibytesAbove4Gib_usesPse36() {
        long entry = PagingMode.I386.leaf(0x10_0400, USER_DATA, 2);
        assertThat(entry).isEqualTo(0x0040_2087L);
        assertThat(PagingMode.I386.pfn(entry, 2)).isEqualTo(0x10_0400);
    }

    @Test
    void leaf_riscVUserData_hasItsBits() {
        long entry = PagingMode.SV39.leaf(0x80200, USER_DATA | PteFlags.ACCESSED | PteFlags.DIRTY, 1);
        assertThat(entry).isEqualTo((0x80200L << 10) | 0xd7);
        assertThat(PagingMode.SV39.table(0x80200, 2)).isEqualTo((0x80200L << 10) | 1);
    }

    @ParameterizedTest
    @EnumSource(PagingMode.class)
    void leaf_protNone_isNotPresentAndKeepsFrame(PagingMode mode) {
        long entry = mode.leaf(77, USER_DATA | PteFlags.PROT_NONE, 1);
        assertThat(mode.isPresent(entry)).isFalse();
        assertThat(mode.pfn(entry, 1)).isEqualTo(77);
        assertThat(mode.flags(entry, 1) & (PteFlags.PROT_NONE | PteFlags.GLOBAL))
                .isEqualTo(PteFlags.PROT_NONE);
        assertThat(mode.flags(mode.withFlags(entry, USER_DATA, 1), 1) & PteFlags.PROT_NONE)
                .isZero();
    }

    @ParameterizedTest
    @EnumSource(PagingMode.class)
    void flags_ofLeaf_comeBack(PagingMode mode) {
        SeededRandom random = new SeededRandom(mode.ordinal());
        for (int i = 0; i < 500; i++) {
            int flags = ((int) random.nextLong() & ALL) | PteFlags.READ;
            flags |= i % 3 == 0 ? PteFlags.UNCACHED : i % 3 == 1 ? PteFlags.WRITE_COMBINING : 0;
            flags |= mode.hasNoExecute() ? 0 : PteFlags.EXEC;
            flags |= mode.hasKeys() ? random.nextInt(Pkru.KEYS) << PteFlags.KEY_SHIFT : 0;
            int level = 1 + random.nextInt(mode.allowsLeaf(3) ? 3 : 2);
            long pfn = (random.nextLong(1 << 20) + mode.pagesPerLeaf(level)) & -mode.pagesPerLeaf(level) & 0xfffff;
            long entry = mode.leaf(pfn, flags, level);
            assertThat(mode.flags(entry, level)).isEqualTo(flags);
            assertThat(mode.pfn(entry, level)).isEqualTo(pfn);
            assertThat(mode.isLeaf(entry, level)).isTrue();
            assertThat(mode.isReserved(entry, level, 40)).isFalse();
        }
    }

    @ParameterizedTest
    @EnumSource(PagingMode.class)
    void writeEntry_thenRead_givesItBackAndLeavesNeighbours(PagingMode mode) {
        PhysicalMemory memory = new PhysicalMemory(16);
        long entry = mode.leaf(9, USER_DATA, 1);
        mode.writeEntry(memory, 3, 5, entry);
        assertThat(mode.readEntry(memory, 3, 5)).isEqualTo(entry);
        assertThat(mode.readEntry(memory, 3, 4)).isZero();
        assertThat(mode.readEntry(memory, 3, 6)).isZero();
    }

    @ParameterizedTest
    @EnumSource(PagingMode.class)
    void shifts_ofAllLevels_coverTheAddress(PagingMode mode) {
        int top = mode.shift(mode.levels()) + mode.indexBits(mode.levels());
        assertThat(top).isEqualTo(mode.virtualBits());
        assertThat(mode.isCanonical(mode.userEnd() - 1)).isTrue();
        assertThat(PagingMode.byName(mode.modeName())).isEqualTo(mode);
    }

    @Test
    void isCanonical_aroundTheHole_isExact() {
        assertThat(PagingMode.X86_64_4LEVEL.isCanonical(0x7fff_ffff_ffffL)).isTrue();
        assertThat(PagingMode.X86_64_4LEVEL.isCanonical(0x8000_0000_0000L)).isFalse();
        assertThat(PagingMode.X86_64_4LEVEL.isCanonical(0xffff_8000_0000_0000L)).isTrue();
        assertThat(PagingMode.X86_64_5LEVEL.isCanonical(0x8000_0000_0000L)).isTrue();
        assertThat(PagingMode.I386.isCanonical(0xffff_ffffL)).isTrue();
        assertThat(PagingMode.I386.isCanonical(0x1_0000_0000L)).isFalse();
        assertThat(PagingMode.SV39.isCanonical(1L << 38)).isFalse();
    }

    @Test
    void isReserved_bitsTheManualsForbid_isTrue() {
        long leaf = PagingMode.X86_64_4LEVEL.leaf(512, USER_DATA, 2);
        assertThat(PagingMode.X86_64_4LEVEL.isReserved(leaf | 1L << 45, 2, 46)).isFalse();
        assertThat(PagingMode.X86_64_4LEVEL.isReserved(leaf | 1L << 46, 2, 46)).isTrue();
        assertThat(PagingMode.X86_64_4LEVEL.isReserved(leaf | 1L << 13, 2, 46)).isTrue();
        assertThat(PagingMode.I386_PAE.isReserved(PagingMode.I386_PAE.table(1, 3) | 2, 3, 36))
                .isTrue();
        assertThat(PagingMode.I386.isReserved(PagingMode.I386.leaf(1024, USER_DATA, 2) | 1 << 21, 2, 36))
                .isTrue();
        assertThat(PagingMode.SV39.isReserved((9L << 10) | 0b101, 1, 50))
                .as("W without R")
                .isTrue();
        assertThat(PagingMode.SV39.isReserved((9L << 10) | 0b10011, 2, 50))
                .as("misaligned")
                .isTrue();
        assertThat(PagingMode.SV39.isReserved(PagingMode.SV39.table(9, 2) | 1 << 7, 2, 50))
                .as("D in a table")
                .isTrue();
    }

    @Test
    void byName_unknown_listsTheValidOnes() {
        assertThatThrownBy(() -> PagingMode.byName("x87"))
                .isInstanceOf(BadInput.class)
                .hasMessageContaining("x86-64-4level, x86-64-5level, i386, i386-pae, sv39, sv48, sv57");
    }
}
