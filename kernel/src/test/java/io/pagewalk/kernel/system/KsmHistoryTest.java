package io.pagewalk.kernel.system;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pagewalk.base.SeededRandom;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.MmKsm;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import io.pagewalk.kernel.zone.VmEvent;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Random memory of up to four processes, merged by the model's ksmd and by that of this machine's kernel: after each full scan all values of {@code /sys/kernel/mm/ksm}, those of each process, and
 * what is written must be equal. Needs Linux 6.18, root, gcc, and that nobody else uses ksmd; its settings are put back.
 */
class KsmHistoryTest {
    private static final Path SYSFS = Path.of("/sys/kernel/mm/ksm");
    private static final long PAGE = 4096;
    private static final long TEXT = TwoKernels.ARENA;
    private static final long FIRST = TEXT + (1L << 30) - 24 * PAGE;
    private static final int PAGES = 48;
    private static final int KSM_STAT = 8;
    private static final int MERGEABLE = 12;
    private static final int UNMERGEABLE = 13;
    private static final long SLEEP_MILLIS = 40;
    private static final int OPERATIONS = Integer.getInteger("pagewalk.ksm.operations", 400);
    private static final int ATTEMPTS = 3;
    private static final List<String> SETTINGS = List.of(
            "sleep_millisecs",
            "pages_to_scan",
            "max_page_sharing",
            "use_zero_pages",
            "smart_scan",
            "stable_node_chains_prune_millisecs");
    private static final List<String> COMPARED = List.of(
            "full_scans",
            "general_profit",
            "ksm_zero_pages",
            "pages_shared",
            "pages_sharing",
            "pages_unshared",
            "pages_volatile",
            "stable_node_chains",
            "stable_node_dups");

    @TempDir
    Path directory = Path.of(".");

    private final Map<String, String> before = new TreeMap<>();
    private final Map<String, Long> atStart = new TreeMap<>();
    private SeededRandom random = new SeededRandom(0);
    private final List<Integer> processes = new ArrayList<>(List.of(0));
    private int nextProcess = 1;

    @BeforeEach
    void remember() throws IOException {
        assumeTrue(
                Files.isWritable(SYSFS.resolve("run"))
                        && Files.readString(SYSFS.resolve("run")).equals("0\n"),
                "needs root and a ksmd that stands still");
        for (String name : SETTINGS) {
            before.put(name, Files.readString(SYSFS.resolve(name)));
        }
    }

    @AfterEach
    void putBack() throws IOException {
        if (!before.isEmpty()) {
            write("run", "2");
            write("run", "0");
            for (Map.Entry<String, String> setting : before.entrySet()) {
                write(setting.getKey(), setting.getValue());
            }
        }
    }

    private static void write(String name, String value) throws IOException {
        Files.writeString(SYSFS.resolve(name), value);
    }

    private static long real(String name) throws IOException {
        return Long.parseLong(Files.readString(SYSFS.resolve(name)).strip());
    }

