package io.pagewalk.kernel.huge;

import io.pagewalk.base.BadInput;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.rmap.Folios;
import java.util.Arrays;

/**
 * The settings of {@code /sys/kernel/mm/transparent_hugepage}: {@code transparent_hugepage_flags} and {@code huge_anon_orders_*}.
 *
 * <p>Defaults are those of a kernel with {@code CONFIG_TRANSPARENT_HUGEPAGE_MADVISE}: pages of 2 MiB where a program asks for them, no others.
 */
public final class HugePageSettings {
    /** Smallest order of an anonymous folio of several pages. */
    public static final int LOWEST_ORDER = 2;

    /** Orders from {@link #LOWEST_ORDER} to {@link Folios#HUGE_ORDER}, as bits: {@code THP_ORDERS_ALL_ANON}. */
    public static final int ALL_ORDERS = (1 << (Folios.HUGE_ORDER + 1)) - (1 << LOWEST_ORDER);

    /** Smallest order of a folio of several pages in a file in memory. */
    public static final int LOWEST_SHMEM_ORDER = 1;

    private static final String PARAMETER = "transparent_hugepage=";

    /** Where huge pages are used. */
    public enum Use {
        /** In every area that is large enough. */
        ALWAYS,
        /** As the setting for all sizes says; not for that one itself. */
        INHERIT,
        /** In areas with {@code MADV_HUGEPAGE}. */
        MADVISE,
        /** Nowhere. */
        NEVER
    }

    /** How hard a fault tries to get one. */
    public enum Defrag {
        /** Reclaims and compacts at once. */
        ALWAYS,
        /** Wakes kswapd and kcompactd and takes a small page. */
        DEFER,
        /** As {@link #ALWAYS} where a program asked for huge pages, else as {@link #DEFER}. */
        DEFER_MADVISE,
        /** As {@link #ALWAYS} where a program asked for huge pages, else takes only what is free. */
        MADVISE,
        /** Takes only what is free. */
        NEVER
    }

    /** Where files in memory use huge pages: {@code SHMEM_HUGE_*}. */
    public enum ShmemUse {
        /** Everywhere. */
        ALWAYS,
        /** As the mount or the setting for all sizes says; of one size only. */
        INHERIT,
        /** Where a folio lies within the size of the file, or a program asks for it. */
        WITHIN_SIZE,
        /** Where a program asks for it. */
        ADVISE,
        /** Nowhere. */
        NEVER,
        /** Nowhere, whatever mounts say; for all sizes only. */
        DENY,
        /** Everywhere, whatever mounts say; for all sizes only. */
        FORCE
    }

    private Use enabled = Use.MADVISE;
    private Defrag defrag = Defrag.MADVISE;
    private boolean usesZeroPage = true;
    private boolean shrinksUnderused = true;
    private final KhugepagedSettings khugepaged = new KhugepagedSettings();
    private ShmemUse shmemEnabled = ShmemUse.NEVER;
    private ShmemUse kernelMount = ShmemUse.NEVER;
    private final ShmemUse[] shmemOfOrder = new ShmemUse[Folios.HUGE_ORDER + 1];
    /* Each fault asks for them. */
    private int advisedOrders;
    private int otherOrders;
    private final Use[] ofOrder = new Use[Folios.HUGE_ORDER + 1];

    /** Creates the settings that a kernel boots with. */
    public HugePageSettings() {
        Arrays.fill(ofOrder, Use.NEVER);
        ofOrder[Folios.HUGE_ORDER] = Use.INHERIT;
        Arrays.fill(shmemOfOrder, ShmemUse.NEVER);
        shmemOfOrder[Folios.HUGE_ORDER] = ShmemUse.INHERIT;
        refresh();
    }

