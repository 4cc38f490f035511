package io.pagewalk.oracle.machine;

import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.fault.TableWalk;
import io.pagewalk.kernel.filemap.OpenFile;
import io.pagewalk.kernel.system.LinuxKernel;
import io.pagewalk.kernel.vma.MapFlags;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;

/**
 * Calls that a history does not make, since they would harm this computer or the program that makes them.
 *
 * <ul>
 *   <li>Of huge pages from a pool only whole areas move, and only while one process lives. Linux forgets what it promised to the rest of an area that is moved in part, for good, and loops for
 *       ever in {@code mm/hugetlb.c:hugetlb_wp()} when it looks for a page in a child that has moved its area.
 *   <li>A vector of {@code process_madvise()} neither lies in memory of the helper, such as its clock page, nor names any: what lies there differs, and a program without its pages has faults of
 *       its own.
 * </ul>
 */
final class HarmfulCalls {
    private static final long IOVEC_BYTES = 16;

    private final ModelMachine model;
    private final int mremapNumber;
    private final int processMadviseNumber;

    HarmfulCalls(ModelMachine model) {
        this.model = model;
        mremapNumber = model.kernel().syscallNumbers().number("mremap");
        processMadviseNumber = model.kernel().syscallNumbers().number("process_madvise");
    }

    boolean isHarmless(Step step) {
        if (step.number() == mremapNumber) {
            return !movesPoolPages(step);
        }
        return step.number() != processMadviseNumber || !advisesHelper(step);
    }

    private boolean movesPoolPages(Step step) {
        boolean isAlone = model.slots().living().size() == 1 && (step.a3() & MapFlags.MREMAP_DONTUNMAP) == 0;
        for (Vma vma : model.mm(step.slot()).vmas()) {
            boolean isMet = vma.has(VmaFlags.VM_HUGETLB) && vma.start() <= step.a0() && vma.end() > step.a0();
            if (isMet && !(isAlone && vma.start() == step.a0() && vma.sizeBytes() == step.a1())) {
                return true;
            }
        }
        return false;
    }

    private boolean advisesHelper(Step step) {
        Mm mm = model.mm(step.slot());
        for (long at = step.a1(); at < step.a1() + step.a2() * IOVEC_BYTES; at += IOVEC_BYTES) {
            long start = word(mm, at);
            long end = start + word(mm, at + 8);
            if (model.isOwn(at, at + IOVEC_BYTES) || (end > start && model.isOwn(start, end))) {
                return true;
            }
        }
        return false;
    }

    /** Returns the word that a load would find, without the load; 0 where there is none. */
    private long word(Mm mm, long vaddr) {
        LinuxKernel kernel = model.kernel();
        Vma vma = mm.vmas().find(vaddr);
        if (vma == null) {
            return 0;
        }
        long pfn = frame(mm, vaddr);
        if (pfn < 0 && vma.file() instanceof OpenFile file) {
            pfn = file.inodeObject().cachedPfn(((vaddr - vma.start()) >>> 12) + vma.pgoff());
        }
        return pfn < 0 ? 0 : kernel.machine().memory().readLong((pfn << 12) + (vaddr & 4088));
    }

    private long frame(Mm mm, long vaddr) {
        PagingMode mode = model.kernel().machine().description().mode();
        long[] found = {-1};
        int index = (int) (vaddr >>> mode.shift(mode.levels()));
        new TableWalk(mode, model.kernel().machine().memory(), (start, entry, level) -> {
                    long offset = vaddr - start;
                    if (offset >= 0 && offset >>> mode.shift(level) == 0) {
                        found[0] = mode.pfn(entry, level) + (offset >>> 12);
                    }
                })
                .walk(mm.pgdPfn(), index, index + 1);
        return found[0];
    }
}
