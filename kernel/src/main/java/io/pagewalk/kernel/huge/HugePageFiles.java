package io.pagewalk.kernel.huge;

import io.pagewalk.kernel.huge.HugePageSettings.Defrag;
import io.pagewalk.kernel.huge.HugePageSettings.ShmemUse;
import io.pagewalk.kernel.huge.HugePageSettings.Use;
import io.pagewalk.kernel.rmap.Folios;
import io.pagewalk.kernel.rmap.HugePageStats;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.syscall.Kstrtox;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.IntConsumer;
import java.util.function.LongConsumer;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/** {@code /sys/kernel/mm/transparent_hugepage}: its files as text, and what writing them does ({@code mm/huge_memory.c}, {@code mm/khugepaged.c}, {@code mm/shmem.c}). */
public final class HugePageFiles {
    private static final List<Use> EVERYWHERE = List.of(Use.ALWAYS, Use.MADVISE, Use.NEVER);
    private static final List<Use> BY_SIZE = List.of(Use.ALWAYS, Use.INHERIT, Use.MADVISE, Use.NEVER);
    private static final List<Defrag> DEFRAG =
            List.of(Defrag.ALWAYS, Defrag.DEFER, Defrag.DEFER_MADVISE, Defrag.MADVISE, Defrag.NEVER);
    private static final List<ShmemUse> SHMEM = List.of(
            ShmemUse.ALWAYS, ShmemUse.WITHIN_SIZE, ShmemUse.ADVISE, ShmemUse.NEVER, ShmemUse.DENY, ShmemUse.FORCE);
    private static final List<ShmemUse> SHMEM_BY_SIZE =
            List.of(ShmemUse.ALWAYS, ShmemUse.INHERIT, ShmemUse.WITHIN_SIZE, ShmemUse.ADVISE, ShmemUse.NEVER);

    /** A longer word is refused before it is looked at: {@code shmem_enabled_store()}. */
    private static final int LONGEST_SHMEM_WORD = 15;

    /** One file; nothing can be written to it without a writer. */
    private record Attribute(
            Supplier<String> text, @Nullable ToLongFunction<String> writer) {}

    private final HugePageSettings settings;
    private final Runnable switched;
    private final Runnable sleepSet;
    private final Map<String, Attribute> files = new TreeMap<>();

    /**
     * Creates the files.
     *
     * @param settings what they show and change
     * @param stats what they count
     * @param switched runs when a user has chosen which huge pages there are, the same ones perhaps: {@code start_stop_khugepaged()}
     * @param sleepSet runs when a user has set how long khugepaged sleeps, which wakes it
     */
    public HugePageFiles(HugePageSettings settings, HugePageStats stats, Runnable switched, Runnable sleepSet) {
        this.settings = settings;
        this.switched = switched;
        this.sleepSet = sleepSet;
        words("enabled", EVERYWHERE, settings::enabled, value -> {
            settings.setEnabled(value);
            switched.run();
        });
        words("defrag", DEFRAG, settings::defrag, settings::setDefrag);
        files.put(
                "shmem_enabled", new Attribute(() -> chosen(SHMEM, settings.shmemEnabled()), this::writeShmemEnabled));
        number("hpage_pmd_size", () -> 4096L << Folios.HUGE_ORDER);
        bit("use_zero_page", settings::usesZeroPage, settings::setUsesZeroPage);
        files.put(
                "shrink_underused",
                new Attribute(
                        () -> (settings.shrinksUnderused() ? 1 : 0) + "\n",
                        text -> store(Kstrtox.bool(text), value -> settings.setShrinksUnderused(value == 1))));
        for (int order = HugePageSettings.LOWEST_SHMEM_ORDER; order <= Folios.HUGE_ORDER; order++) {
            ofSize(order, stats);
        }
        khugepaged(settings.khugepaged());
    }

    private void ofSize(int order, HugePageStats stats) {
        String directory = "hugepages-" + (4 << order) + "kB/";
        boolean isAnonymous = order >= HugePageSettings.LOWEST_ORDER;
        if (isAnonymous) {
            words(directory + "enabled", BY_SIZE, () -> settings.enabled(order), value -> {
                settings.setEnabled(order, value);
                switched.run();
            });
        }
        files.put(
                directory + "shmem_enabled",
                new Attribute(
                        () -> chosen(SHMEM_BY_SIZE, settings.shmemEnabled(order)),
                        text -> writeShmemEnabled(order, text)));
        for (HugePageStats.Item item : HugePageStats.Item.values()) {
            if (isAnonymous || !item.isOfAnonymousMemory()) {
                number(directory + "stats/" + item.fileName(), () -> stats.get(order, item));
            }
        }
    }

    private void khugepaged(KhugepagedSettings set) {
        String directory = "khugepaged/";
        bit(directory + "defrag", set::defrags, set::setDefrags);
        fewerThanAll(directory + "max_ptes_none", set::maxPtesNone, set::setMaxPtesNone);
        fewerThanAll(directory + "max_ptes_swap", set::maxPtesSwap, set::setMaxPtesSwap);
        fewerThanAll(directory + "max_ptes_shared", set::maxPtesShared, set::setMaxPtesShared);
        files.put(
                directory + "pages_to_scan",
                new Attribute(
                        () -> set.pagesToScan() + "\n",
                        text -> store(
                                Kstrtox.unsignedInt(text) == 0 ? -Errno.EINVAL : whole(text), set::setPagesToScan)));
        sleep(directory + "scan_sleep_millisecs", set::scanSleepMillisecs, set::setScanSleepMillisecs);
        sleep(directory + "alloc_sleep_millisecs", set::allocSleepMillisecs, set::setAllocSleepMillisecs);
        number(directory + "pages_collapsed", set::pagesCollapsed);
        number(directory + "full_scans", set::fullScans);
    }

