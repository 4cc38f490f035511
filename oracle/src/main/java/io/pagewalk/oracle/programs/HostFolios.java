package io.pagewalk.oracle.programs;

import io.pagewalk.kernel.filemap.WarmFolios;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * The folios in which files lie in the page cache of this computer, found as only root may: each page is touched, {@code /proc/self/pagemap} names its frame, and
 * {@code /proc/kpageflags} tells heads from tails. Without that right every page is taken to lie alone, as pages do that were read for a mapping.
 */
final class HostFolios implements WarmFolios {
    private static final int PAGE_BYTES = 4096;
    private static final long FRAME_BITS = (1L << 55) - 1;
    private static final int KPF_COMPOUND_HEAD = 1 << 15;
    private static final int KPF_COMPOUND_TAIL = 1 << 16;
    private static final int MAX_ORDER = 9;

    @Override
    public int[] ordersOf(String path) {
        Path file = Path.of(path);
        Path flags = Path.of("/proc/kpageflags");
        if (!Files.isRegularFile(file) || !Files.isReadable(file) || !Files.isReadable(flags)) {
            return new int[0];
        }
        try (Arena arena = Arena.ofConfined();
                FileChannel channel = FileChannel.open(file);
                RandomAccessFile pagemap = new RandomAccessFile("/proc/self/pagemap", "r");
                RandomAccessFile kpageflags = new RandomAccessFile(flags.toFile(), "r")) {
            long bytes = channel.size();
            if (bytes == 0) {
                return new int[0];
            }
            MemorySegment view = channel.map(FileChannel.MapMode.READ_ONLY, 0, bytes, arena);
            view.load();
            int[] orders = new int[(int) ((bytes + PAGE_BYTES - 1) / PAGE_BYTES)];
            int count = 0;
            long at = 0;
            while (at < bytes) {
                long frame = word(pagemap, (view.address() + at) / PAGE_BYTES) & FRAME_BITS;
                int order = frame == 0 ? 0 : order(kpageflags, frame);
                orders[count++] = order;
                at += (long) PAGE_BYTES << order;
            }
            return Arrays.copyOf(orders, count);
        } catch (IOException e) {
            return new int[0];
        }
    }

    private static int order(RandomAccessFile kpageflags, long head) throws IOException {
        if ((word(kpageflags, head) & KPF_COMPOUND_HEAD) == 0) {
            return 0;
        }
        int order = 1;
        while (order < MAX_ORDER && (word(kpageflags, head + (1L << order)) & KPF_COMPOUND_TAIL) != 0) {
            order++;
        }
        return order;
    }

    private static long word(RandomAccessFile file, long index) throws IOException {
        file.seek(index * Long.BYTES);
        return Long.reverseBytes(file.readLong());
    }
}
