package io.pagewalk.observe.proc;

import io.pagewalk.kernel.vma.MappedFile;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;

/** {@code /proc/PID/maps}: one line for each area ({@code fs/proc/task_mmu.c:show_map_vma()}). */
public final class PidMaps {
    /** {@code 25 + sizeof(void *) * 6 - 1}: the column that names start behind. */
    private static final int NAME_COLUMN_64 = 72;

    private static final int NAME_COLUMN_32 = 48;
    private static final int PAGE_SHIFT = 12;

    /** The page of old system calls that every x86-64 process sees, in no address space of its own. */
    private static final String VSYSCALL_LINE =
            "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n";

    private PidMaps() {}

    /**
     * Prints the file.
     *
     * @param process the process
     */
    public static String print(ProcessState process) {
        StringBuilder text = new StringBuilder();
        for (Vma vma : process.mm().vmas()) {
            line(text, vma, process.is32Bit());
        }
        if (process.isX8664()) {
            text.append(VSYSCALL_LINE);
        }
        return text.toString();
    }

    /** Appends an area's line; {@code smaps} heads its blocks with the same. */
    static void line(StringBuilder text, Vma vma, boolean is32Bit) {
        int lineStart = text.length();
        prefix(text, vma.start(), vma.end(), VmaFlags.permissions(vma.flags()));
        MappedFile file = vma.file();
        Columns.hex(text, file == null ? 0 : vma.pgoff() << PAGE_SHIFT, 8);
        text.append(' ');
        Columns.hex(text, file == null ? 0 : file.deviceMajor(), 2);
        text.append(':');
        Columns.hex(text, file == null ? 0 : file.deviceMinor(), 2);
        text.append(' ').append(file == null ? 0 : file.inode()).append(' ');
        String name = vma.mapsName();
        if (!name.isEmpty()) {
            pad(text, lineStart, is32Bit);
            text.append(escape(name));
        }
        text.append('\n');
    }

    /** Appends range and rights with a space behind. */
    static void prefix(StringBuilder text, long start, long end, String permissions) {
        Columns.hex(text, start, 8);
        text.append('-');
        Columns.hex(text, end, 8);
        text.append(' ').append(permissions).append(' ');
    }

    /** Appends spaces up to where names stand. */
    static void pad(StringBuilder text, int lineStart, boolean is32Bit) {
        int column = is32Bit ? NAME_COLUMN_32 : NAME_COLUMN_64;
        while (text.length() - lineStart < column) {
            text.append(' ');
        }
        text.append(' ');
    }

    /** {@code seq_path(m, path, "\n")}: a line end in a path is written as octal. */
    private static String escape(String path) {
        return path.replace("\n", "\\012");
    }
}
