package io.pagewalk.oracle.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.kernel.syscall.SyscallNumbers;
import io.pagewalk.oracle.machine.HelperProfile;
import io.pagewalk.oracle.machine.ModelMachine;
import io.pagewalk.oracle.machine.ProcText;
import io.pagewalk.oracle.machine.StepText;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** Histories in which the model once differed from Linux 6.18.44 on ext4, with what that kernel answered. */
class ModelReplayTest {
    @Test
    void mmap_syncOfSharedMemory_isTaken() {
        assertThat(ModelReplay.differences("""
                0 mmap 0x1000001ef000 0x7000 0x3 0x80001 0x7 0x0 -> 0x1000001ef000 0 0 0 0x0
                """)).isEmpty();
    }

    @Test
    void pwrite_fromBadBufferToMemfd_leavesAPage() {
        assertThat(ModelReplay.differences("""
                0 pwrite64 0x7 0x1000001e86d8 0x2a00 0x58b0 -> -14 0 0 0 0x0
                0 mmap 0x1000001ea000 0xb000 0x3 0x11 0x7 0x4000 -> 0x1000001ea000 0 0 0 0x0
                0 sum 0x1000001ed000 0x8000 -> 0x0 0 8 0 0x0
                0 store 0x1000001ebb60 0x3c3639c141f5636b -> 0x0 0 0 0 0x0
                """)).isEmpty();
    }

    @Test
    void pwrite_fromBadBufferBehindTheEndOfMemfd_makesItLonger() {
        assertThat(ModelReplay.differences("""
                0 ftruncate 0x7 0xa20e -> 0x0 0 0 0 0x0
                0 pwrite64 0x7 0x100000200a20 0x2e58 0x13210 -> -14 0 0 0 0x0
                0 pread64 0x7 0x10000020c198 0x2c80 0xbb48 -> -14 0 0 0 0x0
                """)).isEmpty();
    }

    @Test
    void pwrite_fromBadBufferBehindTheEndOfFile_makesItLonger() {
        assertThat(ModelReplay.differences("""
                0 mmap 0x1000001e3000 0x7000 0x3 0x100001 0x5 0xe000 -> 0x1000001e3000 0 0 0 0x0
                0 pwrite64 0x3 0x100000204318 0x538 0x14ac8 -> -14 0 0 0 0x0
                0 pread64 0x4 0x1000001e4e08 0x2a18 0x12228 -> 0x28a0 0 4 0 0x0
                """)).isEmpty();
    }

    @Test
    void ftruncate_insideAPage_clearsItsRest() {
        assertThat(ModelReplay.differences("""
                0 mmap 0x10000020f000 0xc000 0x3 0x13 0x7 0x7000 -> 0x10000020f000 0 0 0 0x0
                0 store 0x1000002109e8 0x3b5150641460934f -> 0x0 0 1 0 0x0
                0 ftruncate 0x7 0x8322 -> 0x0 0 0 0 0x0
                0 mmap 0x1000001ea000 0xe000 0x3 0x8012 0x7 0x4000 -> 0x1000001ea000 0 5 0 0x0
                0 sum 0x1000001ea000 0x8000 -> 0x0 1794 0 0 0x0
                """)).isEmpty();
    }

    @Test
    void madvise_removeOfFilePages_readsZerosAfterwards() {
        assertThat(ModelReplay.differences("""
                0 mmap 0x100000204000 0x5000 0x3 0x13 0x5 0x8000 -> 0x100000204000 0 0 0 0x0
                0 madvise 0x100000206000 0xc000 0x9 -> -12 0 0 0 0x0
                0 sum 0x100000205000 0xb000 -> 0x0 2817 1 1 0xfaed3512d0f52800
                """)).isEmpty();
    }

    @Test
    void mmap_populateOfAHole_countsMinorFaults() {
        assertThat(ModelReplay.differences("""
                0 mmap 0x100000218000 0x7000 0x3 0x11 0x5 0xc000 -> 0x100000218000 0 0 0 0x0
                0 madvise 0x100000218000 0x1000 0x9 -> 0x0 0 0 0 0x0
                0 mmap 0x1000001f9000 0x9000 0x3 0x8013 0x3 0x9000 -> 0x1000001f9000 0 3 0 0x0
                """)).isEmpty();
    }