    private void sleep(String name, LongSupplier value, LongConsumer setter) {
        files.put(
                name,
                new Attribute(
                        () -> value.getAsLong() + "\n",
                        text -> store(whole(text), millis -> {
                            setter.accept(millis);
                            sleepSet.run();
                        })));
    }

    /** Returns all files by their path below the directory, each with its line end. */
    public Map<String, String> texts() {
        Map<String, String> texts = new TreeMap<>();
        files.forEach((name, file) -> texts.put(name, file.text().get()));
        return Collections.unmodifiableMap(texts);
    }

    /**
     * Returns what is in a file, or null when there is none.
     *
     * @param name its path below the directory
     */
    public @Nullable String text(String name) {
        Attribute file = files.get(name);
        return file == null ? null : file.text().get();
    }

    /**
     * Returns the number in a file.
     *
     * @param name path of a file with a number
     */
    public long value(String name) {
        String text = text(name);
        return text == null ? -1 : Long.parseLong(text.strip());
    }

    /**
     * Returns whether a file can be written.
     *
     * @param name its path below the directory
     */
    public boolean isWritable(String name) {
        Attribute file = files.get(name);
        return file != null && file.writer() != null;
    }

    /**
     * Writes a file.
     *
     * @param name its path below the directory
     * @param text as a user writes it
     * @return 0; {@code -EINVAL} or {@code -ERANGE} for a value that cannot be, {@code -EACCES} for a file that can only be read, {@code -ENOENT}
     */
    public long write(String name, String text) {
        Attribute file = files.get(name);
        if (file == null) {
            return -Errno.ENOENT;
        }
        ToLongFunction<String> writer = file.writer();
        return writer == null ? -Errno.EACCES : writer.applyAsLong(text);
    }

    private void number(String name, LongSupplier value) {
        files.put(name, new Attribute(() -> value.getAsLong() + "\n", null));
    }

    /** {@code single_hugepage_flag_show()} and {@code single_hugepage_flag_store()}. */
    private void bit(String name, Supplier<Boolean> value, Consumer<Boolean> setter) {
        files.put(name, new Attribute(() -> (value.get() ? 1 : 0) + "\n", text -> {
            long number = Kstrtox.unsignedLong(text);
            return store(number > 1 ? -Errno.EINVAL : number, bit -> setter.accept(bit == 1));
        }));
    }

    private void fewerThanAll(String name, LongSupplier value, IntConsumer setter) {
        files.put(name, new Attribute(() -> value.getAsLong() + "\n", text -> {
            long pages = Kstrtox.unsignedLong(text);
            return store(
                    pages < 0 || pages >= 1 << Folios.HUGE_ORDER ? -Errno.EINVAL : pages,
                    number -> setter.accept((int) number));
        }));
    }

    /** A number of 32 bits, of which every error is {@code -EINVAL}. */
    private static long whole(String text) {
        return Math.max(Kstrtox.unsignedInt(text), -Errno.EINVAL);
    }

    private static long store(long value, LongConsumer setter) {
        if (value < 0) {
            return value;
        }
        setter.accept(value);
        return 0;
    }

    private <W extends Enum<W>> void words(String name, List<W> words, Supplier<W> value, Consumer<W> setter) {
        files.put(name, new Attribute(() -> chosen(words, value.get()), text -> {
            W word = find(words, Kstrtox.withoutLineEnd(text));
            if (word == null) {
                return -Errno.EINVAL;
            }
            setter.accept(word);
            return 0;
        }));
    }

    private long writeShmemEnabled(String text) {
        ShmemUse word = text.length() > LONGEST_SHMEM_WORD ? null : find(SHMEM, Kstrtox.withoutLineEnd(text));
        if (word == null || (word == ShmemUse.FORCE && !settings.inheritsOnlyHugeShmem())) {
            return -Errno.EINVAL;
        }
        settings.setShmemEnabled(word);
        switched.run();
        return 0;
    }

    private long writeShmemEnabled(int order, String text) {
        ShmemUse word = find(SHMEM_BY_SIZE, Kstrtox.withoutLineEnd(text));
        boolean wouldForce =
                word == ShmemUse.INHERIT && order != Folios.HUGE_ORDER && settings.shmemEnabled() == ShmemUse.FORCE;
        if (word == null || wouldForce) {
            return -Errno.EINVAL;
        }
        settings.setShmemEnabled(order, word);
        switched.run();
        return 0;
    }

    private static <W extends Enum<W>> @Nullable W find(List<W> words, String text) {
        for (W word : words) {
            if (spelling(word).equals(text)) {
                return word;
            }
        }
        return null;
    }

    /** All words, the chosen one in brackets. */
    private static <W extends Enum<W>> String chosen(List<W> words, W chosen) {
        StringBuilder text = new StringBuilder();
        for (W word : words) {
            text.append(text.isEmpty() ? "" : " ");
            text.append(word == chosen ? "[" + spelling(word) + "]" : spelling(word));
        }
        return text.append('\n').toString();
    }

    private static String spelling(Enum<?> word) {
        return word == Defrag.DEFER_MADVISE ? "defer+madvise" : word.name().toLowerCase(Locale.ROOT);
    }
}
