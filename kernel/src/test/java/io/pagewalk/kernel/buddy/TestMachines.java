package io.pagewalk.kernel.buddy;

import io.pagewalk.base.Size;
import io.pagewalk.base.Violations;
import io.pagewalk.kernel.memblock.BootMemory;
import io.pagewalk.kernel.memblock.BootPlan;
import io.pagewalk.kernel.page.AddressConversion;
import io.pagewalk.kernel.sysctl.Sysctls;
import io.pagewalk.kernel.zone.ZoneLayout;
import java.util.function.LongConsumer;

/** Small machines for tests. */
public final class TestMachines {
    private TestMachines() {}

    /** Returns a booted x86-64 machine with one node. */
    public static BootMemory x8664(long ramBytes, int cpus) {
        return x8664(ramBytes, cpus, pfn -> {});
    }

    /** Returns a booted x86-64 machine with one node that tells which frames are cleared. */
    public static BootMemory x8664(long ramBytes, int cpus, LongConsumer clearFrame) {
        long frames = ramBytes >>> 12;
        BootPlan plan = BootPlan.simple(ZoneLayout.x8664(), ramBytes, cpus, AddressConversion.x8664FourLevel(frames));
        return BootMemory.boot(plan, new Sysctls(), clearFrame);
    }

    /** Returns a booted i386 machine with the 3G/1G split. */
    public static BootMemory i386(long ramBytes) {
        BootPlan plan = BootPlan.simple(ZoneLayout.i386(), ramBytes, 1, AddressConversion.i386(ramBytes / 4096));
        return BootMemory.boot(plan, new Sysctls(), pfn -> {});
    }

    /** Returns a machine of 256 MiB. */
    public static BootMemory small() {
        return x8664(256 * Size.MIB, 2);
    }

    /** Checks everything. */
    public static void verify(BootMemory memory) {
        Violations violations = new Violations();
        memory.allocator().verify(violations);
        violations.throwIfAny();
    }
}
