package io.pagewalk.kernel.procfs;

import io.pagewalk.kernel.filemap.CharDevice;
import io.pagewalk.kernel.filemap.OpenFile;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.vma.Mm;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** {@code /proc/PID/clear_refs}, which can only be written to. */
final class ClearRefsFile implements CharDevice {
    /** {@code PROC_NUMBUF} less the zero at the end: what is behind is not read. */
    private static final int MOST_BYTES = 12;

    private final TaskMmuServices services;
    private final ProcessTable processes;
    private final int pid;

    ClearRefsFile(TaskMmuServices services, ProcessTable processes, int pid) {
        this.services = services;
        this.processes = processes;
        this.pid = pid;
    }

    @Override
    public long write(OpenFile file, long position, byte[] source) {
        int length = Math.min(source.length, MOST_BYTES);
        String text = new String(Arrays.copyOf(source, length), StandardCharsets.ISO_8859_1);
        int end = text.indexOf('\0');
        long number = ProcNumber.parseInt(end < 0 ? text : text.substring(0, end));
        if (number == ProcNumber.NOT_A_NUMBER) {
            return -Errno.EINVAL;
        }
        if (number == ProcNumber.OUT_OF_RANGE) {
            return -Errno.ERANGE;
        }
        if (number < ClearRefs.ALL || number > ClearRefs.HIWATER_RSS) {
            return -Errno.EINVAL;
        }
        if (!processes.exists(pid)) {
            return -Errno.ESRCH;
        }
        Mm mm = processes.mmOf(pid);
        if (mm != null) {
            ClearRefs.apply(services, mm, (int) number);
        }
        return length;
    }

    @Override
    public boolean hasOwnSeek() {
        return true;
    }

    /** {@code fs/read_write.c:noop_llseek()}. */
    @Override
    public long seek(OpenFile file, long offset, int whence) {
        return 0;
    }
}