    @Test
    void mremap_dontunmapOfTheFirstPart_movesOnce() {
        assertThat(ModelReplay.differences("""
                0 mmap 0x120000400000 0x400000 0x3 0x4032 -1 0x0 -> 0x120000400000 0 0 0 0x0
                0 mremap 0x120000400000 0x200000 0x200000 0x7 0x120000000000 -> 0x120000000000 0 0 0 0x0
                0 mremap 0x120000400000 0x200000 0x200000 0x7 0x120000000000 -> 0x120000000000 0 0 0 0x0
                """)).isEmpty();
    }

    @Test
    void mremap_ontoAPartOfVvar_isRefused() {
        assertThat(ModelReplay.differences("""
                0 mmap 0x0 0x13000 0x1 0x22 -1 0x0 -> 0x7ffff7fe4000 0 0 0 0x0
                0 mremap 0x7ffff7ff0000 0x909 0x909 0x3 0x7ffff7ff8000 -> -22 0 0 0 0x0
                """)).isEmpty();
    }

    @Test
    void madvise_ofAPartOfTheVdso_isRefused() {
        assertThat(ModelReplay.differences("""
                0 madvise 0x7ffff7ffd000 0xcc9 0xf -> -22 0 0 0 0x0
                """)).isEmpty();
    }

    @Test
    void mlock_ofALengthThatWrapsToNothing_succeeds() {
        assertThat(ModelReplay.differences("""
                0 mmap 0x110000000000 0x4000 0x0 0x32 -1 0x0 -> 0x110000000000 0 0 0 0x0
                0 mlock 0x110000003000 -1 -> 0x0 0 0 0 0x0
                """)).isEmpty();
    }

    @Test
    void mlockall_current_populatesTheVdsoThatItCannotLock() {
        assertThat(ModelReplay.differences("""
                0 mlockall 0x5 -> 0x0 0 2 0 0x0
                0 mlockall 0x5 -> 0x0 0 0 0 0x0
                """)).isEmpty();
    }

    @Test
    void segment_isNotMappedAround() {
        assertThat(ModelReplay.differences("""
                0 shmget 0x0 0x68bf 0x380 0x0 -> 0x0 0 0 0 0x0
                0 shmat 0x0 0x1000001e8000 0x4000 -> 0x1000001e8000 0 0 0 0x0
                0 store 0x1000001eb470 0xf61420da86d3c6b8 -> 0x0 0 1 0 0x0
                0 fork 0x9 -> 0x0 0 0 0 0x0
                9 pwrite64 0x7 0x1000001e93c8 0x2e18 0xabc0 -> 0x2e18 0 4 0 0x0
                """)).isEmpty();
    }

    @Test
    void shmdt_ofAnAttachmentThatGrew_takesAllOfIt() {
        assertThat(ModelReplay.differences("""
                0 shmget 0x0 0x35df 0x380 0x2 -> 0x0 0 0 0 0x0
                0 shmat 0x2 0x1000001e0000 0x4000 -> 0x1000001e0000 0 0 0 0x0
                0 mremap 0x1000001e0000 0x4000 0x6000 0x0 0x0 -> 0x1000001e0000 0 0 0 0x0
                0 shmdt 0x1000001e0000 -> 0x0 0 0 0 0x0
                0 load 0x1000001e0000 -> 0x0 2817 0 0 0x0
                """)).isEmpty();
    }

    @Test
    void remapFilePages_ofTheLastAttachmentOfARemovedSegment_fails() {
        assertThat(ModelReplay.differences("""
                0 shmget 0x5059 0x3682 0x380 0x2 -> 0x0 0 0 0 0x0
                0 shmat 0x2 0x100000200000 0x0 -> 0x100000200000 0 0 0 0x0
                0 shmctl 0x2 0x0 0x0 -> 0x0 0 0 0 0x0
                0 remap_file_pages 0x100000200000 0x4000 0x0 0x0 0x0 -> -22 0 0 0 0x0
                0 munmap 0x100000200000 0x4000 -> 0x0 0 0 0 0x0
                """)).isEmpty();
    }

