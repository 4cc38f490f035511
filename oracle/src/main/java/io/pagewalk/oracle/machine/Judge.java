package io.pagewalk.oracle.machine;

import io.pagewalk.base.host.HostSettings;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * What every history of a run needs.
 *
 * @param helper the compiled helper
 * @param data the data file, made anew for each history
 * @param watchdog kills a helper that hangs
 * @param settings what this computer's kernel is told before each history, or null for nothing
 */
public record Judge(
        HelperProgram helper,
        Path data,
        Watchdog watchdog,
        @Nullable HostSettings settings) {
    /** With the kernel as it is. */
    public Judge(HelperProgram helper, Path data, Watchdog watchdog) {
        this(helper, data, watchdog, null);
    }
}
