package io.pagewalk.kernel.procfs;

import io.pagewalk.kernel.filemap.CharDevice;
import io.pagewalk.kernel.filemap.OpenFile;
import io.pagewalk.kernel.syscall.Errno;
import java.nio.charset.StandardCharsets;
import java.util.function.Supplier;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/** A short text that is made when it is read, and perhaps a setting that is written: {@code fs/seq_file.c} and {@code fs/sysfs/file.c}. */
public final class TextFile implements CharDevice {
    private static final int SEEK_SET = 0;
    private static final int SEEK_CUR = 1;

    /** What every attribute of sysfs pretends to be long. */
    private static final int ATTRIBUTE_BYTES = 4096;

    private final Supplier<String> text;
    private final @Nullable ToLongFunction<String> writer;

    /**
     * Creates a file of {@code /proc} that can only be read.
     *
     * @param text makes what is read
     */
    public TextFile(Supplier<String> text) {
        this.text = text;
        this.writer = null;
    }

    /**
     * Creates an attribute of sysfs.
     *
     * @param text makes what is read
     * @param writer takes what is written and returns 0 or a negative errno
     */
    public TextFile(Supplier<String> text, ToLongFunction<String> writer) {
        this.text = text;
        this.writer = writer;
    }

    @Override
    public long read(OpenFile file, long position, byte[] target) {
        byte[] bytes = text.get().getBytes(StandardCharsets.UTF_8);
        if (position < 0 || position >= bytes.length) {
            return 0;
        }
        int length = Math.min(target.length, bytes.length - (int) position);
        System.arraycopy(bytes, (int) position, target, 0, length);
        return length;
    }

    @Override
    public long write(OpenFile file, long position, byte[] source) {
        if (writer == null) {
            return -Errno.EINVAL;
        }
        if (source.length == 0) {
            return 0;
        }
        long result = writer.applyAsLong(new String(source, StandardCharsets.ISO_8859_1));
        return result < 0 ? result : source.length;
    }

    @Override
    public boolean hasOwnSeek() {
        return true;
    }

    @Override
    public long seek(OpenFile file, long offset, int whence) {
        long target;
        if (whence == SEEK_SET) {
            target = offset;
        } else if (whence == SEEK_CUR) {
            target = file.positionBytes() + offset;
        } else {
            target = writer == null ? -1 : ATTRIBUTE_BYTES + offset;
        }
        if (target < 0) {
            return -Errno.EINVAL;
        }
        file.setPositionBytes(target);
        return target;
    }
}
