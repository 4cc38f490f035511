package io.pagewalk.hardware.mmu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pagewalk.base.KernelBug;
import io.pagewalk.base.SeededRandom;
import io.pagewalk.base.Violations;
import io.pagewalk.hardware.cpu.Cpu;
import io.pagewalk.hardware.cpu.CpuModel;
import io.pagewalk.hardware.cpu.CpuModels;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.hardware.paging.Pkru;
import io.pagewalk.hardware.paging.PteFlags;
import org.junit.jupiter.api.Test;

/** Protection keys of user pages: Intel SDM volume 3, sections 4.6.2 and 4.7. */
class ProtectionKeyTest {
    private static final long PAGE = 0x7f12_4000_0000L;
    private static final int KEY = 5;
    private static final int ALL = PteFlags.READ | PteFlags.WRITE | PteFlags.EXEC | PteFlags.USER | PteFlags.DIRTY;
    private static final int KEYED = ALL | KEY << PteFlags.KEY_SHIFT;
    private static final int NO_ACCESS = Pkru.with(0, KEY, Pkru.NO_ACCESS);
    private static final int NO_WRITE = Pkru.with(0, KEY, Pkru.NO_WRITE);

    private final PageTables tables = new PageTables(PagingMode.X86_64_4LEVEL);
    private final long root = tables.newTable();

    private Mmu mmu(Refill refill) {
        Mmu mmu =
                new Mmu(tables.memory, tables.mode, CpuModels.byName("icelake").mmu(), refill, new SeededRandom(1));
        mmu.loadRoot(root, 0, false);
        return mmu;
    }

    private static void assertRefused(int fault, int errorCode) {
        assertThat(MmuFault.kind(fault)).isEqualTo(MmuFault.PROTECTION);
        assertThat(MmuFault.errorCode(fault)).isEqualTo(errorCode);
    }

    @Test
    void access_refusedByKey_givesTheErrorCodeOfX86() {
        Mmu mmu = mmu(Refill.HARDWARE);
        tables.map(root, PAGE, 1, 600_000, KEYED);
        mmu.writePkru(NO_ACCESS);
        assertRefused(mmu.access(PAGE, Access.LOAD), 0x25);
        assertRefused(mmu.access(PAGE, Access.STORE), 0x27);
        assertRefused(mmu.access(PAGE, Access.LOAD, Privilege.SUPERVISOR), 0x21);
        assertRefused(mmu.access(PAGE, Access.STORE, Privilege.SUPERVISOR), 0x23);
        assertThat(mmu.access(PAGE, Access.FETCH)).as("fetches have no key").isZero();
        mmu.writePkru(NO_WRITE);
        assertThat(mmu.access(PAGE, Access.LOAD)).isZero();
        assertRefused(mmu.access(PAGE, Access.STORE), 0x27);
        assertRefused(mmu.access(PAGE, Access.STORE, Privilege.SUPERVISOR), 0x23);
    }

    @Test
    void access_refusedByKeyAndByRight_tellsBoth() {
        Mmu mmu = mmu(Refill.HARDWARE);
        tables.map(root, PAGE, 1, 600_000, KEYED & ~PteFlags.WRITE);
        assertRefused(mmu.access(PAGE, Access.STORE), 0x7);
        mmu.writePkru(NO_WRITE);
        assertRefused(mmu.access(PAGE, Access.STORE), 0x27);
        tables.set(root, PAGE, 1, 0);
        assertThat(MmuFault.errorCode(mmu.access(PAGE, Access.STORE)))
                .as("no page, no key")
                .isEqualTo(0x6);
    }

    @Test
    void access_supervisorPage_hasNoKey() {
        Mmu mmu = mmu(Refill.HARDWARE);
        tables.map(root, PAGE, 1, 600_000, KEYED & ~PteFlags.USER);
        mmu.writePkru(NO_ACCESS | NO_WRITE);
        assertThat(mmu.access(PAGE, Access.STORE, Privilege.SUPERVISOR)).isZero();
        assertRefused(mmu.access(PAGE, Access.LOAD), 0x5);
    }

    @Test
    void access_leavesOfAllSizes_haveKeys() {
        for (int level = 1; level <= 3; level++) {
            Mmu mmu = mmu(Refill.HARDWARE);
            long vaddr = PAGE + ((long) level << 33);
            tables.map(root, vaddr, level, level == 3 ? 1 << 18 : 1 << 19, KEYED);
            assertThat(mmu.access(vaddr + 500, Access.STORE)).isZero();
            mmu.writePkru(NO_WRITE);
            assertThat(mmu.access(vaddr + 500, Access.LOAD)).isZero();
            assertRefused(mmu.access(vaddr + 500, Access.STORE), 0x27);
        }
    }

