package io.pagewalk.workload.read;

import io.pagewalk.base.BadInput;
import io.pagewalk.workload.trace.TraceHeader;
import io.pagewalk.workload.trace.TraceWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Locale;
import java.util.function.LongConsumer;

/**
 * Makes a {@code .pwt} trace of a file in another tool's format: {@code pagewalk trace convert IN OUT}.
 *
 * <p>Such files do not say what the program had mapped at its start; the mappings are worked out from the pages that it touched. Nor do they say how long the program itself ran.
 */
public final class TraceImport {
    private TraceImport() {}

    /**
     * Converts a file. The target appears when it is complete; whatever goes wrong leaves none.
     *
     * @param source the file, in any of {@link TraceFormat}'s formats
     * @param target the trace to make
     * @param level zstd's level; see {@link TraceWriter}
     * @param progress told the number of accesses so far from time to time
     * @return what was converted
     * @throws BadInput when the source is no trace or the target cannot be written
     */
    public static ReadCounts convert(Path source, Path target, int level, LongConsumer progress) {
        if (!Files.isRegularFile(source)) {
            throw new BadInput(source.toString(), Files.exists(source) ? "no file" : "no such file", "a trace");
        }
        try (TraceWriter writer = new TraceWriter(target, level)) {
            UnmappedPages pages = new UnmappedPages(writer.sink());
            ReadCounts counts = TraceFormat.read(source, pages, progress);
            writer.finish(new TraceHeader(
                    List.of(String.valueOf(source.getFileName())),
                    Files.getLastModifiedTime(source)
                            .toInstant()
                            .atZone(ZoneOffset.UTC)
                            .toLocalDate()
                            .toString(),
                    "unknown",
                    TraceFormat.detect(source).name().toLowerCase(Locale.ROOT) + " file",
                    -1,
                    pages.maps(),
                    pages.brkStart(),
                    0,
                    0,
                    List.of()));
            return counts;
        } catch (IOException e) {
            throw new BadInput("cannot read " + source + ": " + e.getMessage(), e);
        }
    }
}
