package io.pagewalk.lab.experiment.oldways;

import io.pagewalk.base.KernelBug;
import io.pagewalk.base.Violations;
import io.pagewalk.hardware.mmu.Access;
import io.pagewalk.hardware.segmentation.Descriptor;
import io.pagewalk.hardware.segmentation.SegmentFault;
import io.pagewalk.hardware.segmentation.SegmentRegister;
import io.pagewalk.hardware.segmentation.SegmentationUnit;
import io.pagewalk.hardware.segmentation.Selector;
import java.util.TreeMap;

/**
 * A protected-mode system in the manner of the 80286 and 80386 without paging: each program has an LDT with a descriptor for each of its segments, so that a segment has a base, a
 * limit and rights, and can be moved without the program's notice.
 *
 * <p>When a segment has no room to grow where it lies, it moves to another hole. With {@link Compaction#WHEN_NEEDED} a request that no hole can serve slides all
 * segments together first.
 *
 * <pre>
 *   0x1000  GDT: null, system code, system data, then one LDT descriptor for each program's place
 *   0x3000  LDTs: 64 bytes for each place
 * </pre>
 */
public final class DescriptorSystem extends PartitionedSystem {
    /** Whether memory is tidied up. */
    public enum Compaction {
        /** What does not fit is refused. */
        NEVER,
        /** Segments are slid together when a request would be refused though enough is free. */
        WHEN_NEEDED
    }

    /** Programs that can run at once. */
    static final int PLACES = 256;

    private static final long GDT = 0x1000;
    private static final long LDTS = 0x3000;
    private static final int FIRST_LDT = 3;
    private static final int DESCRIPTOR_BYTES = 8;
    private static final int LDT_BYTES = SEGMENTS * DESCRIPTOR_BYTES;
    private static final int SYSTEM_DATA = Selector.gdt(2, 3);
    private static final int NOBODY = -1;

    private final SegmentationUnit unit;
    private final Fit fit;
    private final Compaction compaction;
    private final TreeMap<Integer, Integer> places = new TreeMap<>();
    private final boolean[] isTaken = new boolean[PLACES];
    private int current = NOBODY;
    private int extra = NOBODY;

    /**
     * Boots.
     *
     * @param ramBytes memory, a multiple of 4 KiB above 64 KiB
     * @param fit where segments are put
     * @param compaction whether memory is tidied up
     */
    public DescriptorSystem(long ramBytes, Fit fit, Compaction compaction) {
        super(ramBytes, fit);
        this.fit = fit;
        this.compaction = compaction;
        memory.writeLong(GDT + 8, Descriptor.segment(0, SYSTEM_BYTES, Descriptor.EXECUTE_READ, 0));
        memory.writeLong(GDT + 16, Descriptor.segment(0, SYSTEM_BYTES, Descriptor.READ_WRITE, 0));
        unit = new SegmentationUnit(memory);
        unit.loadGdt(GDT, (long) (FIRST_LDT + PLACES) * DESCRIPTOR_BYTES);
        unit.setCpl(3);
    }

    @Override
    public String name() {
        return "base/limit, " + fit.label() + (compaction == Compaction.NEVER ? "" : ", compacting");
    }

    @Override
    public boolean start(int program, int code, int data, int stack) {
        int place = 0;
        while (place < PLACES && isTaken[place]) {
            place++;
        }
        if (place == PLACES) {
            return false;
        }
        places.put(program, place);
        if (!super.start(program, code, data, stack)) {
            places.remove(program);
            return false;
        }
        isTaken[place] = true;
        memory.writeLong(GDT + (long) (FIRST_LDT + place) * DESCRIPTOR_BYTES, Descriptor.ldt(ldt(place), LDT_BYTES));
        return true;
    }

    @Override
    void started(int program, Program own) {
        for (int segment = 0; segment < SEGMENTS; segment++) {
            describe(program, own, segment);
        }
    }

    @Override
    void changed(int program, int segment) {
        describe(program, own(program), segment);
    }

    @Override
    void ended(int program) {
        int place = place(program);
        memory.writeLong(GDT + (long) (FIRST_LDT + place) * DESCRIPTOR_BYTES, 0);
        isTaken[place] = false;
        places.remove(program);
        forget(program);
    }

    /** Writes a segment's descriptor; registers that hold the old one are loaded again before the program runs. */
    private void describe(int program, Program own, int segment) {
        long descriptor = own.size[segment] == 0
                ? 0
                : Descriptor.segment(
                        own.base[segment],
                        own.size[segment],
                        segment == CODE ? Descriptor.EXECUTE_READ : Descriptor.READ_WRITE,
                        3);
        memory.writeLong(ldt(place(program)) + (long) segment * DESCRIPTOR_BYTES, descriptor);
        forget(program);
    }

    private void forget(int program) {
        if (current == program) {
            current = NOBODY;
        }
    }

    @Override
    long place(int program, int segment, int bytes) {
        long address = super.place(program, segment, bytes);
        if (address == VariablePartitions.NONE && mayCompact(bytes)) {
            partitions.compact(this::move);
            address = super.place(program, segment, bytes);
        }
        return address;
    }

