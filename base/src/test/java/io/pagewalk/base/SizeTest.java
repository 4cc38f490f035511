package io.pagewalk.base;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SizeTest {
    @ParameterizedTest
    @CsvSource({"1,1", "4096,4096", "12K,12288", "12k,12288", "1.5G,1610612736", "64MiB,67108864", "2TB,2199023255552"})
    void parse_validText_givesBytes(String text, long bytes) {
        assertThat(Size.parse("--ram", text)).isEqualTo(bytes);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "K", "-1", "12Q", "1e3", "0", "99999999999999E", "1..5G"})
    void parse_badText_namesWhereAndWhat(String text) {
        assertThatThrownBy(() -> Size.parse("--ram", text))
                .isInstanceOf(BadInput.class)
                .hasMessageStartingWith("--ram: found '" + text + "', expected a size");
    }

    @ParameterizedTest
    @CsvSource({"0,0 B", "1023,1023 B", "1024,1 KiB", "1536,1.5 KiB", "1099511627776,1 TiB"})
    void format_bytes_picksUnit(long bytes, String text) {
        assertThat(Size.format(bytes)).isEqualTo(text);
    }

    @Test
    void format_parsedAgain_isTheSame() {
        for (long size = 1; size < Size.TIB; size *= 4) {
            assertThat(Size.parse("x", Size.format(size).replace(" ", ""))).isEqualTo(size);
        }
    }
}
