package io.pagewalk.workload.replay;

import io.pagewalk.base.Bits;
import io.pagewalk.kernel.exec.ElfProgram;
import io.pagewalk.kernel.system.ExecImage;
import io.pagewalk.kernel.system.LinuxKernel;
import io.pagewalk.kernel.system.Task;
import io.pagewalk.workload.trace.InitialMap;
import io.pagewalk.workload.trace.TraceHeader;
import io.pagewalk.workload.trace.TracedFile;
import java.util.ArrayList;
import java.util.List;

/** The program of a trace as {@code execve()} left it on the recording machine, started on a simulated one. */
final class ProgramStart {
    /* What exec writes above the stack pointer when the recorder did not say where that was: a small environment. */
    private static final int USUAL_ARGS_BYTES = 4096;

    private ProgramStart() {}

    static Task exec(LinuxKernel kernel, TraceHeader header, AddressMap addresses) {
        register(kernel, header);
        List<ExecImage.Mapping> mappings = new ArrayList<>();
        int argsBytes = USUAL_ARGS_BYTES;
        for (InitialMap map : header.maps()) {
            long start = addresses.mappingToMachine(map.start());
            mappings.add(new ExecImage.Mapping(
                    start, start + map.end() - map.start(), map.prot(), map.fileOffset(), map.path(), map.name()));
            long stackPointer = header.stackPointer();
            if (stackPointer - map.start() >= 0 && stackPointer - map.end() < 0) {
                argsBytes = (int) (map.end() - stackPointer);
            }
        }
        return kernel.exec(new ExecImage(
                header.comm(),
                header.command(),
                argsBytes,
                mappings,
                /* A recorder tells the end of .bss; Linux begins the heap at the next page. */
                addresses.toMachine(Bits.roundUp(header.brkStart(), 4096)),
                addresses.toMachine(header.stackPointer()),
                addresses.toMachine(header.entry())));
    }

    /** Starts the program by loading its file. */
    static Task exec(LinuxKernel kernel, TraceHeader header, ElfProgram program) {
        register(kernel, header);
        return kernel.exec(program);
    }

    private static void register(LinuxKernel kernel, TraceHeader header) {
        for (TracedFile file : header.files()) {
            kernel.files().register(file.path(), file.sizeBytes(), file.inode(), file.devMajor(), file.devMinor());
        }
    }
}
