package io.pagewalk.kernel.fault;

import io.pagewalk.base.KernelBug;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.rmap.Folios;
import org.jspecify.annotations.Nullable;

/** The frames behind {@code [vdso]} and {@code [vvar]}: code and data of the kernel that every process maps ({@code arch/x86/entry/vdso/vma.c}). */
public final class SpecialPages {
    /** Pages of the 64-bit vDSO image. */
    public static final int VDSO_PAGES = 2;

    /** Pages of {@code [vvar]}: time data, one page for time namespaces, random data, architecture data. */
    public static final int VVAR_PAGES = 4;

    private final long[] vdso = new long[VDSO_PAGES];
    private final long[] vvar = new long[VVAR_PAGES];

    SpecialPages(Folios folios) {
        allocate(folios, vdso);
        allocate(folios, vvar);
    }

    private static void allocate(Folios folios, long[] pfns) {
        for (int i = 0; i < pfns.length; i++) {
            pfns[i] = folios.allocate(Gfp.GFP_KERNEL | Gfp.ZERO);
            KernelBug.on(pfns[i] < 0, "no memory for the vDSO at boot");
            folios.memmap().setFlags(pfns[i], PageFlags.UPTODATE);
        }
    }

    /** Returns a page of a special mapping, or -1 behind its end. */
    long page(@Nullable String name, long index) {
        long[] pages = isRaw(name) ? vvar : vdso;
        return index < pages.length ? pages[(int) index] : -1;
    }

    /** Returns whether a mapping holds raw frame numbers, without reference or map count ({@code VM_PFNMAP}). */
    boolean isRaw(@Nullable String name) {
        return name == null || !name.equals("[vdso]");
    }

    /**
     * Returns whether a frame holds a part of the vDSO; the kernel itself holds one reference to each.
     *
     * @param pfn a frame
     */
    public boolean isVdso(long pfn) {
        return pfn == vdso[0] || pfn == vdso[1];
    }
}
