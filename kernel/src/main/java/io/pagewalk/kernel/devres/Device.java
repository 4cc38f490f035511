package io.pagewalk.kernel.devres;

import io.pagewalk.kernel.io.PciDevice;
import io.pagewalk.kernel.io.Resource;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A device: {@code struct device} with its bus's part around it. It holds the managed resources of the driver that is bound to it. */
public final class Device {
    private final String bus;
    private final String name;
    private final List<Resource> resources;
    private final @Nullable PciDevice pci;
    private final DevresServices services;
    private final Devres devres;
    private final ManagedMemory memory;
    private final ManagedIo io;
    private @Nullable Driver driver;
    private boolean isBound;
    private @Nullable Object driverData;

    private Device(
            String bus, String name, List<Resource> resources, @Nullable PciDevice pci, DevresServices services) {
        this.bus = bus;
        this.name = name;
        this.resources = List.copyOf(resources);
        this.pci = pci;
        this.services = services;
        this.devres = new Devres(services.objects(), services.log());
        this.memory = new ManagedMemory(devres, services);
        this.io = new ManagedIo(this, services);
    }

    /**
     * Creates a device that the firmware told of.
     *
     * @param bus name of its bus, {@code pnp} or {@code platform}
     * @param name its name
     * @param resources what it answers at
     * @param services what its managed resources come from
     */
    public static Device of(String bus, String name, List<Resource> resources, DevresServices services) {
        return new Device(bus, name, resources, null, services);
    }

    /**
     * Creates the device of a PCI function.
     *
     * @param pci the function
     * @param services what its managed resources come from
     */
    public static Device of(PciDevice pci, DevresServices services) {
        return new Device("pci", pci.name(), List.of(), pci, services);
    }

    /** Returns the name of its bus. */
    public String bus() {
        return bus;
    }

    /** Returns its name: {@code dev_name()}. */
    public String name() {
        return name;
    }

    /** Returns what the firmware says it answers at. */
    public List<Resource> resources() {
        return resources;
    }

    /** Returns the PCI function, or null for a device of another bus. */
    public @Nullable PciDevice pci() {
        return pci;
    }

    /** Returns the driver that is bound to it, or null. */
    public @Nullable Driver driver() {
        return isBound ? driver : null;
    }

    /** Returns the list of its managed resources. */
    public Devres devres() {
        return devres;
    }

    /** Returns its managed memory. */
    public ManagedMemory memory() {
        return memory;
    }

    /** Returns its managed ports, addresses and mappings. */
    public ManagedIo io() {
        return io;
    }

    /** Returns what the driver has left here, or null: {@code dev_get_drvdata()}. */
    public @Nullable Object driverData() {
        return driverData;
    }

    /**
     * Leaves something for later calls of the driver: {@code dev_set_drvdata()}.
     *
     * @param data what
     */
    public void setDriverData(Object data) {
        driverData = data;
    }

    /**
     * Prints a line with the names of driver and device in front: {@code dev_err()}, {@code dev_info()}.
     *
     * @param line what
     */
    public void print(String line) {
        String who = driver == null ? bus : driver.name();
        services.log().accept(who + " " + name + ": " + line);
    }

    /** {@code device_set_driver()} before the probe. */
    void attach(Driver value) {
        driver = value;
    }

    /** {@code driver_bound()}. */
    void bound() {
        isBound = true;
    }

    /** {@code device_unbind_cleanup()}. */
    void cleanUp() {
        isBound = false;
        devres.releaseAll();
        driver = null;
        driverData = null;
    }
}
