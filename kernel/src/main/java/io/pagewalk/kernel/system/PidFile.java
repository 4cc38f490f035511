package io.pagewalk.kernel.system;

import io.pagewalk.kernel.filemap.CharDevice;
import io.pagewalk.kernel.filemap.OpenFile;
import io.pagewalk.kernel.syscall.Errno;
import org.jspecify.annotations.Nullable;

/**
 * What stands behind a descriptor of {@code pidfd_open()}: {@code struct pid}. The process may end before the descriptor is closed.
 *
 * @param process the process
 * @param leader the task it was opened for
 */
record PidFile(ThreadGroup process, Task leader) implements CharDevice {
    static final int PIDFD_SELF_THREAD = -10000;
    static final int PIDFD_SELF_THREAD_GROUP = -10001;

    /** What {@link #find} comes to: a task that may have lost its memory, or an errno. */
    record Found(@Nullable Task task, long error) {}

    /** Returns the task behind a descriptor, or what stands for the caller: {@code kernel/pid.c:pidfd_get_task()}. */
    static Found find(Task caller, int fd) {
        if (fd == PIDFD_SELF_THREAD || fd == PIDFD_SELF_THREAD_GROUP) {
            return new Found(caller, 0);
        }
        OpenFile file = caller.files().get(fd);
        if (file == null || !(file.inodeObject().charDevice() instanceof PidFile pid)) {
            return new Found(null, -Errno.EBADF);
        }
        return pid.leader.state() == Task.State.DEAD ? new Found(null, -Errno.ESRCH) : new Found(pid.leader, 0);
    }
}
