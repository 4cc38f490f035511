package io.pagewalk.kernel.pipe;

import io.pagewalk.kernel.filemap.CharDevice;
import io.pagewalk.kernel.filemap.OpenFile;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.syscall.UserMemory;

/** The file operations of one end of a pipe: {@code fs/pipe.c:pipefifo_fops}. */
public final class PipeEnd implements CharDevice {
    private static final int FIONREAD = 0x541b;
    private static final int POLLIN = 1;
    private static final int POLLOUT = 4;
    private static final int POLLERR = 8;
    private static final int POLLHUP = 16;

    private final Pipe pipe;
    private final boolean isReader;

    /**
     * Creates an end.
     *
     * @param pipe the pipe
     * @param isReader whether it is the end to read from
     */
    public PipeEnd(Pipe pipe, boolean isReader) {
        this.pipe = pipe;
        this.isReader = isReader;
    }

    /** Returns the pipe. */
    public Pipe pipe() {
        return pipe;
    }

    @Override
    public long read(OpenFile file, long position, byte[] target) {
        if (target.length == 0) {
            return 0;
        }
        if (!pipe.isEmpty()) {
            return pipe.take(target);
        }
        if (pipe.writers() == 0) {
            return 0;
        }
        if ((file.flags() & OpenFile.O_NONBLOCK) == 0) {
            pipe.waitForBytes();
        }
        return -Errno.EAGAIN;
    }

    @Override
    public long write(OpenFile file, long position, byte[] source) {
        return source.length == 0 ? 0 : pipe.write(source, (file.flags() & OpenFile.O_NONBLOCK) == 0);
    }

    @Override
    public long ioctl(OpenFile file, int command, long argument, UserMemory user) {
        if (command != FIONREAD) {
            return -Errno.ENOTTY;
        }
        int bytes = pipe.bytes();
        byte[] number = {(byte) bytes, (byte) (bytes >>> 8), (byte) (bytes >>> 16), (byte) (bytes >>> 24)};
        return user.copyToUser(argument, number, 0, number.length) == 0 ? 0 : -Errno.EFAULT;
    }

    @Override
    public int poll(OpenFile file) {
        if (isReader) {
            return (pipe.isEmpty() ? 0 : POLLIN) | (pipe.writers() == 0 ? POLLHUP : 0);
        }
        return (pipe.isFull() ? 0 : POLLOUT) | (pipe.readers() == 0 ? POLLERR : 0);
    }

    @Override
    public void release(OpenFile file) {
        pipe.close(isReader);
    }
}
