package io.pagewalk.workload.trace;

import io.pagewalk.base.SeededRandom;
import io.pagewalk.hardware.mmu.Access;
import java.util.List;

/** Random accesses, thread switches and system calls with the locality of programs, told to any number of sinks. */
public final class RandomStream {
    private final SeededRandom random;
    private final long base;

    /**
     * Creates a stream.
     *
     * @param seed what decides it
     */
    public RandomStream(long seed) {
        this(seed, 0);
    }

    /**
     * Creates a stream whose data and code lie higher than those of {@link #RandomStream(long)}.
     *
     * @param seed what decides it
     * @param base how many bytes higher
     */
    public RandomStream(long seed, long base) {
        this.random = new SeededRandom(seed);
        this.base = base;
    }

    /**
     * Tells accesses to each of the sinks in turn.
     *
     * @param accesses how many
     * @param pages how many data pages there are, from 0x10000 above the base on
     * @param sinks who hears them
     */
    public void tell(int accesses, int pages, List<AccessSink> sinks) {
        long firstData = base + 0x10000;
        long firstCode = base + 0x400000;
        long data = firstData;
        long code = firstCode;
        for (int i = 0; i < accesses; i++) {
            int choice = random.nextInt(1000);
            if (choice < 3) {
                SyscallEvent call = new SyscallEvent(
                        random.nextInt(400),
                        random.nextLong(),
                        i,
                        0,
                        -1,
                        7,
                        1L << 63,
                        -random.nextInt(5),
                        choice == 0 ? "/a b\tc" : null);
                sinks.forEach(sink -> sink.syscall(call));
            } else if (choice < 6) {
                int thread = random.nextInt(3);
                sinks.forEach(sink -> sink.switchThread(thread));
            } else if (choice < 60) {
                data = firstData + (long) random.nextInt(pages) * 4096 + random.nextInt(4096);
            } else if (choice < 80) {
                code = firstCode + (long) random.nextInt(1 + pages / 4) * 4096 + random.nextInt(4096);
            }
            int kind = random.nextInt(10);
            int size = random.nextInt(200) == 0 ? 1 + random.nextInt(9000) : 1 << random.nextInt(4);
            long dataAddress = data;
            long codeAddress = code;
            if (kind < 6) {
                sinks.forEach(sink -> sink.access(Access.FETCH, codeAddress, size));
                code += size;
            } else {
                int dataKind = kind < 9 ? Access.LOAD : Access.STORE;
                sinks.forEach(sink -> sink.access(dataKind, dataAddress, size));
                if (random.nextInt(3) == 0) {
                    data = firstData + (data - firstData + random.nextInt(3) * 4096L) % (pages * 4096L);
                }
            }
        }
        sinks.forEach(sink -> sink.exitProcess(0));
    }
}
