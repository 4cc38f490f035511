package io.pagewalk.lab.experiment.oldways;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pagewalk.base.BadInput;
import io.pagewalk.base.Size;
import io.pagewalk.lab.experiment.GoldenFile;
import io.pagewalk.lab.experiment.Ink;
import io.pagewalk.lab.experiment.Progress;
import io.pagewalk.lab.experiment.oldways.Stray.Harm;
import java.util.List;
import org.junit.jupiter.api.Test;

class ComparisonTest {
    private static final Settings SMALL = new Settings(1, 256 * Size.KIB, 400, 4096, 90);

    @Test
    void run_sameSeed_givesTheSameReports() {
        Comparison first = Comparison.run(SMALL, Progress.NONE);
        Comparison second = Comparison.run(SMALL, Progress.NONE);
        assertThat(second.text(Ink.PLAIN)).isEqualTo(first.text(Ink.PLAIN));
        assertThat(second.json()).isEqualTo(first.json());
        assertThat(second.svg()).isEqualTo(first.svg());
        Comparison other = Comparison.run(new Settings(2, SMALL.ramBytes(), 400, 4096, 90), Progress.NONE);
        assertThat(other.json()).isNotEqualTo(first.json());
    }

    @Test
    void run_seed1_printsTheGoldenReport() {
        GoldenFile.check(
                "paging-vs-segmentation.txt",
                Comparison.run(SMALL, Progress.NONE).text(Ink.PLAIN));
    }

    @Test
    void text_inColour_saysTheSame() {
        Comparison comparison = Comparison.run(SMALL, Progress.NONE);
        assertThat(comparison.text(Ink.COLOUR).replaceAll("\u001b\\[[0-9;]*m", ""))
                .isEqualTo(comparison.text(Ink.PLAIN));
        assertThat(comparison.text(Ink.PLAIN)).doesNotContain("\u001b");
    }

    /** The claims of the textbooks, measured: protection, external against internal fragmentation, the price of compaction. */
    @Test
    void run_anySeed_showsWhatTheTextbooksClaim() {
        for (long seed = 1; seed <= 3; seed++) {
            List<Outcome> all = Comparison.run(new Settings(seed, 512 * Size.KIB, 600, 8192, 90), Progress.NONE)
                    .outcomes();
            for (Outcome outcome : all) {
                boolean isProtected = outcome.name().startsWith("base/limit")
                        || outcome.name().equals("paging");
                Outcome.Isolation isolation = outcome.isolation();
                int others = isolation.sum(Harm.NEIGHBOUR) + isolation.sum(Harm.SYSTEM);
                assertThat(others == 0)
                        .as("%s keeps stray stores from others", outcome.name())
                        .isEqualTo(isProtected);
                assertThat(isolation.sum(Harm.CAUGHT) > 0).as(outcome.name()).isEqualTo(isProtected);
                boolean isScattered = !outcome.name().endsWith("compacting")
                        && !outcome.name().equals("paging");
                assertThat(outcome.room().external() > 0.3).as(outcome.name()).isEqualTo(isScattered);
                assertThat(outcome.room().refusedThoughFree() > 0)
                        .as(outcome.name())
                        .isEqualTo(isScattered);
                assertThat(outcome.room().internal() > 0.1)
                        .as(outcome.name())
                        .isEqualTo(outcome.name().equals("paging"));
                assertThat(outcome.cost().movedBytes() > 0)
                        .as(outcome.name())
                        .isEqualTo(outcome.name().startsWith("base/limit"));
                assertThat(outcome.cost().references() > 0).as(outcome.name()).isEqualTo(isProtected);
            }
        }
    }

    @Test
    void damage_ofNeighbours_isFoundOnlyWithoutProtection() {
        for (Outcome outcome : Comparison.run(SMALL, Progress.NONE).outcomes()) {
            Outcome.Isolation isolation = outcome.isolation();
            // Two stores into one byte count once, and what a program hits in itself it may have given back before it
            // ends.
            assertThat(isolation.damagedBytes())
                    .as(outcome.name())
                    .isLessThanOrEqualTo(isolation.sum(Harm.ITSELF) + isolation.sum(Harm.NEIGHBOUR));
        }
    }

    @Test
    void settings_impossible_areRefused() {
        assertThatThrownBy(() -> new Settings(1, 100, 10, 8192, 90))
                .isInstanceOf(BadInput.class)
                .hasMessageContaining("--ram");
        assertThatThrownBy(() -> new Settings(1, Size.GIB, 10, 8192, 90))
                .isInstanceOf(BadInput.class)
                .hasMessageContaining("--ram");
        assertThatThrownBy(() -> new Settings(1, Size.MIB, 0, 8192, 90))
                .isInstanceOf(BadInput.class)
                .hasMessageContaining("--steps");
        assertThatThrownBy(() -> new Settings(1, Size.MIB, 10, 1 << 20, 90))
                .isInstanceOf(BadInput.class)
                .hasMessageContaining("--segment");
        assertThatThrownBy(() -> new Settings(1, Size.MIB, 10, 8192, 101))
                .isInstanceOf(BadInput.class)
                .hasMessageContaining("--load");
    }
}
