package io.pagewalk.kernel.system;

import io.pagewalk.base.Digest;
import io.pagewalk.hardware.machine.Machine;
import io.pagewalk.kernel.time.Cause;
import io.pagewalk.kernel.time.TimeAccount;

/** Time that programs take themselves: their instructions, and the page walks of their accesses. An instruction takes one cycle; its loads and stores overlap with it. */
final class ProgramTime {
    private final Machine machine;
    private final TimeAccount time;
    private final long[] chargedCycles;
    private long loads;
    private long stores;
    private long fetches;

    ProgramTime(Machine machine, TimeAccount time) {
        this.machine = machine;
        this.time = time;
        this.chargedCycles = new long[machine.cpus().size()];
    }

    void count(long newLoads, long newStores, long newFetches) {
        loads += newLoads;
        stores += newStores;
        fetches += newFetches;
    }

    /** Books what a CPU's page walks and the programs' instructions took since the last call. */
    void charge(int cpu) {
        long cycles = machine.cpu(cpu).mmu().stats().cycles();
        double nanos =
                (cycles - chargedCycles[cpu]) * 1e9 / machine.description().clockHz();
        chargedCycles[cpu] = cycles;
        time.charge(Cause.TRANSLATION, (long) nanos);
        long program = (long) (fetches * 1e9 / machine.description().clockHz());
        time.charge(Cause.PROGRAM, program - time.nanos(Cause.PROGRAM));
    }

    void addToDigest(Digest digest) {
        digest.add(loads);
        digest.add(stores);
        digest.add(fetches);
    }
}