    /**
     * Creates the settings of a kernel with a command line.
     *
     * @param commandLine where {@code transparent_hugepage=always|madvise|never} is looked for; the last one counts
     * @throws BadInput for another value
     */
    public static HugePageSettings of(String commandLine) {
        HugePageSettings settings = new HugePageSettings();
        for (String word : commandLine.strip().split("\\s+", -1)) {
            if (word.startsWith(PARAMETER)) {
                String value = word.substring(PARAMETER.length());
                settings.setEnabled(
                        switch (value) {
                            case "always" -> Use.ALWAYS;
                            case "madvise" -> Use.MADVISE;
                            case "never" -> Use.NEVER;
                            default ->
                                throw new BadInput(
                                        "kernel parameter transparent_hugepage",
                                        "'" + value + "'",
                                        "always, madvise or never");
                        });
            }
        }
        return settings;
    }

    /** Returns {@code enabled}. */
    public Use enabled() {
        return enabled;
    }

    /**
     * Sets {@code enabled}.
     *
     * @param value all but {@link Use#INHERIT}
     */
    public void setEnabled(Use value) {
        enabled = value;
        refresh();
    }

    /** Returns {@code defrag}. */
    public Defrag defrag() {
        return defrag;
    }

    /**
     * Sets {@code defrag}.
     *
     * @param value any
     */
    public void setDefrag(Defrag value) {
        defrag = value;
    }

    /** Returns {@code use_zero_page}: whether a first read maps the huge page of zeros. */
    public boolean usesZeroPage() {
        return usesZeroPage;
    }

    /**
     * Sets {@code use_zero_page}.
     *
     * @param value whether a first read maps the huge page of zeros
     */
    public void setUsesZeroPage(boolean value) {
        usesZeroPage = value;
    }

    /**
     * Returns {@code hugepages-SIZEkB/enabled}.
     *
     * @param order from {@link #LOWEST_ORDER} to {@link Folios#HUGE_ORDER}
     */
    public Use enabled(int order) {
        return ofOrder[order];
    }

    /**
     * Sets {@code hugepages-SIZEkB/enabled}.
     *
     * @param order from {@link #LOWEST_ORDER} to {@link Folios#HUGE_ORDER}
     * @param value any
     */
    public void setEnabled(int order, Use value) {
        ofOrder[order] = value;
        refresh();
    }

    /** Returns {@code shrink_underused}: whether huge pages that hold mostly zeros are split when memory is short. */
    public boolean shrinksUnderused() {
        return shrinksUnderused;
    }

    /**
     * Sets {@code shrink_underused}.
     *
     * @param value whether new huge pages are queued to be split
     */
    public void setShrinksUnderused(boolean value) {
        shrinksUnderused = value;
    }

    /** Returns how khugepaged works. */
    public KhugepagedSettings khugepaged() {
        return khugepaged;
    }

    /** Returns {@code shmem_enabled}, all but {@link ShmemUse#INHERIT}. Memory that is shared without a mount of its own follows it; other mounts have their own, and only DENY and FORCE concern them. */
    public ShmemUse shmemEnabled() {
        return shmemEnabled;
    }

    /**
     * Sets {@code shmem_enabled}.
     *
     * @param value all but {@link ShmemUse#INHERIT}
     */
    public void setShmemEnabled(ShmemUse value) {
        shmemEnabled = value;
        if (value != ShmemUse.DENY && value != ShmemUse.FORCE) {
            kernelMount = value;
        }
    }

    /**
     * Returns {@code hugepages-SIZEkB/shmem_enabled}, all but {@link ShmemUse#DENY} and {@link ShmemUse#FORCE}.
     *
     * @param order from {@link #LOWEST_SHMEM_ORDER} to {@link Folios#HUGE_ORDER}
     */
    public ShmemUse shmemEnabled(int order) {
        return shmemOfOrder[order];
    }

    /**
     * Sets {@code hugepages-SIZEkB/shmem_enabled}.
     *
     * @param order from {@link #LOWEST_SHMEM_ORDER} to {@link Folios#HUGE_ORDER}
     * @param value all but {@link ShmemUse#DENY} and {@link ShmemUse#FORCE}
     */
    public void setShmemEnabled(int order, ShmemUse value) {
        shmemOfOrder[order] = value;
    }

