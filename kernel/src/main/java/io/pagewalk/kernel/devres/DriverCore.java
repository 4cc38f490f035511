package io.pagewalk.kernel.devres;

import io.pagewalk.base.Violations;
import io.pagewalk.kernel.syscall.Errno;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Brings devices and drivers together, whichever comes first: {@code drivers/base/dd.c}, {@code drivers/base/driver.c}. */
public final class DriverCore {
    private final Consumer<String> log;
    private final List<Device> devices = new ArrayList<>();
    private final List<Driver> drivers = new ArrayList<>();

    /**
     * Creates a core that knows nobody.
     *
     * @param log receives lines of the kernel's log
     */
    public DriverCore(Consumer<String> log) {
        this.log = log;
    }

    /**
     * Makes a device known and looks for its driver: {@code device_add()}.
     *
     * @param device a device that is not known
     */
    public void add(Device device) {
        devices.add(device);
        for (Driver driver : drivers) {
            if (driver.matches(device) && probe(driver, device) == 0) {
                return;
            }
        }
    }

    /**
     * Makes a driver known and lets it probe each device of its kind that nobody drives: {@code driver_register()}.
     *
     * @param driver the driver
     * @return 0, or {@code -EBUSY} when one of that name is there; devices that it could not take do not matter
     */
    public int register(Driver driver) {
        if (find(driver.name()) != null) {
            log.accept("Error: Driver '" + driver.name() + "' is already registered, aborting...");
            return -Errno.EBUSY;
        }
        drivers.add(driver);
        for (Device device : devices) {
            if (device.driver() == null && driver.matches(device)) {
                probe(driver, device);
            }
        }
        return 0;
    }

    /**
     * Takes a driver away from all of its devices, the latest first, and forgets it: {@code driver_unregister()}, {@code driver_detach()}. One that is not known leaves a warning.
     *
     * @param driver the driver
     */
    public void unregister(Driver driver) {
        if (!drivers.contains(driver)) {
            log.accept("Unexpected driver unregister!");
            log.accept("WARNING: at drivers/base/driver.c driver_unregister()");
            return;
        }
        for (Device device : devices.reversed()) {
            if (device.driver() == driver) {
                unbind(device);
            }
        }
        drivers.remove(driver);
    }

    /**
     * Binds a device to a driver by hand, as writing its name to the driver's {@code bind} file does: {@code device_driver_attach()}.
     *
     * @param device a known device
     * @param driverName name of a driver
     * @return 0; {@code -ENODEV} for an unknown driver or one of another kind; {@code -EBUSY} when the device has a driver; what the probe returned
     */
    public int bind(Device device, String driverName) {
        Driver driver = find(driverName);
        if (driver == null || !driver.matches(device)) {
            return -Errno.ENODEV;
        }
        return device.driver() != null ? -Errno.EBUSY : probe(driver, device);
    }

    /**
     * Takes the driver away from a device: {@code device_release_driver()}. A device without one stays as it is.
     *
     * @param device a known device
     */
    public void unbind(Device device) {
        Driver driver = device.driver();
        if (driver != null) {
            driver.remove(device);
            device.cleanUp();
        }
    }

    /** {@code really_probe()}. */
    private int probe(Driver driver, Device device) {
        if (!device.devres().isEmpty()) {
            device.print("Resources present before probing");
            return -Errno.EBUSY;
        }
        device.attach(driver);
        int result = driver.probe(device);
        if (result == 0) {
            device.bound();
            return 0;
        }
        if (result != -Errno.ENODEV && result != -Errno.ENXIO) {
            device.print("probe with driver " + driver.name() + " failed with error " + result);
        }
        device.cleanUp();
        return result;
    }

    private @Nullable Driver find(String name) {
        return drivers.stream()
                .filter(driver -> driver.name().equals(name))
                .findFirst()
                .orElse(null);
    }

    /** Returns all devices, in the order they were added. */
    public List<Device> devices() {
        return List.copyOf(devices);
    }

    /**
     * Finds a device.
     *
     * @param name its name
     * @return the device, or null
     */
    public @Nullable Device device(String name) {
        return devices.stream()
                .filter(device -> device.name().equals(name))
                .findFirst()
                .orElse(null);
    }

    /** Returns all drivers, in the order of registration. */
    public List<Driver> drivers() {
        return List.copyOf(drivers);
    }

    /**
     * Checks each device's list of resources, and that the drivers of bound devices are registered.
     *
     * @param out where violations go
     */
    public void verify(Violations out) {
        for (Device device : devices) {
            device.devres().verify(device.name(), out);
            Driver driver = device.driver();
            if (driver != null && !drivers.contains(driver)) {
                out.add("device " + device.name(), "is bound to " + driver.name() + ", which is not registered");
            }
        }
    }
}
