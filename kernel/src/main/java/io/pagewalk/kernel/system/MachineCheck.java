package io.pagewalk.kernel.system;

import io.pagewalk.base.Violations;

/** The whole-machine check. */
final class MachineCheck {
    private final LinuxKernel kernel;

    MachineCheck(LinuxKernel kernel) {
        this.kernel = kernel;
    }

    void verify(Violations out) {
        kernel.machine().verify(out);
        kernel.allocator().verify(out);
    }
}