    private static long cowEvents() throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/vmstat"))) {
            if (line.startsWith("cow_ksm ")) {
                return Long.parseLong(line.substring("cow_ksm ".length()));
            }
        }
        return 0;
    }

    private static void set(TwoKernels both, String name, long value) throws IOException {
        both.note(0, name + " = " + value);
        write(name, Long.toString(value));
        both.expectEqual(name, both.model.kernel.ksmFiles().write(name, Long.toString(value)), 0L);
    }

    @ParameterizedTest(name = "seed {0}")
    @ValueSource(longs = {1, 2, 3, 4})
    void randomMemory_isMergedAsInThisKernel(long seed) throws IOException, InterruptedException {
        boolean isDone = false;
        for (int attempt = 0; attempt < ATTEMPTS && !isDone; attempt++) {
            isDone = run(seed, Files.createDirectory(directory.resolve("attempt" + attempt)));
        }
        assumeTrue(isDone, "somebody else merges pages on this machine");
    }

    /** Returns false when pages of other processes were on ksmd's list meanwhile. */
    private boolean run(long seed, Path place) throws IOException, InterruptedException {
        random = new SeededRandom(seed + Long.getLong("pagewalk.ksm.seed", 0));
        processes.clear();
        processes.add(0);
        nextProcess = 1;
        Optional<TwoKernels> started = TwoKernels.start(place, 20, 4);
        assumeTrue(started.isPresent(), "needs Linux 6.18, gcc and the right to make namespaces");
        try (TwoKernels both = started.orElseThrow()) {
            both.call(0, "mmap", TEXT, 16 * PAGE, 3, 0x32, -1, 0);
            both.call(0, "mmap", FIRST, PAGES * PAGE, 3, 0x32, -1, 0);
            write("run", "2");
            write("run", "0");
            both.model.kernel.ksmFiles().write("run", "2");
            both.model.kernel.ksmFiles().write("run", "0");
            set(both, "sleep_millisecs", SLEEP_MILLIS);
            set(both, "pages_to_scan", 1_000_000);
            set(both, "max_page_sharing", seed % 2 == 0 ? 3 : 256);
            set(both, "use_zero_pages", seed / 2 % 2);
            // The time of the model stands almost still: always, or never.
            set(both, "stable_node_chains_prune_millisecs", seed % 4 < 2 ? 0 : 1_000_000);
            set(both, "smart_scan", seed % 3 == 0 ? 0 : 1);
            for (String name : List.of("pages_scanned", "pages_skipped")) {
                atStart.put(name, real(name));
            }
            atStart.put("cow_ksm", cowEvents());
            for (int step = 0; step < OPERATIONS; step++) {
                int who = processes.get(random.nextInt(processes.size()));
                perform(both, who);
                if (step % 8 == 7) {
                    settle(both);
                }
                if (isDisturbed(both)) {
                    return false;
                }
                compare(both);
                if (step % 40 == 0) {
                    both.model.verify();
                }
            }
            return true;
        } finally {
            // The helpers end with their pipes; ksmd lets go of them when everything is taken apart.
            Thread.sleep(20);
        }
    }

    /** Pages that ksmd watches and that are none of ours, nor of our processes that have ended. */
    private boolean isDisturbed(TwoKernels both) throws IOException {
        long items = ((real("pages_sharing") + real("ksm_zero_pages")) * 4096 - real("general_profit")) / 64;
        long modelled = both.model.kernel.ksmFiles().value("pages_sharing")
                + both.model.kernel.ksmFiles().value("ksm_zero_pages");
        modelled = (modelled * 4096 - both.model.kernel.ksmFiles().value("general_profit")) / 64;
        for (int who : processes) {
            String line = both.realFile(who, KSM_STAT).getFirst();
            items -= Long.parseLong(line.substring("ksm_rmap_items ".length()));
            modelled -= both.task(who).mm().ksm().rmapItems();
        }
        long scanned = real("pages_scanned") - atStart.getOrDefault("pages_scanned", 0L);
        return items != modelled
                || real("full_scans") != both.model.kernel.ksmFiles().value("full_scans")
                || scanned > both.model.kernel.ksmFiles().value("pages_scanned");
    }

    private void perform(TwoKernels both, int who) throws IOException {
        switch (random.nextInt(20)) {
            case 0 -> both.call(who, "mmap", address(), length(12), 3, 0x32, -1, 0);
            case 1 -> both.call(who, "munmap", address(), length(4));
            case 2 -> both.call(who, "mprotect", address(), length(8), random.nextBoolean() ? 1 : 3);
            case 3 -> both.call(who, "mremap", address(), length(4), length(4), 3, address());
            case 4 -> both.call(who, "madvise", address(), length(6), 4);
            case 5, 6, 7 -> both.call(who, "madvise", address(), length(24), MERGEABLE);
            case 8 -> both.call(who, "madvise", address(), length(8), UNMERGEABLE);
            case 9, 10 -> processes(both, who);
            case 11 -> {
                if (random.nextInt(6) == 0) {
                    both.note(0, "run = 2");
                    write("run", "2");
                    both.model.kernel.ksmFiles().write("run", "2");
                    write("run", "0");
                    both.model.kernel.ksmFiles().write("run", "0");
                }
            }
            case 12 -> both.load(who, address());
            default -> {
                int count = 1 + random.nextInt(6);
                long at = address();
                for (int i = 0; i < count; i++) {
                    both.store(who, at + i * PAGE + 8, random.nextInt(4));
                }
            }
        }
    }

    private void processes(TwoKernels both, int who) {
        if (processes.size() > 3 || (processes.size() > 1 && random.nextBoolean())) {
            int child = processes.getLast();
            both.exitAny(child);
            processes.removeLast();
            return;
        }
        int child = nextProcess++;
        both.fork(who, child);
        processes.add(child);
    }

    /** Lets both scan everything at least once, and as often as the other. */
    private void settle(TwoKernels both) throws IOException, InterruptedException {
        long from = real("full_scans");
        int wanted = 1 + random.nextInt(2);
        write("run", "1");
        for (int i = 0; i < 300 && real("full_scans") < from + wanted; i++) {
            Thread.sleep(2);
        }
        write("run", "0");
        long scans = real("full_scans") - from;
        both.note(0, scans + " full scans");
        for (long i = 0; i < scans; i++) {
            both.model.kernel.ksm().scan(1_000_000);
        }
    }

    private void compare(TwoKernels both) throws IOException {
        Map<String, Long> expected = new TreeMap<>();
        Map<String, Long> actual = new TreeMap<>();
        for (String name : COMPARED) {
            expected.put(name, real(name));
            actual.put(name, both.model.kernel.ksmFiles().value(name));
        }
        for (String name : List.of("pages_scanned", "pages_skipped")) {
            expected.put(name, real(name) - atStart.getOrDefault(name, 0L));
            actual.put(name, both.model.kernel.ksmFiles().value(name));
        }
        expected.put("cow_ksm", cowEvents() - atStart.getOrDefault("cow_ksm", 0L));
        actual.put("cow_ksm", both.model.kernel.vmstat().get(VmEvent.COW_KSM));
        both.expectEqual("ksm", actual, expected);
        for (int who : processes) {
            Mm mm = both.task(who).mm();
            MmKsm ksm = mm.ksm();
            boolean isMergeable = false;
            for (Vma vma : mm.vmas()) {
                isMergeable |= vma.has(VmaFlags.VM_MERGEABLE);
            }
            List<String> lines = List.of(
                    "ksm_rmap_items " + ksm.rmapItems(),
                    "ksm_zero_pages " + ksm.zeroPages(),
                    "ksm_merging_pages " + ksm.mergingPages(),
                    "ksm_process_profit " + ksm.profitBytes(),
                    String.format(Locale.ROOT, "ksm_merge_any: %s", ksm.mergesAny() ? "yes" : "no"),
                    String.format(Locale.ROOT, "ksm_mergeable: %s", isMergeable ? "yes" : "no"));
            both.expectEqual("ksm_stat of " + who, lines, both.realFile(who, KSM_STAT));
        }
    }

    private long address() {
        return FIRST + random.nextInt(PAGES) * PAGE;
    }

    private long length(int pages) {
        return (1 + random.nextInt(pages)) * PAGE;
    }
}
