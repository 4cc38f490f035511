package io.pagewalk.oracle.fuzz;

import io.pagewalk.base.SeededRandom;
import io.pagewalk.base.host.HostPool;
import io.pagewalk.base.host.HostSettings;
import io.pagewalk.oracle.machine.HelperFailure;
import io.pagewalk.oracle.machine.HelperProgram;
import io.pagewalk.oracle.machine.HostHugePages;
import io.pagewalk.oracle.machine.Judge;
import io.pagewalk.oracle.machine.Step;
import io.pagewalk.oracle.machine.Watchdog;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/** A whole run: one history after another until enough steps are made, each mismatch made short and explained or reported. */
public final class Verification {
    private static final long HELPER_TIMEOUT_NANOS = 20_000_000_000L;
    static final int HISTORY_STEPS = 4000;
    private static final int BATCH_STEPS = 256;
    private static final int FULL_CHECK_EVERY = 4;
    private static final int MODEL_CHECK_EVERY = 4;
    private static final int SETTINGS_EVERY = 8;

    /** What areas may have besides pages of 2 MiB, by order. */
    private static final List<Map<Integer, String>> SMALL_SIZES = List.of(
            Map.of(4, "madvise"),
            Map.of(4, "always"),
            Map.of(2, "always", 5, "madvise"),
            Map.of(4, "inherit", 7, "always"));

    private static final String POOL_PAGES = "9";
    private static final long SHRINK_NANOS = 20_000_000_000L;
    private static final int MAX_UNEXPLAINED = 5;
    private static final int MAX_HELPER_FAILURES = 3;

    private final HelperProgram helper;
    private final LongConsumer progress;
    private final Map<String, Long> explained = new TreeMap<>();
    private final VerifyResult.Builder result = new VerifyResult.Builder();

    private Verification(HelperProgram helper, LongConsumer progress) {
        this.helper = helper;
        this.progress = progress;
    }

    /**
     * Runs.
     *
     * @param helper the compiled helper
     * @param request what to do
     * @param progress told how many steps are done, now and then
     * @return what came of it
     */
    public static VerifyResult run(HelperProgram helper, VerifyRequest request, LongConsumer progress) {
        return new Verification(helper, progress).run(request);
    }

    private VerifyResult run(VerifyRequest request) {
        long start = System.nanoTime();
        long end = request.maxMinutes() == 0 ? Long.MAX_VALUE : start + (long) (request.maxMinutes() * 60e9);
        Path data = helper.directory().resolve("data-" + ProcessHandle.current().pid() + "-" + start);
        try (Watchdog watchdog = new Watchdog(HELPER_TIMEOUT_NANOS)) {
            Judge judge = new Judge(helper, data, watchdog);
            long seed = request.seed();
            while (result.operations() < request.operations()
                    && System.nanoTime() < end
                    && result.unexplainedCount() < MAX_UNEXPLAINED
                    && result.helperFailureCount() < MAX_HELPER_FAILURES) {
                try {
                    history(judge, request, seed, end);
                } catch (HelperFailure failure) {
                    result.helperFailed("seed " + seed + ": " + failure.getMessage());
                }
                seed++;
            }
        } finally {
            delete(data);
        }
        return result.build(explained, System.nanoTime() - start);
    }

    private static void delete(Path data) {
        try {
            Files.deleteIfExists(data);
        } catch (IOException e) {
            // It stays in the cache directory, where it is found by its name.
            data.toFile().deleteOnExit();
        }
    }

    /** What the computer's kernel is told for the time of a history, and nobody else tells it something else; null where there is no saying. */
    private static @Nullable HostSettings settings(long seed, Set<Area> areas) {
        Map<Path, String> wanted = wantedSettings(seed, areas);
        HostSettings settings = wanted.isEmpty() ? null : HostSettings.take(wanted);
        return settings == null ? HostSettings.rely() : settings;
    }

