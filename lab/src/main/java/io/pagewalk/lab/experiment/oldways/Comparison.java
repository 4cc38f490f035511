package io.pagewalk.lab.experiment.oldways;

import io.pagewalk.lab.experiment.Ink;
import io.pagewalk.lab.experiment.Progress;
import io.pagewalk.lab.experiment.Report;
import io.pagewalk.lab.experiment.oldways.DescriptorSystem.Compaction;
import java.util.ArrayList;
import java.util.List;

/** One history of programs on each of the old ways and on paging, side by side. */
public final class Comparison implements Report {
    /** The experiment's name. */
    public static final String NAME = "paging-vs-segmentation";

    private final Settings settings;
    private final History history;
    private final List<Outcome> outcomes;

    private Comparison(Settings settings, History history, List<Outcome> outcomes) {
        this.settings = settings;
        this.history = history;
        this.outcomes = outcomes;
    }

    /**
     * Runs it.
     *
     * @param settings sizes and seed
     * @param progress told how far it is
     */
    public static Comparison run(Settings settings, Progress progress) {
        History history = History.of(settings);
        List<MemorySystem> systems = systems(settings);
        List<Outcome> outcomes = new ArrayList<>();
        for (int i = 0; i < systems.size(); i++) {
            long before = i;
            outcomes.add(Trial.run(
                    history,
                    systems.get(i),
                    (done, all) -> progress.update(before * all + done, systems.size() * all)));
        }
        return new Comparison(settings, history, outcomes);
    }

    private static List<MemorySystem> systems(Settings settings) {
        long ram = settings.ramBytes();
        return List.of(
                new FlatSystem(ram),
                new RealModeSystem(ram),
                new DescriptorSystem(ram, Fit.FIRST, Compaction.NEVER),
                new DescriptorSystem(ram, Fit.BEST, Compaction.NEVER),
                new DescriptorSystem(ram, Fit.WORST, Compaction.NEVER),
                new DescriptorSystem(ram, Fit.FIRST, Compaction.WHEN_NEEDED),
                new PagingSystem(settings.programBytes()));
    }

    Settings settings() {
        return settings;
    }

    History history() {
        return history;
    }

    /** Returns how each system fared, the oldest way first and paging last. */
    List<Outcome> outcomes() {
        return List.copyOf(outcomes);
    }

    @Override
    public String text(Ink ink) {
        return new ComparisonText(this, ink).write();
    }

    @Override
    public String svg() {
        return ComparisonSvg.draw(this);
    }

    @Override
    public String json() {
        return ComparisonJson.write(this);
    }
}
