package io.pagewalk.kernel.drivers;

import io.pagewalk.kernel.fault.DeviceMappings;
import io.pagewalk.kernel.filemap.FileSystem;
import io.pagewalk.kernel.io.IoMemory;
import io.pagewalk.kernel.io.IoPorts;
import java.util.function.Consumer;

/**
 * What drivers call beside their device's managed resources.
 *
 * @param ports port instructions
 * @param memory accesses to mapped device memory
 * @param mappings mappings into processes
 * @param files where device files are registered
 * @param log receives lines of the kernel's log
 */
public record DriverServices(
        IoPorts ports, IoMemory memory, DeviceMappings mappings, FileSystem files, Consumer<String> log) {}
