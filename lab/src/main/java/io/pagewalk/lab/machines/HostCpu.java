package io.pagewalk.lab.machines;

import java.util.Locale;

/**
 * The CPU that {@code /proc/cpuinfo} names, and the modelled part that is nearest to it.
 *
 * @param description the part's own name
 * @param model name of a CPU model
 * @param paging name of the paging mode in use
 * @param hasProtectionKeys whether the kernel uses protection keys of the part
 */
record HostCpu(String description, String model, String paging, boolean hasProtectionKeys) {
    /**
     * Reads the first CPU.
     *
     * @param cpuinfo the file's text
     */
    static HostCpu read(String cpuinfo) {
        String vendor = value(cpuinfo, "vendor_id");
        int family = number(value(cpuinfo, "cpu family"));
        int model = number(value(cpuinfo, "model"));
        String name = value(cpuinfo, "model name");
        if (!value(cpuinfo, "mmu").isEmpty()) {
            return new HostCpu(
                    value(cpuinfo, "uarch"), "rva23", value(cpuinfo, "mmu").toLowerCase(Locale.ROOT), false);
        }
        // "address sizes : 52 bits physical, 57 bits virtual" tells five levels.
        String flags = " " + value(cpuinfo, "flags") + " ";
        String paging = value(cpuinfo, "address sizes").contains("57 bits virtual") ? "x86-64-5level" : "x86-64-4level";
        if (!flags.contains(" lm ") && family != 0) {
            paging = flags.contains(" pae ") ? "i386-pae" : "i386";
        }
        return new HostCpu(
                name.isEmpty() ? "unknown CPU" : name,
                nearest(vendor, family, model),
                paging,
                flags.contains(" ospke "));
    }

    private static String nearest(String vendor, int family, int model) {
        if (vendor.equals("AuthenticAMD") || vendor.equals("HygonGenuine")) {
            // Family 25 holds Zen 3 (models 0x00-0x0f, 0x20-0x5f) and Zen 4 (0x10-0x1f, 0x60-0x7f, 0xa0-0xaf); family
            // 26 is Zen 5.
            boolean isZen4 = family > 25
                    || (family == 25 && (model >> 4 == 1 || model >> 4 == 6 || model >> 4 == 7 || model >> 4 == 0xa));
            return isZen4 ? "zen4" : "zen2";
        }
        return switch (family == 6 ? model : -1) {
            case 0x0f, 0x16, 0x17, 0x1d -> "core2";
            case 0x3c, 0x3f, 0x45, 0x46, 0x3d, 0x47, 0x4f, 0x56 -> "haswell";
            case 0x4e, 0x5e, 0x55, 0x8e, 0x9e, 0xa5, 0xa6 -> "skylake";
            default -> "icelake";
        };
    }

    private static String value(String cpuinfo, String key) {
        return cpuinfo.lines()
                .filter(line -> line.indexOf(':') > 0
                        && line.substring(0, line.indexOf(':')).strip().equals(key))
                .map(line -> line.substring(line.indexOf(':') + 1).strip())
                .findFirst()
                .orElse("");
    }

    private static int number(String text) {
        return text.matches("[0-9]{1,6}") ? Integer.parseInt(text) : 0;
    }
}
