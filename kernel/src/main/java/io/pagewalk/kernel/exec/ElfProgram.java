package io.pagewalk.kernel.exec;

import io.pagewalk.base.BadInput;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What {@code execve()} is called with.
 *
 * @param file the program
 * @param linker the dynamic linker that it names, or null
 * @param name the path as the caller gave it ({@code AT_EXECFN})
 * @param argv the arguments
 * @param envp the environment, each {@code NAME=VALUE}
 */
public record ElfProgram(ElfFile file, @Nullable ElfFile linker, String name, List<String> argv, List<String> envp) {
    private static final int COMM_LENGTH = 15;

    /** Copies the lists. */
    public ElfProgram {
        argv = List.copyOf(argv);
        envp = List.copyOf(envp);
    }

    /**
     * Reads a program of this computer and its dynamic linker.
     *
     * @param name the program's file
     * @param argv the arguments
     * @param envp the environment
     * @return the program
     * @throws BadInput when one of the two is missing or no 64-bit x86 program
     */
    public static ElfProgram read(Path name, List<String> argv, List<String> envp) {
        try {
            ElfFile file = ElfFile.read(name);
            String linker = file.interpreter();
            return new ElfProgram(
                    file, linker == null ? null : ElfFile.read(Path.of(linker)), name.toString(), argv, envp);
        } catch (IOException e) {
            throw new BadInput("cannot read the program " + name + ": " + e.getMessage(), e);
        }
    }

    /** Returns the name of the process: the last part of the path, 15 characters at most. */
    public String comm() {
        String last = name.substring(name.lastIndexOf('/') + 1);
        return last.length() > COMM_LENGTH ? last.substring(0, COMM_LENGTH) : last;
    }
}
