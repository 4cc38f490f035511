package io.pagewalk.kernel.mempolicy;

import static io.pagewalk.kernel.mempolicy.NodeMigration.MF_MOVE;
import static io.pagewalk.kernel.mempolicy.NodeMigration.MF_MOVE_ALL;
import static io.pagewalk.kernel.mempolicy.NodeMigration.MF_STRICT;

import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.buddy.PageList;
import io.pagewalk.kernel.fault.MappedPages;
import io.pagewalk.kernel.hugetlb.HugetlbMigration;
import io.pagewalk.kernel.migrate.PageMigration;
import io.pagewalk.kernel.numa.Mempolicy;
import io.pagewalk.kernel.numa.Nodemask;
import io.pagewalk.kernel.numa.PolicyAllocator;
import io.pagewalk.kernel.numa.PolicyMode;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.syscall.SyscallArgs;
import io.pagewalk.kernel.syscall.SyscallDoor;
import io.pagewalk.kernel.syscall.UserMemory;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaPolicy;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;

/**
 * The calls of {@code mm/mempolicy.c} that set and ask policies, and the registration of the package's calls.
 *
 * @param <T> the machine's task type
 */
public final class PolicyCalls<T extends PolicyTask> {
    /** {@code get_mempolicy()}: a node and not a policy. */
    private static final long F_NODE = 1;

    /** {@code get_mempolicy()}: of an address and not of the task. */
    private static final long F_ADDR = 2;

    /** {@code get_mempolicy()}: the nodes that the task may use. */
    private static final long F_MEMS_ALLOWED = 4;

