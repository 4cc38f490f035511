package io.pagewalk.observe.proc;

import io.pagewalk.kernel.io.ResourceTree;

/** {@code /proc/ioports}: who uses which I/O ports ({@code kernel/resource.c:r_show()}). */
public final class IoPortsFile {
    private static final int WIDTH = 4;

    private IoPortsFile() {}

    /**
     * Prints the file as root sees it.
     *
     * @param ioports the tree of I/O ports
     */
    public static String print(ResourceTree ioports) {
        return IoMem.print(ioports, WIDTH, IoMem.Reader.ROOT);
    }
}
