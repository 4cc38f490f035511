package io.pagewalk.hardware.bus;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

/** Registers as the data sheet of the PC16550D describes them; each probe is one that drivers/tty/serial/8250/8250_port.c:autoconfig() makes. */
class Uart16550Test {
    private static final int IER = 1;
    private static final int IIR = 2;
    private static final int FCR = 2;
    private static final int LCR = 3;
    private static final int MCR = 4;
    private static final int LSR = 5;
    private static final int MSR = 6;
    private static final int SCR = 7;

    private final Uart16550 uart = new Uart16550();

    @Test
    void transmit_bytes_reachTheLine() {
        for (byte letter : "ok".getBytes(StandardCharsets.US_ASCII)) {
            assertThat(uart.readPort(LSR) & 0x60).as("transmitter empty").isEqualTo(0x60);
            uart.writePort(0, letter);
        }
        assertThat(uart.sent()).containsExactly('o', 'k');
    }

    @Test
    void divisorLatch_open_hidesDataAndInterruptRegisters() {
        uart.writePort(IER, 0x0f);
        uart.writePort(LCR, 0x83);
        uart.writePort(0, 1);
        uart.writePort(1, 0);
        assertThat(uart.divisor()).isEqualTo(1);
        uart.writePort(LCR, 0x03);
        assertThat(uart.readPort(IER)).isEqualTo(0x0f);
        assertThat(uart.sent()).isEmpty();
    }

    @Test
    void fifoControl_enabled_identifiesA16550A() {
        assertThat(uart.readPort(IIR) >>> 6).isZero();
        uart.writePort(FCR, 1);
        assertThat(uart.readPort(IIR) >>> 6).isEqualTo(3);
    }

    @Test
    void receive_withoutFifo_keepsTheNewestByteAndSaysOverrun() {
        uart.receive((byte) 'a');
        uart.receive((byte) 'b');
        assertThat(uart.readPort(LSR) & 3).isEqualTo(3);
        assertThat(uart.readPort(LSR) & 2).as("reading takes the overrun back").isZero();
        assertThat(uart.readPort(0)).isEqualTo('b');
        assertThat(uart.readPort(LSR) & 1).isZero();
    }

    @Test
    void receive_pastSixteenBytes_dropsTheNewByteAndSaysOverrun() {
        uart.writePort(FCR, 1);
        for (int i = 0; i < 17; i++) {
            uart.receive((byte) i);
        }
        assertThat(uart.readPort(LSR) & 3).isEqualTo(3);
        for (int i = 0; i < 16; i++) {
            assertThat(uart.readPort(0)).isEqualTo(i);
        }
        assertThat(uart.readPort(LSR) & 1).isZero();
    }

    @Test
    void loopback_sendsToItselfAndTurnsModemLinesAround() {
        uart.writePort(MCR, 0x1a);
        assertThat(uart.readPort(MSR)).as("RTS as CTS, OUT2 as DCD").isEqualTo(0x90);
        uart.writePort(0, 0x55);
        assertThat(uart.readPort(0)).isEqualTo(0x55);
        assertThat(uart.sent()).isEmpty();
    }

    @Test
    void interruptIdentification_reportsTheHighestPriority() {
        uart.writePort(IER, 7);
        assertThat(uart.readPort(IIR) & 0xf).as("transmitter empty").isEqualTo(2);
        assertThat(uart.readPort(IIR) & 0xf).as("none pending").isEqualTo(1);
        uart.receive((byte) 1);
        assertThat(uart.readPort(IIR) & 0xf).as("data").isEqualTo(4);
        uart.receive((byte) 2);
        assertThat(uart.readPort(IIR) & 0xf).as("line status").isEqualTo(6);
    }

    @Test
    void scratchRegister_keepsItsValue() {
        uart.writePort(SCR, 0xa5);
        assertThat(uart.readPort(SCR)).isEqualTo(0xa5);
    }
}
