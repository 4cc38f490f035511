package io.pagewalk.lab.experiment.allocators;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pagewalk.base.BadInput;
import io.pagewalk.base.Size;
import io.pagewalk.lab.experiment.GoldenFile;
import io.pagewalk.lab.experiment.Ink;
import io.pagewalk.lab.experiment.Progress;
import java.util.List;
import org.junit.jupiter.api.Test;

class AllocatorExperimentsTest {
    /** The textbook's story: 128 KB split order 6, 132 KB waste 124 KB of 256 KB, and frees merge up to where it began. */
    @Test
    void buddy_textbookScript_printsTheGoldenReport() {
        BuddyExperiment experiment = BuddyExperiment.run(512 * Size.KIB, BuddyExperiment.SCRIPT);
        assertThat(experiment.text(Ink.PLAIN))
                .contains("order 5 = 128 KiB from a block of order 6: 1 split")
                .contains("124 KiB of it wasted")
                .contains("merges with free buddies to order 7");
        GoldenFile.check("buddy.txt", experiment.text(Ink.PLAIN));
    }

    /** Knuth's buddies: the smallest block splits down to order 0, and its frees merge all the way up. */
    @Test
    void buddy_onePage_splitsAllTheWayAndMergesBack() {
        String text = BuddyExperiment.run(64 * Size.KIB, "4K,-1").text(Ink.PLAIN);
        assertThat(text)
                .contains("order 0 = 4 KiB from a block of order 4: 4 splits")
                .contains("free: order 0: 1, order 1: 1, order 2: 1, order 3: 1")
                .contains("merges with free buddies to order 4");
    }

    @Test
    void buddy_requestBeyondTheZone_isRefusedByTheAllocator() {
        assertThat(BuddyExperiment.run(64 * Size.KIB, "128K,64K,4K").text(Ink.PLAIN))
                .contains("refused: no free block of order 5 or larger")
                .contains("order 4 = 64 KiB from its own list")
                .contains("refused: no free block of order 0 or larger");
    }

    @Test
    void buddy_impossibleInput_isRefused() {
        assertThatThrownBy(() -> BuddyExperiment.run(3 * Size.MIB, "4K"))
                .isInstanceOf(BadInput.class)
                .hasMessageContaining("--zone");
        assertThatThrownBy(() -> BuddyExperiment.run(Size.MIB, "4K,-2"))
                .isInstanceOf(BadInput.class)
                .hasMessageContaining("'-2'");
        assertThatThrownBy(() -> BuddyExperiment.run(Size.MIB, "4K,,"))
                .isInstanceOf(BadInput.class)
                .hasMessageContaining("--script");
        assertThatThrownBy(() -> BuddyExperiment.run(Size.MIB, "8M"))
                .isInstanceOf(BadInput.class)
                .hasMessageContaining("4M");
    }

    @Test
    void slab_seed1_printsTheGoldenReport() {
        GoldenFile.check("slab.txt", SlabExperiment.run(1, 256, 40, 22).text(Ink.PLAIN));
    }

    @Test
    void slab_allFreed_givesEveryPageBack() {
        String json = SlabExperiment.run(3, 700, 50, 30).json();
        assertThat(json).contains("\"pages\": 0, \"slabs\": []");
        assertThat(json).isEqualTo(SlabExperiment.run(3, 700, 50, 30).json());
        assertThat(json).isNotEqualTo(SlabExperiment.run(4, 700, 50, 30).json());
    }

    @Test
    void slab_impossibleInput_isRefused() {
        assertThatThrownBy(() -> SlabExperiment.run(1, 7, 4, 2))
                .isInstanceOf(BadInput.class)
                .hasMessageContaining("--size");
        assertThatThrownBy(() -> SlabExperiment.run(1, 64, 0, 0))
                .isInstanceOf(BadInput.class)
                .hasMessageContaining("--objects");
        assertThatThrownBy(() -> SlabExperiment.run(1, 64, 4, 4))
                .isInstanceOf(BadInput.class)
                .hasMessageContaining("--free");
    }

    /** Why Linux groups by mobility: kernel pages keep together, and compaction finds whole blocks in the rest. */
    @Test
    void fragmentation_groupingAndCompaction_servesSeveralTimesMore() {
        FragmentationExperiment.Settings settings = new FragmentationExperiment.Settings(1, 64 * Size.MIB, 4, 5);
        FragmentationExperiment experiment = FragmentationExperiment.run(settings, Progress.NONE);
        List<FragmentationExperiment.Variant> variants = experiment.variants();
        FragmentationExperiment.Variant neither = variants.getFirst();
        FragmentationExperiment.Variant both = variants.getLast();
        assertThat(both.served()).isGreaterThan(2 * neither.served());
        assertThat(both.migrated()).isPositive();
        assertThat(neither.migrated()).isZero();
        assertThat(both.count(FragmentationExperiment.Slot.KERNEL))
                .isLessThan(neither.count(FragmentationExperiment.Slot.KERNEL));
        assertThat(both.freePages()).isEqualTo(neither.freePages());
        assertThat(FragmentationExperiment.run(settings, Progress.NONE).json()).isEqualTo(experiment.json());
    }

    @Test
    void fragmentation_withoutLitter_isCuredByCompactionAlone() {
        List<FragmentationExperiment.Variant> variants = FragmentationExperiment.run(
                        new FragmentationExperiment.Settings(1, 64 * Size.MIB, 4, 0), Progress.NONE)
                .variants();
        assertThat(variants.getLast().served() << 4)
                .isGreaterThan((int) (variants.getLast().freePages() / 2));
    }
}
