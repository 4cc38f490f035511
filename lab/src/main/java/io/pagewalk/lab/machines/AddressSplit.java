package io.pagewalk.lab.machines;

import io.pagewalk.base.BadInput;
import java.util.Arrays;
import java.util.stream.Collectors;

/** How an i386 kernel divides the 4 GiB of addresses: the choices of {@code arch/x86/Kconfig}, "Memory split". */
enum AddressSplit {
    /** {@code VMSPLIT_3G}. */
    USER_3G("3G/1G", 0xc000_0000L, true),
    /** {@code VMSPLIT_3G_OPT}: room to map a full GiB of RAM. */
    USER_3G_OPT("3G/1G-opt", 0xb000_0000L, false),
    /** {@code VMSPLIT_2G}. */
    USER_2G("2G/2G", 0x8000_0000L, true),
    /** {@code VMSPLIT_2G_OPT}: room to map two full GiB of RAM. */
    USER_2G_OPT("2G/2G-opt", 0x7800_0000L, false),
    /** {@code VMSPLIT_1G}. */
    USER_1G("1G/3G", 0x4000_0000L, true);

    private final String label;
    private final long pageOffset;
    private final boolean fitsPae;

    AddressSplit(String label, long pageOffset, boolean fitsPae) {
        this.label = label;
        this.pageOffset = pageOffset;
        this.fitsPae = fitsPae;
    }

    /** Returns where the kernel's part begins: {@code CONFIG_PAGE_OFFSET}. */
    long pageOffset() {
        return pageOffset;
    }

    /**
     * Finds a split.
     *
     * @param where file and line for messages
     * @param name its name, user part first
     * @param paging i386 or i386-pae, whose root entries cover a GiB each
     * @throws BadInput that lists the valid names
     */
    static AddressSplit byName(String where, String name, String paging) {
        boolean isPae = paging.equals("i386-pae");
        for (AddressSplit split : values()) {
            if (split.label.equals(name) && (split.fitsPae || !isPae)) {
                return split;
            }
        }
        String valid = Arrays.stream(values())
                .filter(split -> split.fitsPae || !isPae)
                .map(split -> split.label)
                .collect(Collectors.joining(", "));
        throw new BadInput(where, "'" + name + "'", "one of " + valid + " with paging " + paging);
    }
}
