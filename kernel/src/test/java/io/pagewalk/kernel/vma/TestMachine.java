package io.pagewalk.kernel.vma;

import io.pagewalk.base.Violations;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.syscall.SyscallArgs;
import io.pagewalk.kernel.syscall.SyscallDoor;
import io.pagewalk.kernel.syscall.SyscallNumbers;
import io.pagewalk.kernel.syscall.TaskWork;
import io.pagewalk.kernel.syscall.UserMemory;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** One process over the area layer alone: page tables and frames are left out, anon_vmas are numbers. */
final class TestMachine implements MmTask, UserMemory, PageTableOps, AnonVmaOps, SharedAnonymousFiles, VmSettings {
    static final long PAGE = 4096;
    static final int SIGSEGV_MAPERR = 1101;
    static final int SIGSEGV_ACCERR = 1102;
    static final int SIGBUS_ADRERR = 702;

    final SyscallDoor<TestMachine> door = new SyscallDoor<>(new SyscallNumbers(), new TaskWork());
    final Overcommit overcommit = new Overcommit(this);
    final MmServices services = new MmServices(this, this, this, overcommit, this);
    final Map<Integer, MappedFile> files = new TreeMap<>();
    final List<String> events = new ArrayList<>();
    int maxMapCount = 65530;
    int overcommitMode;
    long ramPages = 1L << 20;
    int overcommitRatio = 50;
    long overcommitKbytes;
    long userReserveKbytes = 131072;
    long adminReserveKbytes = 8192;
    boolean alignsForHugePages = true;
    private Mm mm;
    private long nextAnonVma = 1;
    private long nextFile = 1000;
    private long forkError;

    private record Identity(long id) implements AnonVma {}

    TestMachine() {
        mm = newMm();
        MmSyscalls.register(door);
    }

    Mm newMm() {
        return new Mm(services, AddressLayout.x86(false), new ResourceLimits());
    }

    void use(Mm other) {
        mm = other;
    }

    long call(String name, long... arguments) {
        SyscallArgs args = new SyscallArgs().set(door.numbers().number(name), arguments);
        return door.call(this, args);
    }

    /** Loads or stores a byte as the program would; returns 0 or signal * 100 + si_code. */
    int access(long vaddr, boolean write) {
        Vma vma = StackGrowth.findOrGrow(mm, vaddr);
        if (vma == null) {
            return SIGSEGV_MAPERR;
        }
        if (!vma.has(write ? VmaFlags.VM_WRITE : VmaFlags.VM_ACCESS_FLAGS)) {
            return SIGSEGV_ACCERR;
        }
        return fault(vma, vaddr, write) ? 0 : SIGBUS_ADRERR;
    }

    private boolean fault(Vma vma, long vaddr, boolean write) {
        if (write && !vma.has(VmaFlags.VM_SHARED)) {
            prepareAnonVma(vma);
        }
        MappedFile file = vma.file();
        return file == null || vma.pgoffOf(vaddr) < (file.sizeBytes() + PAGE - 1) / PAGE;
    }

    @Override
    public void prepare(Vma vma) {
        prepareAnonVma(vma);
    }

    void prepareAnonVma(Vma vma) {
        if (vma.anonVma() == null) {
            AnonVma shared = MmLifecycle.findMergeableAnonVma(vma);
            AnonVma anonVma = shared != null ? shared : new Identity(nextAnonVma++);
            vma.setAnonVma(anonVma);
            vma.anonVmaChain().add(anonVma);
        }
    }

    /** Copies the process as fork() does; the child's areas get an anon_vma of their own beside the parent's. */
    Mm fork() {
        Mm child = tryFork();
        if (child == null) {
            throw new AssertionError("fork failed: " + forkError);
        }
        return child;
    }

    /** Returns what {@link #tryFork} that gave null has failed with, a negative errno. */
    long forkError() {
        return forkError;
    }

    /** The same, or null when it fails. */
    @Nullable
    Mm tryFork() {
        Mm child = newMm();
        long error = MmLifecycle.dupMmap(child, mm, (copy, original, wipe) -> {
            if (!wipe && original.anonVma() != null) {
                cloneChain(copy, original);
                Identity own = new Identity(nextAnonVma++);
                copy.setAnonVma(own);
                copy.anonVmaChain().add(own);
            }
            return 0;
        });
        if (error != 0) {
            Munmap.exitMmap(child);
            forkError = error;
            return null;
        }
        child.setPrivileged(mm.isPrivileged());
        return child;
    }

    void verify() {
        Violations out = new Violations();
        mm.verify(out);
        long committed = 0;
        for (Vma vma : mm.vmas()) {
            committed += vma.has(VmaFlags.VM_ACCOUNT) ? vma.pages() : 0;
            if (vma.file() instanceof TestFile file && !file.linked().contains(vma)) {
                out.add("file", "area is not linked: " + vma);
            }
        }
        // A stack that is not accounted is charged for its growth all the same and never gives it back, in Linux too.
        if (committed > overcommit.committedPages()) {
            out.add("overcommit", "Committed_AS is below the accounted areas");
        }
        out.throwIfAny();
    }

