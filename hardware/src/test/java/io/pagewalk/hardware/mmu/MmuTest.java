package io.pagewalk.hardware.mmu;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.SeededRandom;
import io.pagewalk.hardware.cpu.Cpu;
import io.pagewalk.hardware.cpu.CpuModel;
import io.pagewalk.hardware.cpu.CpuModels;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.hardware.paging.PteFlags;
import org.junit.jupiter.api.Test;

class MmuTest {
    private static final long PAGE = 0x7f12_3456_7000L;
    private static final int USER_READ = PteFlags.READ | PteFlags.USER;
    private static final int USER_WRITE = USER_READ | PteFlags.WRITE;

    private final PageTables tables = new PageTables(PagingMode.X86_64_4LEVEL);
    private final long root = tables.newTable();

    private Mmu mmu(String cpu) {
        return mmu(cpu, Refill.HARDWARE);
    }

    private Mmu mmu(String cpu, Refill refill) {
        Mmu mmu = new Mmu(tables.memory, tables.mode, CpuModels.byName(cpu).mmu(), refill, new SeededRandom(1));
        mmu.loadRoot(root, 0, false);
        return mmu;
    }

    private static void assertFault(int fault, int kind, int errorCode) {
        assertThat(MmuFault.kind(fault)).isEqualTo(kind);
        assertThat(MmuFault.errorCode(fault)).isEqualTo(errorCode);
    }

    /** Error codes as in the Intel SDM volume 3, section 4.7. */
    @Test
    void access_forbidden_givesTheErrorCodeOfX86() {
        Mmu mmu = mmu("skylake");
        assertFault(mmu.access(PAGE, Access.LOAD), MmuFault.NOT_PRESENT, 0x4);
        assertFault(mmu.access(PAGE, Access.STORE), MmuFault.NOT_PRESENT, 0x6);
        assertFault(mmu.access(PAGE, Access.FETCH), MmuFault.NOT_PRESENT, 0x14);
        tables.map(root, PAGE, 1, 600_000, USER_READ);
        assertFault(mmu.access(PAGE, Access.STORE), MmuFault.PROTECTION, 0x7);
        assertFault(mmu.access(PAGE, Access.FETCH), MmuFault.PROTECTION, 0x15);
        assertFault(mmu.access(PAGE, Access.STORE, Privilege.SUPERVISOR), MmuFault.PROTECTION, 0x3);
        tables.map(root, PAGE, 1, 600_000, PteFlags.READ);
        assertFault(mmu.access(PAGE, Access.LOAD), MmuFault.PROTECTION, 0x5);
        assertThat(mmu.access(PAGE, Access.LOAD, Privilege.SUPERVISOR)).isZero();
        tables.set(root, PAGE + 4096, 1, tables.mode.leaf(600_001, USER_READ, 1) | 1L << 50);
        assertFault(mmu.access(PAGE + 4096, Access.LOAD), MmuFault.RESERVED, 0xd);
        assertFault(mmu.access(0x8000_0000_0000L, Access.LOAD), MmuFault.NON_CANONICAL, 0x4);
        assertThat(MmuFault.scause(mmu.access(0, Access.FETCH))).isEqualTo(12);
        assertThat(MmuFault.scause(mmu.access(0, Access.LOAD))).isEqualTo(13);
        assertThat(MmuFault.scause(mmu.access(0, Access.STORE))).isEqualTo(15);
    }

    @Test
    void access_coldAndWarm_countsReferencesExactly() {
        Mmu mmu = mmu("skylake");
        tables.map(root, PAGE, 1, 600_000, USER_WRITE);
        tables.map(root, PAGE + 4096, 1, 600_001, USER_WRITE);
        assertThat(mmu.access(PAGE, Access.LOAD)).isZero();
        assertThat(mmu.stats().walkMemoryReferences()).as("four levels").isEqualTo(4);
        assertThat(mmu.access(PAGE + 8, Access.LOAD)).isZero();
        assertThat(mmu.access(PAGE + 4096, Access.LOAD)).isZero();
        assertThat(mmu.stats().walkMemoryReferences()).as("only the PTE").isEqualTo(5);
        assertThat(mmu.stats().l1dHits()).isEqualTo(1);
        assertThat(mmu.stats().l1dMisses()).isEqualTo(2);
        assertThat(mmu.physicalAddress(PAGE + 4096 + 5, Access.LOAD)).isEqualTo(600_001 * 4096L + 5);
    }

    @Test
    void store_afterLoad_walksOnceMoreToSetDirty() {
        Mmu mmu = mmu("skylake");
        tables.map(root, PAGE, 1, 600_000, USER_WRITE);
        mmu.access(PAGE, Access.LOAD);
        assertThat(tables.mode.flags(tables.get(root, PAGE, 1), 1) & (PteFlags.ACCESSED | PteFlags.DIRTY))
                .isEqualTo(PteFlags.ACCESSED);
        mmu.access(PAGE, Access.STORE);
        mmu.access(PAGE, Access.STORE);
        assertThat(tables.mode.flags(tables.get(root, PAGE, 1), 1) & PteFlags.DIRTY)
                .isNotZero();
        assertThat(mmu.stats().dirtyWalks()).isEqualTo(1);
        assertThat(mmu.stats().walks()).isEqualTo(2);
    }

