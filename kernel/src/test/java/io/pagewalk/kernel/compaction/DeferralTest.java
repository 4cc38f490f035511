package io.pagewalk.kernel.compaction;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.kernel.zone.Zone;
import io.pagewalk.kernel.zone.ZoneLayout;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** When compaction is not tried, as {@code defer_compaction()}, {@code compaction_deferred()} and {@code fragmentation_score_wmark()} of 6.18 say. */
class DeferralTest {
    private final Zone zone = new Zone(ZoneLayout.x8664(), 0, 2, 1 << 20, 1 << 18, 1 << 18, 1);

    @Test
    void failed_againAndAgain_skipsTwiceAsManyUpTo64() {
        zone.compaction.orderFailed = 10;
        assertThat(Deferral.isDeferred(zone, 9)).isFalse();
        List<Integer> skipped = new ArrayList<>();
        for (int failure = 0; failure < 8; failure++) {
            Deferral.failed(zone, 9);
            int count = 0;
            while (Deferral.isDeferred(zone, 9)) {
                count++;
            }
            skipped.add(count);
        }
        // The attempt that brings the count to the limit is made.
        assertThat(skipped).containsExactly(1, 3, 7, 15, 31, 63, 63, 63);
    }

    @Test
    void failed_oneOrder_holdsForItAndLargerOnes() {
        zone.compaction.orderFailed = 10;
        Deferral.failed(zone, 5);
        assertThat(zone.compaction.orderFailed).isEqualTo(5);
        assertThat(Deferral.isDeferred(zone, 4)).isFalse();
        assertThat(Deferral.isDeferred(zone, 5)).isTrue();
    }

    /** Compaction that made a block raises the order only; memory that was taken ends the deferral. */
    @Test
    void succeeded_blockMadeOrTaken_endsTheDeferralOnlyWhenTaken() {
        zone.compaction.orderFailed = 10;
        Deferral.failed(zone, 3);
        Deferral.failed(zone, 3);
        Deferral.succeeded(zone, 4, false);
        assertThat(zone.compaction.orderFailed).isEqualTo(5);
        assertThat(zone.compaction.deferShift).isEqualTo(2);
        assertThat(Deferral.isDeferred(zone, 4)).isFalse();
        assertThat(Deferral.isDeferred(zone, 5)).isTrue();
        Deferral.succeeded(zone, 2, true);
        assertThat(zone.compaction.orderFailed).isEqualTo(5);
        assertThat(zone.compaction.deferShift).isZero();
        assertThat(Deferral.isDeferred(zone, 5)).isFalse();
    }

    @Test
    void isRestarting_deferredToTheLast_triesTheWholeZoneAgain() {
        zone.compaction.orderFailed = 10;
        for (int failure = 0; failure < 6; failure++) {
            assertThat(Deferral.isRestarting(zone, 9)).isFalse();
            Deferral.failed(zone, 9);
        }
        assertThat(Deferral.isRestarting(zone, 9)).isFalse();
        while (Deferral.isDeferred(zone, 9)) {
            assertThat(Deferral.isRestarting(zone, 9)).isFalse();
        }
        assertThat(Deferral.isRestarting(zone, 9)).isTrue();
        assertThat(Deferral.isRestarting(zone, 8)).isFalse();
    }

    @Test
    void marks_ofProactiveness_leaveTenBetween() {
        assertThat(Proactive.lowMark(20)).isEqualTo(80);
        assertThat(Proactive.highMark(20)).isEqualTo(90);
        assertThat(Proactive.lowMark(0)).isEqualTo(100);
        assertThat(Proactive.highMark(0)).isEqualTo(100);
        assertThat(Proactive.lowMark(100)).isEqualTo(5);
        assertThat(Proactive.highMark(100)).isEqualTo(15);
    }
}
