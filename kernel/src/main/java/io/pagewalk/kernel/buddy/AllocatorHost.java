package io.pagewalk.kernel.buddy;

import java.util.List;

/** What the allocator must know of the rest of the kernel to report trouble: who runs, and where the kernel log is. */
public interface AllocatorHost {
    /** Nobody runs and nobody reads the log. */
    AllocatorHost NONE = new AllocatorHost() {
        @Override
        public String comm() {
            return "swapper/0";
        }

        @Override
        public int pid() {
            return 0;
        }

        @Override
        public long nowNanos() {
            return 0;
        }

        @Override
        public void print(String line) {}

        @Override
        public void dumpStack() {}

        @Override
        public void showMem(int gfp) {}
    };

    /** Returns the name of the running task: {@code current->comm}. */
    String comm();

    /** Returns the number of the running task: {@code current->pid}. */
    int pid();

    /** Returns simulated time in nanoseconds, for limits on how often something is reported. */
    long nowNanos();

    /**
     * Prints a line into the kernel log.
     *
     * @param line without an end of line
     */
    void print(String line);

    /** Prints who runs on which machine: {@code lib/dump_stack.c:dump_stack()}, without the calls, which a model does not have. */
    void dumpStack();

    /**
     * Prints the state of memory: {@code mm/show_mem.c:__show_mem()}.
     *
     * @param gfp flags of the request; zones above those that it may use are left out
     */
    void showMem(int gfp);

    /**
     * Returns a host that only collects lines, for tests and programs that use the allocator alone.
     *
     * @param lines receives each line
     */
    static AllocatorHost collecting(List<String> lines) {
        return new AllocatorHost() {
            @Override
            public String comm() {
                return "swapper/0";
            }

            @Override
            public int pid() {
                return 0;
            }

            @Override
            public long nowNanos() {
                return 0;
            }

            @Override
            public void print(String line) {
                lines.add(line);
            }

            @Override
            public void dumpStack() {}

            @Override
            public void showMem(int gfp) {}
        };
    }
}