    private static final VarHandle INTS = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);

    private final PolicyAllocator policies;
    private final MemMap memmap;
    private final NodeMigration pages;
    private final PolicyHost<T> host;

    /**
     * Creates the calls of one machine.
     *
     * @param policies chooses nodes
     * @param allocator where frames come from
     * @param mapped finds pages
     * @param migration moves them
     * @param pools moves those of pools
     * @param host tasks and faults
     */
    public PolicyCalls(
            PolicyAllocator policies,
            PageAllocator allocator,
            MappedPages mapped,
            PageMigration migration,
            HugetlbMigration pools,
            PolicyHost<T> host) {
        this.policies = policies;
        this.memmap = allocator.memMap();
        this.pages = new NodeMigration(policies, allocator, mapped, migration, pools);
        this.host = host;
    }

    /**
     * Registers set_mempolicy, get_mempolicy, mbind, set_mempolicy_home_node, migrate_pages and move_pages.
     *
     * @param door the machine's table
     */
    public void register(SyscallDoor<T> door) {
        PageMoves<T> moves = new PageMoves<>(policies, pages, host);
        door.register("set_mempolicy", (task, args) -> setMempolicy(task, (int) args.a0, args.a1, args.a2));
        door.register("get_mempolicy", this::getMempolicy);
        door.register("mbind", this::mbind);
        door.register("set_mempolicy_home_node", (task, args) -> setHomeNode(task, args.a0, args.a1, args.a2, args.a3));
        door.register(
                "migrate_pages", (task, args) -> moves.migratePages(task, (int) args.a0, args.a1, args.a2, args.a3));
        door.register("move_pages", moves::movePages);
    }

    /** A mode with its flags, checked: {@code sanitize_mpol_flags()}. Null when they do not go together. */
    private static @Nullable PolicyMode modeOf(int modeAndFlags) {
        int flags = modeAndFlags & Mempolicy.MODE_FLAGS;
        PolicyMode mode = PolicyMode.of(modeAndFlags & ~Mempolicy.MODE_FLAGS);
        int placed = Mempolicy.F_STATIC_NODES | Mempolicy.F_RELATIVE_NODES;
        boolean mayBalance = mode == PolicyMode.BIND || mode == PolicyMode.PREFERRED_MANY;
        boolean isBad = (flags & placed) == placed || ((flags & Mempolicy.F_NUMA_BALANCING) != 0 && !mayBalance);
        return isBad ? null : mode;
    }

    private long setMempolicy(T task, int modeAndFlags, long maskAddress, long maxnode) {
        PolicyMode mode = modeOf(modeAndFlags);
        if (mode == null) {
            return -Errno.EINVAL;
        }
        NodemaskCopy copy = new NodemaskCopy();
        Nodemask nodes = copy.read(task.userMemory(), maskAddress, maxnode);
        if (nodes == null) {
            return copy.error();
        }
        int flags = modeAndFlags & Mempolicy.MODE_FLAGS;
        long error = Mempolicy.check(mode, flags, nodes, policies.memoryNodes());
        if (error == 0) {
            policies.setTaskPolicy(task.policy(), Mempolicy.of(mode, flags, nodes, policies.memoryNodes()));
        }
        return error;
    }

    private long getMempolicy(T task, SyscallArgs args) {
        long policyAddress = args.a0;
        long maskAddress = args.a1;
        long maxnode = args.a2;
        if (maskAddress != 0 && Long.compareUnsigned(maxnode, policies.nodeIds()) < 0) {
            return -Errno.EINVAL;
        }
        Answer answer = new Answer();
        long error = ask(task, args.a3, args.a4, answer);
        if (error != 0) {
            return error;
        }
        if (policyAddress != 0) {
            byte[] bytes = new byte[4];
            INTS.set(bytes, 0, answer.value);
            if (task.userMemory().copyToUser(policyAddress, bytes, 0, 4) != 0) {
                return -Errno.EFAULT;
            }
        }
        return maskAddress == 0
                ? 0
                : NodemaskCopy.write(task.userMemory(), maskAddress, maxnode, answer.nodes, policies.nodeIds());
    }

    /** What {@code do_get_mempolicy()} finds. */
    private static final class Answer {
        private int value;
        private Nodemask nodes = Nodemask.NONE;
    }

    private long ask(T task, long vaddr, long flags, Answer answer) {
        if ((flags & ~(F_NODE | F_ADDR | F_MEMS_ALLOWED)) != 0) {
            return -Errno.EINVAL;
        }
        if ((flags & F_MEMS_ALLOWED) != 0) {
            answer.nodes = policies.memoryNodes();
            return flags == F_MEMS_ALLOWED ? 0 : -Errno.EINVAL;
        }
        Mempolicy policy = task.policy().policy();
        if ((flags & F_ADDR) != 0) {
            Vma vma = vaddr < 0 ? null : task.mm().vmas().find(vaddr);
            if (vma == null) {
                return -Errno.EFAULT;
            }
            policy = vma.policyAt(vaddr);
        } else if (vaddr != 0) {
            return -Errno.EINVAL;
        }
        if (flags == (F_NODE | F_ADDR)) {
            if (!host.faultIn(task, vaddr)) {
                return -Errno.EFAULT;
            }
            long pfn = pages.mapped().pageAt(task.mm(), vaddr);
            answer.value =
                    pages.nodeOf(pfn == MappedPages.ZERO_PAGE ? pages.mapped().zeroPfn() : pfn);
        } else if (flags == F_NODE) {
            if (policy == null || !policy.mode().isInterleaved()) {
                return -Errno.EINVAL;
            }
            answer.value = task.policy().nextNode(policy);
        } else if (policy != null) {
            answer.value = policy.mode().ordinal() | policy.flags();
        }
        answer.nodes = policy == null ? Nodemask.NONE : policy.reportedNodes();
        return 0;
    }

    private long mbind(T task, SyscallArgs args) {
        int modeAndFlags = (int) args.a2;
        PolicyMode mode = modeOf(modeAndFlags);
        if (mode == null) {
            return -Errno.EINVAL;
        }
        NodemaskCopy copy = new NodemaskCopy();
        Nodemask nodes = copy.read(task.userMemory(), args.a3, args.a4);
        if (nodes == null) {
            return copy.error();
        }
        int flags = (int) args.a5;
        if ((flags & ~(MF_STRICT | MF_MOVE | MF_MOVE_ALL)) != 0) {
            return -Errno.EINVAL;
        }
        if ((flags & MF_MOVE_ALL) != 0 && !host.hasSysNice(task)) {
            return -Errno.EPERM;
        }
        if (mode == PolicyMode.DEFAULT) {
            flags &= ~MF_STRICT;
        }
        long start = args.a0;
        long end = start + align(args.a1);
        if ((start & 4095) != 0 || Long.compareUnsigned(end, start) < 0) {
            return -Errno.EINVAL;
        }
        if (end == start) {
            return 0;
        }
        int modeFlags = modeAndFlags & Mempolicy.MODE_FLAGS;
        long error = Mempolicy.check(mode, modeFlags, nodes, policies.memoryNodes());
        return error != 0
                ? error
                : bind(task, start, end, Mempolicy.of(mode, modeFlags, nodes, policies.memoryNodes()), nodes, flags);
    }

    /** The second half of {@code do_mbind()}. */
    private long bind(T task, long start, long end, @Nullable Mempolicy policy, Nodemask nodes, int flags) {
        Mm mm = task.mm();
        PageList queue = new PageList();
        long stop = end < 0 ? mm.taskSize() : end;
        NodeMigration.Walk walk = policy == null ? NodeMigration.Walk.OUTSIDE_WITH_HOLES : NodeMigration.Walk.OUTSIDE;
        long failed = pages.collect(mm, start, stop, nodes, flags, walk, queue);
        long error = failed < 0 ? failed : VmaPolicy.set(mm, start, stop, policy);
        if (error != 0) {
            pages.putBack(queue);
            return error;
        }
        if (!queue.isEmpty()) {
            Mempolicy target = policy != null ? policy : task.policy().policy();
            failed |= pages.moveBy(queue, target, target == null ? 0 : base(mm, start, stop, target, queue));
        }
        return failed != 0 && (flags & MF_STRICT) != 0 ? -Errno.EIO : 0;
    }

    /** Returns what interleaving must add to a page's index, so that the first page goes where a fault would have put it. */
    private long base(Mm mm, long start, long end, Mempolicy policy, PageList queue) {
        if (!policy.mode().isInterleaved()) {
            return 0;
        }
        long first = queue.get(queue.size() - 1);
        for (Vma vma = mm.vmas().findIntersection(start, end);
                vma != null && vma.start() < end;
                vma = mm.vmas().next(vma)) {
            long vaddr = vma.start() + ((memmap.index(first) - vma.pgoff()) << 12);
            if (vma.contains(vaddr) && pages.mapped().pageAt(mm, vaddr) == first) {
                return vma.interleaveIndex(vaddr) - memmap.index(first);
            }
        }
        return 0;
    }

    private long setHomeNode(T task, long start, long length, long node, long flags) {
        long end = start + align(length);
        boolean isBad = (start & 4095) != 0
                || flags != 0
                || Long.compareUnsigned(node, policies.nodeIds()) >= 0
                || Long.compareUnsigned(end, start) < 0;
        if (isBad) {
            return -Errno.EINVAL;
        }
        return end == start
                ? 0
                : VmaPolicy.setHomeNode(task.mm(), start, end < 0 ? task.mm().taskSize() : end, (int) node);
    }

    private static long align(long length) {
        return (length + 4095) & -4096L;
    }

    /** Reads a 32-bit number out of user memory, or null for {@code -EFAULT}. */
    static @Nullable Integer readInt(UserMemory memory, long vaddr) {
        byte[] bytes = new byte[4];
        return memory.copyFromUser(bytes, 0, 4, vaddr) != 0 ? null : (Integer) (int) INTS.get(bytes, 0);
    }

    /** Writes a 32-bit number; returns whether it could be written. */
    static boolean writeInt(UserMemory memory, long vaddr, int value) {
        byte[] bytes = new byte[4];
        INTS.set(bytes, 0, value);
        return memory.copyToUser(vaddr, bytes, 0, 4) == 0;
    }
}
