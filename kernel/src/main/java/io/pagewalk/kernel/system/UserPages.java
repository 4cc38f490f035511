package io.pagewalk.kernel.system;

import io.pagewalk.base.KernelBug;
import io.pagewalk.hardware.mmu.Mmu;
import io.pagewalk.hardware.mmu.MmuFault;
import io.pagewalk.hardware.mmu.Privilege;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.fault.FaultHandler;
import io.pagewalk.kernel.fault.FaultOutcome;
import io.pagewalk.kernel.time.Cause;
import io.pagewalk.kernel.vma.Vma;

/** How accesses to user addresses end: page faults handled and the access made again, for programs and for system calls that touch a program's memory. */
final class UserPages {
    /** Faults without memory in a row after which a task is given up. */
    private static final int MOST_RETRIES = 16;

    private final LinuxKernel kernel;
    private final FaultHandler faultHandler;
    private final long userEnd;
    private final boolean isX86;

    UserPages(LinuxKernel kernel, FaultHandler faultHandler, long userEnd) {
        this.kernel = kernel;
        this.faultHandler = faultHandler;
        this.userEnd = userEnd;
        this.isX86 = kernel.machine().description().mode().architecture() != PagingMode.Architecture.RISCV64;
    }

    /** Handles a fault of an access and makes the access again until it is done or a signal is due. Returns a constant of {@link UserAccess}. */
    int resolve(Task task, long vaddr, int kind, int firstFault, Privilege privilege) {
        Mmu mmu = kernel.mmuOf(task);
        int fault = firstFault;
        int outOfMemoryRetries = 0;
        while (fault != 0) {
            switch (MmuFault.kind(fault)) {
                case MmuFault.TLB_REFILL -> {
                    fault = mmu.refillFromTables(vaddr, kind, privilege);
                    continue;
                }
                case MmuFault.NON_CANONICAL -> {
                    return isX86 ? UserAccess.SEGV_KERNEL : UserAccess.SEGV_MAPERR;
                }
                case MmuFault.RESERVED ->
                    throw new KernelBug("reserved bits in the entry of " + Long.toHexString(vaddr));
                default -> {}
            }
            if (Long.compareUnsigned(vaddr, userEnd) >= 0) {
                return UserAccess.SEGV_MAPERR;
            }
            int outcome =
                    faultHandler.handleUserFault(task, task.mm(), vaddr, fault, privilege == Privilege.USER, false);
            if (outcome == FaultOutcome.WAITS || outcome == FaultOutcome.WAITS_AND_TRIED) {
                task.sleep()
                        .noteFault(vaddr, fault, privilege == Privilege.USER, outcome == FaultOutcome.WAITS_AND_TRIED);
                return UserAccess.WAITS;
            }
            if (outcome != FaultOutcome.DONE) {
                if (retriesWithoutMemory(task, outcome) && outOfMemoryRetries++ < MOST_RETRIES) {
                    continue;
                }
                return outcome == FaultOutcome.NO_KEY ? refusedByKey(task, vaddr) : accessOutcome(outcome);
            }
            if (task.isKilled()) {
                return UserAccess.OOM_KILLED;
            }
            fault = mmu.access(vaddr, kind, privilege);
        }
        return UserAccess.OK;
    }

    /** {@code mm/oom_kill.c:pagefault_out_of_memory()}: who is not killed makes the access again. Differs from Linux: not for ever. */
    private boolean retriesWithoutMemory(Task task, int outcome) {
        boolean isOutOfMemory = outcome == FaultOutcome.KILLED || outcome == FaultOutcome.NO_MEMORY;
        if (!isOutOfMemory || task.isKilled() || kernel.panicMessage() != null) {
            return false;
        }
        kernel.log().print("Huh VM_FAULT_OOM leaked out to the #PF handler. Retrying PF");
        return true;
    }

    private static int refusedByKey(Task task, long vaddr) {
        Vma vma = task.mm().vmas().find(vaddr);
        KernelBug.on(vma == null, "a protection key without an area");
        return UserAccess.refusedByKey(vma == null ? 0 : vma.protectionKey());
    }

    private static int accessOutcome(int outcome) {
        return switch (outcome) {
            case FaultOutcome.NO_AREA -> UserAccess.SEGV_MAPERR;
            case FaultOutcome.NO_RIGHT -> UserAccess.SEGV_ACCERR;
            case FaultOutcome.BEYOND_END, FaultOutcome.POISONED -> UserAccess.BUS_ADRERR;
            case FaultOutcome.KILLED, FaultOutcome.NO_MEMORY -> UserAccess.OOM_KILLED;
            default -> throw new KernelBug("fault outcome " + outcome);
        };
    }

    /** Touches each page of a range with the kernel's rights. */
    int touchRange(Task task, long vaddr, long bytes, int kind) {
        kernel.time().charge(Cause.COPY, (bytes * kernel.options().costs().copyNanosPerKib()) >>> 10);
        long at = vaddr;
        long end = vaddr + bytes;
        while (Long.compareUnsigned(at, end) < 0) {
            int outcome = touchOne(task, at, kind);
            if (outcome != UserAccess.OK) {
                return outcome;
            }
            at = (at | 4095) + 1;
        }
        return UserAccess.OK;
    }

    /** Touches one page with the kernel's rights, faulting as the program would. */
    int touchOne(Task task, long vaddr, int kind) {
        if (Long.compareUnsigned(vaddr, userEnd) >= 0) {
            return UserAccess.SEGV_MAPERR;
        }
        if (task.isKilled()) {
            return UserAccess.OOM_KILLED;
        }
        kernel.schedule(task);
        int fault = kernel.mmuOf(task).access(vaddr, kind, Privilege.SUPERVISOR);
        return fault == 0 ? UserAccess.OK : resolve(task, vaddr, kind, fault, Privilege.SUPERVISOR);
    }
}
