package io.pagewalk.kernel.system;

import io.pagewalk.base.SeededRandom;
import io.pagewalk.base.Size;
import io.pagewalk.hardware.mmu.Access;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.hardware.paging.Pkru;
import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.kernel.fault.PteMarkers;
import io.pagewalk.kernel.gup.Foll;
import io.pagewalk.kernel.gup.RemoteAccess;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Carries out a script of calls on protection keys on the model: what {@code pkeys.c}, which describes the operations, does on a real kernel. */
final class ProtectionKeyScript {
    private static final long PAGE = 4096;
    private static final long ARENA = 0x200000000L;
    private static final long ARENA_PAGES = 4096;
    private static final long SCRATCH = ARENA + 2 * ARENA_PAGES * PAGE;
    private static final int RANDOM_PAGES = 48;

    private final List<String> script;
    private final List<String> output = new ArrayList<>();
    private final TestKernel test =
            TestKernel.boot("icelake", PagingMode.X86_64_4LEVEL, 128 * Size.MIB, 2, BootOptions.defaults());
    private final LinuxKernel kernel = test.kernel;

    private ProtectionKeyScript(List<String> script) {
        this.script = script;
    }

    /** Returns what the operations of a script print. */
    static List<String> run(List<String> script) {
        ProtectionKeyScript run = new ProtectionKeyScript(script);
        run.newProgram(run.test.task);
        run.run(run.test.task, 0);
        run.test.verify();
        return run.output;
    }

    private void newProgram(Task task) {
        test.mapped(
                test.call(task, "mmap", SCRATCH, PAGE, TestKernel.RW, TestKernel.ANON | TestKernel.MAP_FIXED, -1, 0));
    }

    /** Returns the line behind the last one that was carried out. */
    private int run(Task task, int from) {
        int at = from;
        while (at < script.size()) {
            String line = script.get(at++);
            String[] words = line.split(" ", -1);
            switch (words[0]) {
                case "", "#" -> {}
                case "end" -> {
                    return at;
                }
                case "areas", "shape" -> {
                    print(task, line, "");
                    areas(task, words[0].equals("shape"));
                }
                case "fork", "thread" -> {
                    print(task, line, "");
                    Task other = words[0].equals("fork") ? kernel.fork(task) : kernel.cloneThread(task);
                    if (other == null) {
                        throw new IllegalStateException("no memory");
                    }
                    at = run(other, at);
                    kernel.exit(other, 0);
                    print(task, "end", "");
                }
                case "exec" -> {
                    print(task, line, "");
                    kernel.execve(task, ExecImage.bare("init", kernel.layout().stackTop()));
                    newProgram(task);
                }
                case "rights" -> {
                    kernel.writePkru(task, Integer.parseUnsignedInt(words[1], 16));
                    print(task, line, " ok");
                }
                default -> print(task, line, " " + outcome(task, words));
            }
        }
        return at;
    }

    private void print(Task task, String line, String outcome) {
        output.add(String.format(Locale.ROOT, "%s:%s pkru %08x", line, outcome, task.pkru()));
    }

    private String outcome(Task task, String[] words) {
        long[] n = new long[4];
        for (int i = 1; i < words.length && words[i].matches("-?[0-9]+"); i++) {
            n[i - 1] = Long.parseLong(words[i]);
        }
        long at = ARENA + n[0] * PAGE;
        long bytes = n[1] * PAGE;
        return switch (words[0]) {
            case "load" -> access(task, at, Access.LOAD);
            case "store" -> access(task, at, Access.STORE);
            case "fetch" -> access(task, at, Access.FETCH);
            default ->
                Long.toString(
                        switch (words[0]) {
                            case "map" -> map(task, at, bytes, n[2], words.length > 4 ? words[4] : "");
                            case "unmap" -> test.call(task, "munmap", at, bytes);
                            case "protect" -> test.call(task, "mprotect", at, bytes, n[2]);
                            case "pkey" -> test.call(task, "pkey_mprotect", at, bytes, n[2], n[3]);
                            case "move" -> move(task, at, bytes, ARENA + n[2] * PAGE);
                            case "seal" -> test.call(task, "mseal", at, bytes, 0);
                            case "lock" -> test.call(task, "mlock", at, bytes);
                            case "unlock" -> test.call(task, "munlock", at, bytes);
                            case "advise" -> test.call(task, "madvise", at, bytes, n[2]);
                            case "alloc" -> test.call(task, "pkey_alloc", n[0], n[1]);
                            case "free" -> test.call(task, "pkey_free", n[0]);
                            case "tokernel" -> kernel.copyFromUser(task, at, 1) == UserAccess.OK ? 1 : -14;
                            case "fromkernel" -> kernel.copyToUser(task, at, 1) == UserAccess.OK ? 1 : -14;
                            case "peek" -> remote(task, at, "process_vm_readv");
                            case "poke" -> remote(task, at, "process_vm_writev");
                            case "mem" -> memoryFile(task, at);
                            default -> throw new IllegalArgumentException(words[0]);
                        });
        };
    }

    private String access(Task task, long at, int kind) {
        int outcome = kernel.access(task, at, kind);
        if (outcome == UserAccess.OK) {
            return "ok";
        }
        String key = UserAccess.isByKey(outcome) ? " key " + UserAccess.siPkey(outcome) : "";
        return "signal " + UserAccess.signal(outcome) + " code " + UserAccess.siCode(outcome) + key;
    }

    private long map(Task task, long at, long bytes, long prot, String options) {
        long flags = TestKernel.MAP_FIXED | TestKernel.MAP_ANONYMOUS;
        flags |= options.contains("s") ? TestKernel.MAP_SHARED : TestKernel.MAP_PRIVATE;
        flags |= options.contains("l") ? 0x8000 : 0;
        long result = test.call(task, "mmap", at, bytes, prot, flags, -1, 0);
        return result == at ? 0 : result;
    }

