package io.pagewalk.kernel.system;

import io.pagewalk.kernel.fault.FaultOutcome;
import io.pagewalk.kernel.fault.MappedPages;
import io.pagewalk.kernel.mempolicy.PolicyHost;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import org.jspecify.annotations.Nullable;

/** Tasks and faults for the calls about memory policies. */
final class PolicyTasks implements PolicyHost<Task> {
    private final LinuxKernel kernel;
    private final MappedPages mapped;

    PolicyTasks(LinuxKernel kernel, MappedPages mapped) {
        this.kernel = kernel;
        this.mapped = mapped;
    }

    @Override
    public @Nullable Task find(int pid) {
        return pid <= 0 ? null : kernel.task(pid);
    }

    @Override
    public boolean mayRead(Task task, Task target) {
        Credentials mine = task.group().credentials();
        return task.group() == target.group()
                || PidCalls.mayRead(mine, mine.real(), target.group().credentials());
    }

    @Override
    public boolean hasSysNice(Task task) {
        return task.group().credentials().has(Credentials.CAP_SYS_NICE);
    }

    @Override
    public boolean faultIn(Task task, long vaddr) {
        Vma vma = task.mm().vmas().find(vaddr);
        if (vma == null || vma.has(VmaFlags.VM_IO | VmaFlags.VM_PFNMAP)) {
            return false;
        }
        long pfn = mapped.pageAt(task.mm(), vaddr);
        // The fast path takes what the entry allows; only the slow one, which the page of zeros needs, asks the area.
        boolean isThere = vma.has(VmaFlags.VM_READ) ? pfn != MappedPages.NOTHING : pfn >= 0;
        if (isThere && vma.has(VmaFlags.VM_ACCESS_FLAGS)) {
            if (pfn >= 0) {
                mapped.folios().memmap().setFlags(pfn, PageFlags.REFERENCED);
            }
            return true;
        }
        if (!vma.has(VmaFlags.VM_READ)
                || kernel.faultHandler().handleMmFault(task, task.mm(), vma, vaddr, false) != FaultOutcome.DONE) {
            return false;
        }
        long made = mapped.pageAt(task.mm(), vaddr);
        if (made >= 0) {
            mapped.folios().lru().markAccessed(made);
        }
        return true;
    }
}
