package io.pagewalk.oracle.fuzz;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pagewalk.kernel.syscall.SyscallNumbers;
import io.pagewalk.oracle.machine.Answer;
import io.pagewalk.oracle.machine.HelperProgram;
import io.pagewalk.oracle.machine.Judge;
import io.pagewalk.oracle.machine.Step;
import io.pagewalk.oracle.machine.StepText;
import io.pagewalk.oracle.machine.Watchdog;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The C program of a history gives on this kernel what the helper gave there: processes and threads act in the same order. */
class ListingsTest {
    private static final String HISTORY = """
            0 mmap 0x1000001e0000 0x5000 0x3 0x32 -1 0x0
            0 store 0x1000001e0008 0x1234
            0 mmap 0x1000001f0000 0x4000 0x3 0x12 0x3 0xc000
            0 load 0x1000001f1010
            0 fork 0x1
            0 store 0x1000001e0010 0x55
            1 store 0x1000001e0018 0x77
            1 sum 0x1000001e0000 0x2000
            1 thread 0x2
            2 store 0x1000001e1000 0x99
            1 load 0x1000001e1000
            2 munmap 0x1000001e2000 0x1000
            1 store 0x1000001e2000 0x1
            2 exit
            1 mincore 0x1000001f0000 0x4000
            0 share 0x3
            3 mprotect 0x1000001e0000 0x1000 0x1
            0 store 0x1000001e0020 0x1
            3 brk 0x404000
            1 fork 0x4
            4 sum 0x1000001e0000 0x1000
            1 exit
            4 store 0x1000001e0000 0x6
            4 exit
            3 exit
            0 sum 0x1000001f0000 0x4000
            0 limit 0x0 0x9 0x1000 -1
            0 mmap 0x100000204000 0x1000 0x3 0x32 -1 0x0
            0 fork 0x5
            5 limit 0x0 0x9 -1 -1
            0 mmap 0x100000204000 0x1000 0x3 0x32 -1 0x0
            5 mmap 0x100000204000 0x1000 0x3 0x32 -1 0x0
            0 limit 0x5 0x2 0x5 0x4
            0 limit 0x5 0x9 0x2000 -1
            5 vfork 0x6
            6 store 0x100000204000 0x9
            6 brk 0x405000
            6 exec
            5 store 0x100000204008 0x8
            6 mmap 0x100000204000 0x2000 0x3 0x32 -1 0x0
            6 store 0x100000205000 0x3
            6 brk 0x403000
            6 fork 0x7
            7 exec
            7 vfork 0x8
            8 store 0x100000204000 0x1
            8 exit
            7 store 0x100000204000 0x1
            7 exit
            6 exit
            0 exec
            0 mmap 0x100000204000 0x2000 0x3 0x32 -1 0x0
            5 clear 0x0 0x1
            0 clear 0x5 0x4
            0 clear 0x5 0x6
            5 exit
            0 shmget 0x0 0x3000 0x380 0x0
            0 shmat 0x0 0x1000001e8000 0x0
            0 store 0x1000001e8000 0x7
            0 shmctl 0x0 0x0 0x0
            """;

    /* Write-back between two steps, or a child that is slower than its maker, adds a fault. */
    private static final int RUNS = 10;

    @TempDir
    Path directory = Path.of(".");

    @Test
    void cProgram_ofProcessesAndThreads_printsWhatTheHelperAnswered() throws Exception {
        assumeTrue(HelperProgram.obstacle().isEmpty(), "needs Linux on x86-64");
        assumeTrue(Files.isExecutable(Path.of("/usr/bin/gcc")), "needs gcc");
        assumeTrue(!Files.getFileStore(directory).type().equals("tmpfs"), "needs a file system with a disk");
        SyscallNumbers numbers = new SyscallNumbers();
        List<Step> steps = HISTORY.lines()
                .map(line -> StepText.parse(line, numbers))
                .map(step -> step.kind() == Step.Kind.EXIT ? withWaiter(step) : step)
                .toList();
        List<Answer> answers = new ArrayList<>();
        try (Watchdog watchdog = new Watchdog(20_000_000_000L)) {
            Judge judge = new Judge(HelperProgram.prepare(directory), directory.resolve("data"), watchdog);
            assertThat(Shrinker.replay(judge, steps, answers)).isNull();
        }
        Listings listings = new Listings(steps, answers);
        Path source = directory.resolve("program.c");
        Files.writeString(source, listings.cProgram("a history"));
        Path program = directory.resolve("program");
        run("gcc", "-O1", "-static", "-w", "-o", program.toString(), source.toString());
        List<String> lines = List.of();
        for (int run = 0; run < RUNS && !begins(lines, listings.script()); run++) {
            lines = run(program.toString(), directory.resolve("made").toString())
                    .lines()
                    .toList();
        }
        assertThat(lines).startsWith(listings.script().toArray(String[]::new));
        assertThat(lines).anyMatch(line -> line.contains("[stack]"));
    }

    private static boolean begins(List<String> lines, List<String> script) {
        return lines.size() >= script.size() && lines.subList(0, script.size()).equals(script);
    }

    /** Slot 1 has the first process as its parent; the process that it made is an orphan by then. */
    private static Step withWaiter(Step exit) {
        int waiter = exit.slot() == 6 ? 5 : exit.slot() == 7 ? 6 : exit.slot() == 8 ? 7 : 0;
        return Step.of(exit.slot(), Step.Kind.EXIT, waiter, 0);
    }

    private static String run(String... command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(output).isZero();
        return output;
    }
}
