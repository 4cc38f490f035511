package io.pagewalk.workload.trace;

import java.util.zip.CRC32C;

/**
 * The frame of a {@code .pwt} file.
 *
 * <pre>
 *  magic, 8 bytes
 *  block frame   'B' | length, 4 bytes | counts; raw length, packed length and CRC of each column | CRC | columns
 *  ...
 *  end frame     'E' | length, 4 bytes | header text, totals, place of each block | CRC
 *  place of the end frame, 8 bytes | end magic, 8 bytes
 * </pre>
 *
 * <p>Numbers of fixed width stand low byte first; all others are variable-length. Each column is one zstd frame with a
 * CRC-32C over its packed bytes, so that a reader checks the columns that it skips without unpacking them.
 */
final class PwtFormat {
    /** First bytes: like PNG's, they reveal a transfer that changed line ends or cut the eighth bit. */
    static final long MAGIC = 0x0a1a0a0d5457_5089L;

    /** Last bytes of a complete file: {@code PWTEND} and a line end. */
    static final long END_MAGIC = 0x0a0d444e4554_5750L;

    static final int VERSION = 1;
    static final int MAGIC_BYTES = 8;
    static final int TAIL_BYTES = 16;
    static final int FRAME_HEAD_BYTES = 5;
    static final int BLOCK = 'B';
    static final int END = 'E';

    /** Most bytes that one decoded column may have; the encoder stays far below. */
    static final int MAX_COLUMN_BYTES = 256 << 20;

    private PwtFormat() {}

    static int crc(byte[] bytes, int from, int length) {
        CRC32C crc = new CRC32C();
        crc.update(bytes, from, length);
        return (int) crc.getValue();
    }
}
