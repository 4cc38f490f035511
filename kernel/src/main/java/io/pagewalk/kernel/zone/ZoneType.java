package io.pagewalk.kernel.zone;

/** Kinds of zones, lowest first: {@code enum zone_type}. A machine has some of them; see {@link ZoneLayout}. */
public enum ZoneType {
    /** Below 16 MiB on x86. */
    DMA("DMA"),
    /** Below 4 GiB on 64-bit machines. */
    DMA32("DMA32"),
    /** Directly mapped memory. */
    NORMAL("Normal"),
    /** Memory of 32-bit machines that the kernel has no address for. */
    HIGHMEM("HighMem"),
    /** Memory that holds only movable pages. */
    MOVABLE("Movable"),
    /** Memory of devices. Always empty here. */
    DEVICE("Device");

    private final String label;

    ZoneType(String label) {
        this.label = label;
    }

    /** Returns the name in {@code /proc/zoneinfo}. */
    public String label() {
        return label;
    }
}
