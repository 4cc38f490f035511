package io.pagewalk.oracle.programs;

import java.util.List;

/**
 * What came of one program.
 *
 * @param command the program and its arguments
 * @param accesses loads, stores and fetches of the recording
 * @param syscalls its system calls
 * @param areas lines of the real kernel's last {@code maps}
 * @param startDifferences lines of the two {@code maps} at the first instruction that are not in the other, and stack pointers that differ
 * @param differences lines of the two last {@code maps} that are not in the other: {@code - } real, {@code + } model
 * @param otherAddresses calls for which the model chose another address than the real kernel, the first ten
 * @param realMinorFaults minor faults between first instruction and end on the real kernel: the least of several runs
 * @param modelMinorFaults the same on the model
 */
public record ProgramResult(
        List<String> command,
        long accesses,
        long syscalls,
        int areas,
        List<String> startDifferences,
        List<String> differences,
        List<String> otherAddresses,
        long realMinorFaults,
        long modelMinorFaults) {
    /** Copies the lists. */
    public ProgramResult {
        command = List.copyOf(command);
        startDifferences = List.copyOf(startDifferences);
        differences = List.copyOf(differences);
        otherAddresses = List.copyOf(otherAddresses);
    }

    /** Returns whether both sides agree in everything. */
    public boolean agrees() {
        return startDifferences.isEmpty()
                && differences.isEmpty()
                && otherAddresses.isEmpty()
                && realMinorFaults == modelMinorFaults;
    }
}
