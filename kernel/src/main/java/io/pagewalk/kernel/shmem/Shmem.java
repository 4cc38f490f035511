package io.pagewalk.kernel.shmem;

import io.pagewalk.base.Digest;
import io.pagewalk.base.KernelBug;
import io.pagewalk.base.Violations;
import io.pagewalk.kernel.filemap.FileSystem;
import io.pagewalk.kernel.filemap.Inode;
import io.pagewalk.kernel.filemap.OpenFile;
import io.pagewalk.kernel.huge.HugePagePolicy;
import io.pagewalk.kernel.huge.HugePageSettings.ShmemUse;
import io.pagewalk.kernel.rmap.Folios;
import io.pagewalk.kernel.vma.MappedFile;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.Overcommit;
import io.pagewalk.kernel.vma.SharedAnonymousFiles;
import io.pagewalk.kernel.vma.VmaFlags;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** All files in memory of one machine, and the mounts they lie on: {@code mm/shmem.c}. */
public final class Shmem implements SharedAnonymousFiles {
    /** Where POSIX shared memory lies. */
    public static final String DEV_SHM = "/dev/shm";

    /** {@code MAX_LFS_FILESIZE}: no file is longer. */
    static final long MAX_BYTES = Long.MAX_VALUE;

    private static final int KERNEL_MOUNT_MINOR = 1;
    /** First minor number of mounts that have a path; the ones below belong to the file systems that boot mounts. */
    private static final int FIRST_MOUNT_MINOR = 26;

    private static final int S_IRWXUGO = 0777;

    private final FileSystem files;
    private final Accounting accounting;
    private final ShmemHugePages huge;
    private final long ramPages;
    private final TmpfsMount kernelMount = new TmpfsMount("", KERNEL_MOUNT_MINOR, 0, 0);
    private final List<TmpfsMount> mounts = new ArrayList<>();
    private int nextMinor = FIRST_MOUNT_MINOR;

    /**
     * Creates the kernel's own mount and the one on {@code /dev/shm}: {@code mm/shmem.c:shmem_init()}.
     *
     * @param files the machine's files
     * @param overcommit the machine's commitment counter
     * @param current the address space of the running process, null when none runs
     * @param hugePages which areas may have huge pages
     * @param ramPages pages that the machine has; a mount may by default use half of them
     */
    public Shmem(
            FileSystem files,
            Overcommit overcommit,
            Supplier<@Nullable Mm> current,
            HugePagePolicy hugePages,
            long ramPages) {
        this.files = files;
        this.accounting = new Accounting(overcommit, current);
        this.huge = new ShmemHugePages(hugePages.settings());
        hugePages.setShmem(huge);
        this.ramPages = ramPages;
        kernelMount.takeInode();
        mount(DEV_SHM, ramPages / 2, ramPages / 2);
    }

    /**
     * Mounts a tmpfs; files of an older mount on the same path are hidden no more than Linux would show them: they are unlinked.
     *
     * @param path absolute, without a slash at the end
     * @param maxBlocks pages that its files may have, 0 for no limit
     * @param maxInodes inodes that it may have, 0 for no limit
     * @return the mount
     */
    public TmpfsMount mount(String path, long maxBlocks, long maxInodes) {
        unmount(path);
        TmpfsMount mount = new TmpfsMount(path, nextMinor++, maxBlocks, maxInodes);
        mount.takeInode();
        mounts.add(mount);
        return mount;
    }

    /**
     * Changes the limits of a mount: {@code mount -o remount,size=...,nr_inodes=...}.
     *
     * @param mount a mount with a path
     * @param maxBlocks pages that its files may have, 0 for no limit
     * @param maxInodes inodes that it may have, 0 for no limit
     * @return false when more is in use, or a limit would be set where there was none ({@code -EINVAL})
     */
    public boolean remount(TmpfsMount mount, long maxBlocks, long maxInodes) {
        return mount.limit(maxBlocks, maxInodes);
    }

    /**
     * Takes a mount away and unlinks its files: {@code umount2(MNT_DETACH)}.
     *
     * @param path where it is mounted
     * @return whether there was one
     */
    public boolean unmount(String path) {
        TmpfsMount mount = find(path);
        if (mount == null) {
            return false;
        }
        for (Inode inode : files.inodes()) {
            if (inode.shmem() instanceof ShmemInode info && info.mount() == mount) {
                if (files.lookup(inode.path()) == inode) {
                    files.unlink(inode.path());
                }
            }
        }
        mounts.remove(mount);
        return true;
    }

    /**
     * Returns the mount that a path leads to, null when it lies on no tmpfs.
     *
     * @param path absolute path of a file, or of the mount itself
     */
    public @Nullable TmpfsMount mountOf(String path) {
        TmpfsMount best = null;
        for (TmpfsMount mount : mounts) {
            boolean isBelow = (path + "/").startsWith(mount.path() + "/");
            if (isBelow && (best == null || mount.path().length() > best.path().length())) {
                best = mount;
            }
        }
        return best;
    }

    /** Returns the limits that a mount without options gets, in pages and in inodes: half of the memory. */
    public long defaultLimit() {
        return ramPages / 2;
    }

