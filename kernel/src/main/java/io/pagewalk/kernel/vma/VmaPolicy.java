package io.pagewalk.kernel.vma;

import io.pagewalk.kernel.numa.Mempolicy;
import io.pagewalk.kernel.numa.PolicyMode;
import io.pagewalk.kernel.numa.SharedPolicy;
import io.pagewalk.kernel.syscall.Errno;
import org.jspecify.annotations.Nullable;

/** Gives areas memory policies: the part of {@code mm/mempolicy.c} that splits and merges. Pages that are there already stay where they are. */
public final class VmaPolicy {
    private VmaPolicy() {}

    /**
     * Sets the policy of all areas of a range, which may have holes: the loop in {@code mm/mempolicy.c:do_mbind()}.
     *
     * @param mm the address space
     * @param start first address, page aligned
     * @param end first address behind, page aligned
     * @param policy the policy, or null
     * @return 0, or {@code -ENOMEM} when there would be too many areas; those before have the policy already
     */
    public static long set(Mm mm, long start, long end, @Nullable Mempolicy policy) {
        long at = start;
        Vma vma = next(mm, at, end);
        while (vma != null) {
            long stop = Pages.above(vma.end(), end) ? end : vma.end();
            long error = change(vma, Math.max(vma.start(), start), stop, policy);
            if (error != 0) {
                return error;
            }
            at = after(mm, stop);
            vma = next(mm, at, end);
        }
        return 0;
    }

    /**
     * Gives the policies of a range a node to begin at: {@code mm/mempolicy.c:sys_set_mempolicy_home_node()}.
     *
     * @param mm the address space
     * @param start first address, page aligned
     * @param end first address behind, page aligned
     * @param node a node
     * @return 0, {@code -ENOENT} when no area has a policy, {@code -EOPNOTSUPP} for a policy that begins nowhere, {@code -ENOMEM}; areas before are changed
     */
    public static long setHomeNode(Mm mm, long start, long end, int node) {
        long result = -Errno.ENOENT;
        long at = start;
        Vma vma = next(mm, at, end);
        while (vma != null) {
            long stop = Pages.above(vma.end(), end) ? end : vma.end();
            Mempolicy old = vma.policy();
            if (old != null) {
                if (old.mode() != PolicyMode.BIND && old.mode() != PolicyMode.PREFERRED_MANY) {
                    return -Errno.EOPNOTSUPP;
                }
                result = change(vma, Math.max(vma.start(), start), stop, old.withHomeNode(node));
                if (result != 0) {
                    return result;
                }
            }
            at = after(mm, stop);
            vma = next(mm, at, end);
        }
        return result;
    }

    private static @Nullable Vma next(Mm mm, long at, long end) {
        Vma vma = at < 0 ? null : mm.vmas().findFirst(at);
        return vma != null && Pages.above(end, vma.start()) ? vma : null;
    }

    /** A merge may have reached beyond the part that was asked for. */
    private static long after(Mm mm, long stop) {
        Vma changed = mm.vmas().find(stop - 1);
        return changed == null ? stop : changed.end();
    }

    /** {@code mm/mempolicy.c:mbind_range()} and {@code vma_replace_policy()}. */
    private static long change(Vma vma, long start, long end, @Nullable Mempolicy policy) {
        if (Mempolicy.same(vma.policy(), policy)) {
            return 0;
        }
        if (VmaMerge.isSplitRefused(vma, start, end)) {
            return -Errno.EINVAL;
        }
        VmaMerge.Range range = VmaMerge.Range.of(vma, start, end, vma.flags()).withPolicy(policy);
        Vma changed = VmaMerge.modify(vma, range);
        if (changed == null) {
            return -Errno.ENOMEM;
        }
        MappedFile file = changed.file();
        SharedPolicy shared = file == null ? null : file.sharedPolicy();
        if (shared != null) {
            shared.set(changed.pgoff(), changed.pgoff() + changed.pages(), policy);
        }
        changed.setPolicy(policy);
        return 0;
    }
}
