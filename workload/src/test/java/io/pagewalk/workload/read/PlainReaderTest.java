package io.pagewalk.workload.read;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pagewalk.base.BadInput;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PlainReaderTest {
    private final EventLog log = new EventLog();

    private ReadCounts read(String text) throws IOException {
        return new PlainReader("plain", log, n -> {})
                .read(new ByteArrayInputStream(text.getBytes(StandardCharsets.ISO_8859_1)));
    }

    @Test
    void read_allLabels_givesTheirKinds() throws IOException {
        ReadCounts counts = read(
                "# text\nl 1000 8\nr 0x2000\n\ns 3000 4 # why\n W\t4000\r\nI ffff8000\n0 10\n1 20\n2 30 4\nm 40 8");
        assertThat(log.lines)
                .containsExactly(
                        "load 1000 8",
                        "load 2000 1",
                        "store 3000 4",
                        "store 4000 1",
                        "fetch ffff8000 1",
                        "load 10 1",
                        "store 20 1",
                        "fetch 30 4",
                        "store 40 8",
                        "load 40 8",
                        "exit 0");
        assertThat(counts).isEqualTo(new ReadCounts(2, 4, 4, 0, 1));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "x 1000",
                "l",
                "l zz",
                "l 1000 x",
                "l 1000 0",
                "l1000",
                "l 1000 8 9",
                "l 11112222333344445",
                "l 1000,8"
            })
    void read_lineThatIsNone_namesIt(String line) {
        assertThatThrownBy(() -> read("l 1000\n" + line + "\n"))
                .isInstanceOf(BadInput.class)
                .hasMessageStartingWith("plain:2: found '" + line + "', expected ");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "# only words\n\n"})
    void read_noAccess_isRefused(String text) {
        assertThatThrownBy(() -> read(text)).isInstanceOf(BadInput.class).hasMessageStartingWith("plain: found ");
    }
}
