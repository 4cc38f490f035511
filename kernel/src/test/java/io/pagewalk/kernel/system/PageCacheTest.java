package io.pagewalk.kernel.system;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pagewalk.base.SeededRandom;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Files are read, written, mapped and cut on the model and on the kernel of this machine ({@code page-cache.c}): folios at each index with their orders and marks, faults, mapped pages and
 * bytes must be equal. Needs Linux 6.18, root, gcc, and a temporary directory on a file system with large folios such as ext4.
 */
class PageCacheTest extends PageCacheComparison {
    /** Windows of read() and read-around, and what reads them in folios of which order. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "file 1048576;read 0 4096;dump;next 100;next 16384;dump;next 65536;next 65536;dump;next 262144;dump",
                "file 3000000;next 4096;next 4096;next 8192;next 12288;next 4096;dump;open;next 131072;dump",
                "file 1048576;next 1048576;dump",
                "file 2000000;fadvise 0 0 2;next 4096;next 20000;next 70000;next 300000;dump",
                "file 2000000;fadvise 0 0 1;next 4096;next 20000;read 500000 9000;dump",
                "file 2000000;read 600000 9000;read 612288 5000;read 620000 100;dump",
                "file 2000000;fadvise 40960 500000 3;dump;readahead 0 8192;dump",
                "file 400000;map 0 98 0 1;load 0 40;dump;present 0;load 0 3;load 0 90;present 0;mincore 0",
                "file 400000;exec 0 98 0 2;load 0 40;dump;load 0 10;dump;present 0",
                "file 400000;map 0 98 0 1;madvise 0 0 98 2;load 0 0;load 0 1;load 0 9;load 0 40;dump;present 0",
                "file 400000;map 0 98 0 1;madvise 0 0 98 1;load 0 0;load 0 50;dump;present 0",
                "file 400000;map 0 98 0 1;madvise 0 10 30 3;dump",
                "file 364544;next 3659;open;next 4873;dump;open;next 128200;dump",
                "file 1000000;next 3659;next 20000;next 60000;open;read 40000 300;next 200000;dump;read 420000 10;open;read 700000 90000;dump",
                "file 99999;read 0 4096;read 4096 4096;read 8192 90000;dump;cachestat 0 0;cachestat 10000 30000"
            })
    void reads_inFoliosOfEachOrder_asInThisKernel(String script) throws IOException, InterruptedException {
        compare(List.of(script.split(";", -1)));
    }

    /** Large folios in page tables. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "file 1048576;next 4096;next 16384;next 65536;map 0 128 0 1;load 0 40;load 0 100;present 0;load 0 22;present 0",
                "file 1048576;next 4096;next 16384;next 65536;map 0 100 5 1 7;load 0 40;load 0 90;present 0;store 0 60;dump",
                "file 1048576;next 4096;next 16384;next 65536;map 0 100 5 2 500;load 0 40;store 0 41;load 0 90;present 0",
                "file 0;write 0 131072;map 0 40 0 1;store 0 5;present 0;load 0 31;load 0 32;dump",
                "file 0;write 0 120000;map 0 40 0 1;load 0 28;present 0;load 0 29;load 0 5;present 0;load 0 20;present 0",
                "file 0;write 0 65536;map 0 16 0 1;map 1 16 0 1;load 0 3;present 0;load 1 15;present 0;unmap 1;present 0",
                "file 1000000;next 4096;next 65536;map 0 200 0 1;mlock 0 10 80;present 0;munlock 0 20 3;dump;present 0",
                "file 300000;next 4096;next 16384;next 65536;map 0 73 0 1;load 0 72;present 0;load 0 66;present 0",
                "file 1048576;next 4096;next 16384;next 65536;map 0 128 0 1;load 0 40;load 0 100;madvise 0 36 4 20;dump;"
                        + "present 0;madvise 0 80 40 20;dump;present 0",
                "file 0;write 0 65536;map 0 16 0 1;load 0 3;madvise 0 2 3 20;dump;present 0",
                "file 0;write 0 65536;map 0 16 0 1;load 0 3;unmap 0;uses;map 0 16 0 1;load 0 3;unmap 0;uses;map 0 16 0 1;load 0 3;"
                        + "madvise 0 4 4 4;uses"
            })
    void faults_onLargeFolios_mapAsInThisKernel(String script) throws IOException, InterruptedException {
        compare(List.of(script.split(";", -1)));
    }

    /** Huge pages of files, which one entry maps. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "file 4194304;map 0 1024 0 1;madvise 0 0 1024 14;load 0 5;smaps 0;events;dump;present 0;load 0 600;store 0 7;smaps 0;sum",
                "file 4194304;map 0 1024 0 2;madvise 0 0 1024 14;load 0 5;smaps 0;store 0 7;smaps 0;load 0 8;load 0 40;store 0 700;smaps 0;events;sum",
                "file 4194304;map 0 1024 0 1;madvise 0 0 1024 14;load 0 5;load 0 600;unmap 0;map 0 1024 0 1;load 0 3;smaps 0;madvise 0 0 1024 15;"
                        + "load 0 600;smaps 0;dump",
                "file 4194304;map 0 1024 0 1;madvise 0 0 1024 14;load 0 5;map 1 600 512 1 512;load 1 3;smaps 1;map 2 600 0 1 1;load 2 3;smaps 2;"
                        + "map 3 100 0 1 0;load 3 3;smaps 3",
                "file 4194304;map 0 1024 0 1;madvise 0 0 1024 14;load 0 5;load 0 600;madvise 0 10 20 4;smaps 0;load 0 11;smaps 0;madvise 0 512 512 4;"
                        + "smaps 0;load 0 700;smaps 0;mincore 0",
                "file 4194304;map 0 1024 0 1;madvise 0 0 1024 14;load 0 5;load 0 600;protect 0 0 512 1;smaps 0;protect 0 512 8 1;smaps 0;load 0 512;"
                        + "protect 0 0 1024 3;store 0 3;store 0 520;smaps 0;sum",
                "file 4194304;map 0 1024 0 1;madvise 0 0 1024 14;load 0 5;load 0 600;truncate 3000000;dump;smaps 0;load 0 600;smaps 0;"
                        + "punch 8192 20000;dump;smaps 0;load 0 9;load 0 3;smaps 0;sum",
                "file 3000000;map 0 733 0 1;madvise 0 0 733 14;load 0 600;dump;load 0 5;smaps 0;present 0;mlock 0 10 20;smaps 0;dump;munlock 0 10 20",
                "file 4194304;map 0 1024 0 1;madvise 0 0 1024 14;load 0 5;load 0 600;mlock 0 0 1024;munlock 0 5 8;smaps 0;madvise 0 0 512 20;smaps 0;"
                        + "madvise 0 5 8 20;smaps 0;dump;fadvise 0 0 4;dump;madvise 0 0 1024 25;smaps 0"
            })
    void hugePagesOfFiles_areMappedAndSplitAsInThisKernel(String script) throws IOException, InterruptedException {
        assumeTrue(hasHugePages(), "skipped: this kernel does not use huge pages where programs ask for them");
        compare(List.of(script.split(";", -1)));
    }

    /** Truncation and holes. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "file 1048576;next 4096;next 16384;next 65536;truncate 200000;dump;truncate 300000;dump;read 190000 50000",
                "file 1048576;next 4096;next 16384;next 65536;map 0 128 0 1;load 0 40;load 0 100;punch 150000 8192;dump;present 0",
                "file 1048576;next 4096;next 16384;next 65536;map 0 128 0 1;load 0 40;mlock 0 30 60;punch 150000 8192;dump;present 0",
                "file 0;write 0 131072;map 0 32 0 1;load 0 5;truncate 50000;dump;present 0;load 0 3;load 0 20;store 0 3;present 0",
                "file 0;write 0 131072;map 0 32 0 2;load 0 5;store 0 7;punch 4096 8192;dump;present 0;load 0 7;load 0 1",
                "file 1048576;next 4096;next 16384;next 65536;map 0 128 0 1;load 0 70;madvise 0 40 30 9;dump;present 0;load 0 45;dump",
                "file 1048576;next 4096;next 16384;next 65536;fadvise 100000 200000 4;dump;fadvise 0 0 4;dump",
                "file 1048576;next 4096;next 16384;next 65536;map 0 128 0 1;load 0 70;fadvise 0 0 4;dump;present 0"
            })
    void cuts_inLargeFolios_leaveWhatThisKernelLeaves(String script) throws IOException, InterruptedException {
        compare(List.of(script.split(";", -1)));
    }

    /** Writes. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "file 0;write 0 100000;dump;write 100000 100000;dump;write 200004 70000;dump",
                "file 400000;write 5000 100000;dump;read 0 20000;dump",
                "file 400000;read 40000 100;write 5000 100000;dump;read 4096 40000;dump",
                "file 1000;write 3000000 2500000;dump;cachestat 0 0"
            })
    void writes_takeFoliosAsInThisKernel(String script) throws IOException, InterruptedException {
        compare(List.of(script.split(";", -1)));
    }

    /** Writes that can read nothing of the user. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "file 82020;next 82020;punch 73728 12288;blind 85584 11720;dump;sum;map 0 24 0 1;load 0 19;load 0 20;mincore 0",
                "file 82020;next 82020;punch 73728 12288;blind 81920 11720;dump;sum;cachestat 0 0",
                "file 82020;next 82020;blind 90128 20000;dump;map 0 30 0 1;store 0 22;dump;sum",
                "file 82020;next 82020;punch 8192 40000;blind 12000 100;dump;blind 16384 20000;dump;write 12300 10;dump;sum",
                "file 82020;next 82020;blind 100 9000;dump;blind 4096 9000;dump;sum"
            })
    void writesOfNothing_leaveFoliosAsInThisKernel(String script) throws IOException, InterruptedException {
        compare(List.of(script.split(";", -1)));
    }

    @Test
    void randomScripts_answerAsThisKernel() throws IOException, InterruptedException {
        for (long seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
            compare(random(new SeededRandom(seed), Kind.FILE));
        }
    }

    @Test
    void randomScripts_withHugePages_answerAsThisKernel() throws IOException, InterruptedException {
        assumeTrue(hasHugePages(), "skipped: this kernel does not use huge pages where programs ask for them");
        for (long seed = FIRST_SEED; seed < FIRST_SEED + SEEDS / 2; seed++) {
            compare(random(new SeededRandom(seed), Kind.HUGE_FILE));
        }
    }
}
