package io.pagewalk.workload.read;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pagewalk.base.BadInput;
import io.pagewalk.workload.trace.TraceWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TraceFormatTest {
    @TempDir
    Path directory;

    private static TraceFormat detect(String text) {
        return TraceFormat.detect(text.getBytes(StandardCharsets.ISO_8859_1), "file");
    }

    @ParameterizedTest
    @CsvSource(
            ignoreLeadingAndTrailingWhitespace = false,
            value = {
                "I  04001000,3,LACKEY",
                "l 1000 8,,PLAIN",
                "0 7fff,,PLAIN",
                "# words,,PLAIN",
                "==12== Lackey,,LACKEY",
                "--12--   SCHED[1]: x,,LACKEY"
            })
    void detect_firstLines_tellTheFormat(String line, String rest, TraceFormat format) {
        assertThat(detect(line + (rest == null ? "" : "," + rest) + "\n")).isEqualTo(format);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "hello\n", "\u0000\u0001\u0002\n", "l 1000\nnonsense\nl 2000\n"})
    void detect_noTrace_isRefused(String text) {
        assertThatThrownBy(() -> detect(text)).isInstanceOf(BadInput.class).hasMessageContaining("expected a");
    }

    @Test
    void read_missingFile_isRefused() {
        assertThatThrownBy(() -> TraceFormat.read(directory.resolve("none"), new EventLog(), n -> {}))
                .isInstanceOf(BadInput.class)
                .hasMessageContaining("no such file");
    }

    @Test
    void maps_ofTouchedPages_leaveOutWhatCallsMapped() throws IOException {
        Path text = directory.resolve("text");
        Files.writeString(text, """
                I  401000,3
                 L 402000,8
                 S 402ffc,8
                 S 7ff000,8
                SYSCALL[7,1](12) sys_brk ( 0x0 ) --> [pre-success] Success(0x900000)\s
                SYSCALL[7,1](12) sys_brk ( 0x901000 ) --> [pre-success] Success(0x901000)\s
                 S 900010,8
                SYSCALL[7,1](9) sys_mmap ( 0x0, 8192, 3, 34, -1, 0 ) --> [pre-success] Success(0x4000000)\s
                 L 4001000,8
                """);
        UnmappedPages pages = new UnmappedPages(new EventLog());
        TraceFormat.read(text, pages, n -> {});
        assertThat(pages.maps().toString())
                .isEqualTo("[InitialMap[start=4198400, end=4202496, prot=r-xp, fileOffset=0, path=null, name=null], "
                        + "InitialMap[start=4202496, end=4210688, prot=rw-p, fileOffset=0, path=null, name=null], "
                        + "InitialMap[start=8384512, end=8388608, prot=rw-p, fileOffset=0, path=null, name=null]]");
        assertThat(pages.brkStart()).isEqualTo(0x900000);
    }

    @Test
    void convert_badText_leavesNoFile() throws IOException {
        Path text = directory.resolve("bad");
        Files.writeString(text, "l 1000\nl 2000\n".repeat(1000) + "oops\n");
        Path target = directory.resolve("out.pwt");
        assertThatThrownBy(() -> TraceImport.convert(text, target, TraceWriter.FAST_LEVEL, n -> {}))
                .isInstanceOf(BadInput.class)
                .hasMessageContaining("bad:2001: found 'oops'");
        try (var files = Files.list(directory)) {
            assertThat(files).containsExactly(text);
        }
    }
}
