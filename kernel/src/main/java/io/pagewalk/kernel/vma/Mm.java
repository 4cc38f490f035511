package io.pagewalk.kernel.vma;

import io.pagewalk.base.Digest;
import io.pagewalk.base.KernelBug;
import io.pagewalk.base.Violations;
import org.jspecify.annotations.Nullable;

/**
 * One address space: {@code struct mm_struct}. Threads share one.
 *
 * <p>Counters in pages unless a name says bytes. The areas themselves change only through the calls of this package ({@link Mmap}, {@link Munmap} ...).
 */
public final class Mm {
    private final MmServices services;
    private final AddressLayout layout;
    private final VmaTree tree = new VmaTree();
    private ResourceLimits limits;
    private boolean privileged;

    private long mmapBase;
    private boolean topDown = true;
    private long totalVm;
    private long lockedVm;
    private long pinnedVm;
    private long dataVm;
    private long execVm;
    private long stackVm;
    private long hiwaterRss;
    private long hiwaterVm;
    private long startCode;
    private long endCode;
    private long startData;
    private long endData;
    private long startBrk;
    private long brk;
    private long startStack;
    private long argStart;
    private long argEnd;
    private long envStart;
    private long envEnd;
    private long defFlags;
    private boolean hasPinned;
    private long lockedTwice;
    private final MmAttributes attributes;
    private int users = 1;
    private int count = 1;
    private long pgtablesBytes;
    private long pgdPfn = -1;
    private int contextId;
    private int ownerPid;
    private @Nullable MappedFile exeFile;
    private final MmKsm ksm = new MmKsm();
    private final long[] rss = new long[RssCounter.values().length];

    /**
     * Creates an address space without areas: {@code kernel/fork.c:mm_init()} and {@code arch_pick_mmap_layout()}.
     *
     * @param services what the machine's other packages do for it
     * @param layout borders of user space
     * @param limits limits of the owning process; the stack limit decides where mappings begin
     */
    public Mm(MmServices services, AddressLayout layout, ResourceLimits limits) {
        this.services = services;
        this.layout = layout;
        this.limits = limits;
        this.mmapBase = layout.mmapBase(limits.soft(ResourceLimits.RLIMIT_STACK));
        this.attributes = new MmAttributes(services.keys().exists());
    }

    /** Returns what the other packages do for it. */
    public MmServices services() {
        return services;
    }

    /** Returns the borders of user space. */
    public AddressLayout layout() {
        return layout;
    }

    /** Returns the areas; only this package and {@code fork}, {@code exec} insert or remove any. */
    public VmaTree vmas() {
        return tree;
    }

    /** Returns what it knows of the merging of its pages. */
    public MmKsm ksm() {
        return ksm;
    }

    /** Returns the limits of the owning process. */
    public ResourceLimits limits() {
        return limits;
    }

    /**
     * Replaces the limits.
     *
     * @param value limits of the owning process
     */
    public void setLimits(ResourceLimits value) {
        limits = value;
    }

    /** Returns whether the owner has {@code CAP_IPC_LOCK} and {@code CAP_SYS_ADMIN}. */
    public boolean isPrivileged() {
        return privileged;
    }

    /**
     * Gives or takes the owner's capabilities.
     *
     * @param value whether it has {@code CAP_IPC_LOCK} and {@code CAP_SYS_ADMIN}
     */
    public void setPrivileged(boolean value) {
        privileged = value;
    }

    /** Returns the top of the mapping area ({@code mmap_base}). */
    public long mmapBase() {
        return mmapBase;
    }

    /** Returns whether free room is searched from {@link #mmapBase()} downwards ({@code MMF_TOPDOWN}). */
    public boolean isTopDown() {
        return topDown;
    }

    /**
     * Sets where free room is searched.
     *
     * @param base first or last address
     * @param searchDown whether from there downwards
     */
    public void setMmapBase(long base, boolean searchDown) {
        mmapBase = base;
        topDown = searchDown;
    }

    /** Returns the first address behind user space ({@code task_size}). */
    public long taskSize() {
        return layout.taskSize();
    }

    /** Returns how many areas there are ({@code map_count}). */
    public int mapCount() {
        return tree.size();
    }

