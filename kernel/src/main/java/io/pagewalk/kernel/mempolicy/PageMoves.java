package io.pagewalk.kernel.mempolicy;

import static io.pagewalk.kernel.mempolicy.NodeMigration.MF_MOVE;
import static io.pagewalk.kernel.mempolicy.NodeMigration.MF_MOVE_ALL;

import io.pagewalk.kernel.buddy.PageList;
import io.pagewalk.kernel.fault.MappedPages;
import io.pagewalk.kernel.numa.Nodemask;
import io.pagewalk.kernel.numa.PolicyAllocator;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.syscall.SyscallArgs;
import io.pagewalk.kernel.syscall.UserMemory;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.Vma;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;

/** {@code migrate_pages()} of {@code mm/mempolicy.c} and {@code move_pages()} of {@code mm/migrate.c}. */
final class PageMoves<T extends PolicyTask> {
    private static final int NO_NODE = -1;

    /** Addresses that {@code do_pages_stat()} handles in one go, all or none. */
    private static final int CHUNK = 16;

    private static final VarHandle LONGS = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private final PolicyAllocator policies;
    private final NodeMigration pages;
    private final PolicyHost<T> host;

    PageMoves(PolicyAllocator policies, NodeMigration pages, PolicyHost<T> host) {
        this.policies = policies;
        this.pages = pages;
        this.host = host;
    }

    /** {@code kernel_migrate_pages()}. */
    long migratePages(T task, int pid, long maxnode, long oldAddress, long newAddress) {
        NodemaskCopy copy = new NodemaskCopy();
        Nodemask from = copy.read(task.userMemory(), oldAddress, maxnode);
        if (from == null) {
            return copy.error();
        }
        Nodemask wanted = copy.read(task.userMemory(), newAddress, maxnode);
        if (wanted == null) {
            return copy.error();
        }
        T target = pid == 0 ? task : host.find(pid);
        if (target == null) {
            return -Errno.ESRCH;
        }
        if (!host.mayRead(task, target)) {
            return -Errno.EPERM;
        }
        boolean isPrivileged = host.hasSysNice(task);
        if (!wanted.isSubsetOf(policies.memoryNodes()) && !isPrivileged) {
            return -Errno.EPERM;
        }
        Nodemask to = wanted.and(policies.memoryNodes());
        Mm mm = target.mmOrNull();
        if (to.isEmpty() || mm == null) {
            return -Errno.EINVAL;
        }
        return migrate(mm, from, to, isPrivileged ? MF_MOVE_ALL : MF_MOVE);
    }

    /** {@code do_migrate_pages()}: moves node by node, those first whose target is not itself a source that still has to move. */
    private long migrate(Mm mm, Nodemask from, Nodemask to, int flags) {
        long notMoved = 0;
        Nodemask left = from;
        while (!left.isEmpty()) {
            int source = NO_NODE;
            int target = 0;
            for (int node = left.first(); node < Nodemask.MAX_NUMNODES; node = left.next(node)) {
                if (from.weight() != to.weight() && to.has(node)) {
                    continue;
                }
                int mapped = from.remap(node, to);
                if (mapped == node) {
                    continue;
                }
                source = node;
                target = mapped;
                if (!left.has(target)) {
                    break;
                }
            }
            if (source == NO_NODE) {
                break;
            }
            left = left.without(source);
            long result = migrateNode(mm, source, target, flags);
            if (result < 0) {
                return result;
            }
            notMoved += result;
        }
        return Math.min(notMoved, Integer.MAX_VALUE);
    }

    /** {@code migrate_to_node()}. */
    private long migrateNode(Mm mm, int source, int target, int flags) {
        Vma first = mm.vmas().first();
        if (first == null) {
            return 0;
        }
        PageList queue = new PageList();
        long failed = pages.collect(
                mm,
                first.start(),
                mm.taskSize(),
                Nodemask.of(source),
                flags,
                NodeMigration.Walk.INSIDE_WITH_HOLES,
                queue);
        long result = pages.moveTo(queue, target);
        return result < 0 ? result : result + Math.max(failed, 0);
    }

    /** {@code kernel_move_pages()}. */
    long movePages(T task, SyscallArgs args) {
        int flags = (int) args.a5;
        if ((flags & ~(MF_MOVE | MF_MOVE_ALL)) != 0) {
            return -Errno.EINVAL;
        }
        if ((flags & MF_MOVE_ALL) != 0 && !host.hasSysNice(task)) {
            return -Errno.EPERM;
        }
        int pid = (int) args.a0;
        T target = pid == 0 ? task : host.find(pid);
        if (target == null) {
            return -Errno.ESRCH;
        }
        if (pid != 0 && !host.mayRead(task, target)) {
            return -Errno.EPERM;
        }
        Mm mm = target.mmOrNull();
        if (mm == null) {
            return -Errno.EINVAL;
        }
        Request request = new Request(task.userMemory(), mm, args.a1, args.a2, args.a3, args.a4);
        return args.a3 != 0 ? move(request, (flags & MF_MOVE_ALL) != 0) : stat(request);
    }

