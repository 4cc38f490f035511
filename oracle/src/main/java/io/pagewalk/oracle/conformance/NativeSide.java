package io.pagewalk.oracle.conformance;

import io.pagewalk.kernel.syscall.SyscallNumbers;
import io.pagewalk.oracle.machine.Answer;
import io.pagewalk.oracle.machine.HelperFailure;
import io.pagewalk.oracle.machine.Judge;
import io.pagewalk.oracle.machine.NativeMachine;
import io.pagewalk.oracle.machine.Slots;
import io.pagewalk.oracle.machine.Step;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

/** The running kernel: a helper started for one case. */
final class NativeSide implements Side {
    private static final int PAGE = 4096;
    private static final long CLONE_NEWIPC = 0x08000000;
    private static final long CAPABILITY_VERSION = 0x20080522;

    private final NativeMachine real;
    private final Path directory;
    private final SyscallNumbers numbers;
    private final Slots slots = new Slots();

    NativeSide(Judge judge, Path directory, SyscallNumbers numbers) {
        this.directory = directory;
        this.numbers = numbers;
        this.real = NativeMachine.start(judge.helper(), judge.data(), judge.watchdog());
    }

    @Override
    public boolean isModel() {
        return false;
    }

    @Override
    public int number(String call) {
        int number = numbers.number(call);
        if (number < 0) {
            throw new CaseFailure("Linux has no call " + call);
        }
        return number;
    }

    @Override
    public Slots slots() {
        return slots;
    }

    @Override
    public List<Answer> perform(List<Step> steps) {
        Answer[] answers = new Answer[steps.size()];
        boolean[] isLeader = new boolean[steps.size()];
        for (int i = 0; i < isLeader.length; i++) {
            isLeader[i] = slots.isLeader(steps.get(i).slot());
        }
        real.perform(steps, isLeader, answers);
        for (int i = 0; i < answers.length; i++) {
            Step step = steps.get(i);
            if (step.kind() == Step.Kind.FORK) {
                if (answers[i].result() == 0) {
                    slots.started(step);
                } else {
                    slots.failed(step);
                }
            } else if (step.kind() == Step.Kind.EXIT) {
                slots.ended(step.slot());
            }
        }
        return Arrays.asList(answers);
    }

    @Override
    public String proc(int slot, String name) {
        return real.read(slots.leaderOf(slot), name);
    }

    @Override
    public String directory() {
        try {
            Files.createDirectories(directory);
        } catch (IOException e) {
            throw new HelperFailure("no directory " + directory + ": " + e.getMessage(), e);
        }
        return directory.toString();
    }

    @Override
    public void createFile(String path, byte[] contents) {
        try {
            try (FileChannel channel =
                    FileChannel.open(Path.of(path), StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
                // Page by page, so that the page cache holds folios of one page.
                for (int at = 0; at < contents.length; at += PAGE) {
                    channel.write(ByteBuffer.wrap(contents, at, Math.min(PAGE, contents.length - at)));
                }
                channel.force(false);
            }
        } catch (IOException e) {
            throw new HelperFailure("the file " + path + " cannot be written: " + e.getMessage(), e);
        }
    }

    @Override
    public void dropCapabilities(Subject who) {
        who.ok("capset", who.words(CAPABILITY_VERSION), who.words(0, 0, 0));
    }

    @Override
    public void setLimit(Subject who, int resource, long soft, long hard) {
        who.ok("setrlimit", resource, who.words(soft, hard));
    }

    @Override
    public void ownIpc(Subject who) {
        who.needsOnHost(who.call("unshare", CLONE_NEWIPC) == 0, "needs root, for System V identifiers of its own");
    }

    @Override
    public String violation() {
        return "";
    }

    @Override
    public void close() {
        real.close();
        if (!Files.isDirectory(directory)) {
            return;
        }
        try (Stream<Path> files = Files.list(directory)) {
            for (Path file : files.toList()) {
                Files.deleteIfExists(file);
            }
            Files.deleteIfExists(directory);
        } catch (IOException e) {
            // It stays in the cache directory, where it is found by its name.
            directory.toFile().deleteOnExit();
        }
    }
}