    /** Returns the pages of all areas ({@code VmSize}). */
    public long totalVm() {
        return totalVm;
    }

    /** Returns the pages of locked areas ({@code VmLck}). */
    public long lockedVm() {
        return lockedVm;
    }

    /** Returns the pages pinned for devices ({@code VmPin}). */
    public long pinnedVm() {
        return pinnedVm;
    }

    /** Returns the pages of private writable areas ({@code VmData} without the stack). */
    public long dataVm() {
        return dataVm;
    }

    /** Returns the pages of executable, read-only areas ({@code VmExe} and {@code VmLib}). */
    public long execVm() {
        return execVm;
    }

    /** Returns the pages of stacks ({@code VmStk}). */
    public long stackVm() {
        return stackVm;
    }

    /**
     * Adds to {@code locked_vm}.
     *
     * @param pages may be negative
     */
    public void addLockedVm(long pages) {
        lockedVm += pages;
        KernelBug.on(lockedVm < 0, "locked_vm below zero");
    }

    /**
     * Notes that {@code mremap(MREMAP_DONTUNMAP)} counted locked pages a second time. Linux 6.18 does so and never takes them back
     * ({@code mm/mremap.c:dontunmap_complete()} clears the old area's flag only), which {@code VmLck} shows.
     *
     * @param pages how many
     */
    void noteLockedTwice(long pages) {
        lockedTwice += pages;
    }

    /** Ends the double count when the address space goes. */
    void forgetLockedTwice() {
        lockedVm -= lockedTwice;
        lockedTwice = 0;
    }

    /**
     * Adds to {@code pinned_vm}.
     *
     * @param pages may be negative
     */
    public void addPinnedVm(long pages) {
        pinnedVm += pages;
    }

    /**
     * Counts pages in {@code total_vm} and in the sum of their kind: {@code mm/mmap.c:vm_stat_account()}.
     *
     * @param flags {@link VmaFlags} bits of their area
     * @param pages may be negative
     */
    public void account(long flags, long pages) {
        totalVm += pages;
        if (VmaFlags.isExecMapping(flags)) {
            execVm += pages;
        } else if (VmaFlags.isStackMapping(flags)) {
            stackVm += pages;
        } else if (VmaFlags.isDataMapping(flags)) {
            dataVm += pages;
        }
    }

    /** Returns the largest resident size so far, in pages ({@code VmHWM}), the present one included: {@code get_mm_hiwater_rss()}. */
    public long hiwaterRss() {
        return Math.max(hiwaterRss, rssPages());
    }

    /** Returns the largest {@link #totalVm()} so far ({@code VmPeak}), the present one included: {@code get_mm_hiwater_vm()}. */
    public long hiwaterVm() {
        return Math.max(hiwaterVm, totalVm);
    }

    /** Returns the remembered largest size without the present one, for a call that raises the size for a moment only. */
    long rememberedHiwaterVm() {
        return hiwaterVm;
    }

    /**
     * Puts back what {@link #rememberedHiwaterVm} gave.
     *
     * @param pages the largest size so far
     */
    void restoreHiwaterVm(long pages) {
        hiwaterVm = pages;
    }

    /** Remembers the present resident size before pages go: {@code update_hiwater_rss()}. */
    public void updateHiwaterRss() {
        hiwaterRss = hiwaterRss();
    }

    /** Makes the present resident size the largest: {@code reset_mm_hiwater_rss()}. */
    public void resetHiwaterRss() {
        hiwaterRss = rssPages();
    }

    /** Remembers the present size before areas go: {@code update_hiwater_vm()}. */
    public void updateHiwaterVm() {
        hiwaterVm = hiwaterVm();
    }

    /** Returns the resident pages: files, anonymous and shared memory ({@code get_mm_rss()}). */
    public long rssPages() {
        return rss(RssCounter.FILE) + rss(RssCounter.ANON) + rss(RssCounter.SHMEM);
    }

    /**
     * Returns one of the resident counters.
     *
     * @param kind which
     */
    public long rss(RssCounter kind) {
        return rss[kind.index()];
    }

    /**
     * Adds to one of the resident counters ({@code add_mm_counter()}).
     *
     * @param kind which
     * @param pages may be negative
     */
    public void addRss(RssCounter kind, long pages) {
        rss[kind.index()] += pages;
    }