    /**
     * Makes a file with a path: {@code mm/shmem.c:shmem_mknod()}.
     *
     * @param mount what {@link #mountOf} found for the path
     * @param path absolute, not yet known
     * @param mode permission bits
     * @return the file, or null when the mount has no inodes left ({@code -ENOSPC})
     */
    public @Nullable Inode createFile(TmpfsMount mount, String path, int mode) {
        return makeInode(mount, path, ShmemInode.Commitment.BY_PAGE, mode, FileSystem.Naming.LINKED);
    }

    /**
     * Makes an unlinked file on the kernel's own mount: {@code mm/shmem.c:__shmem_file_setup()}.
     *
     * @param name what {@code maps} prints, without {@code (deleted)}
     * @param sizeBytes its length, at least 0
     * @param vmFlags {@link VmaFlags} bits of which {@code VM_NORESERVE} matters: memory is then committed for each page and not for the whole length
     * @return the open file with one reference, or null when the memory cannot be committed ({@code -ENOMEM})
     */
    public @Nullable OpenFile kernelFile(String name, long sizeBytes, long vmFlags) {
        boolean isByPage = (vmFlags & VmaFlags.VM_NORESERVE) != 0;
        Inode inode = makeInode(
                kernelMount,
                name,
                isByPage ? ShmemInode.Commitment.BY_PAGE : ShmemInode.Commitment.BY_LENGTH,
                S_IRWXUGO,
                FileSystem.Naming.UNLINKED);
        if (inode == null) {
            throw new KernelBug("the kernel's own mount has no limits");
        }
        OpenFile file = files.open(inode, OpenFile.O_RDWR);
        if (!infoOf(inode).commitLength(sizeBytes)) {
            file.put();
            return null;
        }
        inode.setSizeBytes(sizeBytes);
        return file;
    }

    /** Makes the file behind a shared anonymous mapping: {@code mm/shmem.c:shmem_zero_setup()}. */
    @Override
    public @Nullable MappedFile create(long sizeBytes, long flags) {
        OpenFile file = kernelFile("/dev/zero", sizeBytes, flags);
        if (file != null) {
            file.inodeObject().markSharedAnonymous();
        }
        return file;
    }

    private @Nullable Inode makeInode(
            TmpfsMount mount, String path, ShmemInode.Commitment commitment, int mode, FileSystem.Naming naming) {
        long number = mount.takeInode();
        if (number < 0) {
            return null;
        }
        ShmemInode info = new ShmemInode(mount, accounting, huge, commitment, mode);
        Inode inode = files.makeShmem(
                path,
                number,
                mount.deviceMinor(),
                info,
                naming,
                huge.option(mount) == ShmemUse.NEVER ? 0 : Folios.HUGE_ORDER);
        info.attach(inode);
        return inode;
    }

    /**
     * Returns what shmem knows of a file.
     *
     * @param inode a file in memory
     */
    public static ShmemInode infoOf(Inode inode) {
        if (inode.shmem() instanceof ShmemInode info) {
            return info;
        }
        throw new KernelBug(inode.path() + " is no file in memory");
    }

    /** Returns the order of the huge pages at whose borders shared anonymous mappings are placed, 0 for none. */
    public int anonymousAlignment() {
        return huge.anonymousAlignment();
    }

    /** Returns the machine's files. */
    FileSystem files() {
        return files;
    }

    /** Returns the mounts that have a path, oldest first. */
    public List<TmpfsMount> mounts() {
        return List.copyOf(mounts);
    }

    private @Nullable TmpfsMount find(String path) {
        for (TmpfsMount mount : mounts) {
            if (mount.path().equals(path)) {
                return mount;
            }
        }
        return null;
    }

    /**
     * Checks every mount and file against the page cache.
     *
     * @param out receives what is broken
     */
    public void verify(Violations out) {
        Collection<Inode> all = files.inodes();
        List<TmpfsMount> checked = new ArrayList<>(mounts);
        checked.add(kernelMount);
        for (TmpfsMount mount : checked) {
            long pages = 0;
            long inodes = 1;
            for (Inode inode : all) {
                if (inode.shmem() instanceof ShmemInode info && info.mount() == mount) {
                    pages += inode.cachedPages();
                    inodes++;
                    out.expectEqual(inode.path(), "alloced == nrpages", info.blocks(), inode.cachedPages());
                }
            }
            mount.verify(pages, inodes, out);
        }
    }

    /** Returns the pages that files in memory have committed together. */
    public long committedPages() {
        long pages = 0;
        for (Inode inode : files.inodes()) {
            if (inode.shmem() instanceof ShmemInode info) {
                pages += info.committedPages();
            }
        }
        return pages;
    }

    /**
     * Adds limits and use of every mount.
     *
     * @param digest where to
     */
    public void addToDigest(Digest digest) {
        for (TmpfsMount mount : mounts) {
            digest.add(mount.path());
            digest.add(mount.maxBlocks());
            digest.add(mount.usedBlocks());
            digest.add(mount.usedInodes());
        }
        digest.add(kernelMount.usedBlocks());
        digest.add(kernelMount.usedInodes());
    }
}
