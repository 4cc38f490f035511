package io.pagewalk.kernel.sysctl;

import io.pagewalk.base.BadInput;
import io.pagewalk.base.Digest;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** The values under {@code /proc/sys/vm} of one machine, by their Linux names with or without {@code vm.} in front. */
public final class Sysctls {
    private static final long INT_MAX = Integer.MAX_VALUE;
    private static final int NOT_SET = -1;
    private static final String LOWMEM_RESERVE_RATIO = "lowmem_reserve_ratio";

    /** Chose the order of zonelists once; since Linux 4.14 only "Node" is left, and what is written is passed over. */
    private static final String NUMA_ZONELIST_ORDER = "numa_zonelist_order";

    private final TreeMap<String, Setting> settings = new TreeMap<>();
    private List<Integer> lowmemReserveRatio = List.of();
    private boolean hasLowmemReserveRatio;
    /** How many ratios there are; 0 before boot. */
    private int zones;

    private static final class Setting {
        private final long min;
        private final long max;
        private long value;
        private boolean isSetByUser;

        private Setting(long value, long min, long max) {
            this.value = value;
            this.min = min;
            this.max = max;
        }
    }

    /** Creates the settings of a fresh Linux 6.18; those that depend on the machine are derived at boot. */
    public Sysctls() {
        define("admin_reserve_kbytes", 8192, 0, Long.MAX_VALUE);
        define("compact_unevictable_allowed", 1, 0, 1);
        define("compaction_proactiveness", 20, 0, 100);
        define("defrag_mode", 0, 0, 1);
        define("dirty_background_bytes", 0, 0, Long.MAX_VALUE);
        define("dirty_background_ratio", 10, 0, 100);
        define("dirty_bytes", 0, 0, Long.MAX_VALUE);
        define("dirty_expire_centisecs", 3000, 0, INT_MAX);
        define("dirty_ratio", 20, 0, 100);
        define("dirty_writeback_centisecs", 500, 0, INT_MAX);
        define("dirtytime_expire_seconds", 43200, 0, INT_MAX);
        define("extfrag_threshold", 500, 0, 1000);
        define("hugetlb_optimize_vmemmap", 0, 0, 1);
        define("hugetlb_shm_group", 0, 0, INT_MAX);
        define("laptop_mode", 0, 0, INT_MAX);
        define("legacy_va_layout", 0, 0, INT_MAX);
        define("max_map_count", 65530, 0, INT_MAX);
        define("memfd_noexec", 0, 0, 2);
        define("memfd_noexec", 0, 0, 2);
        define("min_free_kbytes", NOT_SET, 0, INT_MAX);
        define("min_slab_ratio", 5, 0, 100);
        define("min_unmapped_ratio", 1, 0, 100);
        define("mmap_min_addr", 65536, 0, Long.MAX_VALUE);
        define("mmap_rnd_bits", 28, 0, 32);
        define("mmap_rnd_compat_bits", 8, 8, 16);
        define("nr_hugepages", 0, 0, Long.MAX_VALUE);
        define("nr_hugepages_mempolicy", 0, 0, Long.MAX_VALUE);
        define("nr_overcommit_hugepages", 0, 0, Long.MAX_VALUE);
        define("numa_stat", 1, 0, 1);
        define("oom_dump_tasks", 1, 0, INT_MAX);
        define("oom_kill_allocating_task", 0, 0, INT_MAX);
        define("overcommit_kbytes", 0, 0, Long.MAX_VALUE);
        define("overcommit_memory", 0, 0, 2);
        define("overcommit_ratio", 50, 0, INT_MAX);
        define("page-cluster", 3, 0, 31);
        define("page_lock_unfairness", 5, 0, INT_MAX);
        define("panic_on_oom", 0, 0, 2);
        define("percpu_pagelist_high_fraction", 0, 0, INT_MAX);
        define("stat_interval", 1, 0, INT_MAX);
        define("swappiness", 60, 0, 200);
        define("unprivileged_userfaultfd", 0, 0, 1);
        define("user_reserve_kbytes", 131072, 0, Long.MAX_VALUE);
        define("vfs_cache_pressure", 100, 0, INT_MAX);
        define("vfs_cache_pressure_denom", 100, 1, INT_MAX);
        define("watermark_boost_factor", 15000, 0, INT_MAX);
        define("watermark_scale_factor", 10, 1, 3000);
        define("zone_reclaim_mode", 0, 0, INT_MAX);
    }

    /**
     * Creates settings with a user's values on top of the defaults.
     *
     * @param values name to value, as typed
     * @return the settings
     * @throws BadInput for an unknown name or a value that Linux would refuse
     */
    public static Sysctls of(Map<String, String> values) {
        Sysctls sysctls = new Sysctls();
        new TreeMap<>(values).forEach(sysctls::set);
        return sysctls;
    }

