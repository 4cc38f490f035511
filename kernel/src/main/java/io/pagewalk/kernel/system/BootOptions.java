package io.pagewalk.kernel.system;

import io.pagewalk.base.BadInput;
import io.pagewalk.kernel.memblock.BootParameters;
import io.pagewalk.kernel.slub.SlabOptions;
import io.pagewalk.kernel.time.CostModel;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What the kernel is told at boot.
 *
 * @param sysctls values of {@code vm.*} by name, as typed
 * @param seed of everything random in the kernel
 * @param pageCache whether files are in memory before anybody reads them
 * @param costs what events cost
 * @param slab boot parameters of the slab caches
 * @param parameters what the command line says about memory
 * @param tracksSoftDirty whether the kernel is built with {@code CONFIG_MEM_SOFT_DIRTY}; the kernels of most distributions are, the default here is not
 * @param anonymousNames whether areas of anonymous memory can be named, as with {@code CONFIG_ANON_VMA_NAME}
 */
public record BootOptions(
        Map<String, String> sysctls,
        long seed,
        PageCacheStart pageCache,
        CostModel costs,
        SlabOptions slab,
        BootParameters parameters,
        boolean tracksSoftDirty,
        boolean anonymousNames) {
    /** The parameters of the kernel's command line that mean something here, as a user writes them. */
    public static final List<String> PARAMETERS = List.of(
            "cma=SIZE",
            "default_hugepagesz=SIZE",
            "hugepages=N|NODE:N[,NODE:N...]",
            "hugepagesz=SIZE",
            "kernelcore=SIZE|N%",
            "movablecore=SIZE|N%",
            "nopku",
            "slab_debug[=[FZPUTAO|-][,CACHE...]]",
            "slab_merge",
            "slab_nomerge",
            "transparent_hugepage=always|madvise|never");

    /** State of the page cache when a file is registered. */
    public enum PageCacheStart {
        /** Nothing is cached: the first touch reads from the disk. */
        COLD,
        /** Every file is cached, as after an earlier run of the same program. */
        WARM
    }

    /** Copies the map. */
    public BootOptions {
        sysctls = Map.copyOf(new TreeMap<>(sysctls));
    }

    /**
     * Creates options with an empty command line.
     *
     * @param sysctls values of {@code vm.*} by name, as typed
     * @param seed of everything random in the kernel
     * @param pageCache whether files are in memory before anybody reads them
     * @param costs what events cost
     */
    public BootOptions(Map<String, String> sysctls, long seed, PageCacheStart pageCache, CostModel costs) {
        this(sysctls, seed, pageCache, costs, SlabOptions.DEFAULT, BootParameters.NONE, false, false);
    }

    /** Returns Linux's defaults, seed 1, a cold page cache. */
    public static BootOptions defaults() {
        return new BootOptions(Map.of(), 1, PageCacheStart.COLD, CostModel.server());
    }

    /**
     * Returns the same options with other sysctls.
     *
     * @param values by name, as typed
     */
    public BootOptions withSysctls(Map<String, String> values) {
        return new BootOptions(values, seed, pageCache, costs, slab, parameters, tracksSoftDirty, anonymousNames);
    }

    /**
     * Returns the same options with another start of the page cache.
     *
     * @param start cold or warm
     */
    public BootOptions withPageCache(PageCacheStart start) {
        return new BootOptions(sysctls, seed, start, costs, slab, parameters, tracksSoftDirty, anonymousNames);
    }

    /**
     * Returns the same options with other slab caches.
     *
     * @param options such as {@code slab_debug}
     */
    public BootOptions withSlab(SlabOptions options) {
        return new BootOptions(sysctls, seed, pageCache, costs, options, parameters, tracksSoftDirty, anonymousNames);
    }

    /** Returns the same options for a kernel that tracks written pages: {@code CONFIG_MEM_SOFT_DIRTY}, which only x86-64 has of the processors here. */
    public BootOptions withSoftDirty() {
        return new BootOptions(sysctls, seed, pageCache, costs, slab, parameters, true, anonymousNames);
    }

    /** Returns the same options for a kernel that lets anonymous memory be named: {@code CONFIG_ANON_VMA_NAME}. */
    public BootOptions withAnonymousNames() {
        return new BootOptions(sysctls, seed, pageCache, costs, slab, parameters, tracksSoftDirty, true);
    }

    /**
     * Returns the same options with a command line: {@link #PARAMETERS}. Other words are passed over, as the kernel leaves them to others.
     *
     * @param commandLine such as {@code cma=64M slab_nomerge}
     * @throws BadInput for a value that cannot be
     */
    public BootOptions withCommandLine(String commandLine) {
        SlabOptions options = slab;
        for (String word : commandLine.strip().split("\\s+", -1)) {
            int equals = word.indexOf('=');
            // Both spellings, the older one with u, are read: mm/slub.c.
            switch ((equals < 0 ? word : word.substring(0, equals)).replaceFirst("^slub_", "slab_")) {
                case "slab_debug" -> options = options.withDebug(equals < 0 ? "" : word.substring(equals + 1));
                case "slab_nomerge" -> options = options.withoutMerging();
                default -> {
                    // Not about slabs; they merge unless told otherwise, so that slab_merge changes nothing.
                }
            }
        }
        return new BootOptions(
                sysctls,
                seed,
                pageCache,
                costs,
                options,
                BootParameters.parse(commandLine),
                tracksSoftDirty,
                anonymousNames);
    }

    /** Returns whether protection keys are used where the CPU has them: not with {@code nopku}. */
    public boolean hasProtectionKeys() {
        return !parameters.noKeys();
    }

    /**
     * Returns whether a word of a command line is one of {@link #PARAMETERS}, whatever its value.
     *
     * @param word such as {@code cma=64M}
     */
    public static boolean isParameter(String word) {
        return word.matches(
                "(cma|default_hugepagesz|hugepages|hugepagesz|kernelcore|movablecore|transparent_hugepage)=.*|nopku"
                        + "|sl[au]b_debug(=.*)?|sl[au]b_(no)?merge");
    }
}
