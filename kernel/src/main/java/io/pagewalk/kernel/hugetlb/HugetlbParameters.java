package io.pagewalk.kernel.hugetlb;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What the command line says about huge pages: {@code hugepages=}, {@code hugepagesz=} and {@code default_hugepagesz=}, in the order in which they stand there
 * ({@code mm/hugetlb.c:hugepages_setup()} and its neighbours). What makes no sense is passed over with a line in the log, as the kernel does.
 */
final class HugetlbParameters {
    /** How many pages one size shall have. */
    static final class Amount {
        private long pages;
        private final Map<Integer, Long> byNode = new TreeMap<>();

        long pages() {
            return pages;
        }

        /** Returns the pages of single nodes, empty when they are spread. */
        Map<Integer, Long> byNode() {
            return byNode;
        }
    }

    private final List<Long> validBytes;
    private final int nodes;
    private final List<String> messages = new ArrayList<>();
    private final Map<Long, Amount> amounts = new TreeMap<>();
    private final Amount ofDefault = new Amount();
    private @Nullable Amount current;
    private @Nullable Amount last;
    private boolean isSizeValid = true;
    private long defaultBytes;
    private boolean isDefaultGiven;

    /**
     * Reads a command line.
     *
     * @param commandLine its words
     * @param validBytes sizes that the machine has, the usual one first
     * @param nodes how many nodes there are
     */
    HugetlbParameters(String commandLine, List<Long> validBytes, int nodes) {
        this.validBytes = validBytes;
        this.nodes = nodes;
        this.defaultBytes = validBytes.getFirst();
        for (String word : commandLine.strip().split("\\s+", -1)) {
            int equals = word.indexOf('=');
            String value = equals < 0 ? "" : word.substring(equals + 1);
            switch (equals < 0 ? word : word.substring(0, equals)) {
                case "hugepages" -> hugepages(value);
                case "hugepagesz" -> hugepagesz(value);
                case "default_hugepagesz" -> defaultHugepagesz(value);
                default -> {
                    // Not about huge pages.
                }
            }
        }
        if (!isDefaultGiven) {
            Amount given = amounts.computeIfAbsent(defaultBytes, size -> new Amount());
            if (ofDefault.pages > 0 && given.pages == 0) {
                amounts.put(defaultBytes, ofDefault);
            }
        }
    }

    /** Returns the size that calls mean which name none. */
    long defaultBytes() {
        return defaultBytes;
    }

    /** Returns how many pages each size shall have, by bytes. */
    Map<Long, Amount> amounts() {
        return amounts;
    }

    /** Returns what the kernel says about parameters that it passes over. */
    List<String> messages() {
        return messages;
    }

    private void hugepages(String value) {
        if (!isSizeValid) {
            messages.add("HugeTLB: hugepages=" + value + " does not follow a valid hugepagesz, ignoring");
            isSizeValid = true;
            return;
        }
        Amount amount = current == null ? ofDefault : current;
        if (amount == last) {
            messages.add("HugeTLB: hugepages= specified twice without interleaving hugepagesz=, ignoring hugepages="
                    + value);
            return;
        }
        if (value.matches("[0-9]{1,18}.*") && !value.contains(":")) {
            amount.pages = Long.parseLong(value.replaceFirst("[^0-9].*", ""));
            last = amount;
            return;
        }
        for (String part : value.split(",", -1)) {
            int colon = part.indexOf(':');
            boolean isGood =
                    part.matches("[0-9]{1,4}:[0-9]{1,18}") && Integer.parseInt(part.substring(0, colon)) < nodes;
            if (!isGood) {
                messages.add("HugeTLB: Invalid hugepages parameter " + part);
                amount.byNode.clear();
                return;
            }
            long pages = Long.parseLong(part.substring(colon + 1));
            amount.byNode.put(Integer.parseInt(part.substring(0, colon)), pages);
            amount.pages += pages;
        }
        last = amount;
    }

    private void hugepagesz(String value) {
        isSizeValid = false;
        long bytes = bytes(value);
        if (!validBytes.contains(bytes)) {
            messages.add("HugeTLB: unsupported hugepagesz=" + value);
            return;
        }
        Amount known = amounts.get(bytes);
        if (known != null && (!isDefaultGiven || bytes != defaultBytes || known.pages > 0)) {
            messages.add("HugeTLB: hugepagesz=" + value + " specified twice, ignoring");
            return;
        }
        current = amounts.computeIfAbsent(bytes, size -> new Amount());
        isSizeValid = true;
    }

    private void defaultHugepagesz(String value) {
        isSizeValid = false;
        if (isDefaultGiven) {
            messages.add("HugeTLB: default_hugepagesz previously specified, ignoring " + value);
            return;
        }
        long bytes = bytes(value);
        if (!validBytes.contains(bytes)) {
            messages.add("HugeTLB: unsupported default_hugepagesz=" + value);
            return;
        }
        isSizeValid = true;
        isDefaultGiven = true;
        defaultBytes = bytes;
        current = ofDefault.pages > 0 ? ofDefault : amounts.getOrDefault(bytes, new Amount());
        amounts.put(bytes, current);
    }

    /** {@code memparse()}. */
    private static long bytes(String value) {
        if (!value.toUpperCase(Locale.ROOT).matches("[0-9]{1,12}[KMGT]?")) {
            return 0;
        }
        char unit = Character.toUpperCase(value.charAt(value.length() - 1));
        long number = Long.parseLong(Character.isDigit(unit) ? value : value.substring(0, value.length() - 1));
        return switch (unit) {
            case 'K' -> number << 10;
            case 'M' -> number << 20;
            case 'G' -> number << 30;
            case 'T' -> number << 40;
            default -> number;
        };
    }
}
