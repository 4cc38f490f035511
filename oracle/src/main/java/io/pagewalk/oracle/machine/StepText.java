package io.pagewalk.oracle.machine;

import io.pagewalk.base.BadInput;
import io.pagewalk.kernel.syscall.SyscallNumbers;
import java.util.Locale;

/** Steps as lines of text: {@code 0 mmap 0x100000000000 0x3000 0x3 0x32 -1 0x0}, the slot first. */
public final class StepText {
    private StepText() {}

    /** Returns the name of the call, or what is done. */
    public static String name(Step step, SyscallNumbers numbers) {
        return switch (step.kind()) {
            case CALL -> numbers.name(step.number());
            case FORK -> step.isThread() ? "thread" : step.isSharing() ? "share" : step.isVfork() ? "vfork" : "fork";
            case LOAD, STORE, MINCORE, SUM, EXIT, WAIT, FETCH, LIMIT, CLEAR, EXEC, POOL ->
                step.kind().name().toLowerCase(Locale.ROOT);
        };
    }

    /** How many arguments are worth printing. */
    public static int arguments(Step step, SyscallNumbers numbers) {
        return switch (step.kind()) {
            case LOAD, FORK, FETCH -> 1;
            case STORE, MINCORE, SUM, CLEAR, POOL -> 2;
            case EXIT, WAIT, EXEC -> 0;
            case LIMIT -> 4;
            case CALL ->
                switch (numbers.name(step.number())) {
                    case "mmap" -> 6;
                    case "mremap", "remap_file_pages", "process_madvise" -> 5;
                    case "pread64", "pwrite64", "fallocate", "shmget", "pkey_mprotect" -> 4;
                    case "mprotect", "madvise", "msync", "mlock2", "mseal", "shmat", "shmctl" -> 3;
                    case "munmap", "mlock", "munlock", "ftruncate" -> 2;
                    case "brk", "mlockall", "shmdt" -> 1;
                    case "munlockall" -> 0;
                    default -> 6;
                };
        };
    }

    /** Returns a number as a script shows it: small negative ones in decimal. */
    public static String number(long value) {
        return value < 0 && value > -4096 ? Long.toString(value) : "0x" + Long.toHexString(value);
    }

    /** Returns the step as one line. */
    public static String print(Step step, SyscallNumbers numbers) {
        StringBuilder text = new StringBuilder();
        text.append(step.slot()).append(' ').append(name(step, numbers));
        long[] args = step.args();
        for (int i = 0; i < arguments(step, numbers); i++) {
            text.append(' ').append(number(args[i]));
        }
        return text.toString();
    }

    /** Reads a line that {@code print} made. */
    public static Step parse(String line, SyscallNumbers numbers) {
        String[] words = line.strip().split(" +", -1);
        try {
            int slot = Integer.parseInt(words[0]);
            long[] args = new long[6];
            for (int i = 2; i < words.length; i++) {
                args[i - 2] = words[i].startsWith("0x")
                        ? Long.parseUnsignedLong(words[i].substring(2), 16)
                        : Long.parseLong(words[i]);
            }
            return switch (words[1]) {
                case "load" -> Step.of(slot, Step.Kind.LOAD, args[0], 0);
                case "store" -> Step.of(slot, Step.Kind.STORE, args[0], args[1]);
                case "mincore" -> Step.of(slot, Step.Kind.MINCORE, args[0], args[1]);
                case "sum" -> Step.of(slot, Step.Kind.SUM, args[0], args[1]);
                case "fetch" -> Step.of(slot, Step.Kind.FETCH, args[0], 0);
                case "limit" -> Step.limit(slot, (int) args[0], (int) args[1], args[2], args[3]);
                case "clear" -> Step.of(slot, Step.Kind.CLEAR, args[0], args[1]);
                case "fork" -> Step.of(slot, Step.Kind.FORK, args[0], Step.FORK_FLAGS);
                case "thread" -> Step.of(slot, Step.Kind.FORK, args[0], Step.THREAD_FLAGS);
                case "share" -> Step.of(slot, Step.Kind.FORK, args[0], Step.SHARING_FLAGS);
                case "pool" -> Step.of(slot, Step.Kind.POOL, args[0], args[1]);
                case "vfork" -> Step.of(slot, Step.Kind.FORK, args[0], Step.VFORK_FLAGS);
                case "exec" -> Step.of(slot, Step.Kind.EXEC, 0, 0);
                case "exit" -> Step.of(slot, Step.Kind.EXIT, 0, 0);
                case "shmget", "shmat", "shmctl" -> {
                    args[5] = NativeMachine.SEGMENT_MARK;
                    yield Step.call(slot, numbers.number(words[1]), args);
                }
                default -> Step.call(slot, numbers.number(words[1]), args);
            };
        } catch (NumberFormatException | ArrayIndexOutOfBoundsException e) {
            throw new BadInput("step '" + line + "', expected SLOT NAME ARGUMENTS", e);
        }
    }
}
