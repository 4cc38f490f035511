package io.pagewalk.kernel.userfaultfd;

import io.pagewalk.kernel.filemap.CharDevice;
import io.pagewalk.kernel.filemap.OpenFile;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.syscall.UserMemory;

/** {@code /dev/userfaultfd}: who may open it may make userfaultfds that see the kernel's own faults. */
public final class UserfaultDevice implements CharDevice {
    /** Where it lies. */
    public static final String PATH = "/dev/userfaultfd";

    /** Its major number, that of all devices of {@code misc_register()}. */
    public static final int MAJOR = 10;

    /** Its minor number, one that is given out when it is asked for. */
    public static final int MINOR = 257;

    private static final int IOCTL_NEW = 0xaa00;

    private final Userfaultfds all;

    /**
     * Creates the device of a machine.
     *
     * @param all its userfaultfds
     */
    public UserfaultDevice(Userfaultfds all) {
        this.all = all;
    }

    @Override
    public long ioctl(OpenFile file, int command, long argument, UserMemory user) {
        UserfaultTask caller = all.current();
        return command != IOCTL_NEW || caller == null ? -Errno.EINVAL : all.create(caller, (int) argument);
    }
}
