package io.pagewalk.kernel.system;

import io.pagewalk.kernel.fault.FaultHandler;
import io.pagewalk.kernel.fault.FaultOutcome;
import io.pagewalk.kernel.fault.UserfaultPages;
import io.pagewalk.kernel.filemap.CharDevice;
import io.pagewalk.kernel.filemap.FileSystem;
import io.pagewalk.kernel.filemap.OpenFile;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.syscall.SyscallDoor;
import io.pagewalk.kernel.userfaultfd.UserfaultDevice;
import io.pagewalk.kernel.userfaultfd.Userfaultfds;
import io.pagewalk.kernel.vma.Mm;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayDeque;
import java.util.function.LongSupplier;

/** {@code userfaultfd()} and {@code poll()}, and tasks that sleep in a fault: what {@code kernel.userfaultfd} needs of the machine. */
final class UserfaultCalls {
    private static final int POLLFD_BYTES = 8;
    private static final int MOST_POLLED = 1 << 16;
    private static final int POLLIN_POLLOUT = 5;
    private static final int POLLERR_POLLHUP = 0x18;
    private static final int POLLNVAL = 0x20;

    private final LinuxKernel kernel;
    private final Userfaultfds userfaultfds;
    private final UserfaultDevice device;
    private final ArrayDeque<Task> woken = new ArrayDeque<>();

    UserfaultCalls(LinuxKernel kernel, FileSystem files) {
        this.kernel = kernel;
        this.userfaultfds = new Userfaultfds(
                files,
                new UserfaultPages(
                        kernel.kernelTables(),
                        kernel.anonVmas(),
                        files.cache(),
                        kernel.hugePages(),
                        kernel.addressSpaces()),
                kernel.hugetlb().fills(),
                kernel::currentTask);
        this.device = new UserfaultDevice(userfaultfds);
    }

    void register(SyscallDoor<Task> door) {
        door.register(
                "userfaultfd",
                (t, a) ->
                        userfaultfds.userfaultfd(t, (int) a.a0, kernel.sysctls().get("unprivileged_userfaultfd") != 0));
        door.register("poll", (t, a) -> poll(t, a.a0, a.a1));
    }

    /** Returns what stands behind {@code /dev/userfaultfd}. */
    CharDevice device() {
        return device;
    }

    /** A task has been woken that must handle its fault once more, or has more to do in its call, when the call that woke it is over. */
    void woken(Task task) {
        woken.add(task);
    }

    void forkFailed(Mm child) {
        userfaultfds.forkFailed(child);
    }

    /** A call ends: its events are told, and who was woken goes on. */
    void endCall(Task caller) {
        userfaultfds.endCall();
        if (!woken.isEmpty()) {
            goOn();
            if (caller.mmOrNull() != null && caller.state() == Task.State.RUNNABLE) {
                kernel.schedule(caller);
            }
        }
    }

    /** Those who were woken finish their calls, or handle their faults once more: {@code arch/x86/mm/fault.c:do_user_addr_fault()} from its label {@code retry} on. */
    private void goOn() {
        FaultHandler handler = kernel.faultHandler();
        while (!woken.isEmpty()) {
            Task task = woken.removeFirst();
            TaskSleep sleep = task.sleep();
            if (task.mmOrNull() == null || task.isAsleep()) {
                continue;
            }
            kernel.schedule(task);
            LongSupplier rest = sleep.takeRest();
            if (rest != null) {
                long result = rest.getAsLong();
                sleep.setCallResult(result);
                continue;
            }
            int outcome = handler.handleUserFault(
                    task, task.mm(), sleep.vaddr(), sleep.fault(), sleep.isUser(), sleep.isTried());
            if (outcome == FaultOutcome.WAITS || outcome == FaultOutcome.WAITS_AND_TRIED) {
                sleep.noteFault(sleep.vaddr(), sleep.fault(), sleep.isUser(), true);
            }
        }
    }

    /**
     * {@code fs/select.c:do_sys_poll()}. Differs from Linux: only userfaultfds are ever not ready, and only with no end in sight does the caller wait for them.
     */
    private long poll(Task task, long vaddr, long count) {
        if (count < 0 || count > MOST_POLLED) {
            return -Errno.EINVAL;
        }
        byte[] bytes = new byte[(int) count * POLLFD_BYTES];
        if (task.userMemory().copyFromUser(bytes, 0, bytes.length, vaddr) != 0) {
            return -Errno.EFAULT;
        }
        ByteBuffer entries = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        long ready = 0;
        for (int at = 0; at < bytes.length; at += POLLFD_BYTES) {
            int fd = entries.getInt(at);
            int wanted = entries.getShort(at + 4) | POLLERR_POLLHUP;
            int answer = 0;
            if (fd >= 0) {
                OpenFile file = task.files().get(fd);
                CharDevice driver = file == null ? null : file.inodeObject().charDevice();
                answer = file == null ? POLLNVAL : (driver == null ? POLLIN_POLLOUT : driver.poll(file)) & wanted;
            }
            entries.putShort(at + 6, (short) answer);
            ready += answer == 0 ? 0 : 1;
        }
        return task.userMemory().copyToUser(vaddr, bytes, 0, bytes.length) != 0 ? -Errno.EFAULT : ready;
    }
}
