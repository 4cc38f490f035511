package io.pagewalk.kernel.vmalloc;

import io.pagewalk.base.Violations;
import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.buddy.TestMachines;
import io.pagewalk.kernel.memblock.BootMemory;
import io.pagewalk.kernel.page.FrameOwner;
import java.util.ArrayList;
import java.util.List;

/** A vmalloc space over a small machine, with flushes and log lines noted. */
final class VmallocFixture implements KernelTlb {
    final BootMemory boot;
    final PageAllocator allocator;
    final InitMm initMm;
    final KernelLayout layout;
    final Vmalloc vmalloc;
    final List<String> log = new ArrayList<>();
    final List<String> flushes = new ArrayList<>();

    private VmallocFixture(PagingMode mode, BootMemory boot, long ramBytes, int cpus) {
        this.boot = boot;
        this.allocator = boot.allocator();
        PhysicalMemory memory = new PhysicalMemory(ramBytes >>> 12);
        this.layout = KernelLayout.of(mode, boot.conversion());
        this.initMm = new InitMm(mode, memory, allocator);
        initMm.setTlb(this);
        this.vmalloc = new Vmalloc(layout, initMm, allocator, this, cpus, log::add);
    }

    static VmallocFixture x8664(long ramBytes, int cpus) {
        return new VmallocFixture(PagingMode.X86_64_4LEVEL, TestMachines.x8664(ramBytes, cpus), ramBytes, cpus);
    }

    static VmallocFixture i386(long ramBytes) {
        return new VmallocFixture(PagingMode.I386, TestMachines.i386(ramBytes), ramBytes, 1);
    }

    long freeFrames() {
        return boot.memMap().ownerFrames(FrameOwner.FREE) + boot.memMap().ownerFrames(FrameOwner.PCP);
    }

    void verify() {
        Violations out = new Violations();
        vmalloc.verify(out);
        allocator.verify(out);
        out.throwIfAny();
    }

    @Override
    public void flushKernelRange(long start, long end) {
        flushes.add(Long.toHexString(start) + "-" + Long.toHexString(end));
    }

    @Override
    public void syncRootEntry(int index, long entry) {}
}