    /** Whether {@code huge_shmem_orders_inherit} is that of one huge page alone, as {@link ShmemUse#FORCE} wants it. */
    boolean inheritsOnlyHugeShmem() {
        return shmemOrders(ShmemUse.INHERIT) == 1 << Folios.HUGE_ORDER;
    }

    /**
     * Returns the orders that are switched on for anonymous memory, as bits: the masks of {@code thp_vma_allowable_orders()}.
     *
     * @param isAdvised whether the area has {@code VM_HUGEPAGE}
     */
    public int orders(boolean isAdvised) {
        return isAdvised ? advisedOrders : otherOrders;
    }

    /** Returns the option {@code huge=} of the kernel's own mount of files in memory, which {@code shmem_enabled} last set. */
    public ShmemUse kernelMount() {
        return kernelMount;
    }

    /**
     * Returns the orders of files in memory that are set to a value, as bits: {@code huge_shmem_orders_*}.
     *
     * @param value a value of one size
     */
    public int shmemOrders(ShmemUse value) {
        int orders = 0;
        for (int order = LOWEST_SHMEM_ORDER; order <= Folios.HUGE_ORDER; order++) {
            orders |= shmemOfOrder[order] == value ? 1 << order : 0;
        }
        return orders;
    }

    private void refresh() {
        advisedOrders = switchedOn(true);
        otherOrders = switchedOn(false);
    }

    private int switchedOn(boolean isAdvised) {
        int orders = 0;
        boolean inherited = enabled == Use.ALWAYS || (enabled == Use.MADVISE && isAdvised);
        for (int order = LOWEST_ORDER; order <= Folios.HUGE_ORDER; order++) {
            boolean isOn = switch (ofOrder[order]) {
                case ALWAYS -> true;
                case INHERIT -> inherited;
                case MADVISE -> isAdvised;
                case NEVER -> false;
            };
            orders |= isOn ? 1 << order : 0;
        }
        return orders;
    }

    /** Returns whether huge pages are switched on anywhere, for anonymous memory or files in memory: {@code hugepage_pmd_enabled()}. */
    public boolean isHugeEnabled() {
        Use use = ofOrder[Folios.HUGE_ORDER];
        return use == Use.ALWAYS
                || use == Use.MADVISE
                || (use == Use.INHERIT && enabled != Use.NEVER)
                || isHugeShmemEnabled();
    }

    /** {@code mm/shmem.c:shmem_hpage_pmd_enabled()}. */
    private boolean isHugeShmemEnabled() {
        return switch (shmemOfOrder[Folios.HUGE_ORDER]) {
            case ALWAYS, ADVISE, WITHIN_SIZE -> shmemEnabled != ShmemUse.DENY;
            case INHERIT -> shmemEnabled != ShmemUse.DENY && shmemEnabled != ShmemUse.NEVER;
            case NEVER, DENY, FORCE -> false;
        };
    }

    /**
     * Returns the request flags of a huge page: {@code vma_thp_gfp_mask()}.
     *
     * @param isAdvised whether the area has {@code VM_HUGEPAGE}
     */
    public int gfp(boolean isAdvised) {
        return switch (defrag) {
            case ALWAYS -> Gfp.GFP_TRANSHUGE | (isAdvised ? 0 : Gfp.NORETRY);
            case DEFER -> Gfp.GFP_TRANSHUGE_LIGHT | Gfp.KSWAPD_RECLAIM;
            case DEFER_MADVISE -> Gfp.GFP_TRANSHUGE_LIGHT | (isAdvised ? Gfp.DIRECT_RECLAIM : Gfp.KSWAPD_RECLAIM);
            case MADVISE -> Gfp.GFP_TRANSHUGE_LIGHT | (isAdvised ? Gfp.DIRECT_RECLAIM : 0);
            case NEVER -> Gfp.GFP_TRANSHUGE_LIGHT;
        };
    }
}
