package io.pagewalk.lab.run;

import io.pagewalk.base.BadInput;
import io.pagewalk.hardware.machine.Machine;
import io.pagewalk.hardware.machine.MachineDescription;
import io.pagewalk.kernel.sysctl.Sysctls;
import io.pagewalk.kernel.system.BootOptions;
import io.pagewalk.kernel.system.BootOptions.PageCacheStart;
import io.pagewalk.kernel.system.LinuxKernel;
import io.pagewalk.lab.machines.MachineBuilder;
import io.pagewalk.lab.machines.MachineSpec;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/** A described machine, switched on and booted. */
public final class Boot {
    private Boot() {}

    /**
     * Boots a machine.
     *
     * @param spec the machine
     * @param sysctls settings on top of the machine's own
     * @param seed seed of everything random
     * @param cache whether files are in memory before anybody reads them
     * @throws BadInput for parts or settings that cannot be
     */
    public static LinuxKernel boot(
            MachineSpec spec, SortedMap<String, String> sysctls, long seed, PageCacheStart cache) {
        MachineDescription description = MachineBuilder.build(spec);
        SortedMap<String, String> all = settings(spec, sysctls);
        return LinuxKernel.boot(
                new Machine(description, seed),
                new BootOptions(all, seed, cache, BootOptions.defaults().costs()).withCommandLine(spec.commandLine()));
    }

    /**
     * Refuses what {@link #boot} would refuse, without booting.
     *
     * @param spec the machine
     * @param sysctls settings on top of the machine's own
     */
    public static void check(MachineSpec spec, SortedMap<String, String> sysctls) {
        MachineBuilder.build(spec);
        Sysctls.of(settings(spec, sysctls));
    }

    private static SortedMap<String, String> settings(MachineSpec spec, SortedMap<String, String> sysctls) {
        SortedMap<String, String> all = new TreeMap<>();
        for (Map.Entry<String, String> own : spec.sysctls().entrySet()) {
            all.put(withoutPrefix(own.getKey()), own.getValue());
        }
        for (Map.Entry<String, String> given : sysctls.entrySet()) {
            all.put(withoutPrefix(given.getKey()), given.getValue());
        }
        return all;
    }

    private static String withoutPrefix(String name) {
        return name.startsWith("vm.") || name.startsWith("vm/") ? name.substring(3) : name;
    }
}
