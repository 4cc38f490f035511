package io.pagewalk.lab.machines;

import io.pagewalk.base.BadInput;
import java.util.ArrayList;
import java.util.List;

/** Lists of CPU numbers as the kernel writes them: {@code 0-3,8,10-11}. */
final class CpuList {
    private static final int MOST = 8192;

    private CpuList() {}

    /**
     * Reads a list; an empty text is the empty list.
     *
     * @param where file position for the message
     * @param text the list
     */
    static List<Integer> parse(String where, String text) {
        List<Integer> result = new ArrayList<>();
        String list = text.strip();
        if (list.isEmpty()) {
            return result;
        }
        for (String part : list.split(",", -1)) {
            if (!part.matches("[0-9]{1,4}(-[0-9]{1,4})?")) {
                throw new BadInput(where, "'" + text + "'", "CPU numbers such as 0-3,8");
            }
            int dash = part.indexOf('-');
            int first = Integer.parseInt(dash < 0 ? part : part.substring(0, dash));
            int last = Integer.parseInt(part.substring(dash + 1));
            if (last < first || last >= MOST) {
                throw new BadInput(where, "'" + text + "'", "ascending CPU numbers below " + MOST);
            }
            for (int cpu = first; cpu <= last; cpu++) {
                result.add(cpu);
            }
        }
        return result;
    }

    /**
     * Writes a list with ranges.
     *
     * @param cpus in ascending order
     */
    static String format(List<Integer> cpus) {
        StringBuilder text = new StringBuilder();
        int i = 0;
        while (i < cpus.size()) {
            int j = i;
            while (j + 1 < cpus.size() && cpus.get(j + 1) == cpus.get(j) + 1) {
                j++;
            }
            text.append(text.isEmpty() ? "" : ",").append(cpus.get(i));
            if (j > i) {
                text.append('-').append(cpus.get(j));
            }
            i = j + 1;
        }
        return text.toString();
    }
}
