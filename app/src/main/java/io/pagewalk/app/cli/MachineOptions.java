package io.pagewalk.app.cli;

import io.pagewalk.lab.machines.KernelCommandLine;
import io.pagewalk.lab.machines.MachineCatalogue;
import io.pagewalk.lab.machines.MachineChanges;
import io.pagewalk.lab.machines.MachineSpec;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The options that choose and change a machine. */
final class MachineOptions {
    @Option(
            names = "--ram",
            paramLabel = "SIZE",
            description = "Installed memory, such as 512M or 4G; the memory map is laid out anew.")
    private @Nullable String ram;

    @Option(names = "--cpu", paramLabel = "MODEL", description = "CPU model; 'pagewalk machine list' shows them.")
    private @Nullable String cpu;

    @Option(
            names = "--nodes",
            paramLabel = "N",
            description = "Number of NUMA nodes; memory and CPUs are divided evenly.")
    private @Nullable Integer nodes;

    @Option(
            names = "--cmdline",
            paramLabel = "PARAMETERS",
            description =
                    "The kernel's command line, such as \"cma=64M movablecore=1G slab_debug=FZPU\"; parameters: cma,"
                            + " default_hugepagesz, hugepages, hugepagesz, kernelcore, movablecore, nopku, slab_debug,"
                            + " slab_merge, slab_nomerge, transparent_hugepage.")
    private @Nullable String commandLine;

    /** Returns a machine by name with the changes of these options. */
    MachineSpec machine(String name) {
        MachineSpec machine = new MachineChanges(ram, nodes, cpu).applyTo(MachineCatalogue.find(name));
        return commandLine == null
                ? machine
                : machine.withCommandLine(KernelCommandLine.checked("--cmdline", commandLine));
    }

    /** Returns these options as they were typed, with a space before each. */
    String asTyped() {
        return (ram == null ? "" : " --ram " + ram)
                + (cpu == null ? "" : " --cpu " + cpu)
                + (nodes == null ? "" : " --nodes " + nodes)
                + (commandLine == null ? "" : " --cmdline " + Quoting.word(commandLine));
    }
}
