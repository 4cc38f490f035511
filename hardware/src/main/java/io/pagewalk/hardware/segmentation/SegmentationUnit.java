package io.pagewalk.hardware.segmentation;

import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.hardware.mmu.Access;

/**
 * Segmentation of one processor in protected mode: descriptor tables in memory, segment registers with their cached descriptors, and the checks of each access.
 *
 * <p>A change of a descriptor in memory has no effect on a register that holds it until the selector is loaded again, as on real hardware: an operating system
 * that moves a segment must see to that.
 */
public final class SegmentationUnit {
    /*
     * Each register has a visible part (the selector) and a hidden one (the descriptor). A hidden part of 0 is unusable: its access is #GP(0). No valid
     * descriptor is 0, since a loaded one has P set.
     */
    private static final long UNUSABLE = 0;
    private static final long ADDRESS_MASK = 0xffff_ffffL;
    private static final int DESCRIPTOR_BYTES = 8;

    /** A 32-bit bus takes two transfers for a descriptor. */
    private static final int REFERENCES_PER_DESCRIPTOR = 2;

    private final PhysicalMemory memory;
    private final int[] selectors = new int[6];
    private final long[] hidden = new long[6];
    private long gdtBase;
    private long gdtLimit;
    private int ldtSelector;
    private long ldtDescriptor = UNUSABLE;
    private int cpl;
    private long selectorLoads;
    private long memoryReferences;
    private long accesses;
    private long faults;

    /**
     * Creates a unit as it is right after the switch to protected mode: CPL 0, all registers unusable, an empty GDT.
     *
     * @param memory where the tables lie
     */
    public SegmentationUnit(PhysicalMemory memory) {
        this.memory = memory;
        this.gdtLimit = -1;
    }

    /**
     * Sets the GDT register: LGDT.
     *
     * @param base address of the table, a multiple of 8
     * @param sizeBytes at most 64 KiB
     */
    public void loadGdt(long base, long sizeBytes) {
        gdtBase = base;
        gdtLimit = sizeBytes - 1;
    }

    /**
     * Sets the LDT register: LLDT. A null selector leaves no LDT.
     *
     * @param selector of an LDT descriptor in the GDT
     * @return {@link SegmentFault#NONE} or a fault
     */
    public long loadLdt(int selector) {
        if (Selector.isNull(selector)) {
            ldtSelector = selector;
            ldtDescriptor = UNUSABLE;
            return SegmentFault.NONE;
        }
        if (Selector.isLocal(selector) || isOutsideTable(selector)) {
            return fault(SegmentFault.GENERAL_PROTECTION, selector);
        }
        long descriptor = read(selector);
        if (!Descriptor.isLdt(descriptor)) {
            return fault(SegmentFault.GENERAL_PROTECTION, selector);
        }
        if (!Descriptor.isPresent(descriptor)) {
            return fault(SegmentFault.NOT_PRESENT, selector);
        }
        ldtSelector = selector;
        ldtDescriptor = descriptor;
        return SegmentFault.NONE;
    }

    /**
     * Sets the current privilege level, as an interrupt or a return from it does.
     *
     * @param level 0 (system) to 3 (programs)
     */
    public void setCpl(int level) {
        cpl = level;
    }

    /** Returns the current privilege level. */
    public int cpl() {
        return cpl;
    }

    /**
     * Loads a segment register; for CS this is a direct far jump.
     *
     * @param register which
     * @param selector 16 bits
     * @return {@link SegmentFault#NONE}, or a fault and the register keeps what it held
     */
    public long load(SegmentRegister register, int selector) {
        selectorLoads++;
        if (Selector.isNull(selector)) {
            return loadNull(register, selector);
        }
        if (isOutsideTable(selector)) {
            return fault(SegmentFault.GENERAL_PROTECTION, selector);
        }
        long descriptor = read(selector);
        boolean isAllowed = switch (register) {
            case CS -> isCodeAllowed(selector, descriptor);
            case SS -> isStackAllowed(selector, descriptor);
            case DS, ES, FS, GS -> isDataAllowed(selector, descriptor);
        };
        if (!isAllowed) {
            return fault(SegmentFault.GENERAL_PROTECTION, selector);
        }
        if (!Descriptor.isPresent(descriptor)) {
            return fault(register == SegmentRegister.SS ? SegmentFault.STACK : SegmentFault.NOT_PRESENT, selector);
        }
        if (!Descriptor.isAccessed(descriptor)) {
            descriptor = Descriptor.accessed(descriptor);
            memory.writeLong(addressOf(selector), descriptor);
            memoryReferences++;
        }
        hidden[register.number()] = descriptor;
        selectors[register.number()] = register == SegmentRegister.CS ? (selector & ~3) | cpl : selector;
        return SegmentFault.NONE;
    }

