package io.pagewalk.hardware.machine;

import io.pagewalk.base.Digest;
import io.pagewalk.base.SeededRandom;
import io.pagewalk.base.SimClock;
import io.pagewalk.base.Violations;
import io.pagewalk.hardware.bus.FramebufferCard;
import io.pagewalk.hardware.bus.HostBridge;
import io.pagewalk.hardware.bus.PciBus;
import io.pagewalk.hardware.bus.PhysicalBus;
import io.pagewalk.hardware.bus.PortSpace;
import io.pagewalk.hardware.bus.Uart16550;
import io.pagewalk.hardware.cpu.Cpu;
import io.pagewalk.hardware.disk.BlockDevice;
import io.pagewalk.hardware.disk.DiskDescription;
import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.hardware.mmu.Mmu;
import io.pagewalk.hardware.numa.NumaTopology;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** A machine that is switched on: memory all zero, TLBs empty, disks idle, the clock at zero, no kernel yet. */
public final class Machine {
    private final MachineDescription description;
    private final PhysicalMemory memory;
    private final NumaTopology numa;
    private final List<Cpu> cpus;
    private final List<BlockDevice> disks;
    private final PhysicalBus bus;
    private final PortSpace ports = new PortSpace();
    private final @Nullable PciBus pci;
    private final SortedMap<Integer, Uart16550> uarts = new TreeMap<>();
    private final SimClock clock = new SimClock();

    /**
     * Builds a machine.
     *
     * @param description what it is made of
     * @param seed for hardware that draws random numbers (random TLB replacement)
     */
    public Machine(MachineDescription description, long seed) {
        this.description = description;
        this.memory = new PhysicalMemory(description.firmware().endFrame());
        this.numa = description.topology();
        SeededRandom random = new SeededRandom(seed).fork("machine");
        List<Cpu> made = new ArrayList<>();
        for (int id = 0; id < description.cpus(); id++) {
            Mmu mmu = new Mmu(
                    memory, description.mode(), description.cpu().mmu(), description.refill(), random.fork("cpu" + id));
            made.add(new Cpu(id, numa.nodeOfCpu(id), description.cpu(), mmu));
        }
        this.cpus = List.copyOf(made);
        this.disks = description.disks().stream().map(BlockDevice::new).toList();
        this.bus = new PhysicalBus(memory);
        this.pci = description.hasPci() ? new PciBus(bus, ports) : null;
        if (pci != null) {
            pci.plug(0, new HostBridge());
        }
        for (DeviceDescription device : description.devices()) {
            switch (device) {
                case DeviceDescription.Uart uart -> {
                    Uart16550 serial = new Uart16550();
                    if (!ports.attach(uart.port(), Uart16550.PORTS, serial)) {
                        throw new IllegalArgumentException("two devices at port 0x" + Integer.toHexString(uart.port()));
                    }
                    uarts.put(uart.port(), serial);
                }
                case DeviceDescription.Framebuffer card -> {
                    if (pci != null) {
                        pci.plug(card.slot(), new FramebufferCard(card.videoBytes()));
                    }
                }
            }
        }
    }

    /** Returns the decoder of physical addresses, which reaches devices as well as RAM. */
    public PhysicalBus bus() {
        return bus;
    }

    /** Returns the port space. */
    public PortSpace ports() {
        return ports;
    }

    /** Returns the PCI bus, or null when the machine has none. */
    public @Nullable PciBus pci() {
        return pci;
    }

    /** Returns the serial ports by their first I/O port. */
    public SortedMap<Integer, Uart16550> uarts() {
        return Collections.unmodifiableSortedMap(uarts);
    }

    /** Returns the framebuffer card in the lowest slot, or null when there is none. */
    public @Nullable FramebufferCard framebuffer() {
        for (int slot = 0; pci != null && slot < PciBus.SLOTS; slot++) {
            if (pci.function(slot) instanceof FramebufferCard card) {
                return card;
            }
        }
        return null;
    }

    /** Returns what the machine is made of. */
    public MachineDescription description() {
        return description;
    }

    /** Returns its memory. */
    public PhysicalMemory memory() {
        return memory;
    }

    /** Returns its NUMA topology. */
    public NumaTopology numa() {
        return numa;
    }

    /** Returns its CPUs, by number. */
    public List<Cpu> cpus() {
        return cpus;
    }

    /**
     * Returns one CPU.
     *
     * @param id its number
     */
    public Cpu cpu(int id) {
        return cpus.get(id);
    }

    /** Returns its disks, in the description's order. */
    public List<BlockDevice> disks() {
        return disks;
    }

    /**
     * Returns the disks for one use, in the description's order.
     *
     * @param use files or swap
     */
    public List<BlockDevice> disks(DiskDescription.Use use) {
        return disks.stream().filter(disk -> disk.description().use() == use).toList();
    }

    /** Returns the simulated time. */
    public SimClock clock() {
        return clock;
    }

    /**
     * Adds the state of all parts to a digest.
     *
     * @param digest where to add
     */
    public void addToDigest(Digest digest) {
        digest.add(clock.nanos());
        cpus.forEach(cpu -> cpu.addToDigest(digest));
        disks.forEach(disk -> disk.addToDigest(digest));
        memory.addToDigest(digest);
        uarts.values().forEach(uart -> uart.addToDigest(digest));
        if (pci != null) {
            pci.addToDigest(digest);
        }
    }

    /**
     * Checks all parts.
     *
     * @param out where violations go
     */
    public void verify(Violations out) {
        memory.verify(out);
        cpus.forEach(cpu -> cpu.verify(out));
        disks.forEach(disk -> disk.verify(out));
        bus.verify(out);
        ports.verify(out);
        if (pci != null) {
            pci.verify(out);
        }
    }
}
