package io.pagewalk.kernel.ipc;

import java.util.Locale;

/** {@code /proc/sysvipc/shm}: {@code ipc/shm.c:sysvipc_shm_proc_show()}. */
public final class ShmProcFile {
    private static final String HEADER =
            "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid"
                    + "      atime      dtime      ctime                   rss                  swap\n";
    private static final long PAGE_BYTES = 4096;

    private ShmProcFile() {}

    /**
     * Prints the file.
     *
     * @param shm the machine's segments
     */
    public static String print(SysvShm shm) {
        StringBuilder text = new StringBuilder(HEADER);
        for (ShmSegment segment : shm.segments()) {
            text.append(String.format(
                    Locale.ROOT,
                    "%10d %10d  %4o %21s %5d %5d  %5d %5s %5s %5d %5d %10d %10d %10d %21d %21d\n",
                    segment.key(),
                    segment.id(),
                    segment.mode(),
                    Long.toUnsignedString(segment.sizeBytes()),
                    segment.creatorPid(),
                    segment.lastPid(),
                    segment.attachments(),
                    Integer.toUnsignedString(segment.uid()),
                    Integer.toUnsignedString(segment.gid()),
                    0,
                    0,
                    segment.attachSeconds(),
                    segment.detachSeconds(),
                    segment.changeSeconds(),
                    segment.residentPages() * PAGE_BYTES,
                    0));
        }
        return text.toString();
    }
}