    /** The arrays of one call. */
    private record Request(UserMemory memory, Mm mm, long count, long pages, long nodes, long status) {
        @Nullable
        Long page(long i) {
            byte[] bytes = new byte[8];
            return memory.copyFromUser(bytes, 0, 8, pages + i * 8) != 0 ? null : (Long) (long) LONGS.get(bytes, 0);
        }

        /** {@code store_status()}. */
        long store(long from, long value, long times) {
            for (long i = 0; i < times; i++) {
                if (!PolicyCalls.writeInt(memory, status + (from + i) * 4, (int) value)) {
                    return -Errno.EFAULT;
                }
            }
            return 0;
        }
    }

    /** {@code do_pages_stat()}. */
    private long stat(Request request) {
        for (long done = 0; Long.compareUnsigned(done, request.count) < 0; done += CHUNK) {
            long left = request.count - done;
            int chunk = Long.compareUnsigned(left, CHUNK) < 0 ? (int) left : CHUNK;
            byte[] addresses = new byte[chunk * 8];
            if (request.memory.copyFromUser(addresses, 0, addresses.length, request.pages + done * 8) != 0) {
                return -Errno.EFAULT;
            }
            int[] status = new int[chunk];
            for (int i = 0; i < chunk; i++) {
                status[i] = statusOf(request.mm, (long) LONGS.get(addresses, i * 8));
            }
            for (int i = 0; i < chunk; i++) {
                if (request.store(done + i, status[i], 1) != 0) {
                    return -Errno.EFAULT;
                }
            }
        }
        return 0;
    }

    /** {@code do_pages_stat_array()} for one page. */
    private int statusOf(Mm mm, long vaddr) {
        if (vaddr < 0 || mm.vmas().find(vaddr) == null) {
            return -Errno.EFAULT;
        }
        long pfn = pages.mapped().pageAt(mm, vaddr);
        if (pfn == MappedPages.ZERO_PAGE) {
            return -Errno.EFAULT;
        }
        return pfn < 0 ? -Errno.ENOENT : pages.nodeOf(pfn);
    }

    /** {@code do_pages_move()}: pages in a row that go to one node are moved together. */
    private long move(Request request, boolean movesAll) {
        PageList queue = new PageList();
        int current = NO_NODE;
        long start = 0;
        long error = 0;
        long i = 0;
        for (; Long.compareUnsigned(i, request.count) < 0; i++) {
            Long vaddr = request.page(i);
            Integer node = vaddr == null ? null : PolicyCalls.readInt(request.memory, request.nodes + i * 4);
            if (vaddr == null || node == null) {
                error = -Errno.EFAULT;
                break;
            }
            if (!policies.memoryNodes().has(node)) {
                error = -Errno.ENODEV;
                break;
            }
            if (current == NO_NODE) {
                current = node;
                start = i;
            } else if (node != current) {
                long result = moveAndStore(request, queue, current, start, i);
                if (result != 0) {
                    return result;
                }
                start = i;
                current = node;
            }
            error = add(request.mm, vaddr, current, movesAll, queue);
            if (error > 0) {
                continue;
            }
            error = request.store(i, error < 0 ? error : current, 1);
            if (error != 0) {
                break;
            }
            long result = moveAndStore(request, queue, current, start, i);
            if (result != 0) {
                return result > 0 ? result - 1 : result;
            }
            current = NO_NODE;
        }
        long result = moveAndStore(request, queue, current, start, i);
        return error >= 0 ? result : error;
    }

    /** {@code move_pages_and_store_status()}: returns an errno, or how many pages have not been moved or tried. */
    private long moveAndStore(Request request, PageList queue, int node, long start, long i) {
        if (queue.isEmpty()) {
            return 0;
        }
        long result = pages.moveTo(queue, node);
        if (result != 0) {
            return result > 0 ? (int) (result + request.count - i) : result;
        }
        return request.store(start, node, i - start);
    }

    /** {@code add_folio_for_migration()}: 1 when queued, 0 when the page is there already, or an errno. */
    private long add(Mm mm, long vaddr, int node, boolean movesAll, PageList queue) {
        Vma vma = vaddr < 0 ? null : mm.vmas().find(vaddr);
        if (vma == null || !NodeMigration.isMigratable(vma)) {
            return -Errno.EFAULT;
        }
        long pfn = pages.mapped().pageAt(mm, vaddr);
        if (pfn == MappedPages.ZERO_PAGE) {
            return -Errno.EFAULT;
        }
        if (pfn < 0) {
            return -Errno.ENOENT;
        }
        if (pages.nodeOf(pfn) == node) {
            return 0;
        }
        if (pages.isMappedShared(pfn) && !movesAll) {
            return -Errno.EACCES;
        }
        if (!pages.isolate(pfn)) {
            return -Errno.EBUSY;
        }
        queue.add(pages.headOf(pfn));
        return 1;
    }
}