    /** Returns the bytes of its page tables ({@code VmPTE}). */
    public long pgtablesBytes() {
        return pgtablesBytes;
    }

    /**
     * Counts page tables ({@code mm_inc_nr_ptes()} and relatives).
     *
     * @param bytes may be negative
     */
    public void addPgtablesBytes(long bytes) {
        pgtablesBytes += bytes;
    }

    /** Returns whether a page of it was ever pinned, so that fork must look for such ({@code MMF_HAS_PINNED}). */
    public boolean hasPinned() {
        return hasPinned;
    }

    /** Notes that a page is pinned. */
    public void setHasPinned() {
        hasPinned = true;
    }

    /** Returns the frame of the root page table, -1 when there is none. */
    public long pgdPfn() {
        return pgdPfn;
    }

    /**
     * Sets the frame of the root page table.
     *
     * @param pfn frame number, or -1
     */
    public void setPgdPfn(long pfn) {
        pgdPfn = pfn;
    }

    /** Returns the address-space identifier of the hardware ({@code context.ctx_id}). */
    public int contextId() {
        return contextId;
    }

    /**
     * Sets the address-space identifier.
     *
     * @param value as the scheduler gave it
     */
    public void setContextId(int value) {
        contextId = value;
    }

    /** Returns the process number of the owner. */
    public int ownerPid() {
        return ownerPid;
    }

    /**
     * Sets the owner.
     *
     * @param pid process number
     */
    public void setOwnerPid(int pid) {
        ownerPid = pid;
    }

    /** Returns the executed file, or null. */
    public @Nullable MappedFile exeFile() {
        return exeFile;
    }

    /**
     * Sets the executed file; references are the caller's affair.
     *
     * @param file the file
     */
    public void setExeFile(@Nullable MappedFile file) {
        exeFile = file;
    }

    /** Returns how many threads use it ({@code mm_users}). */
    public int users() {
        return users;
    }

    /**
     * Adds users ({@code mmget()}, {@code mmput()}).
     *
     * @param delta may be negative
     * @return the new number
     */
    public int addUsers(int delta) {
        users += delta;
        KernelBug.on(users < 0, "mm_users below zero");
        return users;
    }

    /** Returns the references to the structure ({@code mm_count}); all users together hold one. */
    public int count() {
        return count;
    }

    /**
     * Adds references ({@code mmgrab()}, {@code mmdrop()}).
     *
     * @param delta may be negative
     * @return the new number
     */
    public int addCount(int delta) {
        count += delta;
        KernelBug.on(count < 0, "mm_count below zero");
        return count;
    }

    /** Returns the flags that new areas get ({@code mlockall(MCL_FUTURE)}). */
    public long defFlags() {
        return defFlags;
    }

    /**
     * Sets the flags that new areas get.
     *
     * @param value {@link VmaFlags} bits
     */
    public void setDefFlags(long value) {
        defFlags = value;
    }

    /** Returns the first address of program text. */
    public long startCode() {
        return startCode;
    }

    /** Returns the first address behind program text. */
    public long endCode() {
        return endCode;
    }

    /**
     * Sets the borders of program text.
     *
     * @param start first address
     * @param end first address behind
     */
    public void setCode(long start, long end) {
        startCode = start;
        endCode = end;
    }

    /** Returns the first address of initialised data. */
    public long startData() {
        return startData;
    }

    /** Returns the first address behind initialised data. */
    public long endData() {
        return endData;
    }

    /**
     * Sets the borders of initialised data.
     *
     * @param start first address
     * @param end first address behind
     */
    public void setData(long start, long end) {
        startData = start;
        endData = end;
    }

    /** Returns where the heap begins. */
    public long startBrk() {
        return startBrk;
    }

    /** Returns where the heap ends at present, not page aligned. */
    public long brk() {
        return brk;
    }

    /**
     * Sets the heap.
     *
     * @param start where it begins
     * @param end where it ends
     */
    public void setBrk(long start, long end) {
        startBrk = start;
        brk = end;
    }

    /** Returns the stack pointer at the start of the program. */
    public long startStack() {
        return startStack;
    }

    /**
     * Sets the stack pointer at the start of the program.
     *
     * @param vaddr an address in the stack area
     */
    public void setStartStack(long vaddr) {
        startStack = vaddr;
    }

