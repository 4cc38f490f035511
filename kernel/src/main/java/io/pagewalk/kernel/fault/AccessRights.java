package io.pagewalk.kernel.fault;

import io.pagewalk.hardware.mmu.Access;
import io.pagewalk.hardware.mmu.MmuFault;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.vma.ProtectionKeys;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;

/** Whether an area allows an access that faulted. */
final class AccessRights {
    private final boolean isX86;

    AccessRights(PagingMode mode) {
        isX86 = mode.architecture() != PagingMode.Architecture.RISCV64;
    }

    /**
     * Returns {@link FaultOutcome#NO_RIGHT} or {@link FaultOutcome#NO_KEY} when an area refuses the access of a fault, otherwise {@link FaultOutcome#DONE}: {@code
     * arch/x86/mm/fault.c:access_error()} and {@code bad_area_access_error()}, and RISC-V's. What a protection key refuses is told first, page or no page.
     */
    int refusal(Vma vma, int fault) {
        int access = MmuFault.access(fault);
        boolean isByKey = (MmuFault.errorCode(fault) & MmuFault.ERROR_KEY) != 0;
        if (isByKey || (access != Access.FETCH && !ProtectionKeys.permits(vma, access == Access.STORE))) {
            return FaultOutcome.NO_KEY;
        }
        boolean isProtectionFault = MmuFault.kind(fault) == MmuFault.PROTECTION;
        return isRefused(vma, access, isProtectionFault) ? FaultOutcome.NO_RIGHT : FaultOutcome.DONE;
    }

    /** On x86 a fetch from a page that is not there is not yet refused: the page comes first. */
    private boolean isRefused(Vma vma, int access, boolean isProtectionFault) {
        if (access == Access.STORE) {
            return !vma.has(VmaFlags.VM_WRITE);
        }
        if (isX86) {
            return (isProtectionFault && !isAllowedNow(vma, access)) || !vma.has(VmaFlags.VM_ACCESS_FLAGS);
        }
        return access == Access.FETCH ? !vma.has(VmaFlags.VM_EXEC) : !vma.has(VmaFlags.VM_READ | VmaFlags.VM_WRITE);
    }

    /** A stale TLB entry can refuse what the tables allow by now; then the fault is spurious. */
    private static boolean isAllowedNow(Vma vma, int access) {
        return access == Access.FETCH ? vma.has(VmaFlags.VM_EXEC) : vma.has(VmaFlags.VM_ACCESS_FLAGS);
    }
}
