package io.pagewalk.kernel.system;

import io.pagewalk.base.BadInput;
import io.pagewalk.base.Bits;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A program as {@code execve()} leaves it behind: its areas, its stack, its heap. Loading ELF files is the caller's affair.
 *
 * @param comm command name, cut to 15 characters
 * @param argv the arguments
 * @param argsBytes bytes at the top of the stack that exec writes: strings, pointers, auxiliary vector
 * @param mappings the areas, in ascending order; {@code [vsyscall]} is ignored, it is no area
 * @param brkStart where the heap begins, 0 when there is none
 * @param stackTop the stack pointer at the start of the program; 0 means {@code argsBytes} below the end of {@code [stack]}
 * @param entry first instruction
 */
public record ExecImage(
        String comm,
        List<String> argv,
        int argsBytes,
        List<Mapping> mappings,
        long brkStart,
        long stackTop,
        long entry) {
    private static final int COMM_LENGTH = 15;

    /**
     * One area.
     *
     * @param start first address, page aligned
     * @param end first address behind, page aligned
     * @param permissions four letters as in {@code /proc/PID/maps}: {@code r-xp}
     * @param fileOffset byte offset in the file
     * @param path the mapped file, null for anonymous memory
     * @param name {@code [stack]}, {@code [heap]}, {@code [vdso]}, {@code [vvar]} and the like, null for the rest
     */
    public record Mapping(
            long start,
            long end,
            String permissions,
            long fileOffset,
            @Nullable String path,
            @Nullable String name) {
        /** Refuses what no maps file holds. */
        public Mapping {
            if (!Bits.isAligned(start, 4096) || !Bits.isAligned(end, 4096) || !Bits.isBelow(start, end)) {
                throw new BadInput(
                        "initial mapping", Bits.hex(start) + "-" + Bits.hex(end), "page aligned, start below end");
            }
            if (!permissions.matches("[r-][w-][x-][ps]")) {
                throw new BadInput("initial mapping " + Bits.hex(start), "'" + permissions + "'", "such as r-xp");
            }
        }

        /** Returns the {@code PROT_*} bits. */
        public int prot() {
            int prot = permissions.charAt(0) == 'r' ? 1 : 0;
            prot |= permissions.charAt(1) == 'w' ? 2 : 0;
            return prot | (permissions.charAt(2) == 'x' ? 4 : 0);
        }

        /** Returns whether stores are shared. */
        public boolean isShared() {
            return permissions.charAt(3) == 's';
        }
    }

    /** Copies the lists and cuts the name. */
    public ExecImage {
        comm = comm.length() > COMM_LENGTH ? comm.substring(0, COMM_LENGTH) : comm;
        argv = List.copyOf(argv);
        mappings = List.copyOf(mappings);
    }

    /**
     * Returns a small image without files for tests and examples: text and data without a file, a heap, a stack of 132 KiB, [vdso] and [vvar].
     *
     * @param comm command name
     * @param stackTop end of the stack area, page aligned
     */
    public static ExecImage bare(String comm, long stackTop) {
        List<Mapping> mappings = new ArrayList<>();
        mappings.add(new Mapping(0x400000, 0x401000, "r-xp", 0, null, null));
        mappings.add(new Mapping(0x402000, 0x404000, "rw-p", 0, null, null));
        mappings.add(new Mapping(stackTop - 0x21000, stackTop, "rw-p", 0, null, "[stack]"));
        return new ExecImage(comm, List.of(comm), 1024, mappings, 0x405000, 0, 0x400000);
    }
}
