package io.pagewalk.kernel.userfaultfd;

import io.pagewalk.kernel.fault.FaultTask;
import io.pagewalk.kernel.filemap.FdTable;
import io.pagewalk.kernel.syscall.Sleeper;
import io.pagewalk.kernel.vma.Mm;

/** A task that faults, reads messages, or changes areas that somebody watches. */
public interface UserfaultTask extends FaultTask, Sleeper {
    /** Returns the address space it runs in. */
    Mm mm();

    /** Returns its descriptors. */
    FdTable files();
}