    private long loadNull(SegmentRegister register, int selector) {
        if (register == SegmentRegister.CS || register == SegmentRegister.SS) {
            return fault(SegmentFault.GENERAL_PROTECTION, 0);
        }
        selectors[register.number()] = selector;
        hidden[register.number()] = UNUSABLE;
        return SegmentFault.NONE;
    }

    private boolean isCodeAllowed(int selector, long descriptor) {
        if (!Descriptor.isCode(descriptor)) {
            return false;
        }
        if (Descriptor.isConforming(descriptor)) {
            return Descriptor.dpl(descriptor) <= cpl;
        }
        return Selector.rpl(selector) <= cpl && Descriptor.dpl(descriptor) == cpl;
    }

    private boolean isStackAllowed(int selector, long descriptor) {
        return Selector.rpl(selector) == cpl && Descriptor.isWritable(descriptor) && Descriptor.dpl(descriptor) == cpl;
    }

    private boolean isDataAllowed(int selector, long descriptor) {
        if (!Descriptor.isReadable(descriptor)) {
            return false;
        }
        return Descriptor.isConforming(descriptor)
                || Math.max(cpl, Selector.rpl(selector)) <= Descriptor.dpl(descriptor);
    }

    /**
     * Translates one operand through a register and checks it: rights, then limits.
     *
     * @param register which
     * @param offset 32 bits
     * @param bytes length of the operand, 1 to 8
     * @param kind an {@link Access} kind
     * @return the linear address of its first byte (without paging the physical one), or a {@link SegmentFault}
     */
    public long linear(SegmentRegister register, long offset, int bytes, int kind) {
        accesses++;
        long descriptor = hidden[register.number()];
        if (descriptor == UNUSABLE || !allows(register, descriptor, kind)) {
            return fault(SegmentFault.GENERAL_PROTECTION, 0);
        }
        if (!isInside(descriptor, offset & ADDRESS_MASK, bytes)) {
            return fault(register == SegmentRegister.SS ? SegmentFault.STACK : SegmentFault.GENERAL_PROTECTION, 0);
        }
        return (Descriptor.base(descriptor) + offset) & ADDRESS_MASK;
    }

    private static boolean allows(SegmentRegister register, long descriptor, int kind) {
        return switch (kind) {
            case Access.STORE -> Descriptor.isWritable(descriptor);
            case Access.FETCH -> register == SegmentRegister.CS;
            default -> Descriptor.isReadable(descriptor);
        };
    }

    private static boolean isInside(long descriptor, long offset, int bytes) {
        long last = offset + bytes - 1;
        long limit = Descriptor.limit(descriptor);
        return Descriptor.isExpandDown(descriptor)
                ? offset > limit && last <= Descriptor.topOffset(descriptor)
                : last <= limit;
    }

    /**
     * Returns the selector that a register holds.
     *
     * @param register which
     */
    public int selector(SegmentRegister register) {
        return selectors[register.number()];
    }

    /** Returns the selector of the current LDT. */
    public int ldtSelector() {
        return ldtSelector;
    }

    /** Returns how often a segment register was loaded, refused loads included. */
    public long selectorLoads() {
        return selectorLoads;
    }

    /** Returns the 32-bit transfers that reading descriptors and setting accessed bits took. */
    public long memoryReferences() {
        return memoryReferences;
    }

    /** Returns how many operands were checked. */
    public long accesses() {
        return accesses;
    }

    /** Returns how many faults were raised. */
    public long faults() {
        return faults;
    }

    private boolean isOutsideTable(int selector) {
        long last = (long) Selector.index(selector) * DESCRIPTOR_BYTES + DESCRIPTOR_BYTES - 1;
        if (!Selector.isLocal(selector)) {
            return last > gdtLimit;
        }
        return ldtDescriptor == UNUSABLE || last > Descriptor.limit(ldtDescriptor);
    }

    private long addressOf(int selector) {
        long table = Selector.isLocal(selector) ? Descriptor.base(ldtDescriptor) : gdtBase;
        return table + (long) Selector.index(selector) * DESCRIPTOR_BYTES;
    }

    private long read(int selector) {
        memoryReferences += REFERENCES_PER_DESCRIPTOR;
        return memory.readLong(addressOf(selector));
    }

    private long fault(int vector, int selector) {
        faults++;
        return SegmentFault.of(vector, selector);
    }
}
