package io.pagewalk.hardware.mmu;

/**
 * Why an access could not be translated, packed into an int that is never 0, so that 0 can mean success.
 *
 * <pre>
 *   bit 12..11       10         9     8     7     6     5     4     3..0
 *      access kind | supervisor | PK | I/D | RSVD | U/S | W/R | P | fault kind
 *                                 \_ the x86 page-fault error code, bits 5..0 _/
 * </pre>
 */
public final class MmuFault {
    /** No present entry on the way to the page: {@code P = 0}. */
    public static final int NOT_PRESENT = 1;

    /**
     * The page is there, but the right is missing: a store to a read-only page, a fetch from an NX page, a user access to a kernel page, or an access that the page's
     * protection key refuses ({@link #ERROR_KEY}).
     */
    public static final int PROTECTION = 2;

    /** A present entry has a reserved bit set: {@code RSVD = 1}. */
    public static final int RESERVED = 3;

    /** The address itself is no address: #GP on x86-64, a page fault on RISC-V. */
    public static final int NON_CANONICAL = 4;

    /** The TLB has no entry and the machine's refill is by software: the kernel must look the mapping up. */
    public static final int TLB_REFILL = 5;

    /** Error code bit: the page was present, so it is the rights (or a reserved bit). Linux: {@code X86_PF_PROT}. */
    public static final int ERROR_PRESENT = 1;

    /** Error code bit: a store. Linux: {@code X86_PF_WRITE}. */
    public static final int ERROR_WRITE = 1 << 1;

    /** Error code bit: in user mode. Linux: {@code X86_PF_USER}. */
    public static final int ERROR_USER = 1 << 2;

    /** Error code bit: a reserved bit was set. Linux: {@code X86_PF_RSVD}. */
    public static final int ERROR_RESERVED = 1 << 3;

    /** Error code bit: an instruction fetch, on a CPU with NX or SMEP. Linux: {@code X86_PF_INSTR}. */
    public static final int ERROR_FETCH = 1 << 4;

    /** Error code bit: the protection key of the page refuses the access. Linux: {@code X86_PF_PK}. */
    public static final int ERROR_KEY = 1 << 5;

    private static final int ERROR_SHIFT = 4;
    private static final int SUPERVISOR_BIT = 1 << 10;
    private static final int ACCESS_SHIFT = 11;

    private MmuFault() {}

    /**
     * Packs a fault.
     *
     * @param faultKind NOT_PRESENT to TLB_REFILL
     * @param accessKind an {@link Access} kind
     * @param privilege on whose behalf
     * @param reportsFetch whether the CPU can tell fetches apart (NX or SMEP)
     */
    static int of(int faultKind, int accessKind, Privilege privilege, boolean reportsFetch) {
        int error = 0;
        if (faultKind == PROTECTION || faultKind == RESERVED) {
            error |= ERROR_PRESENT;
        }
        if (faultKind == RESERVED) {
            error |= ERROR_RESERVED;
        }
        if (accessKind == Access.STORE) {
            error |= ERROR_WRITE;
        }
        if (accessKind == Access.FETCH && reportsFetch) {
            error |= ERROR_FETCH;
        }
        if (privilege == Privilege.USER) {
            error |= ERROR_USER;
        }
        int packed = faultKind | (error << ERROR_SHIFT) | (accessKind << ACCESS_SHIFT);
        return privilege == Privilege.SUPERVISOR ? packed | SUPERVISOR_BIT : packed;
    }

    /** Adds {@link #ERROR_KEY} to a PROTECTION fault. */
    static int byKey(int fault) {
        return fault | ERROR_KEY << ERROR_SHIFT;
    }

    /**
     * Returns which of NOT_PRESENT, PROTECTION, RESERVED, NON_CANONICAL and TLB_REFILL it is.
     *
     * @param fault a packed fault
     */
    public static int kind(int fault) {
        return fault & 0xf;
    }

    /**
     * Returns the {@link Access} kind that faulted.
     *
     * @param fault a packed fault
     */
    public static int access(int fault) {
        return fault >>> ACCESS_SHIFT;
    }

    /**
     * Returns on whose behalf the access was made.
     *
     * @param fault a packed fault
     */
    public static Privilege privilege(int fault) {
        return (fault & SUPERVISOR_BIT) != 0 ? Privilege.SUPERVISOR : Privilege.USER;
    }

    /**
     * Returns the error code that an x86 CPU pushes for a page fault: P, W/R, U/S, RSVD, I/D and PK in bits 0 to 5.
     *
     * @param fault a packed fault
     */
    public static int errorCode(int fault) {
        return (fault >>> ERROR_SHIFT) & 0x3f;
    }

    /**
     * Returns the RISC-V exception code: 12 instruction page fault, 13 load page fault, 15 store page fault.
     *
     * @param fault a packed fault
     */
    public static int scause(int fault) {
        return switch (access(fault)) {
            case Access.FETCH -> 12;
            case Access.STORE -> 15;
            default -> 13;
        };
    }

    /**
     * Writes a fault for people: {@code protection fault on user store, error code 0x7}.
     *
     * @param fault a packed fault
     */
    public static String describe(int fault) {
        String name = switch (kind(fault)) {
            case NOT_PRESENT -> "not-present";
            case PROTECTION -> "protection";
            case RESERVED -> "reserved-bit";
            case NON_CANONICAL -> "non-canonical";
            case TLB_REFILL -> "TLB refill";
            default -> throw new IllegalArgumentException("no fault: " + fault);
        };
        String who = privilege(fault) == Privilege.USER ? "user" : "supervisor";
        return name + " fault on " + who + " " + Access.name(access(fault)) + ", error code 0x"
                + Integer.toHexString(errorCode(fault));
    }
}