    @Override
    boolean growByMoving(int program, Program own, int segment, int bytes) {
        long from = own.base[segment];
        long to = partitions.allocate(bytes, tag(program, segment));
        if (to != VariablePartitions.NONE) {
            copy(from, to, own.size[segment]);
            partitions.free(from);
            own.base[segment] = to;
            return true;
        }
        if (!mayCompact(rounded(bytes) - rounded(own.size[segment]))) {
            return false;
        }
        partitions.openHoleBehind(from, this::move);
        boolean isGrown = partitions.resize(own.base[segment], bytes);
        KernelBug.on(!isGrown, "no room behind a segment after compaction");
        return true;
    }

    private boolean mayCompact(long bytes) {
        return compaction == Compaction.WHEN_NEEDED && partitions.freeBytes() >= VariablePartitions.rounded(bytes);
    }

    private void move(long tag, long from, long to, long bytes) {
        copy(from, to, bytes);
        int program = programOf(tag);
        Program own = own(program);
        own.base[segmentOf(tag)] = to;
        describe(program, own, segmentOf(tag));
    }

    @Override
    long movableBytes() {
        return compaction == Compaction.WHEN_NEEDED ? partitions.freeBytes() : super.movableBytes();
    }

    @Override
    long translate(int program, int segment, int offset, int kind) {
        return unit.linear(register(program, segment), offset, 1, kind);
    }

    /** Makes a program's segment usable through a register, loading what is not loaded: CS, DS and SS at each switch, ES for any other segment. */
    private SegmentRegister register(int program, int segment) {
        if (current != program) {
            must(unit.loadLdt(Selector.gdt(FIRST_LDT + place(program), 0)));
            must(unit.load(SegmentRegister.CS, Selector.ldt(CODE, 3)));
            must(unit.load(SegmentRegister.DS, Selector.ldt(DATA, 3)));
            must(unit.load(SegmentRegister.SS, Selector.ldt(STACK, 3)));
            current = program;
            extra = NOBODY;
        }
        return switch (segment) {
            case CODE -> SegmentRegister.CS;
            case DATA -> SegmentRegister.DS;
            case STACK -> SegmentRegister.SS;
            default -> {
                if (extra != segment) {
                    must(unit.load(SegmentRegister.ES, Selector.ldt(segment, 3)));
                    extra = segment;
                }
                yield SegmentRegister.ES;
            }
        };
    }

    private static void must(long result) {
        KernelBug.on(SegmentFault.isFault(result), "a program's own selector was refused");
    }

    @Override
    public Stray.Result stray(int program, Stray stray) {
        Program own = own(program);
        return switch (stray.kind()) {
            case OVERRUN, FAR -> store(program, stray.segment(), (long) own.size[stray.segment()] + stray.distance());
            case CODE -> store(program, CODE, stray.distance() % own.size[CODE]);
            case NULL -> storeThrough(program, Selector.NULL, stray.distance());
            // The other program's pointer is a selector of its LDT and an offset; here the selector names the own
            // segment of that number.
            case FOREIGN -> store(program, DATA, stray.distance() % own(stray.other()).size[DATA]);
            case SYSTEM -> storeThrough(program, SYSTEM_DATA, stray.distance());
        };
    }

    private Stray.Result store(int program, int segment, long offset) {
        return finish(program, unit.linear(register(program, segment), offset, 1, Access.STORE));
    }

    private Stray.Result storeThrough(int program, int selector, int offset) {
        register(program, CODE);
        extra = NOBODY;
        long loaded = unit.load(SegmentRegister.ES, selector);
        return SegmentFault.isFault(loaded)
                ? Stray.Result.caught(SegmentFault.describe(loaded))
                : finish(program, unit.linear(SegmentRegister.ES, offset, 1, Access.STORE));
    }

    private Stray.Result finish(int program, long address) {
        return SegmentFault.isFault(address)
                ? Stray.Result.caught(SegmentFault.describe(address))
                : storeAt(program, address);
    }

    @Override
    long tableBytes() {
        return (FIRST_LDT + running.size()) * (long) DESCRIPTOR_BYTES + (long) running.size() * LDT_BYTES;
    }

    @Override
    long memoryReferences() {
        return unit.memoryReferences();
    }

    @Override
    public void verify(Violations out) {
        super.verify(out);
        running.forEach((program, own) -> {
            for (int segment = 0; segment < SEGMENTS; segment++) {
                long descriptor = memory.readLong(ldt(place(program)) + (long) segment * DESCRIPTOR_BYTES);
                long base = own.size[segment] == 0 ? 0 : own.base[segment];
                long size = own.size[segment] == 0 ? 1 : own.size[segment];
                out.expectEqual(name(), "base in the LDT == where the segment lies", base, Descriptor.base(descriptor));
                out.expectEqual(name(), "limit in the LDT + 1 == size", size, Descriptor.limit(descriptor) + 1);
            }
        });
    }

    private int place(int program) {
        Integer place = places.get(program);
        if (place == null) {
            throw new KernelBug("program " + program + " has no LDT");
        }
        return place;
    }

    private static long ldt(int place) {
        return LDTS + (long) place * LDT_BYTES;
    }
}
