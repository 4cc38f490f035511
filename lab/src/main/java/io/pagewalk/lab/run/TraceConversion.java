package io.pagewalk.lab.run;

import io.pagewalk.base.BadInput;
import io.pagewalk.workload.read.ReadCounts;
import io.pagewalk.workload.read.TraceFormat;
import io.pagewalk.workload.trace.TraceHeader;
import io.pagewalk.workload.trace.TraceWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.ZoneOffset;
import java.util.List;

/** Texts and streams of other tools made into {@code .pwt} traces. */
public final class TraceConversion {
    private TraceConversion() {}

    /**
     * Converts a file. It says nothing of the program's mappings at the start, so these are taken from what the program touches: see
     * {@link TouchedPages}.
     *
     * @param input text of valgrind's lackey, a stream of the qemu plugin, or lines such as {@code l 7ffe0010 8}
     * @param output the trace to make; it appears when it is complete
     * @param level zstd's level
     * @return what was read
     * @throws BadInput when the input is none of these or ends too early, or the output cannot be written
     */
    public static ReadCounts convert(Path input, Path output, int level) {
        if (!Files.isRegularFile(input)) {
            throw new BadInput("trace " + input, Files.exists(input) ? "no file" : "no such file", "a trace");
        }
        try (TraceWriter writer = new TraceWriter(output, level)) {
            TouchedPages pages = new TouchedPages(writer.sink());
            ReadCounts counts = TraceFormat.read(input, pages, accesses -> {});
            if (counts.accesses() == 0) {
                throw new BadInput("trace " + input, "no access", "at least one");
            }
            String name = String.valueOf(input.getFileName());
            String date = Files.getLastModifiedTime(input)
                    .toInstant()
                    .atZone(ZoneOffset.UTC)
                    .toLocalDate()
                    .toString();
            writer.finish(new TraceHeader(
                    List.of(name),
                    date,
                    "unknown",
                    "text",
                    -1,
                    pages.initialMaps(),
                    pages.heapStart(),
                    0,
                    0,
                    List.of()));
            return counts;
        } catch (IOException e) {
            throw new BadInput("trace " + input + ": cannot be read (" + e.getMessage() + ")", e);
        }
    }
}
