package io.pagewalk.oracle.machine;

import io.pagewalk.kernel.exec.ElfFile;
import io.pagewalk.kernel.procfs.PagemapEntry;
import io.pagewalk.kernel.rmap.Folios;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Set;

/**
 * What the model must know of the helper to start from the same point.
 *
 * @param program its ELF file
 * @param maps its areas
 * @param startData where its data begins, which counts towards {@code RLIMIT_DATA}
 * @param endData where its data ends
 * @param startBrk where its heap begins
 * @param isPrivileged whether it runs as root
 * @param memlockBytes its {@code RLIMIT_MEMLOCK}, -1 for none
 * @param data its data file
 * @param dataInode inode number of the file
 * @param dataMajor major device number of the file
 * @param dataMinor minor device number of the file
 * @param readAheadKib how far its device reads ahead
 * @param maxFolioOrder largest folio order of its file system
 * @param hasSegments whether it may make System V segments
 * @param poolPages how many huge pages are set aside for it
 * @param hasSoftDirty whether its kernel tells which pages were written since somebody asked
 * @param hugePages which huge pages its kernel uses
 */
public record HelperProfile(
        ElfFile program,
        List<ProcText.MapsLine> maps,
        long startData,
        long endData,
        long startBrk,
        boolean isPrivileged,
        long memlockBytes,
        Path data,
        long dataInode,
        int dataMajor,
        int dataMinor,
        int readAheadKib,
        int maxFolioOrder,
        boolean hasSegments,
        long poolPages,
        boolean hasSoftDirty,
        HostHugePages hugePages) {
    /** Twenty pages and a part of one, so that the end of the file lies inside a page. */
    public static final int FILE_BYTES = 20 * 4096 + 100;

    private static final int STAT_START_DATA = 45;
    private static final int STAT_START_BRK = 47;
    private static final int DEFAULT_READ_AHEAD_KIB = 128;
    private static final Set<String> LARGE_FOLIOS = Set.of("ext4", "xfs");

    /**
     * Asks {@code /proc} about a helper that just reported.
     *
     * @param real the helper
     * @param program its file
     * @param data its data file
     * @param poolPages how many huge pages were set aside for it
     */
    public static HelperProfile of(NativeMachine real, Path program, Path data, long poolPages) {
        try {
            long inode = (Long) Files.getAttribute(data, "unix:ino");
            long device = (Long) Files.getAttribute(data, "unix:dev");
            String limits = Files.readString(
                    Path.of("/proc", Long.toString(real.pid()), "limits"), StandardCharsets.ISO_8859_1);
            long memlock = limits.lines()
                    .filter(line -> line.startsWith("Max locked memory"))
                    .map(line ->
                            line.substring("Max locked memory".length()).strip().split(" +", -1)[0])
                    .map(word -> word.equals("unlimited") ? -1L : Long.parseLong(word))
                    .findFirst()
                    .orElse(-1L);
            String status = real.read(0, "status");
            return new HelperProfile(
                    ElfFile.read(program),
                    ProcText.parseMaps(real.read(0, "maps")),
                    real.stat(STAT_START_DATA),
                    real.stat(STAT_START_DATA + 1),
                    real.stat(STAT_START_BRK),
                    ProcText.number(status, "Uid") == 0,
                    memlock,
                    data,
                    inode,
                    (int) ((device >>> 8) & 0xfff),
                    (int) ((device & 0xff) | ((device >>> 12) & 0xffffff00L)),
                    readAheadKib(device),
                    LARGE_FOLIOS.contains(Files.getFileStore(data).type()) ? Folios.HUGE_ORDER : 0,
                    real.hasOwnSegments(),
                    poolPages,
                    hasSoftDirty(real),
                    HostHugePages.read());
        } catch (IOException e) {
            throw new HelperFailure("the helper cannot be described: " + e.getMessage(), e);
        }
    }

    /** A new area counts as written with CONFIG_MEM_SOFT_DIRTY. */
    private static boolean hasSoftDirty(NativeMachine real) {
        long[] entry = new long[1];
        real.pagemap(0, ModelMachine.CONTROL, 1, entry);
        return (entry[0] & PagemapEntry.SOFT_DIRTY) != 0;
    }

    private static int readAheadKib(long device) throws IOException {
        long minor = (device & 0xff) | ((device >>> 12) & 0xffffff00L);
        Path setting = Path.of("/sys/class/bdi", ((device >>> 8) & 0xfff) + ":" + minor, "read_ahead_kb");
        return Files.isReadable(setting)
                ? Integer.parseInt(Files.readString(setting).strip())
                : DEFAULT_READ_AHEAD_KIB;
    }

    /** Returns a helper as Linux 6.18 starts it on x86-64, for replays without one. */
    public static HelperProfile standard(Path data) {
        String maps = """
                00400000-00402000 r-xp 00000000 fe:00 11                                 /tmp/oracle-helper
                200000000-2001ad000 rw-s 00000000 00:01 12                               /memfd:control (deleted)
                7ffff7ff7000-7ffff7ffb000 r--p 00000000 00:00 0                          [vvar]
                7ffff7ffb000-7ffff7ffd000 r--p 00000000 00:00 0                          [vvar_vclock]
                7ffff7ffd000-7ffff7fff000 r-xp 00000000 00:00 0                          [vdso]
                7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0                          [stack]
                """;
        ElfFile.Segment text = new ElfFile.Segment(0x400000, 0, 0x1c80, 0x1c80, 4096, 5);
        return new HelperProfile(
                new ElfFile("/tmp/oracle-helper", false, 0x400100, 64, 2, List.of(text), null, false),
                ProcText.parseMaps(maps),
                0x400000,
                0x401c80,
                0x402000,
                true,
                -1,
                data,
                13,
                0xfe,
                0,
                DEFAULT_READ_AHEAD_KIB,
                Folios.HUGE_ORDER,
                true,
                0,
                false,
                HostHugePages.standard());
    }

    /** The bytes of the data file: each word tells where it lies. */
    public static byte[] pattern() {
        ByteBuffer buffer = ByteBuffer.allocate(FILE_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        while (buffer.remaining() >= 8) {
            buffer.putLong(0x0101010101010101L * (buffer.position() >>> 12) + buffer.position());
        }
        return buffer.array();
    }

    /** Writes the data file anew and waits until the disk has it: pages that are written back during a history would fault again. */
    public static void writeData(Path data) {
        byte[] contents = pattern();
        try (FileChannel channel = FileChannel.open(
                data, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING)) {
            // Page by page, so that the page cache holds folios of one page.
            for (int at = 0; at < contents.length; at += 4096) {
                channel.write(ByteBuffer.wrap(contents, at, Math.min(4096, contents.length - at)));
            }
            channel.force(false);
        } catch (IOException e) {
            throw new HelperFailure("the data file " + data + " cannot be written: " + e.getMessage(), e);
        }
    }
}
