package io.pagewalk.lab.experiment.oldways;

import static io.pagewalk.lab.experiment.oldways.MemorySystem.CODE;
import static io.pagewalk.lab.experiment.oldways.MemorySystem.DATA;
import static io.pagewalk.lab.experiment.oldways.MemorySystem.STACK;
import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.Violations;
import io.pagewalk.hardware.mmu.Access;
import io.pagewalk.lab.experiment.oldways.DescriptorSystem.Compaction;
import io.pagewalk.lab.experiment.oldways.Stray.Harm;
import io.pagewalk.lab.experiment.oldways.Stray.Kind;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What each of the systems must keep, and where they differ, each in a few steps. */
class MemorySystemTest {
    private static final long RAM = 256 << 10;
    private static final int KIB = 1024;

    /** The systems under test. */
    enum Kept {
        FLAT,
        REAL_MODE,
        DESCRIPTORS,
        COMPACTING,
        PAGING;

        MemorySystem boot() {
            return switch (this) {
                case FLAT -> new FlatSystem(RAM);
                case REAL_MODE -> new RealModeSystem(RAM);
                case DESCRIPTORS -> new DescriptorSystem(RAM, Fit.BEST, Compaction.NEVER);
                case COMPACTING -> new DescriptorSystem(RAM, Fit.FIRST, Compaction.WHEN_NEEDED);
                case PAGING -> new PagingSystem(RAM - PartitionedSystem.SYSTEM_BYTES);
            };
        }
    }

    @ParameterizedTest
    @EnumSource
    void program_fromStartToExit_keepsItsBytes(Kept kept) {
        MemorySystem system = kept.boot();
        assertThat(system.start(1, 5000, 3000, 2000)).isTrue();
        assertThat(system.start(2, 1000, 9000, 2000)).isTrue();
        assertThat(system.add(1, 3, 7001)).isTrue();
        assertThat(system.resize(1, 3, 20)).isTrue();
        assertThat(system.resize(2, STACK, 2001)).isIn(true, false);
        assertThat(system.access(1, CODE, 4999, Access.FETCH)).isTrue();
        assertThat(system.access(1, DATA, 0, Access.STORE)).isTrue();
        assertThat(system.access(2, DATA, 8999, Access.LOAD)).isTrue();
        check(system);
        assertThat(system.state().askedBytes()).isGreaterThanOrEqualTo(5000 + 3000 + 2000 + 1000 + 9000 + 2000 + 20);
        system.remove(1, 3);
        assertThat(system.exit(1)).isZero();
        assertThat(system.exit(2)).isZero();
        check(system);
        assertThat(system.state().usedBytes()).isZero();
        assertThat(system.state().freeBytes()).isEqualTo(RAM - PartitionedSystem.SYSTEM_BYTES);
    }

    @ParameterizedTest
    @EnumSource
    void start_moreThanThereIs_isRefusedAndChangesNothing(Kept kept) {
        MemorySystem system = kept.boot();
        assertThat(system.start(1, 60 * KIB, 60 * KIB, 30 * KIB)).isTrue();
        MemorySystem.State before = system.state();
        assertThat(system.start(2, 10 * KIB, 20 * KIB, 30 * KIB)).isFalse();
        assertThat(system.add(1, 3, 50 * KIB)).isFalse();
        assertThat(system.state()).isEqualTo(before);
        assertThat(system.programs()).containsExactly(1);
        check(system);
        assertThat(system.exit(1)).isZero();
    }

    /** Three programs of 64 KiB fill the memory; the first and the last leave; one of 96 KiB needs their room together. */
    @ParameterizedTest
    @EnumSource
    void start_roomInTwoHoles_isServedOnlyByPagingAndCompaction(Kept kept) {
        MemorySystem system = kept.boot();
        for (int program = 1; program <= 3; program++) {
            assertThat(system.start(program, 16 * KIB, 16 * KIB, 32 * KIB)).isTrue();
        }
        system.exit(1);
        system.exit(3);
        assertThat(system.state().freeBytes()).isEqualTo(128 * KIB);
        boolean isServed = system.start(4, 60 * KIB, 60 * KIB, 8 * KIB);
        assertThat(isServed).isEqualTo(kept == Kept.COMPACTING || kept == Kept.PAGING);
        assertThat(system.costs().bytesCopied() > 0).isEqualTo(kept == Kept.COMPACTING);
        check(system);
        assertThat(system.exit(2)).isZero();
    }

    @Test
    void stray_foreignPointer_reachesTheNeighbourWithoutProtectionOnly() {
        assertThat(foreign(Kept.FLAT)).isEqualTo(Harm.NEIGHBOUR);
        assertThat(foreign(Kept.REAL_MODE)).isEqualTo(Harm.NEIGHBOUR);
        // The same number means the own segment or page: the store lands there or is caught, and the neighbour is safe.
        assertThat(foreign(Kept.DESCRIPTORS)).isEqualTo(Harm.ITSELF);
        assertThat(foreign(Kept.PAGING)).isEqualTo(Harm.ITSELF);
    }

    private static Harm foreign(Kept kept) {
        MemorySystem system = kept.boot();
        system.start(1, 4096, 4096, 4096);
        system.start(2, 4096, 4096, 4096);
        Stray.Result result = system.stray(1, new Stray(Kind.FOREIGN, DATA, 77, 2));
        assertThat(system.exit(2)).isEqualTo(result.harm() == Harm.NEIGHBOUR ? 1 : 0);
        return result.harm();
    }

    @Test
    void stray_intoTheSystem_isCaughtByDescriptorsAndPages() {
        Stray system = new Stray(Kind.SYSTEM, DATA, 0x100, 1);
        assertThat(one(Kept.FLAT, system).harm()).isEqualTo(Harm.SYSTEM);
        assertThat(one(Kept.REAL_MODE, system).harm()).isEqualTo(Harm.SYSTEM);
        assertThat(one(Kept.DESCRIPTORS, system).fault()).isEqualTo("#GP(0x10)");
        assertThat(one(Kept.PAGING, system).harm()).isEqualTo(Harm.CAUGHT);
    }

    @Test
    void stray_oneByteBeyondTheEnd_isCaughtByALimitButNotInsideAPage() {
        Stray overrun = new Stray(Kind.OVERRUN, DATA, 0, 1);
        assertThat(one(Kept.DESCRIPTORS, overrun).fault()).isEqualTo("#GP(0)");
        assertThat(one(Kept.PAGING, overrun).harm()).isEqualTo(Harm.NOBODY);
        assertThat(one(Kept.FLAT, overrun).harm()).isNotEqualTo(Harm.CAUGHT);
        Stray inStack = new Stray(Kind.OVERRUN, STACK, 0, 1);
        assertThat(one(Kept.DESCRIPTORS, inStack).fault()).isEqualTo("#SS(0)");
    }

    private static Stray.Result one(Kept kept, Stray stray) {
        MemorySystem system = kept.boot();
        system.start(1, 3000, 3000, 3000);
        return system.stray(1, stray);
    }

    private static void check(MemorySystem system) {
        Violations violations = new Violations();
        system.verify(violations);
        assertThat(violations.lines()).isEmpty();
    }
}
