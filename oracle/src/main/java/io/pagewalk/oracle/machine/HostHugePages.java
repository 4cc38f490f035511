package io.pagewalk.oracle.machine;

import io.pagewalk.base.host.HostSettings;
import io.pagewalk.kernel.huge.HugePageSettings;
import io.pagewalk.kernel.rmap.Folios;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * The settings of transparent huge pages of the running kernel.
 *
 * @param chosen the chosen word of each file, by its path below {@code /sys/kernel/mm/transparent_hugepage}
 */
public record HostHugePages(Map<String, String> chosen) {
    private static final Path DIRECTORY = Path.of("/sys/kernel/mm/transparent_hugepage");
    private static final String ENABLED = "enabled";
    private static final String DEFRAG = "defrag";
    private static final String ZERO_PAGE = "use_zero_page";
    private static final String SHMEM = "shmem_enabled";

    /** Reads the settings; a kernel without huge pages never uses any. */
    public static HostHugePages read() {
        Map<String, String> chosen = new TreeMap<>();
        put(chosen, ENABLED);
        put(chosen, DEFRAG);
        put(chosen, ZERO_PAGE);
        for (int order = HugePageSettings.LOWEST_ORDER; order <= Folios.HUGE_ORDER; order++) {
            put(chosen, ofOrder(order, ENABLED));
        }
        put(chosen, SHMEM);
        for (int order = HugePageSettings.LOWEST_SHMEM_ORDER; order <= Folios.HUGE_ORDER; order++) {
            put(chosen, ofOrder(order, SHMEM));
        }
        chosen.putIfAbsent(ENABLED, "never");
        return new HostHugePages(chosen);
    }

    /** Returns the settings that a kernel with {@code CONFIG_TRANSPARENT_HUGEPAGE_MADVISE} boots with. */
    public static HostHugePages standard() {
        return new HostHugePages(Map.of());
    }

    /**
     * Returns the files that switch sizes, and what is to be written to each.
     *
     * @param words what to choose for each order
     */
    public static Map<Path, String> files(Map<Integer, String> words) {
        Map<Path, String> result = new TreeMap<>();
        words.forEach((order, word) -> result.put(DIRECTORY.resolve(ofOrder(order, ENABLED)), word));
        return result;
    }

    private static String ofOrder(int order, String name) {
        return "hugepages-" + (4 << order) + "kB/" + name;
    }

    private static void put(Map<String, String> chosen, String name) {
        try {
            Path file = DIRECTORY.resolve(name);
            if (Files.isReadable(file)) {
                chosen.put(name, HostSettings.chosen(file));
            }
        } catch (IOException e) {
            throw new HelperFailure("the settings of huge pages cannot be read: " + e.getMessage(), e);
        }
    }

    /** Gives the model the same settings. */
    void apply(HugePageSettings settings) {
        chosen.forEach((name, word) -> {
            switch (name) {
                case ENABLED -> settings.setEnabled(use(word));
                case DEFRAG ->
                    settings.setDefrag(HugePageSettings.Defrag.valueOf(
                            word.replace('+', '_').toUpperCase(Locale.ROOT)));
                case ZERO_PAGE -> settings.setUsesZeroPage(!word.equals("0"));
                case SHMEM -> settings.setShmemEnabled(shmemUse(word));
                default -> {
                    for (int order = HugePageSettings.LOWEST_SHMEM_ORDER; order <= Folios.HUGE_ORDER; order++) {
                        if (name.equals(ofOrder(order, ENABLED))) {
                            settings.setEnabled(order, use(word));
                        } else if (name.equals(ofOrder(order, SHMEM))) {
                            settings.setShmemEnabled(order, shmemUse(word));
                        }
                    }
                }
            }
        });
    }

    private static HugePageSettings.ShmemUse shmemUse(String word) {
        return HugePageSettings.ShmemUse.valueOf(word.toUpperCase(Locale.ROOT));
    }

    private static HugePageSettings.Use use(String word) {
        return HugePageSettings.Use.valueOf(word.toUpperCase(Locale.ROOT));
    }
}