    /**
     * Sets a value as a user writes it.
     *
     * @param name Linux's name, with or without {@code vm.}
     * @param text the value as typed
     * @throws BadInput for an unknown name or a value that Linux would refuse
     */
    public void set(String name, String text) {
        String key = key(name);
        if (key.equals(LOWMEM_RESERVE_RATIO)) {
            setLowmemReserveRatio(text);
            return;
        }
        if (key.equals(NUMA_ZONELIST_ORDER)) {
            if (!text.matches("(?i)[dn].*")) {
                throw new BadInput("vm." + key, "'" + text + "'", "Node");
            }
            return;
        }
        Setting setting = find(key);
        long value;
        try {
            value = Long.decode(text.strip());
        } catch (NumberFormatException e) {
            throw new BadInput("vm." + key, "'" + text + "'", range(setting));
        }
        if (value < setting.min || value > setting.max) {
            throw new BadInput("vm." + key, Long.toString(value), range(setting));
        }
        if (key.equals("percpu_pagelist_high_fraction") && value != 0 && value < 8) {
            throw new BadInput("vm." + key, Long.toString(value), "0, or at least 8");
        }
        setting.value = value;
        setting.isSetByUser = true;
    }

    /**
     * Returns a value.
     *
     * @param name Linux's name, with or without {@code vm.}
     * @throws BadInput for an unknown name
     */
    public long get(String name) {
        return find(key(name)).value;
    }

    /**
     * Returns a value as {@code /proc/sys/vm} prints it.
     *
     * @param name Linux's name, with or without {@code vm.}
     * @throws BadInput for an unknown name
     */
    public String text(String name) {
        String key = key(name);
        if (key.equals(NUMA_ZONELIST_ORDER)) {
            return "Node";
        }
        if (key.equals(LOWMEM_RESERVE_RATIO)) {
            return String.join(
                    "\t", lowmemReserveRatio.stream().map(String::valueOf).toList());
        }
        return Long.toString(find(key).value);
    }

    /**
     * Returns whether the user gave the value.
     *
     * @param name Linux's name, with or without {@code vm.}
     */
    public boolean isSetByUser(String name) {
        String key = key(name);
        return key.equals(LOWMEM_RESERVE_RATIO) ? hasLowmemReserveRatio : find(key).isSetByUser;
    }

    /**
     * Stores a value that the kernel derived; a value that the user gave stays.
     *
     * @param name Linux's name
     * @param value the derived value
     */
    public void derive(String name, long value) {
        Setting setting = find(key(name));
        if (!setting.isSetByUser) {
            setting.value = value;
        }
    }

    /**
     * Stores a value that the kernel chose instead of the present one, whoever gave that.
     *
     * @param name Linux's name
     * @param value the new value
     */
    public void replace(String name, long value) {
        find(key(name)).value = value;
    }

    /**
     * Stores the default of {@code lowmem_reserve_ratio}, one number for each zone; a value that the user gave stays.
     *
     * @param ratios for each zone of the machine, lowest first; 0 switches the protection of a zone off
     */
    public void deriveLowmemReserveRatio(List<Integer> ratios) {
        zones = ratios.size();
        if (!hasLowmemReserveRatio) {
            lowmemReserveRatio = List.copyOf(ratios);
            return;
        }
        List<Integer> merged = new ArrayList<>(ratios);
        for (int i = 0; i < merged.size() && i < lowmemReserveRatio.size(); i++) {
            merged.set(i, lowmemReserveRatio.get(i));
        }
        lowmemReserveRatio = List.copyOf(merged);
    }

    /** Returns {@code lowmem_reserve_ratio}, one number for each zone, lowest first; empty before boot. */
    public List<Integer> lowmemReserveRatio() {
        return lowmemReserveRatio;
    }

    /** Returns all names without {@code vm.}, sorted. */
    public List<String> names() {
        List<String> names = new ArrayList<>(settings.keySet());
        names.add(LOWMEM_RESERVE_RATIO);
        names.add(NUMA_ZONELIST_ORDER);
        names.sort(null);
        return names;
    }

    /**
     * Adds all values to a digest.
     *
     * @param digest receives them
     */
    public void addToDigest(Digest digest) {
        for (String name : names()) {
            digest.add(name);
            digest.add(text(name));
        }
    }

    private void define(String name, long value, long min, long max) {
        settings.put(name, new Setting(value, min, max));
    }

    private void setLowmemReserveRatio(String text) {
        List<Integer> ratios = new ArrayList<>();
        for (String part : text.strip().split("[\\s,]+", -1)) {
            if (!part.matches("[0-9]{1,9}")) {
                throw new BadInput("vm.lowmem_reserve_ratio", "'" + text + "'", "numbers, one for each zone");
            }
            // Linux turns a ratio below 1 into 0: no protection.
            ratios.add(Integer.parseInt(part));
        }
        // Numbers that are not given keep their values; before boot nobody knows yet how many there are.
        for (int i = ratios.size(); i < lowmemReserveRatio.size(); i++) {
            ratios.add(lowmemReserveRatio.get(i));
        }
        lowmemReserveRatio = List.copyOf(zones == 0 ? ratios : ratios.subList(0, zones));
        hasLowmemReserveRatio = true;
    }

    private Setting find(String key) {
        Setting setting = settings.get(key);
        if (setting == null) {
            throw new BadInput("sysctl", "'vm." + key + "'", "one of vm." + String.join(", vm.", names()));
        }
        return setting;
    }

    private static String key(String name) {
        return name.startsWith("vm.") || name.startsWith("vm/") ? name.substring(3) : name;
    }

    private static String range(Setting setting) {
        return setting.max == Long.MAX_VALUE
                ? "a number of at least " + setting.min
                : "a number from " + setting.min + " to " + setting.max;
    }
}