    private static Map<Path, String> wantedSettings(long seed, Set<Area> areas) {
        boolean isAlone = areas.size() <= Generator.FEW_AREAS;
        if (areas.contains(Area.POOL) && (isAlone || seed % SETTINGS_EVERY == 3)) {
            return Map.of(HostPool.SIZE, POOL_PAGES, HostPool.OVERCOMMIT, "0");
        }
        boolean isOneOfAll = areas.containsAll(Area.all());
        if (areas.contains(Area.SIZES) && (isOneOfAll ? seed % SETTINGS_EVERY == 5 : seed % 2 == 1)) {
            return HostHugePages.files(SMALL_SIZES.get((int) (seed / SETTINGS_EVERY) & 3));
        }
        return Map.of();
    }

    private void history(Judge judge, VerifyRequest request, long seed, long endNanos) {
        try (HostSettings settings = settings(seed, request.areas());
                History history = History.start(new Judge(judge.helper(), judge.data(), judge.watchdog(), settings))) {
            long wanted = Math.min(HISTORY_STEPS, request.operations() - result.operations());
            long before = result.operations();
            Difference found =
                    play(history, request.areas(), seed, wanted, endNanos, done -> progress.accept(before + done));
            result.historyStarted();
            result.add(history.steps().size(), history.comparisons());
            if (found != null) {
                // What it holds of the computer must be free before the steps are made again.
                history.stop();
                report(new Judge(judge.helper(), judge.data(), judge.watchdog(), settings), history, found, seed);
            }
        }
    }

    /**
     * Makes one history.
     *
     * @param history both sides, just started
     * @param areas which calls it is made of
     * @param seed chooses the steps
     * @param wanted how many steps
     * @param endNanos when it ends at the latest
     * @param progress told how many steps are done, now and then
     * @return the first difference, or null
     */
    static @Nullable Difference play(
            History history, Set<Area> areas, long seed, long wanted, long endNanos, LongConsumer progress) {
        Difference found = history.checkFull();
        Generator generator = new Generator(new SeededRandom(seed), history.model(), areas);
        int batches = 0;
        long done = 0;
        while (found == null && done < wanted && System.nanoTime() < endNanos) {
            long size = Math.min(BATCH_STEPS, wanted - done);
            for (int i = 0; i < size && found == null; i++) {
                found = history.perform(generator.next());
            }
            done += size;
            Difference answer = history.flush();
            found = answer != null ? answer : found;
            if (found == null) {
                found = ++batches % FULL_CHECK_EVERY == 0 ? history.checkFull() : history.checkQuick();
            }
            progress.accept(done);
        }
        if (found == null) {
            found = history.checkFull();
        }
        if (found == null && seed % MODEL_CHECK_EVERY == 0) {
            found = history.checkModel();
        }
        return found;
    }

    private void report(Judge judge, History history, Difference found, long seed) {
        List<Step> steps = history.steps().subList(0, found.index() + 1);
        Shrinker.Shortened shortened = Shrinker.shrink(judge, steps, found, SHRINK_NANOS);
        Difference difference = shortened.difference();
        Listings listings = new Listings(shortened.steps(), shortened.expected());
        String reason = Explanations.reasonFor(shortened.steps(), difference);
        if (reason == null && shortened.isVanished()) {
            reason = "seen once, and not when the same steps were made again: " + difference.what();
        }
        if (reason != null) {
            explained.merge(reason, 1L, Long::sum);
            return;
        }
        String comment = difference.what() + ": Linux " + difference.expected() + "; model " + difference.actual()
                + (shortened.isReproduced() ? "" : "; not seen again when the history was repeated");
        result.mismatch(new VerifyResult.Mismatch(
                seed,
                difference.what(),
                difference.expected(),
                difference.actual(),
                found.index(),
                shortened.isReproduced(),
                listings.script(),
                listings.cProgram(comment),
                listings.junitTest(difference, seed)));
    }
}
