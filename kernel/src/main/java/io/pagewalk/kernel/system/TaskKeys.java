package io.pagewalk.kernel.system;

import io.pagewalk.base.KernelBug;
import io.pagewalk.hardware.cpu.Cpu;
import io.pagewalk.hardware.machine.Machine;
import io.pagewalk.hardware.paging.Pkru;
import io.pagewalk.kernel.vma.KeyRegister;

/**
 * The registers of protection keys: each task has its own, which its CPU holds while it runs: {@code thread.pkru} of {@code arch/x86/kernel/process_64.c}.
 *
 * <p>Differs from Linux: the value of a running task is kept beside the CPU's, so that observers can read it.
 */
final class TaskKeys implements KeyRegister {
    private final LinuxKernel kernel;
    private final boolean exists;
    private final int initial;

    /** Switches keys on where the CPUs have them and nobody said {@code nopku}: {@code arch/x86/kernel/cpu/common.c:setup_pku()}. */
    TaskKeys(LinuxKernel kernel, Machine machine, BootOptions options) {
        this.kernel = kernel;
        this.exists = options.hasProtectionKeys() && machine.cpu(0).hasKeys();
        if (exists) {
            machine.cpus().forEach(Cpu::enableKeys);
        }
        this.initial = exists ? initialRegister() : 0;
    }

    /** {@code init_pkru_value}: of all keys but 0 nothing may be accessed. */
    private static int initialRegister() {
        int register = 0;
        for (int key = 1; key < Pkru.KEYS; key++) {
            register = Pkru.with(register, key, Pkru.NO_ACCESS);
        }
        return register;
    }

    @Override
    public boolean exists() {
        return exists;
    }

    @Override
    public int read() {
        return exists ? running().pkru() : 0;
    }

    @Override
    public void write(int register) {
        KernelBug.on(!exists, "WRPKRU on a machine without protection keys is an invalid opcode");
        Task task = running();
        task.setPkru(register);
        cpuOf(task).writePkru(register);
    }

    /** A task begins to run on its CPU: {@code arch/x86/include/asm/fpu/sched.h:switch_fpu_finish()}, which writes the register only when it differs. */
    void switchTo(Task task) {
        if (exists && cpuOf(task).readPkru() != task.pkru()) {
            cpuOf(task).writePkru(task.pkru());
        }
    }

    /** A task starts another program: {@code pkru_write_default()}. */
    void reset(Task task) {
        task.setPkru(initial);
        switchTo(task);
    }

    private Cpu cpuOf(Task task) {
        return kernel.machine().cpu(task.cpu());
    }

    private Task running() {
        Task task = kernel.currentTask();
        if (task == null) {
            throw new KernelBug("no task runs");
        }
        return task;
    }
}