    /** Returns the first byte of the arguments. */
    public long argStart() {
        return argStart;
    }

    /** Returns the first byte behind the arguments. */
    public long argEnd() {
        return argEnd;
    }

    /**
     * Sets the borders of the arguments.
     *
     * @param start first byte
     * @param end first byte behind
     */
    public void setArgs(long start, long end) {
        argStart = start;
        argEnd = end;
    }

    /** Returns the first byte of the environment. */
    public long envStart() {
        return envStart;
    }

    /** Returns the first byte behind the environment. */
    public long envEnd() {
        return envEnd;
    }

    /**
     * Sets the borders of the environment.
     *
     * @param start first byte
     * @param end first byte behind
     */
    public void setEnv(long start, long end) {
        envStart = start;
        envEnd = end;
    }

    /**
     * Takes over what a child shares with its parent before any area is copied: {@code kernel/fork.c:dup_mm()}. Sizes and counters stay zero.
     *
     * @param parent the address space to copy from
     */
    void copyLayout(Mm parent) {
        mmapBase = parent.mmapBase;
        topDown = parent.topDown;
        startCode = parent.startCode;
        endCode = parent.endCode;
        startData = parent.startData;
        endData = parent.endData;
        startBrk = parent.startBrk;
        brk = parent.brk;
        startStack = parent.startStack;
        argStart = parent.argStart;
        argEnd = parent.argEnd;
        envStart = parent.envStart;
        envEnd = parent.envEnd;
        defFlags = parent.defFlags & VmaFlags.VM_NOHUGEPAGE;
        exeFile = parent.exeFile;
        privileged = parent.privileged;
        attributes.copyForFork(parent.attributes);
    }

    /** Returns what {@code prctl()}, {@code membarrier()} and protection keys have set. */
    public MmAttributes attributes() {
        return attributes;
    }

    /**
     * Checks the tree, and that the counters are the sums over the areas.
     *
     * @param out receives what is wrong
     */
    public void verify(Violations out) {
        String where = "mm of " + ownerPid;
        tree.verify(where, out);
        long total = 0;
        long locked = 0;
        long exec = 0;
        long stack = 0;
        long data = 0;
        for (Vma vma : tree) {
            long flags = vma.flags();
            total += vma.pages();
            if ((flags & VmaFlags.VM_LOCKED) != 0) {
                locked += vma.pages();
            }
            if (VmaFlags.isExecMapping(flags)) {
                exec += vma.pages();
            } else if (VmaFlags.isStackMapping(flags)) {
                stack += vma.pages();
            } else if (VmaFlags.isDataMapping(flags)) {
                data += vma.pages();
            }
            if (vma.anonVma() != null && !vma.anonVmaChain().contains(vma.anonVma())) {
                out.add(where, "anon_vma is not in the chain of " + vma);
            }
            if (vma.mm() != this) {
                out.add(where, "area of another mm: " + vma);
            }
        }
        out.expectEqual(where, "total_vm == sum of the areas", total, totalVm);
        out.expectEqual(where, "locked_vm == sum of the areas + counted twice", locked + lockedTwice, lockedVm);
        out.expectEqual(where, "exec_vm == sum of the areas", exec, execVm);
        out.expectEqual(where, "stack_vm == sum of the areas", stack, stackVm);
        out.expectEqual(where, "data_vm == sum of the areas", data, dataVm);
    }

    /**
     * Adds every field and area.
     *
     * @param digest where to
     */
    public void addToDigest(Digest digest) {
        for (Vma vma : tree) {
            vma.addToDigest(digest);
        }
        for (long value : new long[] {
            mmapBase,
            totalVm,
            lockedVm,
            pinnedVm,
            dataVm,
            execVm,
            stackVm,
            hiwaterRss(),
            hiwaterVm(),
            startCode,
            endCode,
            startData,
            endData,
            startBrk,
            brk,
            startStack,
            argStart,
            argEnd,
            envStart,
            envEnd,
            defFlags,
            users,
            count,
            pgtablesBytes
        }) {
            digest.add(value);
        }
        for (long value : rss) {
            digest.add(value);
        }
        attributes.addToDigest(digest);
    }
}
