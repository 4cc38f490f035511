package io.pagewalk.kernel.vma;

import io.pagewalk.kernel.syscall.Errno;
import org.jspecify.annotations.Nullable;

/** Registering areas with a userfaultfd: the second half of {@code mm/userfaultfd.c}. */
public final class UserfaultAreas {
    private UserfaultAreas() {}

    /**
     * Returns whether an area can be registered: {@code include/linux/userfaultfd_k.h:vma_can_userfault()}.
     *
     * @param vma the area
     * @param modes bits of {@link VmaFlags#VM_UFFD_MASK}
     * @param isWpAsync whether the context lifts write protection by itself
     */
    public static boolean isAllowed(Vma vma, long modes, boolean isWpAsync) {
        boolean isHugetlb = vma.has(VmaFlags.VM_HUGETLB);
        long special = isHugetlb ? 0 : VmaFlags.VM_SPECIAL;
        if (vma.has(VmaFlags.VM_SHADOW_STACK | VmaFlags.VM_DROPPABLE | special)) {
            return false;
        }
        long wanted = modes & VmaFlags.VM_UFFD_MASK;
        boolean isInMemory = isHugetlb || isShmem(vma);
        if ((wanted & VmaFlags.VM_UFFD_MINOR) != 0 && !isInMemory) {
            return false;
        }
        return (isWpAsync && wanted == VmaFlags.VM_UFFD_WP) || vma.isAnonymous() || isInMemory;
    }

    /**
     * Returns whether an area maps a file in memory: {@code vma_is_shmem()}. Attachments of segments have operations of their own and are none.
     *
     * @param vma an area
     */
    public static boolean isShmem(Vma vma) {
        MappedFile file = vma.file();
        return file != null && file.isShmem() && !vma.isAnonymous() && vma.operations() == null;
    }

    /**
     * Returns whether places of an area without a page are write-protected by markers: {@code userfaultfd_wp_use_markers()}.
     *
     * @param vma an area
     */
    public static boolean usesMarkers(Vma vma) {
        UserfaultContext context = vma.userfault();
        return context != null && vma.has(VmaFlags.VM_UFFD_WP) && (!vma.isAnonymous() || context.protectsUnpopulated());
    }

    /**
     * Registers the areas of a range, which all allow it: {@code userfaultfd_register_range()}.
     *
     * @param mm the address space
     * @param start first address
     * @param end first address behind
     * @param modes bits of {@link VmaFlags#VM_UFFD_MASK}
     * @param context with whom
     * @return 0, or {@code -ENOMEM} when there would be too many areas; those before stay registered
     */
    public static long register(Mm mm, long start, long end, long modes, UserfaultContext context) {
        Vma vma = mm.vmas().findFirst(start);
        while (vma != null && vma.start() < end) {
            if (vma.userfault() != context || (vma.flags() & modes) != modes) {
                long newFlags = (vma.flags() & ~VmaFlags.VM_UFFD_MASK) | modes;
                Vma changed = VmaMerge.modify(
                        vma,
                        VmaMerge.Range.of(vma, Math.max(start, vma.start()), Math.min(end, vma.end()), newFlags)
                                .withUserfault(context));
                if (changed == null) {
                    return -Errno.ENOMEM;
                }
                set(changed, context, modes);
                vma = changed;
            }
            vma = mm.vmas().next(vma);
        }
        return 0;
    }

    /**
     * Ends the registration of a part of an area, and its write protection: {@code userfaultfd_clear_vma()}.
     *
     * @param vma a registered area
     * @param start first address of the part
     * @param end first address behind
     * @return the area that holds the part now, or null when there would be too many areas or the area must not be cut there
     */
    public static @Nullable Vma clear(Vma vma, long start, long end) {
        if (vma.has(VmaFlags.VM_UFFD_WP)) {
            vma.mm().services().pageTables().writeProtect(vma, start, end, false);
        }
        if (VmaMerge.isSplitRefused(vma, start, end)) {
            return null;
        }
        Vma changed = VmaMerge.modify(
                vma,
                VmaMerge.Range.of(vma, start, end, vma.flags() & ~VmaFlags.VM_UFFD_MASK)
                        .withUserfault(null));
        if (changed != null) {
            reset(changed);
        }
        return changed;
    }

    /**
     * Ends all registrations with a context: {@code userfaultfd_release_all()}.
     *
     * @param mm the address space, still in use
     * @param context whose file was closed
     */
    public static void clearAll(Mm mm, UserfaultContext context) {
        Vma vma = mm.vmas().findFirst(0);
        while (vma != null) {
            if (vma.userfault() == context) {
                Vma changed = clear(vma, vma.start(), vma.end());
                vma = changed == null ? vma : changed;
            }
            vma = mm.vmas().next(vma);
        }
    }

    /**
     * Ends all registrations with a context that nobody will ever read, and leaves entries alone: {@code userfaultfd_release_new()}.
     *
     * @param mm the address space
     * @param context a context without a file
     */
    public static void resetAll(Mm mm, UserfaultContext context) {
        for (Vma vma : mm.vmas()) {
            if (vma.userfault() == context) {
                reset(vma);
            }
        }
    }

    /** {@code userfaultfd_reset_ctx()}. */
    static void reset(Vma vma) {
        set(vma, null, 0);
    }

    private static void set(Vma vma, @Nullable UserfaultContext context, long modes) {
        vma.setUserfault(context);
        vma.setFlags((vma.flags() & ~VmaFlags.VM_UFFD_MASK) | modes);
    }
}