    @Test
    void writePkru_warmEntry_takesEffectWithoutAWalk() {
        Mmu mmu = mmu(Refill.HARDWARE);
        tables.map(root, PAGE, 1, 600_000, KEYED & ~PteFlags.DIRTY);
        assertThat(mmu.access(PAGE, Access.LOAD)).isZero();
        long walks = mmu.stats().walks();
        mmu.writePkru(NO_ACCESS);
        mmu.writePkru(0);
        assertThat(mmu.access(PAGE, Access.LOAD)).isZero();
        assertThat(mmu.stats().walks()).as("the entry has stayed").isEqualTo(walks);
        mmu.writePkru(NO_WRITE);
        assertRefused(mmu.access(PAGE, Access.STORE), 0x27);
        mmu.writePkru(0);
        assertThat(mmu.access(PAGE, Access.STORE)).isZero();
        assertThat(tables.mode.flags(tables.get(root, PAGE, 1), 1) & PteFlags.DIRTY)
                .as("only the store that was allowed marks the page")
                .isNotZero();
        Violations violations = new Violations();
        mmu.verify(violations);
        violations.throwIfAny();
    }

    @Test
    void writePkru_entryInTheSecondLevel_isObeyed() {
        Mmu mmu = mmu(Refill.HARDWARE);
        for (int i = 0; i < 200; i++) {
            tables.map(root, PAGE + i * 4096L, 1, 600_000 + i, KEYED);
            assertThat(mmu.access(PAGE + i * 4096L, Access.LOAD)).isZero();
        }
        long hits = mmu.stats().l2Hits();
        mmu.writePkru(NO_ACCESS);
        assertRefused(mmu.access(PAGE, Access.LOAD), 0x25);
        assertThat(mmu.stats().l2Hits()).isEqualTo(hits + 1);
        mmu.writePkru(NO_WRITE);
        assertThat(mmu.access(PAGE + 4096, Access.LOAD)).isZero();
        assertRefused(mmu.access(PAGE + 4096, Access.STORE), 0x27);
    }

    @Test
    void refill_bySoftware_obeysKeys() {
        Mmu mmu = mmu(Refill.SOFTWARE);
        tables.map(root, PAGE, 1, 600_000, KEYED);
        mmu.writePkru(NO_ACCESS);
        assertThat(MmuFault.kind(mmu.access(PAGE, Access.LOAD))).isEqualTo(MmuFault.TLB_REFILL);
        assertRefused(mmu.refillFromTables(PAGE, Access.LOAD, Privilege.USER), 0x25);
        assertRefused(mmu.refill(PAGE, Access.LOAD, Privilege.USER, tables.get(root, PAGE, 1), 1), 0x25);
    }

    @Test
    void cpu_withoutKeys_hasNoRegister() {
        CpuModel with = CpuModels.byName("icelake");
        assertThat(with.hasProtectionKeys()).isTrue();
        for (String name : new String[] {"pentium-m", "haswell", "skylake", "zen2", "rva23"}) {
            assertThat(CpuModels.byName(name).hasProtectionKeys()).as(name).isFalse();
        }
        Cpu cpu = new Cpu(0, 0, with, mmu(Refill.HARDWARE));
        assertThatThrownBy(() -> cpu.writePkru(4)).as("CR4.PKE is clear").isInstanceOf(KernelBug.class);
        cpu.enableKeys();
        cpu.writePkru(4);
        assertThat(cpu.readPkru()).isEqualTo(4);
        Cpu without = new Cpu(0, 0, with.withProtectionKeys(false), mmu(Refill.HARDWARE));
        assertThatThrownBy(without::enableKeys).isInstanceOf(KernelBug.class);
        assertThat(PagingMode.I386_PAE.hasKeys()).isFalse();
        assertThat(PagingMode.I386_PAE.leaf(1, KEYED, 1)).isEqualTo(PagingMode.I386_PAE.leaf(1, ALL, 1));
        assertThatThrownBy(() -> CpuModels.byName("rva23").withProtectionKeys(true))
                .isInstanceOf(IllegalArgumentException.class);
    }
}
