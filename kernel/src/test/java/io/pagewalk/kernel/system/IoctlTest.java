package io.pagewalk.kernel.system;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.kernel.filemap.CharDevice;
import io.pagewalk.kernel.filemap.OpenFile;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.syscall.UserMemory;
import org.junit.jupiter.api.Test;

/** The door of {@code ioctl()}; what fails was asked of a kernel of version 6.18. */
class IoctlTest {
    private final TestKernel k = TestKernel.boot();

    @Test
    void ioctl_withoutFileOrDriver_isRefused() {
        assertThat(k.call("ioctl", 100, 0x5401, 0)).isEqualTo(-Errno.EBADF);
        long page = k.anonymous(1);
        assertThat(k.kernel.store(k.task, page, 'x')).isZero();
        long fd = k.call("memfd_create", page, 0);
        assertThat(k.call("ioctl", fd, 0xc0606610L, page)).isEqualTo(-Errno.ENOTTY);
    }

    @Test
    void ioctl_onAnonymousFile_reachesItsOperations() {
        CharDevice device = new CharDevice() {
            @Override
            public long ioctl(OpenFile file, int command, long argument, UserMemory user) {
                byte[] bytes = new byte[1];
                return user.copyFromUser(bytes, 0, 1, argument) != 0 ? -Errno.EFAULT : command * 1000L + bytes[0];
            }
        };
        long fd = k.task.files().install(k.kernel.files().openAnonymous("anon_inode:[test]", 0, device), 0, false);
        long page = k.anonymous(1);
        assertThat(k.kernel.store(k.task, page, 7)).isZero();
        assertThat(k.call("ioctl", fd, 3, page)).isEqualTo(3007);
        assertThat(k.call("ioctl", fd, 3, 8)).isEqualTo(-Errno.EFAULT);
        assertThat(k.call("close", fd)).isZero();
        k.verify();
    }
}
