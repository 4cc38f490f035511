package io.pagewalk.kernel.shmem;

import io.pagewalk.kernel.filemap.CharDevice;
import io.pagewalk.kernel.filemap.OpenFile;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.vma.MappedFile;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import java.util.Arrays;

/** {@code /dev/zero}: {@code drivers/char/mem.c}. Mapped shared it is a new file in memory, mapped private it is anonymous memory that keeps the device's name. */
public final class ZeroDevice implements CharDevice {
    /** Where it lies. */
    public static final String PATH = "/dev/zero";

    /** Its major number, that of all memory devices. */
    public static final int MAJOR = 1;

    /** Its minor number. */
    public static final int MINOR = 5;

    private final Shmem shmem;

    /**
     * Creates the driver.
     *
     * @param shmem makes the files behind shared mappings
     */
    public ZeroDevice(Shmem shmem) {
        this.shmem = shmem;
    }

    @Override
    public long read(OpenFile file, long position, byte[] target) {
        Arrays.fill(target, (byte) 0);
        return target.length;
    }

    @Override
    public long write(OpenFile file, long position, byte[] source) {
        return source.length;
    }

    @Override
    public boolean canMmap() {
        return true;
    }

    /** {@code mmap_zero()}. */
    @Override
    public long mmap(OpenFile file, Vma vma) {
        if (!vma.has(VmaFlags.VM_SHARED)) {
            vma.becomeAnonymous();
            return 0;
        }
        MappedFile memory = shmem.create(vma.sizeBytes(), vma.flags());
        if (memory == null) {
            return -Errno.ENOMEM;
        }
        vma.replaceFile(memory);
        file.put();
        return 0;
    }
}
