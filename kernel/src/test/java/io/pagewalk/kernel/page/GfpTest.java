package io.pagewalk.kernel.page;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class GfpTest {
    /** Values that OOM and allocation-failure reports of 6.x kernels print behind {@code gfp_mask=}. */
    @Test
    void values_areThoseOfReports() {
        assertThat(Gfp.GFP_KERNEL).isEqualTo(0xcc0);
        assertThat(Gfp.GFP_ATOMIC).isEqualTo(0x820);
        assertThat(Gfp.GFP_HIGHUSER_MOVABLE).isEqualTo(0x100cca);
        assertThat(Gfp.GFP_HIGHUSER_MOVABLE | Gfp.COMP).isEqualTo(0x140cca);
    }

    @Test
    void describe_combination_printsItsNameAndTheRest() {
        assertThat(Gfp.describe(0x140cca)).isEqualTo("GFP_HIGHUSER_MOVABLE|__GFP_COMP");
        assertThat(Gfp.describe(0x820 | 0x2000)).isEqualTo("GFP_ATOMIC|__GFP_NOWARN");
        assertThat(Gfp.describe(Gfp.GFP_NOWAIT)).isEqualTo("GFP_NOWAIT");
    }

    @Test
    void migrateType_ofFlags_isTheGroup() {
        assertThat(Gfp.migrateType(Gfp.GFP_KERNEL)).isEqualTo(MigrateType.UNMOVABLE);
        assertThat(Gfp.migrateType(Gfp.GFP_HIGHUSER_MOVABLE)).isEqualTo(MigrateType.MOVABLE);
        assertThat(Gfp.migrateType(Gfp.GFP_KERNEL | Gfp.RECLAIMABLE)).isEqualTo(MigrateType.RECLAIMABLE);
    }
}
