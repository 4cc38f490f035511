package io.pagewalk.kernel.ksm;

import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.syscall.Kstrtox;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.LongConsumer;
import java.util.function.LongSupplier;

/** {@code /sys/kernel/mm/ksm}: its files as text, and what writing them does. */
public final class KsmFiles {
    private static final long OUT_OF_RANGE = -Errno.ERANGE;

    private final Ksm ksm;
    private final LongSupplier zeroPages;

    /**
     * Creates the files.
     *
     * @param ksm what they show and steer
     * @param zeroPages counts the entries of all address spaces that KSM made point to the page of zeros
     */
    public KsmFiles(Ksm ksm, LongSupplier zeroPages) {
        this.ksm = ksm;
        this.zeroPages = zeroPages;
    }

    /** Returns all files by name, each with its line end. */
    public Map<String, String> texts() {
        KsmSettings set = ksm.settings();
        KsmCounters count = ksm.counters();
        Map<String, String> texts = new TreeMap<>();
        boolean isScanTime = set.advisor == KsmSettings.Advisor.SCAN_TIME;
        texts.put("advisor_mode", isScanTime ? "none [scan-time]\n" : "[none] scan-time\n");
        put(texts, "advisor_max_cpu", set.advisorMaxCpu);
        put(texts, "advisor_max_pages_to_scan", set.advisorMaxPagesToScan);
        put(texts, "advisor_min_pages_to_scan", set.advisorMinPagesToScan);
        put(texts, "advisor_target_scan_time", set.advisorTargetScanTime);
        put(texts, "full_scans", count.fullScans);
        put(texts, "general_profit", (count.pagesSharing + zeroPages.getAsLong()) * 4096 - count.rmapItems * 64);
        put(texts, "ksm_zero_pages", zeroPages.getAsLong());
        put(texts, "max_page_sharing", set.maxPageSharing);
        put(texts, "merge_across_nodes", set.mergesAcrossNodes ? 1 : 0);
        put(texts, "pages_scanned", count.pagesScanned);
        put(texts, "pages_shared", count.pagesShared);
        put(texts, "pages_sharing", count.pagesSharing);
        put(texts, "pages_skipped", count.pagesSkipped);
        put(texts, "pages_to_scan", set.pagesToScan);
        put(texts, "pages_unshared", count.pagesUnshared);
        put(texts, "pages_volatile", count.pagesVolatile());
        put(texts, "run", set.run);
        put(texts, "sleep_millisecs", set.sleepMillisecs);
        put(texts, "smart_scan", set.isSmartScan ? 1 : 0);
        put(texts, "stable_node_chains", count.stableNodeChains);
        put(texts, "stable_node_chains_prune_millisecs", set.chainsPruneMillisecs);
        put(texts, "stable_node_dups", count.stableNodeDups);
        put(texts, "use_zero_pages", set.usesZeroPages ? 1 : 0);
        return texts;
    }

    private static void put(Map<String, String> texts, String name, long value) {
        texts.put(name, value + "\n");
    }

    /**
     * Returns the number in a file.
     *
     * @param name name of a file with a number
     */
    public long value(String name) {
        return Long.parseLong(texts().getOrDefault(name, "-1").strip());
    }

    /**
     * Returns whether a file can be written.
     *
     * @param name name of a file
     */
    public static boolean isWritable(String name) {
        return switch (name) {
            case "full_scans",
                    "general_profit",
                    "ksm_zero_pages",
                    "pages_scanned",
                    "pages_shared",
                    "pages_sharing",
                    "pages_skipped",
                    "pages_unshared",
                    "pages_volatile",
                    "stable_node_chains",
                    "stable_node_dups" -> false;
            default -> true;
        };
    }

    /**
     * Writes a file.
     *
     * @param name its name
     * @param text as a user writes it
     * @return 0; {@code -EINVAL} or {@code -ERANGE} for a value that cannot be, {@code -EBUSY} while pages are merged that the setting concerns, {@code -EACCES} for a file that can only be read, {@code -ENOENT}
     */
    public long write(String name, String text) {
        KsmSettings set = ksm.settings();
        return switch (name) {
            case "run" -> {
                long run = Kstrtox.unsignedInt(text);
                yield run < 0 || run > Ksm.RUN_UNMERGE ? -Errno.EINVAL : ksm.run((int) run);
            }
            case "sleep_millisecs" -> store(Kstrtox.unsignedInt(text), v -> set.sleepMillisecs = v);
            case "pages_to_scan" ->
                set.advisor == KsmSettings.Advisor.NONE
                        ? store(Kstrtox.unsignedInt(text), v -> set.pagesToScan = v)
                        : -Errno.EINVAL;
            case "stable_node_chains_prune_millisecs" ->
                store(Kstrtox.unsignedInt(text), v -> set.chainsPruneMillisecs = v);
            case "advisor_max_cpu" -> store(Kstrtox.unsignedLong(text), v -> set.advisorMaxCpu = v);
            case "advisor_min_pages_to_scan" -> store(Kstrtox.unsignedLong(text), v -> set.advisorMinPagesToScan = v);
            case "advisor_max_pages_to_scan" -> store(Kstrtox.unsignedLong(text), v -> set.advisorMaxPagesToScan = v);
            case "advisor_target_scan_time" -> {
                long seconds = Kstrtox.unsignedLong(text);
                yield store(seconds < 1 ? -1 : seconds, v -> set.advisorTargetScanTime = v);
            }
            case "advisor_mode" -> advisorMode(Kstrtox.withoutLineEnd(text));
            case "use_zero_pages" -> store(Kstrtox.bool(text), v -> set.usesZeroPages = v != 0);
            case "smart_scan" -> store(Kstrtox.bool(text), v -> set.isSmartScan = v != 0);
            case "max_page_sharing" -> {
                long pages = Kstrtox.number(text, Integer.MAX_VALUE);
                yield pages < 2
                        ? (pages == OUT_OF_RANGE ? OUT_OF_RANGE : -Errno.EINVAL)
                        : whenNothingIsMerged(pages == set.maxPageSharing, () -> set.maxPageSharing = (int) pages);
            }
            case "merge_across_nodes" -> {
                long across = Kstrtox.unsignedLong(text);
                yield across < 0 || across > 1
                        ? (across == OUT_OF_RANGE ? OUT_OF_RANGE : -Errno.EINVAL)
                        : whenNothingIsMerged(
                                (across == 1) == set.mergesAcrossNodes, () -> set.mergesAcrossNodes = across == 1);
            }
            default -> texts().containsKey(name) ? -Errno.EACCES : -Errno.ENOENT;
        };
    }

    private long whenNothingIsMerged(boolean isSame, Runnable change) {
        if (isSame) {
            return 0;
        }
        if (ksm.counters().pagesShared != 0 || !ksm.stable().removeAll()) {
            return -Errno.EBUSY;
        }
        change.run();
        return 0;
    }

    private long advisorMode(String value) {
        KsmSettings.Advisor mode = switch (value) {
            case "none" -> KsmSettings.Advisor.NONE;
            case "scan-time" -> KsmSettings.Advisor.SCAN_TIME;
            default -> null;
        };
        if (mode == null) {
            return -Errno.EINVAL;
        }
        if (mode != ksm.settings().advisor) {
            ksm.settings().advisor = mode;
            ksm.advisor().modeChanged();
        }
        return 0;
    }

    /** Takes a value that is not negative. */
    private static long store(long value, LongConsumer setter) {
        if (value < 0) {
            return -Errno.EINVAL;
        }
        setter.accept(value);
        return 0;
    }
}
