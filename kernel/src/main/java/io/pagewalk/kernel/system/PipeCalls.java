package io.pagewalk.kernel.system;

import io.pagewalk.kernel.filemap.OpenFile;
import io.pagewalk.kernel.gup.Foll;
import io.pagewalk.kernel.pipe.Pipe;
import io.pagewalk.kernel.pipe.PipeEnd;
import io.pagewalk.kernel.pipe.PipePages;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.syscall.SyscallArgs;
import io.pagewalk.kernel.syscall.SyscallDoor;
import org.jspecify.annotations.Nullable;

/** Pipes: {@code pipe2()} and sizes of {@code fs/pipe.c}, {@code vmsplice()} of {@code fs/splice.c}. */
final class PipeCalls {
    static final int F_SETPIPE_SZ = 1031;
    static final int F_GETPIPE_SZ = 1032;

    private static final String NAME = "pipe:";
    private static final int O_DIRECT = 0x4000;
    private static final int SPLICE_F_NONBLOCK = 2;
    private static final int SPLICE_F_ALL = 15;
    private static final int PAGE_BYTES = 4096;
    /** {@code pipe-max-size}. */
    private static final int MAX_SIZE_BYTES = 1 << 20;
    /** The ring of a larger pipe is more than {@code kmalloc()} gives: 65,536 entries of 40 bytes fit. */
    private static final long LARGEST_RING_BYTES = 65_536L * PAGE_BYTES;

    private final LinuxKernel kernel;
    private final PipePages pages;
    private final DeviceCalls deviceCalls;

    PipeCalls(LinuxKernel kernel) {
        this.kernel = kernel;
        this.deviceCalls = new DeviceCalls(kernel);
        this.pages = new PipePages(kernel.machine().memory(), kernel.allocator(), kernel.gup(), kernel::currentTask);
    }

    void register(SyscallDoor<Task> door) {
        door.register("pipe", (t, a) -> pipe(t, a.a0, 0));
        door.register("pipe2", (t, a) -> pipe(t, a.a0, (int) a.a1));
        door.register("vmsplice", this::vmsplice);
    }

    /** {@code do_pipe2()}. */
    private long pipe(Task task, long vaddr, int flags) {
        if ((flags & ~(OpenFile.O_CLOEXEC | OpenFile.O_NONBLOCK | O_DIRECT)) != 0) {
            return -Errno.EINVAL;
        }
        Pipe pipe = new Pipe(pages);
        boolean isCloseOnExec = (flags & OpenFile.O_CLOEXEC) != 0;
        int kept = flags & OpenFile.O_NONBLOCK;
        OpenFile reader = kernel.files().openAnonymous(NAME, kept, new PipeEnd(pipe, true));
        OpenFile writer = kernel.files().openAnonymous(NAME, kept | OpenFile.O_WRONLY, new PipeEnd(pipe, false));
        return FileCalls.installPair(task, vaddr, reader, writer, isCloseOnExec);
    }

    private static @Nullable Pipe pipeOf(OpenFile file) {
        return file.inodeObject().charDevice() instanceof PipeEnd end ? end.pipe() : null;
    }

    /** {@code pipe_fcntl()}: {@code F_GETPIPE_SZ} and {@code F_SETPIPE_SZ}. */
    static long fcntl(Task task, OpenFile file, int command, int bytes) {
        Pipe pipe = pipeOf(file);
        if (pipe == null) {
            return -Errno.EBADF;
        }
        if (command == F_GETPIPE_SZ) {
            return pipe.sizeBytes();
        }
        long asked = Integer.toUnsignedLong(bytes);
        if (asked > 1L << 31) {
            return -Errno.EINVAL;
        }
        long size = asked <= PAGE_BYTES ? PAGE_BYTES : Long.highestOneBit(asked - 1) << 1;
        boolean isPrivileged = task.group().credentials().has(Credentials.CAP_SYS_RESOURCE);
        if (size > pipe.sizeBytes() && size > MAX_SIZE_BYTES && !isPrivileged) {
            return -Errno.EPERM;
        }
        return size > LARGEST_RING_BYTES ? -Errno.ENOMEM : pipe.resize((int) size);
    }

    private long vmsplice(Task task, SyscallArgs args) {
        int flags = (int) args.a3;
        if ((flags & ~SPLICE_F_ALL) != 0) {
            return -Errno.EINVAL;
        }
        OpenFile file = task.files().get(args.a0);
        if (file == null) {
            return -Errno.EBADF;
        }
        UserVector ranges = new UserVector();
        long error = ranges.read(task, args.a1, args.a2, kernel.taskSize());
        if (error != 0 || ranges.totalBytes() == 0) {
            return error;
        }
        Pipe pipe = pipeOf(file);
        if (pipe == null) {
            return -Errno.EBADF;
        }
        boolean mayWait = (flags & SPLICE_F_NONBLOCK) == 0;
        return file.isWritable() ? give(task, pipe, ranges, mayWait) : take(task, file, pipe, ranges, mayWait);
    }

    /** {@code vmsplice_to_pipe()}. */
    private long give(Task task, Pipe pipe, UserVector ranges, boolean mayWait) {
        if (pipe.readers() == 0) {
            return -Errno.EPIPE;
        }
        if (pipe.isFull()) {
            if (mayWait) {
                pipe.waitForRoom();
            }
            return -Errno.EAGAIN;
        }
        long[] pfn = new long[1];
        long done = 0;
        for (int i = 0; i < ranges.count(); i++) {
            long end = ranges.base(i) + ranges.length(i);
            for (long vaddr = ranges.base(i); vaddr < end; ) {
                if (pipe.isFull()) {
                    return done;
                }
                long held = kernel.gup().hold(task, task.mm(), vaddr, 1, Foll.GET, pfn);
                if (held < 0) {
                    return done > 0 ? done : held;
                }
                int offset = (int) vaddr & (PAGE_BYTES - 1);
                int length = (int) Math.min(PAGE_BYTES - offset, end - vaddr);
                pipe.add(pfn[0], offset, length);
                done += length;
                vaddr += length;
            }
        }
        return done;
    }

    /** {@code vmsplice_to_user()}, which copies. */
    private long take(Task task, OpenFile file, Pipe pipe, UserVector ranges, boolean mayWait) {
        if (pipe.isEmpty() && pipe.writers() > 0) {
            if (mayWait) {
                pipe.waitForBytes();
            }
            return -Errno.EAGAIN;
        }
        long done = 0;
        for (int i = 0; i < ranges.count() && !pipe.isEmpty(); i++) {
            long result = deviceCalls.read(task, file, ranges.base(i), ranges.length(i), -1);
            if (result < 0) {
                return done > 0 ? done : result;
            }
            done += result;
        }
        return done;
    }
}
