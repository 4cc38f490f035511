package io.pagewalk.kernel.system;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pagewalk.base.SeededRandom;
import io.pagewalk.kernel.huge.HugePageSettings;
import io.pagewalk.kernel.huge.HugePageSettings.ShmemUse;
import java.io.IOException;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Huge pages of files in memory on the model and on the kernel of this machine: mounts with each option, faults, writes, fallocate, holes and splits. */
class HugeShmemTest extends PageCacheComparison {
    private Consumer<HugePageSettings> adjust = settings -> {};

    @BeforeEach
    void needHugePages() throws IOException {
        assumeTrue(hasHugePages(), "skipped: this kernel does not use huge pages where programs ask for them");
    }

    /** Mounts with the option {@code huge=}: 0 never, 1 always, 2 within_size, 3 advise. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "tmpfs 1 0 0;write 0 4096;events;write 5000000 4096;truncate 9000000;map 0 2000 0 1;load 0 600;events;dump;smaps 0;sum",
                "tmpfs 1 0 0;write 0 10;write 3000000 300000;dump;truncate 3100000;dump;sum",
                "tmpfs 0 0 0;write 0 100000;dump;map 0 512 0 1;madvise 0 0 512 14;truncate 2097152;store 0 300;smaps 0;dump",
                "tmpfs 2 0 0;write 0 4096;dump;truncate 4194304;write 1000000 4096;dump;write 2097152 4096;dump;map 0 1024 0 1;store 0 3;smaps 0;"
                        + "load 0 1000;smaps 0;sum",
                "tmpfs 2 0 0;truncate 100000;map 0 25 0 1;store 0 3;dump;smaps 0;load 0 20;load 0 24;dump",
                "tmpfs 3 0 0;truncate 4194304;write 0 10000;dump;map 0 1024 0 1;store 0 520;dump;madvise 0 0 1024 14;store 0 3;store 0 1000;smaps 0;dump;"
                        + "load 0 100;dump",
                "tmpfs 1 0 0;write 0 9000;uses;write 8192 9000;uses;write 3000000 5;uses;read 3000000 10000;uses;read 2097152 10;uses;read 2101248 5000;uses",
                "tmpfs 3 0 0;truncate 4194304;map 0 1024 0 1;madvise 0 0 1024 14;store 0 520;store 0 3;smaps 0;events;dump;present 0;mincore 0;sum",
                "tmpfs 1 0 0;truncate 4194304;map 0 1024 0 2;load 0 520;smaps 0;store 0 520;smaps 0;load 0 521;store 0 3;smaps 0;load 0 700;sum",
                "tmpfs 1 0 0;truncate 4194304;map 0 1024 0 1;store 0 520;store 0 3;protect 0 0 1024 1;smaps 0;load 0 4;protect 0 0 1024 3;store 0 4;"
                        + "smaps 0;events;protect 0 100 10 1;smaps 0;load 0 105;load 0 0;smaps 0;events;sum"
            })
    void mounts_giveHugePagesAsInThisKernel(String script) throws IOException, InterruptedException {
        compare(List.of(script.split(";", -1)));
    }

    /** Holes, truncation and fallocate. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "tmpfs 1 5000000 0;dump;truncate 3000000;dump;truncate 2097152;dump;truncate 5000;dump;truncate 5000000;sum",
                "tmpfs 1 4194304 0;map 0 1024 0 1;load 0 5;store 0 700;smaps 0;punch 8192 4096;dump;smaps 0;load 0 3;load 0 2;smaps 0;sum",
                "tmpfs 1 4194304 0;map 0 1024 0 1;store 0 5;store 0 700;punch 2000000 300000;dump;smaps 0;mincore 0;load 0 500;dump;sum",
                "tmpfs 1 4194304 0;map 0 1024 0 1;store 0 5;punch 0 2097152;dump;smaps 0;store 0 5;dump;smaps 0",
                "tmpfs 1 4194304 0;map 0 1024 0 1;store 0 5;madvise 0 30 10 9;dump;smaps 0;store 0 31;dump;madvise 0 512 512 9;dump;sum",
                "tmpfs 1 0 0;fallocate 0 0 4096;events;fallocate 0 2100000 10;events;fallocate 1 6000000 100;events;dump;truncate 9000000;dump;"
                        + "read 0 4096;write 0 5;dump;sum",
                "tmpfs 1 0 700;fallocate 0 0 2097152;fallocate 0 2097152 100000;dump;fallocate 0 0 4194304;write 0 4096;dump;truncate 4194304;"
                        + "map 0 1024 0 1;store 0 1000;store 0 800;smaps 0;punch 0 2097152;fallocate 0 0 2000000;write 9000 5000;dump",
                "tmpfs 1 0 700;write 0 4096;write 2097152 4096;dump;truncate 9000000;map 0 2000 0 1;store 0 1100;dump;store 0 1600;dump;smaps 0",
                "tmpfs 1 0 1100;fallocate 1 0 8192;fallocate 0 2097152 4096;write 4194304 8192;dump;truncate 4194304;dump;write 0 1;fallocate 0 4194304 10;dump",
                "tmpfs 2 0 0;fallocate 0 0 3000000;write 0 2097152;write 2097152 902848;dump;fallocate 1 4194304 4096;truncate 8388608;dump",
                "tmpfs 1 3000000 0;map 0 1024 0 1;madvise 0 0 1024 15;load 0 5;store 0 700;smaps 0;present 0;madvise 0 0 1024 14;load 0 20;smaps 0;"
                        + "madvise 0 0 1024 4;load 0 20;load 0 600;smaps 0",
                "tmpfs 1 4194304 0;map 0 1024 0 1;mlock 0 0 1024;smaps 0;punch 40960 8192;dump;smaps 0;munlock 0 0 1024;madvise 0 512 512 20;"
                        + "madvise 0 600 10 20;dump;smaps 0",
                "tmpfs 1 4194304 0;map 0 512 0 1;map 1 512 0 1 256;map 2 300 100 2;load 0 5;store 1 6;load 2 7;store 2 8;smaps 0;smaps 1;smaps 2;"
                        + "present 0;present 1;punch 409600 8192;present 0;present 1;present 2;sum"
            })
    void cuts_leaveWhatThisKernelLeaves(String script) throws IOException, InterruptedException {
        compare(List.of(script.split(";", -1)));
    }

    /** {@code MADV_COLLAPSE}. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "memfd 4194304;write 0 3000000;map 0 1024 0 1;load 0 3;dump;madvise 0 0 1024 25;dump;smaps 0;present 0;store 0 4;load 0 1000;sum",
                "memfd 4194304;write 0 3000000;map 0 1024 0 1;madvise 0 0 1024 25;smaps 0;dump;load 0 3;smaps 0;madvise 0 512 512 25;smaps 0",
                "memfd 4194304;map 0 1024 0 1;madvise 0 0 512 25;store 0 7;madvise 0 0 512 25;dump;smaps 0;madvise 0 512 512 25;dump;smaps 0;"
                        + "madvise 0 0 1024 25;smaps 0",
                "tmpfs 0 3000000 0;map 0 1024 0 2;load 0 3;store 0 600;madvise 0 0 1024 25;dump;smaps 0;load 0 4;store 0 5;smaps 0;madvise 0 0 512 25;"
                        + "smaps 0;dump;sum",
                "tmpfs 0 4194304 0;map 0 1024 0 1;map 1 1024 0 1 256;map 2 512 512 2;load 0 3;load 0 600;load 1 5;load 2 8;madvise 0 0 1024 25;"
                        + "dump;smaps 0;smaps 1;smaps 2;load 1 5;load 2 9;smaps 1;smaps 2;madvise 1 0 1024 25;madvise 2 0 512 25;smaps 2",
                "tmpfs 0 0 700;truncate 4194304;map 0 1024 0 1;store 0 3;store 0 600;madvise 0 0 1024 25;dump;smaps 0;load 0 600;punch 0 2097152;"
                        + "madvise 0 512 512 25;dump;smaps 0",
                "tmpfs 0 0 0;fallocate 0 0 3000000;map 0 1024 0 1;load 0 3;madvise 0 0 1024 25;dump;smaps 0;punch 8192 4096;dump;load 0 2;"
                        + "madvise 0 0 1024 25;dump;smaps 0;sum",
                "tmpfs 0 4194304 0;map 0 1024 0 1;madvise 0 0 1024 15;load 0 3;madvise 0 0 1024 25;madvise 0 0 1024 14;mlock 0 0 300;"
                        + "madvise 0 0 1024 25;dump;smaps 0;madvise 0 3 400 25;madvise 0 3 600 25;munlock 0 0 1024",
                "tmpfs 1 4194304 0;map 0 1024 0 1;load 0 3;protect 0 5 1 1;load 0 3;smaps 0;protect 0 5 1 3;madvise 0 0 1024 25;smaps 0;"
                        + "madvise 0 7 1 102;madvise 0 0 1024 25;smaps 0;load 0 1",
                "memfd 4194304;map 0 1024 0 1;store 0 400;madvise 0 0 40 102;madvise 0 0 512 25;dump;smaps 0;load 0 5;madvise 0 0 40 103;"
                        + "madvise 0 0 512 25;smaps 0;load 0 5",
                "file 4194304;map 0 1024 0 1;load 0 3;madvise 0 0 1024 25;dump"
            })
    void collapse_makesHugePagesAsInThisKernel(String script) throws IOException, InterruptedException {
        compare(List.of(script.split(";", -1)));
    }

    /** Files without a mount of their own, while {@code shmem_enabled} lets programs ask for huge pages. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "memfd 4194304;map 0 1024 0 1;store 0 3;dump;madvise 0 0 1024 14;store 0 600;events;dump;smaps 0;store 0 4;load 0 1000;smaps 0;sum",
                "memfd 4194304;write 0 5;map 0 1024 0 1;map 1 1024 0 1 256;madvise 0 0 1024 14;madvise 1 0 1024 14;store 1 3;dump;load 0 600;dump;"
                        + "smaps 0;smaps 1;load 1 601;smaps 1;fallocate 0 0 2097152;dump",
                "memfd 0;map 0 1024 0 33;smaps 0;store 0 3;madvise 0 0 1024 14;smaps 0;store 0 600;load 0 4;smaps 0;events;madvise 0 600 8 9;smaps 0;"
                        + "load 0 601;smaps 0",
                "memfd 9000000;place 3000000 1 0;place 2500000 1 4194304;place 3000000 33 0;place 4194304 2 8192"
            })
    void filesOfTheKernelsMount_whenProgramsAsk_areHuge(String script) throws IOException, InterruptedException {
        adjust = settings -> settings.setShmemEnabled(ShmemUse.ADVISE);
        HostHugePages.during("shmem_enabled", "advise", () -> compare(List.of(script.split(";", -1))));
    }

    /** The same while 64 KiB are allowed and nothing else. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "memfd 1000000;map 0 300 0 1;store 0 3;madvise 0 0 300 14;store 0 20;dump;smaps 0;load 0 35;load 0 243;present 0;dump;write 100000 5;dump;"
                        + "madvise 0 34 3 9;dump;present 0;load 0 36;dump;sum",
                "memfd 1000000;map 0 240 5 1 5;madvise 0 0 240 14;store 0 20;dump;store 0 0;store 0 239;dump;smaps 0;unmap 0;map 0 240 5 1 6;"
                        + "madvise 0 0 240 14;store 0 60;load 0 20;dump;present 0",
                "memfd 0;map 0 100 0 33 3;madvise 0 0 100 14;store 0 20;load 0 60;smaps 0;present 0;events;place 100000 33 0"
            })
    void filesOfTheKernelsMount_whenASizeIsAllowed_getIt(String script) throws IOException, InterruptedException {
        adjust = settings -> settings.setShmemEnabled(4, ShmemUse.ADVISE);
        HostHugePages.during("hugepages-64kB/shmem_enabled", "advise", () -> compare(List.of(script.split(";", -1))));
    }

    @Override
    void prepare(PageCacheScript model) {
        adjust.accept(model.k.kernel.hugePages().policy().settings());
    }

    @Test
    void randomScripts_answerAsThisKernel() throws IOException, InterruptedException {
        for (long seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
            compare(random(new SeededRandom(seed), Kind.TMPFS));
        }
    }
}
