package io.pagewalk.kernel.procfs;

import io.pagewalk.kernel.filemap.CharDevice;
import io.pagewalk.kernel.filemap.OpenFile;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.syscall.UserMemory;
import io.pagewalk.kernel.vma.Mm;
import org.jspecify.annotations.Nullable;

/** {@code /proc/PID/maps} for the {@code PROCMAP_QUERY} command. Differs from Linux: its text cannot be read inside the model; observers print it. */
final class MapsFile implements CharDevice {
    private final @Nullable Mm mm;

    MapsFile(@Nullable Mm mm) {
        this.mm = mm;
    }

    @Override
    public long ioctl(OpenFile file, int command, long argument, UserMemory user) {
        return command == ProcmapQuery.COMMAND ? ProcmapQuery.query(mm, argument, user) : -Errno.ENOTTY;
    }
}
