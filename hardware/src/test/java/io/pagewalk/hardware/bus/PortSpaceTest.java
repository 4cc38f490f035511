package io.pagewalk.hardware.bus;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.Violations;
import org.junit.jupiter.api.Test;

class PortSpaceTest {
    private final PortSpace ports = new PortSpace();
    private final Uart16550 uart = new Uart16550();

    @Test
    void read_portWithoutDevice_givesAllOnes() {
        assertThat(ports.read(0x80, 1)).isEqualTo(0xff);
        assertThat(ports.read(0x80, 2)).isEqualTo(0xffff);
        assertThat(ports.read(0x80, 4)).isEqualTo(-1);
    }

    @Test
    void access_widerThanAByte_goesToConsecutivePorts() {
        assertThat(ports.attach(0x3f8, Uart16550.PORTS, uart)).isTrue();
        ports.write(0x3f8 + 3, 1, 0x80);
        ports.write(0x3f8, 2, 0x0201);
        assertThat(uart.divisor()).isEqualTo(0x0201);
        assertThat(ports.read(0x3f8, 2)).isEqualTo(0x0201);
        assertThat(ports.read(0x3fe, 4) & 0xffff0000)
                .as("ports 0x400 and 0x401 are nobody's")
                .isEqualTo(0xffff0000);
    }

    @Test
    void attach_overlappingRun_isRefusedAndChangesNothing() {
        assertThat(ports.attach(0x3f8, 8, uart)).isTrue();
        assertThat(ports.attach(0x3ff, 1, new Uart16550())).isFalse();
        assertThat(ports.attach(0x3f0, 9, new Uart16550())).isFalse();
        assertThat(ports.attach(0x3f0, 8, new Uart16550())).isTrue();
        Violations violations = new Violations();
        ports.verify(violations);
        violations.throwIfAny();
        ports.detach(0x3f8);
        assertThat(ports.read(0x3ff, 1)).isEqualTo(0xff);
    }
}