    @Test
    void access_afterForgottenFlush_usesTheStaleEntry() {
        Mmu mmu = mmu("skylake");
        tables.map(root, PAGE, 1, 600_000, USER_READ);
        mmu.access(PAGE, Access.LOAD);
        tables.map(root, PAGE, 1, 700_000, USER_READ);
        assertThat(mmu.access(PAGE, Access.LOAD)).isZero();
        assertThat(mmu.physicalAddress(PAGE, Access.LOAD)).isEqualTo(600_000 * 4096L);
        assertThat(mmu.translate(PAGE)).isEqualTo(700_000 * 4096L);
        mmu.invalidatePage(PAGE, 0);
        assertThat(mmu.access(PAGE, Access.LOAD)).isZero();
        assertThat(mmu.physicalAddress(PAGE, Access.LOAD)).isEqualTo(700_000 * 4096L);
    }

    @Test
    void store_rightAddedWithoutFlush_walksInsteadOfFaulting() {
        Mmu mmu = mmu("skylake");
        tables.map(root, PAGE, 1, 600_000, USER_READ);
        mmu.access(PAGE, Access.LOAD);
        tables.map(root, PAGE, 1, 600_000, USER_WRITE);
        assertThat(mmu.access(PAGE, Access.STORE)).isZero();
        assertThat(mmu.stats().permissionWalks()).isEqualTo(1);
        assertThat(mmu.stats().faults()).isZero();
    }

    @Test
    void loadRoot_withAndWithoutAsids_showsInTheMisses() {
        for (String cpu : new String[] {"skylake", "core2"}) {
            PageTables own = new PageTables(PagingMode.X86_64_4LEVEL);
            long first = own.newTable();
            long second = own.newTable();
            long kernelPage = 0xffff_8880_0000_0000L;
            for (long space : new long[] {first, second}) {
                own.map(space, PAGE, 1, 600_000 + space, USER_READ);
                own.map(space, kernelPage, 1, 600_100, PteFlags.READ | PteFlags.GLOBAL);
            }
            MmuGeometry geometry = CpuModels.byName(cpu).mmu();
            Mmu mmu = new Mmu(own.memory, own.mode, geometry, Refill.HARDWARE, new SeededRandom(1));
            boolean hasAsids = geometry.asidBits() > 0;
            for (int turn = 0; turn < 10; turn++) {
                mmu.loadRoot(turn % 2 == 0 ? first : second, hasAsids ? 1 + turn % 2 : 0, true);
                assertThat(mmu.access(PAGE, Access.LOAD)).isZero();
                assertThat(mmu.access(kernelPage, Access.LOAD, Privilege.SUPERVISOR))
                        .isZero();
            }
            assertThat(mmu.stats().walks()).as(cpu).isEqualTo(hasAsids ? 3 : 11);
        }
    }

    @Test
    void invalidatePage_leafHeldInPieces_dropsAllOfThem() {
        Mmu mmu = mmu("zen2");
        tables.map(root, 0, 3, 1 << 18, USER_READ);
        mmu.access(0, Access.LOAD);
        mmu.access(5 << 21, Access.FETCH, Privilege.USER);
        mmu.access(5 << 21, Access.LOAD);
        assertThat(mmu.tlbs().get(2).live()).as("2 MiB piece of the 1 GiB page").isEqualTo(1);
        mmu.invalidatePage(7 << 21, 0);
        assertThat(mmu.tlbs().stream().mapToInt(tlb -> tlb.live()).sum()).isZero();
    }

    @Test
    void softwareRefill_sameHistory_sameTlbButOtherCosts() {
        Mmu hardware = mmu("skylake");
        Mmu software = mmu("skylake", Refill.SOFTWARE);
        for (int i = 0; i < 3000; i++) {
            tables.map(root, PAGE + i * 4096L, 1, 600_000 + i, USER_READ);
        }
        SeededRandom random = new SeededRandom(5);
        for (int i = 0; i < 20_000; i++) {
            long vaddr = PAGE + random.nextLong(3000 * 4096L);
            assertThat(hardware.access(vaddr, Access.LOAD)).isZero();
            int fault = software.access(vaddr, Access.LOAD);
            if (fault != 0) {
                assertThat(MmuFault.kind(fault)).isEqualTo(MmuFault.TLB_REFILL);
                assertThat(software.refillFromTables(vaddr, Access.LOAD, Privilege.USER))
                        .isZero();
            }
        }
        assertThat(software.stats().l1dMisses()).isEqualTo(hardware.stats().l1dMisses());
        assertThat(software.stats().l2Misses()).isEqualTo(hardware.stats().l2Misses());
        assertThat(software.stats().refillTraps()).isEqualTo(hardware.stats().walks());
        assertThat(software.stats().cycles()).isGreaterThan(hardware.stats().cycles());
    }

    @Test
    void shootdown_otherCpu_sendsOneInterruptAndForgets() {
        CpuModel model = CpuModels.byName("skylake");
        Cpu first = new Cpu(0, 0, model, mmu("skylake"));
        Cpu second = new Cpu(1, 0, model, mmu("skylake"));
        tables.map(root, PAGE, 1, 600_000, USER_READ);
        second.mmu().access(PAGE, Access.LOAD);
        first.flushPageOn(second, PAGE, 0);
        first.flushPageOn(first, PAGE, 0);
        assertThat(first.shootdownsSent()).isEqualTo(1);
        assertThat(second.shootdownsReceived()).isEqualTo(1);
        assertThat(second.mmu().physicalAddress(PAGE, Access.LOAD)).isEqualTo(-1);
        assertThat(second.mmu().disturbances()).isEqualTo(1);
    }
}