    private long move(Task task, long at, long bytes, long to) {
        long result = test.call(task, "mremap", at, bytes, bytes, 3, to);
        return result == to ? 0 : result;
    }

    private long remote(Task task, long at, String call) {
        long[] words = {SCRATCH + 100, 1, at, 1};
        for (int i = 0; i < words.length; i++) {
            kernel.store(task, SCRATCH + 8L * i, words[i]);
        }
        return test.call(task, call, task.tgid(), SCRATCH, 1, SCRATCH + 16, 1, 0);
    }

    private long memoryFile(Task task, long at) {
        kernel.schedule(task);
        int got = new RemoteAccess(kernel.gup()).access(task, task.mm(), at, new byte[1], Foll.FORCE);
        return got == 1 ? 1 : -5;
    }

    private void areas(Task task, boolean joins) {
        Area last = null;
        for (Vma vma : task.mm().vmas()) {
            if (vma.start() < ARENA || vma.start() >= ARENA + ARENA_PAGES * PAGE) {
                continue;
            }
            Area next = area(task, vma);
            if (last != null && joins && last.looksLike(next)) {
                last = new Area(last.start, next.end, last.text, last.resident + next.resident);
            } else {
                print(last);
                last = next;
            }
        }
        print(last);
    }

    private record Area(long start, long end, String text, long resident) {
        boolean looksLike(Area next) {
            return end == next.start && text.equals(next.text);
        }
    }

    private void print(@Nullable Area area) {
        if (area != null) {
            output.add("  " + area.start + "-" + area.end + " " + area.text + " rss " + area.resident);
        }
    }

    private Area area(Task task, Vma vma) {
        long resident = 0;
        for (long page = vma.start(); page < vma.end(); page += PAGE) {
            resident += isResident(task, page) ? 1 : 0;
        }
        String text = (vma.has(VmaFlags.VM_READ) ? "r" : "-")
                + (vma.has(VmaFlags.VM_WRITE) ? "w" : "-")
                + (vma.has(VmaFlags.VM_EXEC) ? "x" : "-")
                + (vma.has(VmaFlags.VM_MAYSHARE) ? "s" : "p")
                + " key " + vma.protectionKey();
        return new Area((vma.start() - ARENA) / PAGE, (vma.end() - ARENA) / PAGE, text, resident);
    }

    private boolean isResident(Task task, long page) {
        long entry = kernel.pageTables().entryAt(task.mm(), page);
        return entry != 0
                && !PteMarkers.is(entry)
                && (PagingMode.X86_64_4LEVEL.flags(entry, 1) & PteFlags.SPECIAL) == 0;
    }

    /** Returns a random script, in which few keys and few pages meet often. */
    static List<String> random(SeededRandom random, int operations) {
        List<String> script = new ArrayList<>();
        int depth = 0;
        for (int i = 0; i < operations; i++) {
            int dice = random.nextInt(100);
            if (depth > 0 && random.nextInt(12) == 0) {
                script.add("end");
                depth--;
            } else if (dice == 0 && depth == 0) {
                script.add("exec");
            } else if (dice < 4 && depth == 0) {
                script.add(random.nextBoolean() ? "fork" : "thread");
                depth++;
            } else {
                script.add(operation(random, dice));
            }
            if (random.nextInt(15) == 0) {
                script.add("shape");
            }
        }
        for (; depth > 0; depth--) {
            script.add("end");
        }
        script.add("shape");
        return script;
    }

    private static String operation(SeededRandom random, int dice) {
        int at = random.nextInt(RANDOM_PAGES);
        String range = at + " " + (1 + random.nextInt(8));
        int prot = random.nextInt(3) == 0 ? 4 : random.nextInt(8);
        if (dice < 55) {
            return List.of("load", "store", "load", "store", "tokernel", "fromkernel", "peek", "poke", "mem")
                            .get(random.nextInt(9))
                    + " " + at;
        } else if (dice < 63) {
            return "map " + range + " " + (random.nextInt(3) == 0 ? prot : 3)
                    + List.of("", "", "", " s", " l", " sl").get(random.nextInt(6));
        } else if (dice < 65) {
            return "unmap " + range;
        } else if (dice < 70) {
            return "protect " + range + " " + prot;
        } else if (dice < 80) {
            int key = random.nextInt(12) == 0 ? 15 : random.nextInt(6) - 1;
            return "pkey " + range + " " + (random.nextInt(3) == 0 ? prot : 3) + " " + key;
        } else if (dice < 82) {
            // One page: older kernels than the modelled one do not move several areas in one go.
            // A place of its own, too: they refuse a move to the same place in another order.
            return "move " + at + " 1 " + (at + 1 + random.nextInt(RANDOM_PAGES - 1)) % RANDOM_PAGES;
        } else if (dice < 86) {
            return (random.nextInt(4) == 0 ? "unlock " : "lock ") + range;
        } else if (dice < 89) {
            return "advise " + range + " " + List.of(4, 22, 23).get(random.nextInt(3));
        } else if (dice < 92) {
            return "alloc " + (random.nextInt(10) == 0 ? 1 : 0) + " " + random.nextInt(5);
        } else if (dice < 93) {
            return "free " + (random.nextInt(10) == 0 ? random.nextInt(20) - 2 : 1 + random.nextInt(5));
        } else if (dice < 94) {
            return "seal " + RANDOM_PAGES + " 2";
        }
        int register = 0x55555554;
        for (int key = 1; key < 6; key++) {
            register = Pkru.with(register, key, random.nextInt(2) * random.nextInt(4));
        }
        return "rights " + Integer.toHexString(register);
    }
}
