package io.pagewalk.workload.record;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;

/** The two C library calls that Java has no class for. */
final class Posix {
    private static final int RUSAGE_CHILDREN = -1;
    private static final int RUSAGE_BYTES = 144;
    private static final int OWNER_ONLY = 0600;

    private Posix() {}

    /** Returns user plus system CPU time of all children that have ended, in nanoseconds: {@code getrusage(RUSAGE_CHILDREN)}. */
    static long childrenCpuNanos() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment usage = arena.allocate(RUSAGE_BYTES, 8);
            int result = (int) call(
                            "getrusage",
                            FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.ADDRESS))
                    .invokeExact(RUSAGE_CHILDREN, usage);
            if (result != 0) {
                return 0;
            }
            long seconds = usage.get(ValueLayout.JAVA_LONG, 0) + usage.get(ValueLayout.JAVA_LONG, 16);
            long micros = usage.get(ValueLayout.JAVA_LONG, 8) + usage.get(ValueLayout.JAVA_LONG, 24);
            return seconds * 1_000_000_000L + micros * 1_000L;
        } catch (Throwable e) {
            throw new IllegalStateException("getrusage", e);
        }
    }

    /** Makes a named pipe. */
    static void makeFifo(Path path) throws IOException {
        int result;
        try (Arena arena = Arena.ofConfined()) {
            result = (int) call(
                            "mkfifo",
                            FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_INT))
                    .invokeExact(arena.allocateFrom(path.toString()), OWNER_ONLY);
        } catch (Throwable e) {
            throw new IllegalStateException("mkfifo", e);
        }
        if (result != 0) {
            throw new IOException("cannot make a named pipe at " + path);
        }
    }

    @SuppressWarnings("restricted")
    private static MethodHandle call(String name, FunctionDescriptor type) {
        Linker linker = Linker.nativeLinker();
        return linker.downcallHandle(linker.defaultLookup().find(name).orElseThrow(), type);
    }
}
