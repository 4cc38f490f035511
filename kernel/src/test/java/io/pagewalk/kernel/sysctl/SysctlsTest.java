package io.pagewalk.kernel.sysctl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pagewalk.base.BadInput;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class SysctlsTest {
    @Test
    void set_unknownName_listsTheValidOnes() {
        assertThatThrownBy(() -> new Sysctls().set("vm.swapiness", "10"))
                .isInstanceOf(BadInput.class)
                .hasMessageContaining("vm.swapiness")
                .hasMessageContaining("vm.swappiness")
                .hasMessageContaining("vm.lowmem_reserve_ratio");
    }

    @Test
    void set_valueOutOfRange_saysTheRange() {
        assertThatThrownBy(() -> new Sysctls().set("vm.swappiness", "201"))
                .isInstanceOf(BadInput.class)
                .hasMessageContaining("0 to 200");
        assertThatThrownBy(() -> new Sysctls().set("vm.watermark_scale_factor", "0"))
                .isInstanceOf(BadInput.class);
        assertThatThrownBy(() -> new Sysctls().set("vm.overcommit_memory", "yes"))
                .isInstanceOf(BadInput.class);
        assertThatThrownBy(() -> new Sysctls().set("vm.percpu_pagelist_high_fraction", "7"))
                .isInstanceOf(BadInput.class);
        assertThatThrownBy(() -> new Sysctls().set("vm.lowmem_reserve_ratio", "256 x"))
                .isInstanceOf(BadInput.class);
    }

    @Test
    void derive_valueOfUser_stays() {
        Sysctls sysctls = Sysctls.of(Map.of("vm.min_free_kbytes", "4096", "swappiness", "0"));
        sysctls.derive("min_free_kbytes", 67584);
        sysctls.derive("user_reserve_kbytes", 100403);
        assertThat(sysctls.get("vm.min_free_kbytes")).isEqualTo(4096);
        assertThat(sysctls.get("swappiness")).isZero();
        assertThat(sysctls.get("user_reserve_kbytes")).isEqualTo(100403);
    }

    /** {@code proc_dointvec_minmax()} takes as many numbers as there are places, and leaves the places alone for which there is none. */
    @Test
    void set_lowmemReserveRatioOfAnotherLength_fillsWhatIsThere() {
        Sysctls sysctls = Sysctls.of(Map.of("lowmem_reserve_ratio", "1 2"));
        sysctls.deriveLowmemReserveRatio(List.of(256, 256, 32, 0));
        assertThat(sysctls.lowmemReserveRatio()).containsExactly(1, 2, 32, 0);
        sysctls.set("lowmem_reserve_ratio", "9");
        assertThat(sysctls.lowmemReserveRatio()).containsExactly(9, 2, 32, 0);
        sysctls.set("lowmem_reserve_ratio", "5 6 7 8 9 10");
        assertThat(sysctls.lowmemReserveRatio()).containsExactly(5, 6, 7, 8);
    }

    /** {@code numa_zonelist_order_handler()}: other words are refused, and these two change nothing. */
    @Test
    void set_numaZonelistOrder_staysNode() {
        Sysctls sysctls = new Sysctls();
        sysctls.set("numa_zonelist_order", "default");
        assertThat(sysctls.text("numa_zonelist_order")).isEqualTo("Node");
        assertThatThrownBy(() -> sysctls.set("numa_zonelist_order", "zone")).isInstanceOf(BadInput.class);
    }

    /** As {@code cat /proc/sys/vm/lowmem_reserve_ratio} prints it on Linux 6.18, x86-64. */
    @Test
    void text_lowmemReserveRatio_isTabbed() {
        Sysctls sysctls = new Sysctls();
        sysctls.deriveLowmemReserveRatio(List.of(256, 256, 32, 0, 0));
        assertThat(sysctls.text("vm.lowmem_reserve_ratio")).isEqualTo("256\t256\t32\t0\t0");
    }
}
