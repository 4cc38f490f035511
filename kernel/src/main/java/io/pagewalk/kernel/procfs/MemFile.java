package io.pagewalk.kernel.procfs;

import io.pagewalk.kernel.filemap.CharDevice;
import io.pagewalk.kernel.filemap.OpenFile;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.vma.Mm;

/** {@code /proc/PID/mem}: the memory of a program, each byte at its address, also where the program itself may not read or write ({@code fs/proc/base.c:mem_rw()}). */
final class MemFile implements CharDevice {
    private static final int SEEK_SET = 0;
    private static final int SEEK_CUR = 1;

    private final TaskMmuServices services;
    private final Mm mm;

    MemFile(TaskMmuServices services, Mm mm) {
        this.services = services;
        this.mm = mm;
    }

    @Override
    public long read(OpenFile file, long position, byte[] target) {
        return access(position, target, false);
    }

    @Override
    public long write(OpenFile file, long position, byte[] source) {
        return access(position, source, true);
    }

    private long access(long position, byte[] bytes, boolean isWrite) {
        if (mm.users() == 0 || bytes.length == 0) {
            return 0;
        }
        int done = services.remote().access(mm, position, bytes, isWrite);
        return done > 0 ? done : -Errno.EIO;
    }

    @Override
    public int pieceBytes() {
        return 4096;
    }

    @Override
    public boolean hasOwnSeek() {
        return true;
    }

    /** {@code mem_lseek()}. */
    @Override
    public long seek(OpenFile file, long offset, int whence) {
        if (whence != SEEK_SET && whence != SEEK_CUR) {
            return -Errno.EINVAL;
        }
        file.setPositionBytes(whence == SEEK_SET ? offset : file.positionBytes() + offset);
        return file.positionBytes();
    }
}
