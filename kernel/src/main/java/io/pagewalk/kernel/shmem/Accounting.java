package io.pagewalk.kernel.shmem;

import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.Overcommit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Commits memory in the name of the running process: {@code security_vm_enough_memory_mm(current->mm, ...)}. */
record Accounting(Overcommit overcommit, Supplier<@Nullable Mm> current) {
    boolean charge(long pages) {
        return overcommit.charge(current.get(), pages) == 0;
    }

    void uncharge(long pages) {
        overcommit.uncharge(pages);
    }
}