    @Test
    void policies_thatDiffer_keepNeighboursFromSharingAnAnonVma() {
        assertThat(ModelReplay.differences("""
                0 mmap 0x100000207000 0x3f3000 0x3 0x4032 -1 0x0 -> 0x100000207000 0 0 0 0x0
                0 mbind 0x10000021c000 0x6ff7 0x1 0x0 0x41 0x7 -> 0x0 0 0 0 0x0
                0 store 0x10000021f000 0x2 -> 0x0 0 1 0 0x0
                0 store 0x100000215710 0x3aec4cdbe8a21a37 -> 0x0 0 1 0 0x0
                0 mbind 0x100000214000 0xb000 0x4000 0x10000021f018 0x2 0x3 -> 0x0 0 0 0 0x0
                0 mremap 0x10000021b000 0x2000 0x4000 0x1 0x0 -> -14 0 0 0 0x0
                """)).isEmpty();
    }

    @Test
    void processMadvise_readsTheLengthOfARangeFirst() {
        assertThat(ModelReplay.differences("""
                0 mmap 0x10000020d000 0x5b6000 0x3 0x20032 -1 0x0 -> 0x10000020d000 0 0 0 0x0
                0 process_madvise 0xffffffffffffd8ef 0x10000020cff8 0x2 0x2 0x0 -> -14 0 1 0 0x0
                0 mmap 0x1000001f2000 0x7000 0x3 0x32 -1 0x0 -> 0x1000001f2000 0 0 0 0x0
                0 process_madvise 0xffffffffffffd8ef 0x1000001f8ff8 0x1 0x1 0x0 -> -14 0 0 0 0x0
                """)).isEmpty();
    }

    @Test
    void stack_thatGrowsWithoutCounting_keepsTheBooks() {
        assertThat(ModelReplay.differences("""
                0 mmap 0x1000001e9000 0x8000 0x5 0x132 -1 0x0 -> 0x1000001e9000 0 0 0 0x0
                0 sum 0x1000001e0000 0xa000 -> 0x0 0 10 0 0x0
                """)).isEmpty();
    }

    @Test
    void guards_inAFileMapping_letItMergeInTheChild() {
        assertThat(ModelReplay.differences("""
                0 mmap 0x1000001f8000 0x5000 0x3 0x13 0x3 0xc000 -> 0x1000001f8000 0 0 0 0x0
                0 madvise 0x1000001fa000 0x7000 0x66 -> -12 0 0 0 0x0
                0 madvise 0x1000001fb000 0xff7 0x2 -> 0x0 0 0 0 0x0
                0 fork 0xa -> 0x0 0 0 0 0x0
                10 madvise 0x1000001f5000 0xc000 0x0 -> -12 0 0 0 0x0
                10 mremap 0x1000001f8000 0x5000 0x5000 0x5 0x0 -> 0x7ffff7ff2000 0 0 0 0x0
                """)).isEmpty();
    }

    /** The answers are those that ListingsTest gets from the helper and from the C program. */
    @Test
    void limits_ofOneselfAndOfAnother_countFromTheNextCallOn() {
        assertThat(ModelReplay.differences("""
                0 limit 0x0 0x9 0x1000 -1 -> 0x0 0 0 0 -32
                0 mmap 0x100000204000 0x1000 0x3 0x32 -1 0x0 -> -12 0 0 0 0x0
                0 fork 0x5 -> 0x0 0 0 0 0x0
                5 limit 0x0 0x9 -1 -1 -> 0x0 0 0 0 0x1efff
                0 mmap 0x100000204000 0x1000 0x3 0x32 -1 0x0 -> 0x100000204000 0 0 0 0x0
                5 mmap 0x100000204000 0x1000 0x3 0x32 -1 0x0 -> -12 0 0 0 0x0
                0 limit 0x5 0x2 0x5 0x4 -> -22 0 0 0 0x0
                0 limit 0x5 0x9 0x2000 -1 -> 0x0 0 0 0 0x1efff
                """)).isEmpty();
    }

