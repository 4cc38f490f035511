package io.pagewalk.kernel.procfs;

import io.pagewalk.kernel.filemap.CharDevice;
import io.pagewalk.kernel.filemap.FileSystem;
import io.pagewalk.kernel.filemap.OpenFile;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.vma.Mm;
import java.util.Objects;
import java.util.function.Function;
import java.util.function.ToLongFunction;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** {@code open()} of files below {@code /proc/PID/}: {@code fs/proc/base.c:proc_mem_open()}. */
public final class ProcFiles {
    private static final Pattern NAME =
            Pattern.compile("/proc/(?:(self|thread-self)|([1-9][0-9]{0,8})(?:/task/([1-9][0-9]{0,8}))?)/([a-z_]+)");

    private final TaskMmuServices services;
    private final FileSystem files;
    private final ProcessTable processes;

    /**
     * Creates the door of one machine.
     *
     * @param services what the files need
     * @param files makes open files
     * @param processes finds tasks
     */
    public ProcFiles(TaskMmuServices services, FileSystem files, ProcessTable processes) {
        this.services = services;
        this.files = files;
        this.processes = processes;
    }

    /**
     * Opens a file.
     *
     * @param path below {@code /proc/}
     * @param flags {@code O_*} bits
     * @param tid who opens
     * @param isPrivileged whether it may see frame numbers ({@code CAP_SYS_ADMIN})
     * @param installer gives the file, with one reference, a descriptor
     * @return what the installer gave; {@code -ENOENT} for a name that is not modelled and for a task that is gone, {@code -ESRCH} for pagemap and mem of one without an address space,
     *     {@code -ENOTDIR}
     */
    public long open(String path, int flags, int tid, boolean isPrivileged, ToLongFunction<OpenFile> installer) {
        KpageFile.Kind kind = switch (path) {
            case "/proc/kpagecount" -> KpageFile.Kind.COUNT;
            case "/proc/kpageflags" -> KpageFile.Kind.FLAGS;
            default -> null;
        };
        if (kind != null) {
            return installer.applyAsLong(files.openAnonymous(path, flags, new KpageFile(services.memmap(), kind)));
        }
        Matcher match = NAME.matcher(path);
        if (!match.matches()) {
            return -Errno.ENOENT;
        }
        String number = match.group(3) != null ? match.group(3) : match.group(2);
        int pid = number == null ? tid : Integer.parseInt(number);
        String name = match.group(4);
        boolean isKnown = switch (name) {
            case "pagemap", "clear_refs", "maps", "mem", "ksm_stat", "ksm_merging_pages" -> true;
            default -> false;
        };
        if (!isKnown || !processes.exists(pid)) {
            return -Errno.ENOENT;
        }
        if ((flags & OpenFile.O_DIRECTORY) != 0) {
            return -Errno.ENOTDIR;
        }
        Mm mm = processes.mmOf(pid);
        if ((name.equals("pagemap") || name.equals("mem")) && mm == null) {
            return -Errno.ESRCH;
        }
        CharDevice operations = switch (name) {
            case "clear_refs" -> new ClearRefsFile(services, processes, pid);
            case "maps" -> new MapsFile(mm);
            case "mem" -> new MemFile(services, Objects.requireNonNull(mm));
            case "ksm_stat" -> new TextFile(() -> textOf(pid, KsmStat::print));
            case "ksm_merging_pages" ->
                new TextFile(() -> textOf(pid, each -> each.ksm().mergingPages() + "\n"));
            default -> new PagemapFile(services, Objects.requireNonNull(mm), isPrivileged);
        };
        return installer.applyAsLong(files.openAnonymous("/proc/" + pid + "/" + name, flags, operations));
    }

    /** A task without an address space has no text. */
    private String textOf(int pid, Function<Mm, String> printer) {
        Mm mm = processes.mmOf(pid);
        return mm == null ? "" : printer.apply(mm);
    }
}
