package io.pagewalk.kernel.vma;

import io.pagewalk.base.SeededRandom;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** A script of calls that promise memory, made up or carried out on the model's address spaces; its language stands in {@code overcommit.c}. */
final class OvercommitScript {
    private static final int PROCESSES = 8;
    private static final int REGIONS = 64;
    private static final int PRIVATE = 0x22;
    private static final int NORESERVE = 0x4000;
    private static final long MAYMOVE = 1;

    private final TestMachine machine = new TestMachine();
    private final @Nullable Mm[] processes = new Mm[PROCESSES];
    /** Address and pages of each region of each process. */
    private final long[][][] regions = new long[PROCESSES][REGIONS][2];

    private final long start;

    private OvercommitScript(String header) {
        long[] numbers = numbersIn(header);
        machine.ramPages = numbers[0];
        machine.overcommit.chargeAlways(numbers[1] - numbers[3]);
        machine.mm().setPrivileged(true);
        processes[0] = machine.mm();
        // What the first process has already, of which only a part is accounted.
        machine.overcommitMode = Overcommit.OVERCOMMIT_ALWAYS;
        machine.overcommit.policyChanged();
        machine.call("mmap", 0, (numbers[2] - numbers[3]) * TestMachine.PAGE, 3, PRIVATE | NORESERVE, -1, 0);
        machine.call("mmap", 0, numbers[3] * TestMachine.PAGE, 3, PRIVATE, -1, 0);
        machine.overcommitMode = Overcommit.OVERCOMMIT_GUESS;
        machine.overcommit.policyChanged();
        start = machine.overcommit.committedPages();
    }

    private static long[] numbersIn(String header) {
        List<Long> numbers = new ArrayList<>();
        for (String word : header.split("[^0-9]+", -1)) {
            if (!word.isEmpty()) {
                numbers.add(Long.valueOf(word));
            }
        }
        return numbers.stream().mapToLong(Long::longValue).toArray();
    }

    /** Carries a script out on a machine of which the first line of a record tells; returns the lines of a record. */
    static List<String> run(String header, List<String> script) {
        OvercommitScript model = new OvercommitScript(header);
        List<String> lines = new ArrayList<>();
        for (String line : script) {
            long result = model.perform(line.split(" ", -1));
            lines.add(String.format(
                    Locale.ROOT, "%s: %d %d", line, result, model.machine.overcommit.committedPages() - model.start));
        }
        return lines;
    }

    private long perform(String[] words) {
        if (words[0].equals("set")) {
            set(words[1], Long.parseLong(words[2]));
            return 0;
        }
        int who = Integer.parseInt(words[1]);
        Mm mm = processes[who];
        if (mm == null) {
            throw new IllegalArgumentException("process " + who + " is not there");
        }
        machine.use(mm);
        long[] region = words.length > 2 ? regions[who][Integer.parseInt(words[2])] : new long[2];
        long third = words.length > 3 ? Long.parseLong(words[3]) : 0;
        switch (words[0]) {
            case "map" -> {
                long flags = Long.parseLong(words[5]);
                long addr = machine.call("mmap", 0, third * TestMachine.PAGE, Long.parseLong(words[4]), flags, -1, 0);
                return placed(region, addr, third);
            }
            case "unmap" -> {
                long result = machine.call("munmap", region[0], region[1] * TestMachine.PAGE);
                if (result == 0) {
                    placed(region, 0, 0);
                }
                return result;
            }
            case "protect" -> {
                return machine.call("mprotect", region[0], region[1] * TestMachine.PAGE, third);
            }
            case "remap" -> {
                long bytes = region[1] * TestMachine.PAGE;
                long addr = machine.call("mremap", region[0], bytes, third * TestMachine.PAGE, MAYMOVE, 0);
                return placed(region, addr, third);
            }
            case "fork" -> {
                return fork(who, Integer.parseInt(words[2]));
            }
            case "exit" -> {
                Munmap.exitMmap(mm);
                processes[who] = null;
                return 0;
            }
            case "user" -> {
                mm.setPrivileged(false);
                return 0;
            }
            default -> throw new IllegalArgumentException(words[0]);
        }
    }

    private static long placed(long[] region, long addr, long pages) {
        if (addr < 0) {
            return addr;
        }
        region[0] = addr;
        region[1] = pages;
        return 0;
    }

    private long fork(int who, int child) {
        Mm copy = machine.tryFork();
        if (copy == null) {
            return machine.forkError();
        }
        processes[child] = copy;
        for (int i = 0; i < REGIONS; i++) {
            regions[child][i] = regions[who][i].clone();
        }
        return 0;
    }