    @Test
    void remapFilePages_ofHugePages_isRefusedBeforeAnythingIsUnmapped() {
        assertThat(ModelReplay.differences("""
                0 pool 0x0 0x8 -> 0x0 0 0 0 0x0
                0 mmap 0x140000800000 0x600000 0x1 0x11 0xa 0x0 -> 0x140000800000 0 0 0 0x0
                0 remap_file_pages 0x140000a000e8 0x7000 0x0 0x2 0x0 -> -22 0 0 0 0x0
                0 msync 0x140000800000 0x400000 0x2 -> 0x0 0 0 0 0x0
                """)).isEmpty();
    }

    /** VmPTE of Linux 6.18 stays as it is, where it grows by one table when the old place has one of the second level. */
    @Test
    void mremap_ofAnAreaWithoutATableOfTheSecondLevel_makesNone() {
        ModelMachine model = ModelMachine.boot(HelperProfile.standard(Path.of("/tmp/data")));
        SyscallNumbers numbers = model.kernel().syscallNumbers();
        long before = ProcText.number(model.status(0), "VmPTE");
        model.perform(StepText.parse("0 mmap 0x0 0x1000 0x3 0x62 -1 0x0", numbers));
        model.perform(StepText.parse("0 mremap 0x40000000 0x1000 0x1000 0x5 0x1000001e5000", numbers));
        assertThat(ProcText.number(model.status(0), "VmPTE")).isEqualTo(before);
        model.perform(StepText.parse("0 mmap 0x20000000 0x1000 0x3 0x32 -1 0x0", numbers));
        model.perform(StepText.parse("0 mremap 0x20000000 0x1000 0x1000 0x3 0x2000001e5000", numbers));
        assertThat(ProcText.number(model.status(0), "VmPTE")).isEqualTo(before + 4);
    }

    @Test
    void brk_countsTheProgramsOwnDataTowardsItsLimit() {
        assertThat(ModelReplay.differences("""
                0 limit 0x0 0x2 0x2000 -1 -> 0x0 0 0 0 -32
                0 brk 0x402bb8 -> 0x402000 0 0 0 0x0
                """)).isEmpty();
    }

    /** The file whose last area is replaced gives its promise back when the call returns, after the new area was populated. */
    @Test
    void mmap_inThePlaceOfPromisedHugePages_populatesBeforeTheirFileIsReleased() {
        assertThat(ModelReplay.differences("""
                0 pool 0x0 0x9 -> 0x0 0 0 0 0x0
                0 mmap 0x140000a00000 0x200000 0x1 0x40031 -1 0x0 -> 0x140000a00000 0 0 0 0x0
                0 mmap 0x140001600000 0x600000 0x3 0x11 0xa 0x200000 -> 0x140001600000 0 0 0 0x0
                0 mlockall 0x6 -> 0x0 0 0 0 0x0
                0 mmap 0x140000000000 0x600000 0x3 0x12 0xa 0x0 -> 0x140000000000 0 3 0 0x0
                0 mmap 0x140000e00000 0x200000 0x3 0x44031 -1 0x0 -> 0x140000e00000 0 1 0 0x0
                0 mmap 0x140000800000 0x400000 0x3 0x44032 -1 0x0 -> 0x140000800000 0 1 0 0x0
                """)).isEmpty();
    }

    @Test
    void mprotect_looksAtTheLimitOfData_beforeAHugePageIsSplit() {
        assertThat(ModelReplay.differences("""
                0 pool 0x0 0x9 -> 0x0 0 0 0 0x0
                0 limit 0x0 0x2 0x5f6359 -1 -> 0x0 0 0 0 -32
                0 mmap 0x7ffff7a03000 0x3fce03 0x3 0x22 -1 0x0 -> 0x7ffff7a03000 0 0 0 0x0
                0 mmap 0x140000600000 0x600000 0x0 0x40032 -1 0x0 -> 0x140000600000 0 0 0 0x0
                0 mprotect 0x140000600000 0x20f000 0x3 -> -12 0 0 0 0x0
                """)).isEmpty();
    }

    @Test
    void script_withAnotherAnswer_isReported() {
        assertThat(ModelReplay.differences("""
                0 mmap 0x100000218000 0x1000 0x3 0x32 -1 0x0 -> 0x100000218000 0 1 0 0x0
                """)).hasSize(1);
    }
}
