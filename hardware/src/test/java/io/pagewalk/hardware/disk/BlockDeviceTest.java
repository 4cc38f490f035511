package io.pagewalk.hardware.disk;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pagewalk.base.KernelBug;
import org.junit.jupiter.api.Test;

class BlockDeviceTest {
    private static BlockDevice device(int queueDepth) {
        return new BlockDevice(
                new DiskDescription("nvme0n1", 1 << 20, 100_000, 4096_000_000L, queueDepth, DiskDescription.Use.FILES));
    }

    @Test
    void submitRead_idleDevice_takesLatencyAndTransfer() {
        assertThat(device(1).submitRead(500, 4096)).isEqualTo(500 + 100_000 + 1_000);
    }

    @Test
    void submitRead_deepQueue_overlapsLatenciesButNotTransfers() {
        BlockDevice device = device(2);
        assertThat(device.submitRead(0, 4096)).isEqualTo(101_000);
        assertThat(device.submitRead(0, 4096)).isEqualTo(102_000);
        assertThat(device.submitRead(0, 4096)).as("third waits for a place").isEqualTo(202_000);
        assertThat(device.busyNanos()).isEqualTo(3_000);
        assertThat(device.reads()).isEqualTo(3);
        assertThat(device.waitNanos()).isEqualTo(101_000 + 102_000 + 202_000);
    }

    @Test
    void blocks_writtenReadDiscarded_keepContents() {
        BlockDevice device = device(1);
        byte[] contents = new byte[BlockDevice.BLOCK_BYTES];
        contents[17] = 42;
        device.writeBlock(255, contents);
        contents[17] = 1;
        assertThat(device.readBlock(255)[17]).isEqualTo((byte) 42);
        device.discardBlock(255);
        assertThat(device.readBlock(255)).containsOnly(0);
        assertThatThrownBy(() -> device.readBlock(256)).isInstanceOf(KernelBug.class);
    }
}