    /** Returns {@code start-end perms} of each area, in pages relative to a base. */
    String layout(long base) {
        StringBuilder text = new StringBuilder();
        for (Vma vma : mm.vmas()) {
            text.append((vma.start() - base) / PAGE)
                    .append('-')
                    .append((vma.end() - base) / PAGE)
                    .append(' ')
                    .append(VmaFlags.permissions(vma.flags()))
                    .append(' ');
        }
        return text.toString().strip();
    }

    @Override
    public Mm mm() {
        return mm;
    }

    @Override
    public UserMemory userMemory() {
        return this;
    }

    @Override
    public @Nullable MappedFile file(int fd) {
        return files.get(fd);
    }

    @Override
    public long copyToUser(long vaddr, byte[] bytes, int offset, int length) {
        return 0;
    }

    @Override
    public long copyFromUser(byte[] bytes, int offset, int length, long vaddr) {
        return 0;
    }

    @Override
    public MappedFile create(long sizeBytes, long flags) {
        return new TestFile(
                nextFile++, "/dev/zero (deleted)", 0, 0, 1, true, true, TestFile.Kind.SHARED_ANONYMOUS, sizeBytes);
    }

    @Override
    public void cloneChain(Vma target, Vma source) {
        if (!target.anonVmaChain().isEmpty()) {
            throw new AssertionError("chain of " + target + " is not empty");
        }
        target.anonVmaChain().addAll(source.anonVmaChain());
    }

    @Override
    public void unlink(Vma vma) {
        vma.anonVmaChain().clear();
        vma.setAnonVma(null);
    }

    @Override
    public void unmapRegion(Mm unused, List<Vma> vmas, long floor, long ceiling) {
        for (Vma vma : vmas) {
            events.add("unmap " + Long.toHexString(vma.start()) + "-" + Long.toHexString(vma.end()));
        }
    }

    @Override
    public void zapRange(Vma vma, long start, long end) {
        events.add("zap " + Long.toHexString(start) + "-" + Long.toHexString(end));
    }

    @Override
    public void changeProtection(Vma vma, long start, long end, long oldFlags) {
        events.add("protect " + Long.toHexString(start) + "-" + Long.toHexString(end));
    }

    @Override
    public boolean moveTables(Vma from, long oldStart, Vma to, long newStart, long lengthBytes) {
        events.add("move " + Long.toHexString(oldStart) + " " + Long.toHexString(newStart) + " " + lengthBytes / PAGE);
        return true;
    }

    @Override
    public long populate(Vma vma, long start, long end, boolean write) {
        for (long at = start; at < end; at += PAGE) {
            if (!fault(vma, at, write)) {
                return -Errno.EFAULT;
            }
        }
        return 0;
    }

    @Override
    public long installGuards(Vma vma, long start, long end) {
        events.add("guard " + Long.toHexString(start) + "-" + Long.toHexString(end));
        return 0;
    }

    @Override
    public void removeGuards(Vma vma, long start, long end) {
        events.add("unguard " + Long.toHexString(start) + "-" + Long.toHexString(end));
    }

    @Override
    public void lazyFree(Vma vma, long start, long end) {
        events.add("free " + Long.toHexString(start) + "-" + Long.toHexString(end));
    }

    @Override
    public void deactivate(Vma vma, long start, long end, boolean pageOut) {
        events.add("deactivate " + Long.toHexString(start) + "-" + Long.toHexString(end));
    }

    @Override
    public void willNeed(Vma vma, long start, long end) {
        events.add("willneed " + Long.toHexString(start) + "-" + Long.toHexString(end));
    }

    @Override
    public void lockChanged(Vma vma, long start, long end) {
        events.add("lock " + Long.toHexString(start) + "-" + Long.toHexString(end));
    }

    @Override
    public boolean isInCore(Vma vma, long vaddr) {
        return false;
    }

    @Override
    public long removeFromFile(Vma vma, long start, long end) {
        return 0;
    }

    @Override
    public long sync(Vma vma, long start, long end) {
        return 0;
    }

    @Override
    public long totalRamPages() {
        return ramPages;
    }

    @Override
    public int maxMapCount() {
        return maxMapCount;
    }

    @Override
    public int overcommitRatio() {
        return overcommitRatio;
    }

    @Override
    public long overcommitKbytes() {
        return overcommitKbytes;
    }

    @Override
    public long userReserveKbytes() {
        return userReserveKbytes;
    }

    @Override
    public long adminReserveKbytes() {
        return adminReserveKbytes;
    }

    @Override
    public int overcommitMemory() {
        return overcommitMode;
    }

    @Override
    public boolean alignsForHugePages() {
        return alignsForHugePages;
    }

    @Override
    public void discard(Vma vma, long start, long end) {
        zapRange(vma, start, end);
    }

    @Override
    public void splitHuge(Vma vma, long address) {}

    @Override
    public long writeProtect(Vma vma, long start, long end, boolean isProtected) {
        return 0;
    }

    @Override
    public long faultIn(Vma vma, long start, long end, boolean write) {
        return populate(vma, start, end, write);
    }

    @Override
    public long collapse(Vma vma, long start, long end) {
        return -Errno.EINVAL;
    }
}
