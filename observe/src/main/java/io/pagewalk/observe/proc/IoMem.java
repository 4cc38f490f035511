package io.pagewalk.observe.proc;

import io.pagewalk.base.Size;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** {@code /proc/iomem}: who uses which physical addresses ({@code kernel/resource.c:r_show()}). */
public final class IoMem {
    private static final int PAGE = 4096;

    private IoMem() {}

    /**
     * Prints the file.
     *
     * @param ranges the memory map and the kernel's own sections; a range that lies in another is indented below it
     */
    public static String print(List<IoRange> ranges) {
        List<IoRange> sorted = new ArrayList<>(ranges);
        sorted.sort(Comparator.comparingLong(IoRange::start)
                .thenComparing(Comparator.comparingLong(IoRange::last).reversed()));
        StringBuilder text = new StringBuilder();
        List<IoRange> parents = new ArrayList<>();
        for (IoRange range : sorted) {
            while (!parents.isEmpty() && !parents.getLast().contains(range)) {
                parents.removeLast();
            }
            text.append("  ".repeat(parents.size()))
                    .append(hex(range.start()))
                    .append('-')
                    .append(hex(range.last()))
                    .append(" : ")
                    .append(range.name())
                    .append('\n');
            parents.add(range);
        }
        return text.toString();
    }

    /**
     * Returns the memory map as an x86 kernel changes it before it lists it: page 0 and the BIOS area are reserved
     * ({@code arch/x86/kernel/setup.c:trim_bios_range()}).
     *
     * @param firmware the firmware's map in ascending order
     */
    public static List<IoRange> trimBiosRange(List<IoRange> firmware) {
        List<IoRange> result = new ArrayList<>();
        for (IoRange range : firmware) {
            if (range.start() == 0 && range.name().equals("System RAM") && range.last() >= PAGE) {
                result.add(new IoRange(0, PAGE - 1, "Reserved"));
                long end = Math.min(range.last(), 640 * Size.KIB - 1);
                result.add(new IoRange(PAGE, end, range.name()));
                if (range.last() >= Size.MIB) {
                    result.add(new IoRange(640 * Size.KIB, Size.MIB - 1, "Reserved"));
                    result.add(new IoRange(Size.MIB, range.last(), range.name()));
                }
            } else {
                result.add(range);
            }
        }
        return result;
    }

    private static String hex(long address) {
        String digits = Long.toHexString(address);
        return digits.length() >= 8 ? digits : "0".repeat(8 - digits.length()) + digits;
    }
}
