package io.pagewalk.kernel.slub;

import io.pagewalk.base.BadInput;

/**
 * Boot parameters and build options of SLUB.
 *
 * @param debug the value of {@code slab_debug}: letters {@code F Z P U T A O}, then optionally {@code ,} and names of caches (a trailing {@code *} is a wildcard), blocks separated by {@code ;};
 *     {@code -} switches all off; null when the parameter is absent
 * @param isMerging whether caches may share slabs ({@code slab_nomerge} switches it off)
 * @param isHardened whether free pointers are stored scrambled ({@code CONFIG_SLAB_FREELIST_HARDENED})
 * @param isShuffled whether new slabs hand out their objects in random order ({@code CONFIG_SLAB_FREELIST_RANDOM})
 * @param hasSheaves whether caches that want them get per-CPU arrays of objects
 * @param seed of the two random options
 */
public record SlabOptions(
        @org.jspecify.annotations.Nullable String debug,
        boolean isMerging,
        boolean isHardened,
        boolean isShuffled,
        boolean hasSheaves,
        long seed) {
    /** What a kernel does that was told nothing; built as x86-64's default configuration, where both random options are off. */
    public static final SlabOptions DEFAULT = new SlabOptions(null, true, false, false, true, 0);

    /** Refuses an unknown letter of {@code slab_debug}. */
    public SlabOptions {
        if (debug != null) {
            for (String block : debug.split(";", -1)) {
                parse(block.split(",", -1)[0]);
            }
        }
    }

    /**
     * Returns the same with {@code slab_debug} set.
     *
     * @param value its value, empty for everything
     */
    public SlabOptions withDebug(String value) {
        return new SlabOptions(value, isMerging, isHardened, isShuffled, hasSheaves, seed);
    }

    /** Returns the same without merging: {@code slab_nomerge}. */
    public SlabOptions withoutMerging() {
        return new SlabOptions(debug, false, isHardened, isShuffled, hasSheaves, seed);
    }

    /**
     * Returns the same with free pointers scrambled and objects shuffled, as distributions build it.
     *
     * @param value seed of both
     */
    public SlabOptions hardened(long value) {
        return new SlabOptions(debug, isMerging, true, true, hasSheaves, value);
    }

    /** Returns the same without per-CPU arrays of objects. */
    public SlabOptions withoutSheaves() {
        return new SlabOptions(debug, isMerging, isHardened, isShuffled, false, seed);
    }

    /**
     * Returns a cache's flags with the debugging that the command line wants for it: {@code mm/slub.c:kmem_cache_flags()}.
     *
     * @param flags of {@link SlabFlags}
     * @param name the cache's name
     */
    int flagsOf(int flags, String name) {
        if (debug == null || (flags & SlabFlags.NO_USER_FLAGS) != 0) {
            return flags;
        }
        int global = 0;
        for (String block : debug.split(";", -1)) {
            String[] parts = block.split(",", -1);
            if (parts.length == 1) {
                global = parse(parts[0]);
                continue;
            }
            for (int i = 1; i < parts.length; i++) {
                String pattern = parts[i];
                boolean isMatch = pattern.endsWith("*")
                        ? name.startsWith(pattern.substring(0, pattern.length() - 1))
                        : name.equals(pattern);
                if (isMatch) {
                    return flags | parse(parts[0]);
                }
            }
        }
        return flags | global;
    }

    /** Returns whether debugging that raises the least order of a cache is dropped for it: letter {@code O}. */
    boolean avoidsHigherOrders() {
        return debug != null
                && debug.split(",", -1)[0].toUpperCase(java.util.Locale.ROOT).contains("O");
    }

    private static int parse(String letters) {
        if (letters.isEmpty()) {
            return SlabFlags.DEBUG_DEFAULT;
        }
        int flags = 0;
        for (int i = 0; i < letters.length(); i++) {
            switch (Character.toUpperCase(letters.charAt(i))) {
                case '-' -> flags = 0;
                case 'F' -> flags |= SlabFlags.CONSISTENCY_CHECKS;
                case 'Z' -> flags |= SlabFlags.RED_ZONE;
                case 'P' -> flags |= SlabFlags.POISON;
                case 'U' -> flags |= SlabFlags.STORE_USER;
                case 'T' -> flags |= SlabFlags.TRACE;
                case 'A' -> flags |= SlabFlags.FAILSLAB;
                case 'O' -> {}
                default ->
                    throw new BadInput(
                            "slab_debug",
                            "letter '" + letters.charAt(i) + "' in \"" + letters + "\"",
                            "F Z P U T A O or -");
            }
        }
        return flags;
    }
}
