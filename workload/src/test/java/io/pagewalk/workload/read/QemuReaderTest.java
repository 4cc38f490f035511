package io.pagewalk.workload.read;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pagewalk.base.BadInput;
import io.pagewalk.base.SeededRandom;
import io.pagewalk.workload.trace.SyscallEvent;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class QemuReaderTest {
    private static final long LOAD = 1L << 60;
    private static final long STORE = 2L << 60;
    private final EventLog log = new EventLog();
    private final ByteArrayOutputStream stream = new ByteArrayOutputStream();

    private void words(long... words) {
        ByteBuffer buffer = ByteBuffer.allocate(8 * words.length).order(ByteOrder.LITTLE_ENDIAN);
        for (long word : words) {
            buffer.putLong(word);
        }
        stream.writeBytes(buffer.array());
    }

    private void frame(int type, int vcpu, long... payload) {
        words(((long) type << 56) | ((long) vcpu << 32) | payload.length);
        words(payload);
    }

    private void begin() {
        words(QemuReader.MAGIC);
        frame(5, 0, 1, 77);
        frame(2, 3, 0, 0x401000, 0x020503); /* block 0: instructions of 3, 5 and 2 bytes */
        frame(2, 1, 1, 0x402000, 0x04);
    }

    private ReadCounts read() throws IOException {
        return read(stream.toByteArray());
    }

    private ReadCounts read(byte[] bytes) throws IOException {
        return new QemuReader("stream", log, n -> {}).read(new ByteArrayInputStream(bytes));
    }

    private static long record(long kind, int log2, int instruction, long vaddr) {
        return kind | ((long) log2 << 56) | ((long) instruction << 47) | vaddr;
    }

    @Test
    void read_blockWithAccesses_interleavesFetches() throws IOException {
        begin();
        frame(
                1,
                0,
                0,
                record(LOAD, 3, 1, 0x7000),
                record(STORE, 3, 1, 0x7000),
                record(LOAD, 4, 2, 0x7ffe_0000_0000L),
                1);
        frame(3, 0, 231, 4, 0, 0, 0, 0, 0, 0);
        ReadCounts counts = read();
        assertThat(log.lines)
                .containsExactly(
                        "fetch 401000 3",
                        "fetch 401003 5",
                        "store 7000 8",
                        "load 7000 8",
                        "fetch 401008 2",
                        "load 7ffe00000000 16",
                        "fetch 402000 4",
                        "exit 4");
        assertThat(counts).isEqualTo(new ReadCounts(4, 2, 1, 1, 1));
    }

    @Test
    void read_threads_followTheirOwnBlocks() throws IOException {
        begin();
        frame(1, 0, 0, record(LOAD, 0, 0, 0x10));
        frame(3, 0, 56, 0x3d0f00, 0, 0, 0, 0, 0, 0);
        frame(4, 0, 56, 1234, 2);
        frame(1, 1, 1);
        frame(1, 0, 0, record(LOAD, 0, 0, 0x20));
        frame(1, 1, record(STORE, 0, 0, 0x30), 1);
        frame(3, 1, 60, 5, 0, 0, 0, 0, 0, 0);
        frame(3, 0, 60, 6, 0, 0, 0, 0, 0, 0);
        assertThat(read().threads()).isEqualTo(2);
        assertThat(log.lines)
                .containsExactly(
                        "fetch 401000 3",
                        "load 10 1",
                        "fetch 401003 5",
                        "fetch 401008 2",
                        "call 56 = 1234",
                        "thread 1",
                        "thread 0",
                        "fetch 401000 3",
                        "load 20 1",
                        "thread 1",
                        "fetch 402000 4",
                        "store 30 1",
                        "fetch 402000 4",
                        "exit of thread 1: 5",
                        "thread 0",
                        "fetch 401003 5",
                        "fetch 401008 2",
                        "exit of thread 0: 6",
                        "exit 6");
    }

    @Test
    void read_callWithPath_keepsIt() throws IOException {
        begin();
        frame(3, 0, 257, -100, 0x2000, 0, 0, 0, 0, 4, 0x67666564);
        frame(4, 0, 257, -2, 0);
        frame(3, 0, 59, 0x3000, 0, 0, 0, 0, 0, 0);
        read();
        assertThat(log.calls)
                .containsExactly(
                        new SyscallEvent(257, -100, 0x2000, 0, 0, 0, 0, -2, "defg"),
                        new SyscallEvent(59, 0x3000, 0, 0, 0, 0, 0, 0, null));
    }

    @Test
    void read_restartedCall_countsOnce() throws IOException {
        begin();
        frame(3, 0, 0, 1, 2, 3, 0, 0, 0, 0);
        frame(4, 0, 0, -512, 0);
        frame(3, 0, 0, 1, 2, 3, 0, 0, 0, 0);
        frame(4, 0, 0, 3, 0);
        frame(7, 0, 137);
        assertThat(read().syscalls()).isEqualTo(1);
        assertThat(log.lines).containsExactly("call 0 = 3", "exit 137");
    }

    @Test
    void read_cutStream_isTruncated() throws IOException {
        begin();
        frame(1, 0, 0, 1, 0, 1);
        byte[] whole = stream.toByteArray();
        for (int length = 8; length <= whole.length; length++) {
            byte[] cut = Arrays.copyOf(whole, length);
            assertThatThrownBy(() -> read(cut)).isInstanceOf(BadInput.class).hasMessageContaining("end of the stream");
        }
    }

    @Test
    void read_otherBytes_areRefused() {
        assertThatThrownBy(() -> read(new byte[] {1, 2, 3}))
                .isInstanceOf(BadInput.class)
                .hasMessageStartingWith("stream: byte 0");
    }

    @Test
    void read_damagedStream_eitherReadsOrNamesTheByte() throws IOException {
        begin();
        frame(1, 0, 0, record(LOAD, 3, 1, 0x7000), 1, 0);
        frame(3, 0, 257, -100, 0x2000, 0, 0, 0, 0, 4, 0x67666564);
        frame(4, 0, 257, 3, 0);
        frame(3, 0, 231, 4, 0, 0, 0, 0, 0, 0);
        byte[] whole = stream.toByteArray();
        for (long seed = 0; seed < 5000; seed++) {
            SeededRandom random = new SeededRandom(seed);
            byte[] bytes = whole.clone();
            for (int i = random.nextInt(3); i >= 0; i--) {
                bytes[random.nextInt(bytes.length)] = (byte) random.nextInt(256);
            }
            try {
                read(bytes);
            } catch (BadInput e) {
                assertThat(e)
                        .as("seed %d", seed)
                        .hasMessageStartingWith("stream")
                        .hasMessageContaining(", expected ");
            }
        }
    }
}
