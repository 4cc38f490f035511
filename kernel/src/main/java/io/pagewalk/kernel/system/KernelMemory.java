package io.pagewalk.kernel.system;

import io.pagewalk.base.Bits;
import io.pagewalk.hardware.mmu.Access;
import io.pagewalk.hardware.mmu.Mmu;
import io.pagewalk.hardware.mmu.MmuFault;
import io.pagewalk.hardware.mmu.Privilege;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.io.KernelAccess;
import io.pagewalk.kernel.vmalloc.KernelLayout;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * What kernel code sees at kernel addresses: supervisor accesses of the current CPU, through its TLBs and the tables of {@code init_mm} that every address space shares. A TLB entry
 * that nobody flushed still translates.
 *
 * <p>An access that nothing maps is an oops: a value here, and the first lines of Linux's report in the log ({@code arch/x86/mm/fault.c:page_fault_oops()}).
 *
 * <p>Differs from Linux: the task that oopses goes on; registers and call trace are not printed.
 */
public final class KernelMemory implements KernelAccess {
    /** The access was made. */
    public static final int OK = 0;

    /** The kernel has oopsed. */
    public static final int OOPS = 1;

    private final LinuxKernel kernel;
    private final boolean isX86;
    private long oopses;

    KernelMemory(LinuxKernel kernel) {
        this.kernel = kernel;
        this.isX86 = kernel.machine().description().mode().architecture() != PagingMode.Architecture.RISCV64;
    }

    /**
     * Makes one access within a page.
     *
     * @param vaddr a kernel address
     * @param kind a constant of {@link Access}
     * @return {@link #OK} or {@link #OOPS}
     */
    public int access(long vaddr, int kind) {
        Mmu mmu = mmu();
        int fault = mmu.access(vaddr, kind, Privilege.SUPERVISOR);
        if (fault != 0 && MmuFault.kind(fault) == MmuFault.TLB_REFILL) {
            fault = mmu.refillFromTables(vaddr, kind, Privilege.SUPERVISOR);
        }
        if (fault == 0) {
            return OK;
        }
        oops(vaddr, fault);
        return OOPS;
    }

    /**
     * Stores eight bytes.
     *
     * @param vaddr a kernel address, aligned to 8
     * @param value what
     * @return {@link #OK} or {@link #OOPS}
     */
    public int store(long vaddr, long value) {
        int outcome = access(vaddr, Access.STORE);
        if (outcome == OK) {
            kernel.machine().bus().write(mmu().physicalAddress(vaddr, Access.STORE), 8, value);
        }
        return outcome;
    }

    /**
     * Loads eight bytes into the first place of an array.
     *
     * @param vaddr a kernel address, aligned to 8
     * @param into receives the value; untouched by an oops
     * @return {@link #OK} or {@link #OOPS}
     */
    public int load(long vaddr, long[] into) {
        int outcome = access(vaddr, Access.LOAD);
        if (outcome == OK) {
            into[0] = kernel.machine().bus().read(mmu().physicalAddress(vaddr, Access.LOAD), 8);
        }
        return outcome;
    }

    @Override
    public long load(long vaddr, int bytes) {
        return access(vaddr, Access.LOAD) == OK
                ? kernel.machine().bus().read(mmu().physicalAddress(vaddr, Access.LOAD), bytes)
                : bytes == 8 ? -1L : (1L << (8 * bytes)) - 1;
    }

    @Override
    public void store(long vaddr, int bytes, long value) {
        if (access(vaddr, Access.STORE) == OK) {
            kernel.machine().bus().write(mmu().physicalAddress(vaddr, Access.STORE), bytes, value);
        }
    }

    /** Returns how often the kernel has oopsed. */
    public long oopses() {
        return oopses;
    }

    private Mmu mmu() {
        return kernel.machine().cpu(kernel.addressSpaces().currentCpu()).mmu();
    }

    private void oops(long vaddr, int fault) {
        oopses++;
        int kind = MmuFault.access(fault);
        KernelLog log = kernel.log();
        Task guarded = stackGuard(vaddr);
        if (guarded != null) {
            long stack = guarded.kernelStack();
            log.print("BUG: TASK stack guard page was hit at " + plain(vaddr) + " (stack is " + plain(stack) + ".."
                    + plain(stack + kernel.kernelStacks().sizeBytes() - 1) + ")");
            log.print("Oops: stack guard page: 0000 [#" + oopses + "] SMP");
            return;
        }
        if (!isX86) {
            log.print("Unable to handle kernel paging request at virtual address " + plain(vaddr));
            log.print("Oops [#" + oopses + "]");
            return;
        }
        if (MmuFault.kind(fault) == MmuFault.NON_CANONICAL) {
            log.print("Oops: general protection fault, probably for non-canonical address 0x" + Long.toHexString(vaddr)
                    + ": 0000 [#" + oopses + "] SMP");
            return;
        }
        int error = MmuFault.errorCode(fault);
        boolean isNull = Long.compareUnsigned(vaddr, 4096) < 0;
        log.print(
                isNull
                        ? "BUG: kernel NULL pointer dereference, address: " + plain(vaddr)
                        : "BUG: unable to handle page fault for address: " + plain(vaddr));
        String what =
                kind == Access.STORE ? "write access" : kind == Access.FETCH ? "instruction fetch" : "read access";
        log.print("#PF: supervisor " + what + " in kernel mode");
        log.print(String.format(
                Locale.ROOT,
                "#PF: error_code(0x%04x) - %s",
                error,
                (error & MmuFault.ERROR_PRESENT) == 0 ? "not-present page" : "permissions violation"));
        log.print(String.format(Locale.ROOT, "Oops: Oops: %04x [#%d] SMP", error, oopses));
    }

    private String plain(long vaddr) {
        String digits = Bits.hex(vaddr).replace("0x", "");
        int width = kernel.machine().description().mode().virtualBits() == 32 ? 8 : 16;
        return "0".repeat(Math.max(0, width - digits.length())) + digits;
    }

    /** Returns the running task when an address is in the page below its stack: {@code get_stack_guard_info()}. */
    private @Nullable Task stackGuard(long vaddr) {
        Task task = kernel.currentTask();
        KernelLayout layout = kernel.kernelTables().layout();
        if (task == null || !layout.isVmalloc(vaddr) || !layout.isVmalloc(task.kernelStack())) {
            return null;
        }
        return vaddr >= task.kernelStack() - 4096 && vaddr < task.kernelStack() ? task : null;
    }
}
