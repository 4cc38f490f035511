package io.pagewalk.kernel.system;

import io.pagewalk.base.Digest;
import io.pagewalk.base.Violations;
import io.pagewalk.kernel.filemap.FileSystem;
import io.pagewalk.kernel.filemap.OpenFile;
import io.pagewalk.kernel.huge.HugePagePolicy;
import io.pagewalk.kernel.hugetlb.Hugetlb;
import io.pagewalk.kernel.ipc.SysvShm;
import io.pagewalk.kernel.shmem.Shmem;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.Overcommit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** The files in memory and the System V segments of one machine, with what they ask about the running task. */
public final class SharedMemory {
    private static final long NANOS_PER_SECOND = 1_000_000_000L;

    private final Supplier<@Nullable Task> current;
    private final Shmem files;
    private final SysvShm segments;

    SharedMemory(
            KernelCore kernel,
            FileSystem fileSystem,
            Overcommit overcommit,
            Hugetlb hugetlb,
            HugePagePolicy hugePages,
            Supplier<@Nullable Task> current) {
        this.current = current;
        this.files = new Shmem(
                fileSystem,
                overcommit,
                this::currentMm,
                hugePages,
                kernel.bootMemory().totalRamPages());
        SysvShm.Caller caller = new SysvShm.Caller() {
            @Override
            public int tgid() {
                Task task = current.get();
                return task == null ? 0 : task.tgid();
            }

            @Override
            public int tid() {
                Task task = current.get();
                return task == null ? 0 : task.tid();
            }

            @Override
            public int user() {
                Task task = current.get();
                return task == null ? 0 : task.group().credentials().effective();
            }

            @Override
            public boolean has(int capability) {
                Task task = current.get();
                return task == null || task.group().credentials().has(capability);
            }
        };
        SysvShm.HugeFiles huge = new SysvShm.HugeFiles() {
            @Override
            public long pageBytes(int shift) {
                return hugetlb.pageBytes(shift);
            }

            @Override
            public boolean isAllowed() {
                // The group of everybody here is 0.
                return caller.has(Credentials.CAP_IPC_LOCK) || kernel.sysctls().get("hugetlb_shm_group") == 0;
            }

            @Override
            public @Nullable OpenFile create(String name, long sizeBytes, long vmFlags, int shift) {
                return hugetlb.setupSegment(name, sizeBytes, vmFlags, shift);
            }
        };
        this.segments = new SysvShm(
                files, fileSystem, huge, caller, () -> kernel.clock().nanos() / NANOS_PER_SECOND);
    }

    private @Nullable Mm currentMm() {
        Task task = current.get();
        return task == null ? null : task.mmOrNull();
    }

    /** Returns the files in memory and the mounts they lie on. */
    public Shmem files() {
        return files;
    }

    /** Returns the segments of System V shared memory. */
    public SysvShm segments() {
        return segments;
    }

    void verify(Violations out) {
        files.verify(out);
        segments.verify(out);
    }

    void addToDigest(Digest digest) {
        files.addToDigest(digest);
        segments.addToDigest(digest);
    }
}
