package io.pagewalk.workload.record;

import io.pagewalk.base.Bits;
import io.pagewalk.workload.trace.InitialMap;
import java.util.List;

/**
 * A program's address space when its first instruction runs.
 *
 * @param maps in the order of addresses
 * @param brkStart where the heap begins
 * @param entry address of the first instruction
 * @param stackPointer the stack pointer: arguments and environment lie above it
 */
record InitialLayout(List<InitialMap> maps, long brkStart, long entry, long stackPointer) {
    private static final long PAGE = 4096;
    /** How far Linux makes the stack reach below the arguments: {@code fs/exec.c:setup_arg_pages()}. */
    private static final long STACK_EXPAND = 128 * 1024;

    InitialLayout {
        maps = List.copyOf(maps);
    }

    /** Returns the stack's mapping as Linux makes it: from 128 KiB below the arguments to its top. */
    static InitialMap stack(long stackPointer, long top) {
        long start = Bits.roundDown(stackPointer, PAGE) - STACK_EXPAND;
        return new InitialMap(start, top, "rw-p", 0, null, "[stack]");
    }
}
