package io.pagewalk.kernel.devres;

/** A driver: {@code struct device_driver} with its table of devices. */
public interface Driver {
    /** Returns its name, unique among the registered ones. */
    String name();

    /**
     * Returns whether a device is of the kind it drives: {@code bus->match()}.
     *
     * @param device any device
     */
    boolean matches(Device device);

    /**
     * Takes a device into use. What it took through the device's managed resources is released again when it fails.
     *
     * @param device a device that nobody drives
     * @return 0 or a negative errno
     */
    int probe(Device device);

    /**
     * Puts a device out of use; the managed resources are released afterwards.
     *
     * @param device a device that was probed
     */
    default void remove(Device device) {}
}
