package io.pagewalk.workload.read;

import java.io.IOException;
import java.io.InputStream;

/** Reads one recorded program from a stream of bytes and hands its accesses and calls to the sink that the reader was made with. */
public interface TraceReader {
    /**
     * Reads to the end of the trace. A reader reads one trace only.
     *
     * @param in the bytes; not closed
     * @return what was handed on
     * @throws io.pagewalk.base.BadInput when the bytes are no trace, or end before the program does
     * @throws IOException when reading fails
     */
    ReadCounts read(InputStream in) throws IOException;
}
