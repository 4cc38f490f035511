package io.pagewalk.hardware.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pagewalk.base.KernelBug;
import io.pagewalk.base.SeededRandom;
import io.pagewalk.base.Violations;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class PhysicalMemoryTest {
    @Test
    void stores_ofAllSizes_equalAByteArray() {
        PhysicalMemory memory = new PhysicalMemory(4);
        byte[] naive = new byte[4 * 4096];
        SeededRandom random = new SeededRandom(7);
        for (int step = 0; step < 20_000; step++) {
            int at = random.nextInt(naive.length);
            switch (random.nextInt(6)) {
                case 0 -> {
                    byte value = (byte) random.nextInt(256);
                    memory.writeByte(at, value);
                    naive[at] = value;
                }
                case 1 -> {
                    int value = (int) random.nextLong();
                    memory.writeInt(at & ~3, value);
                    for (int i = 0; i < 4; i++) {
                        naive[(at & ~3) + i] = (byte) (value >>> (8 * i));
                    }
                }
                case 2 -> {
                    long value = random.nextLong();
                    memory.writeLong(at & ~7, value);
                    for (int i = 0; i < 8; i++) {
                        naive[(at & ~7) + i] = (byte) (value >>> (8 * i));
                    }
                }
                case 3 -> assertThat(memory.readByte(at)).isEqualTo(naive[at]);
                case 4 -> {
                    if (random.nextInt(50) == 0) {
                        int from = random.nextInt(4);
                        memory.copyFrame(from, at / 4096);
                        System.arraycopy(naive.clone(), from * 4096, naive, at / 4096 * 4096, 4096);
                    }
                }
                default -> {
                    if (random.nextInt(50) == 0) {
                        memory.clearFrame(at / 4096);
                        Arrays.fill(naive, at / 4096 * 4096, at / 4096 * 4096 + 4096, (byte) 0);
                    }
                }
            }
        }
        byte[] all = new byte[naive.length];
        memory.copyOut(0, all, 0, all.length);
        assertThat(all).isEqualTo(naive);
        Violations violations = new Violations();
        memory.verify(violations);
        violations.throwIfAny();
    }

    @Test
    void frames_neverStoredOrCleared_takeNoHostMemory() {
        PhysicalMemory memory = new PhysicalMemory(1L << 28);
        memory.writeLong(0x12_3456_7000L, 0);
        assertThat(memory.residentFrames()).isZero();
        memory.writeLong(0x12_3456_7000L, 1);
        assertThat(memory.residentFrames()).isEqualTo(1);
        assertThat(memory.isZero(0x12_3456_7L)).isFalse();
        memory.clearFrame(0x12_3456_7L);
        assertThat(memory.residentFrames()).isZero();
        assertThat(memory.isZero(0x12_3456_7L)).isTrue();
    }

    @Test
    void access_pastTheEnd_isAKernelBug() {
        PhysicalMemory memory = new PhysicalMemory(2);
        assertThatThrownBy(() -> memory.readLong(2 * 4096)).isInstanceOf(KernelBug.class);
        assertThatThrownBy(() -> memory.writeLong(-8, 1)).isInstanceOf(KernelBug.class);
    }
}
