package io.pagewalk.kernel.slub;

import io.pagewalk.base.Size;
import io.pagewalk.base.Violations;
import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.memblock.BootMemory;
import io.pagewalk.kernel.memblock.BootPlan;
import io.pagewalk.kernel.page.AddressConversion;
import io.pagewalk.kernel.sysctl.Sysctls;
import io.pagewalk.kernel.zone.ZoneLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/** A machine with slab caches and nothing above them. */
final class TestSlabs implements SlabEnvironment {
    final PhysicalMemory memory;
    final PageAllocator pages;
    final SlabAllocator slabs;
    final List<String> log = new ArrayList<>();

    TestSlabs(SlabOptions options) {
        this(options, 256 * Size.MIB, 2, 8);
    }

    TestSlabs(SlabOptions options, long ramBytes, int cpus, int wordBytes) {
        long frames = ramBytes >>> 12;
        memory = new PhysicalMemory(frames);
        BootPlan plan = wordBytes == 8
                ? BootPlan.simple(ZoneLayout.x8664(), ramBytes, cpus, AddressConversion.x8664FourLevel(frames))
                : BootPlan.simple(ZoneLayout.i386(), ramBytes, cpus, AddressConversion.i386(frames));
        pages = BootMemory.boot(plan, new Sysctls(), memory::clearFrame).allocator();
        slabs = new SlabAllocator(
                memory, pages, wordBytes == 8 ? SlabParameters.wide(cpus) : SlabParameters.narrow(cpus), options);
        slabs.setEnvironment(this);
    }

    static TestSlabs plain() {
        return new TestSlabs(SlabOptions.DEFAULT);
    }

    static TestSlabs debugging(String letters) {
        return new TestSlabs(SlabOptions.DEFAULT.withDebug(letters));
    }

    @Override
    public void log(String line) {
        log.add(line);
    }

    @Override
    public int pid() {
        return 42;
    }

    @Override
    public String comm() {
        return "test";
    }

    KmemCache cache(String name) {
        return Objects.requireNonNull(slabs.find(name), name);
    }

    long physical(long vaddr) {
        return pages.conversion().virtToPhys(vaddr);
    }

    void write(long vaddr, int value) {
        memory.writeByte(physical(vaddr), (byte) value);
    }

    String logged() {
        return String.join("\n", log);
    }

    void verify() {
        Violations violations = new Violations();
        slabs.verify(violations);
        pages.verify(violations);
        memory.verify(violations);
        violations.throwIfAny();
    }
}
