package io.pagewalk.oracle.machine;

import java.nio.file.Path;

/**
 * What every history of a run needs.
 *
 * @param helper the compiled helper
 * @param data the data file, made anew for each history
 * @param watchdog kills a helper that hangs
 */
public record Judge(HelperProgram helper, Path data, Watchdog watchdog) {}