    private void set(String name, long value) {
        switch (name) {
            case "overcommit_memory" -> {
                machine.overcommitMode = (int) value;
                machine.overcommit.policyChanged();
            }
            case "overcommit_ratio" -> {
                machine.overcommitRatio = (int) value;
                machine.overcommitKbytes = 0;
            }
            case "overcommit_kbytes" -> {
                machine.overcommitKbytes = value;
                machine.overcommitRatio = 0;
            }
            case "user_reserve_kbytes" -> machine.userReserveKbytes = value;
            case "admin_reserve_kbytes" -> machine.adminReserveKbytes = value;
            default -> throw new IllegalArgumentException(name);
        }
    }

    /** Makes a script up: promises of all sizes near the limit, by several processes, under all policies. */
    static List<String> random(SeededRandom random, int operations) {
        List<String> script = new ArrayList<>();
        script.add("set user_reserve_kbytes 4096");
        script.add("set admin_reserve_kbytes 2048");
        boolean[] isAlive = new boolean[PROCESSES];
        boolean[] isUser = new boolean[PROCESSES];
        boolean[][] isMapped = new boolean[PROCESSES][REGIONS];
        isAlive[0] = true;
        while (script.size() < operations) {
            int who = random.nextInt(PROCESSES);
            int region = random.nextInt(REGIONS);
            if (random.nextInt(40) == 0) {
                script.add(setting(random));
            }
            if (!isAlive[who]) {
                continue;
            }
            if (random.nextInt(60) == 0) {
                fill(script, who, isMapped[who]);
                continue;
            }
            boolean has = isMapped[who][region];
            switch (random.nextInt(12)) {
                case 0, 1, 2, 3, 4 -> {
                    if (!has) {
                        int flags = PRIVATE | (random.nextInt(6) == 0 ? NORESERVE : 0);
                        script.add("map " + who + " " + region + " " + pages(random) + " "
                                + (random.nextInt(5) == 0 ? 1 : 3) + " " + flags);
                        // If that fails the region stays empty, which later calls are told too.
                        isMapped[who][region] = true;
                    }
                }
                case 5, 6 -> {
                    if (has) {
                        script.add("unmap " + who + " " + region);
                        isMapped[who][region] = false;
                    }
                }
                case 7 -> {
                    if (has) {
                        script.add("protect " + who + " " + region + " " + (random.nextInt(3) == 0 ? 1 : 3));
                    }
                }
                case 8, 9 -> {
                    if (has) {
                        script.add("remap " + who + " " + region + " " + pages(random));
                    }
                }
                case 10 -> {
                    int child = random.nextInt(PROCESSES);
                    if (!isAlive[child] && random.nextInt(3) == 0) {
                        // Under the policy that refuses nothing, so that it is known to be there.
                        script.add("set overcommit_memory 1");
                        script.add("fork " + who + " " + child);
                        script.add("set overcommit_memory 2");
                        isAlive[child] = true;
                        isUser[child] = isUser[who];
                        isMapped[child] = isMapped[who].clone();
                    }
                }
                default -> {
                    if (who != 0 && random.nextInt(4) == 0) {
                        script.add("exit " + who);
                        isAlive[who] = false;
                        isMapped[who] = new boolean[REGIONS];
                    } else if (who != 0 && !isUser[who] && random.nextInt(2) == 0) {
                        script.add("user " + who);
                        isUser[who] = true;
                    }
                }
            }
        }
        return script;
    }

    /** Halves what is asked for until it is a page, which comes as near to the limit as can be; what is left over after that the real counter has not seen yet. */
    private static void fill(List<String> script, int who, boolean[] isMapped) {
        int pages = 1 << 16;
        for (int region = 0; region < REGIONS && pages > 0; region++) {
            if (!isMapped[region]) {
                script.add("map " + who + " " + region + " " + pages + " 3 " + PRIVATE);
                isMapped[region] = true;
                pages /= 2;
            }
        }
    }

    private static String setting(SeededRandom random) {
        return switch (random.nextInt(8)) {
            case 0 -> "set overcommit_memory 0";
            case 1 -> "set overcommit_ratio " + (20 + random.nextInt(100));
            case 2, 3 -> "set overcommit_kbytes " + (100_000 + random.nextInt(400_000));
            case 4 -> "set user_reserve_kbytes " + random.nextInt(10_000);
            case 5 -> "set admin_reserve_kbytes " + random.nextInt(10_000);
            default -> "set overcommit_memory 2";
        };
    }

    private static int pages(SeededRandom random) {
        return switch (random.nextInt(8)) {
            case 0, 1 -> 1 + random.nextInt(20);
            case 2, 3, 4 -> 1 + random.nextInt(300);
            case 5, 6 -> 1 + random.nextInt(8_000);
            default -> 1 + random.nextInt(60_000);
        };
    }
}
