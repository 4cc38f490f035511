package io.pagewalk.kernel.vma;

import java.util.LinkedHashSet;
import java.util.Set;

/** A file without pages, which checks that references and links stay in step. */
final class TestFile implements MappedFile {
    private final long id;
    private final String path;
    private final long inode;
    private final int major;
    private final int minor;
    private final boolean readable;
    private final boolean writable;
    private final Kind kind;
    private final long sizeBytes;
    private final Set<Vma> linked = new LinkedHashSet<>();
    private int references = 1;

    /** What differs between file systems. */
    enum Kind {
        ALIGNED,
        PLAIN,
        SHMEM,
        SHARED_ANONYMOUS,
        NOT_MAPPABLE
    }

    TestFile(
            long id,
            String path,
            long inode,
            int major,
            int minor,
            boolean readable,
            boolean writable,
            Kind kind,
            long sizeBytes) {
        this.id = id;
        this.path = path;
        this.inode = inode;
        this.major = major;
        this.minor = minor;
        this.readable = readable;
        this.writable = writable;
        this.kind = kind;
        this.sizeBytes = sizeBytes;
    }

    static TestFile regular(long id, boolean readable, boolean writable) {
        return new TestFile(id, "/data/file" + id, 100 + id, 8, 1, readable, writable, Kind.PLAIN, 1L << 20);
    }

    int references() {
        return references;
    }

    Set<Vma> linked() {
        return linked;
    }

    @Override
    public long id() {
        return id;
    }

    @Override
    public String path() {
        return path;
    }

    @Override
    public long inode() {
        return inode;
    }

    @Override
    public int deviceMajor() {
        return major;
    }

    @Override
    public int deviceMinor() {
        return minor;
    }

    @Override
    public long sizeBytes() {
        return sizeBytes;
    }

    @Override
    public boolean isReadable() {
        return readable;
    }

    @Override
    public boolean isWritable() {
        return writable;
    }

    @Override
    public boolean canMmap() {
        return kind != Kind.NOT_MAPPABLE;
    }

    @Override
    public boolean isShmem() {
        return kind == Kind.SHMEM || kind == Kind.SHARED_ANONYMOUS;
    }

    @Override
    public boolean isSharedAnonymous() {
        return kind == Kind.SHARED_ANONYMOUS;
    }

    @Override
    public boolean alignsForHugePages() {
        return kind == Kind.ALIGNED;
    }

    @Override
    public void get() {
        references++;
    }

    @Override
    public void put() {
        if (--references < 0) {
            throw new AssertionError("reference dropped twice: " + path);
        }
    }

    @Override
    public void vmaLinked(Vma vma) {
        if (!linked.add(vma)) {
            throw new AssertionError("linked twice: " + vma);
        }
    }

    @Override
    public void vmaUnlinked(Vma vma) {
        if (!linked.remove(vma)) {
            throw new AssertionError("not linked: " + vma);
        }
    }
}
