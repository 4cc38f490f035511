package io.pagewalk.lab.experiment.oldways;

import io.pagewalk.base.KernelBug;
import io.pagewalk.base.Violations;
import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.lab.experiment.oldways.Stray.Harm;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;

/**
 * What the systems before paging share: one physical memory, the system at its bottom, variable segments above.
 *
 * <pre>
 *   0              SYSTEM_BYTES                                  RAM
 *   | system       | segments and holes                          |  no memory ...
 * </pre>
 */
abstract class PartitionedSystem implements MemorySystem {
    /** What the system keeps for itself: vectors, tables, its own code and data. */
    static final long SYSTEM_BYTES = 64 << 10;

    private static final int TAG_SHIFT = 3;

    /** A running program: address and size of each segment, size 0 when there is none. */
    static final class Program {
        final long[] base = new long[SEGMENTS];
        final int[] size = new int[SEGMENTS];
    }

    private final long ramBytes;
    final PhysicalMemory memory;
    final VariablePartitions partitions;
    final TreeMap<Integer, Program> running = new TreeMap<>();
    long bytesCopied;
    long moves;

    PartitionedSystem(long ramBytes, Fit fit) {
        this.ramBytes = ramBytes;
        memory = new PhysicalMemory((ramBytes >>> 12) + 1);
        partitions = new VariablePartitions(SYSTEM_BYTES, ramBytes - SYSTEM_BYTES, fit);
    }

    @Override
    public boolean start(int program, int code, int data, int stack) {
        KernelBug.on(running.containsKey(program), "program " + program + " runs already");
        int[] sizes = {code, data, stack};
        Program made = new Program();
        for (int segment = CODE; segment <= STACK; segment++) {
            long address = place(program, segment, sizes[segment]);
            if (address == VariablePartitions.NONE) {
                for (int done = CODE; done < segment; done++) {
                    partitions.free(made.base[done]);
                }
                running.remove(program);
                return false;
            }
            made.base[segment] = address;
            made.size[segment] = sizes[segment];
            // Placing the next segment may move this one.
            running.put(program, made);
        }
        for (int segment = CODE; segment <= STACK; segment++) {
            fill(program, segment, 0, sizes[segment]);
        }
        started(program, made);
        return true;
    }

    @Override
    public boolean add(int program, int segment, int bytes) {
        Program own = own(program);
        KernelBug.on(own.size[segment] != 0, "segment " + segment + " is there already");
        long address = place(program, segment, bytes);
        if (address == VariablePartitions.NONE) {
            return false;
        }
        own.base[segment] = address;
        own.size[segment] = bytes;
        fill(program, segment, 0, bytes);
        changed(program, segment);
        return true;
    }

    @Override
    public boolean resize(int program, int segment, int bytes) {
        Program own = own(program);
        int old = own.size[segment];
        if (!partitions.resize(own.base[segment], bytes) && !growByMoving(program, own, segment, bytes)) {
            return false;
        }
        own.size[segment] = bytes;
        fill(program, segment, old, bytes);
        changed(program, segment);
        return true;
    }

    @Override
    public void remove(int program, int segment) {
        Program own = own(program);
        partitions.free(own.base[segment]);
        own.size[segment] = 0;
        changed(program, segment);
    }

    @Override
    public long exit(int program) {
        Program own = own(program);
        long damaged = 0;
        for (int segment = 0; segment < SEGMENTS; segment++) {
            for (int offset = 0; offset < own.size[segment]; offset++) {
                if (memory.readByte(own.base[segment] + offset) != expected(program, segment, offset)) {
                    damaged++;
                }
            }
            if (own.size[segment] > 0) {
                partitions.free(own.base[segment]);
            }
        }
        running.remove(program);
        ended(program);
        return damaged;
    }

    @Override
    public int size(int program, int segment) {
        Program own = running.get(program);
        return own == null ? 0 : own.size[segment];
    }

    @Override
    public List<Integer> programs() {
        return List.copyOf(running.keySet());
    }

    @Override
    public long rounded(int bytes) {
        return VariablePartitions.rounded(bytes);
    }

    @Override
    public boolean access(int program, int segment, int offset, int kind) {
        long address = translate(program, segment, offset, kind);
        KernelBug.on(address < 0, "an access inside a segment was refused");
        return memory.readByte(address) == expected(program, segment, offset);
    }

    /** Makes a store at a physical address that nobody checked, and tells whom it hits. */
    final Stray.Result storeAt(int program, long address) {
        if (address >= ramBytes) {
            return Stray.Result.landed(Harm.NOBODY);
        }
        memory.writeByte(address, Pattern.damaged(memory.readByte(address)));
        if (address < SYSTEM_BYTES) {
            return Stray.Result.landed(Harm.SYSTEM);
        }
        long tag = partitions.ownerOf(address);
        if (tag == VariablePartitions.FREE) {
            return Stray.Result.landed(Harm.NOBODY);
        }
        int owner = programOf(tag);
        int segment = segmentOf(tag);
        Program hit = own(owner);
        if (address - hit.base[segment] >= hit.size[segment]) {
            return Stray.Result.landed(Harm.NOBODY);
        }
        return Stray.Result.landed(owner == program ? Harm.ITSELF : Harm.NEIGHBOUR);
    }

    @Override
    public State state() {
        long free = partitions.freeBytes();
        long total = ramBytes - SYSTEM_BYTES;
        long asked = 0;
        for (Program program : running.values()) {
            for (int size : program.size) {
                asked += size;
            }
        }
        return new State(total, usedBytes(), free, asked, movableBytes(), partitions.largestFreeBytes(), tableBytes());
    }

    private long usedBytes() {
        return partitions.pieces().stream()
                .filter(piece -> !piece.isFree())
                .mapToLong(VariablePartitions.Piece::bytes)
                .sum();
    }

    /** Returns the largest request that would be served now. */
    long movableBytes() {
        return partitions.largestFreeBytes();
    }

    @Override
    public Costs costs() {
        return new Costs(memoryReferences(), bytesCopied, moves, relocatedWords(), 0);
    }

    @Override
    public List<Piece> pieces() {
        List<Piece> result = new ArrayList<>();
        for (VariablePartitions.Piece piece : partitions.pieces()) {
            result.add(new Piece(
                    piece.start() - SYSTEM_BYTES,
                    piece.end() - SYSTEM_BYTES,
                    piece.isFree() ? OWNER_FREE : programOf(piece.tag())));
        }
        return result;
    }

    @Override
    public void verify(Violations out) {
        partitions.verify(out);
        State state = state();
        out.expectEqual(name(), "used + free == total", state.totalBytes(), state.usedBytes() + state.freeBytes());
        running.forEach((number, program) -> {
            for (int segment = 0; segment < SEGMENTS; segment++) {
                if (program.size[segment] > 0) {
                    out.expectEqual(
                            name(),
                            "owner of the memory of program " + number + " segment " + segment,
                            tag(number, segment),
                            partitions.ownerOf(program.base[segment]));
                }
            }
        });
    }

    /** Finds room for a new segment. */
    long place(int program, int segment, int bytes) {
        return partitions.allocate(bytes, tag(program, segment));
    }

    /** Grows a segment that has no room where it lies; the default cannot: its addresses are in the program's pointers. */
    boolean growByMoving(int program, Program own, int segment, int bytes) {
        return false;
    }

    /** Returns the physical address of a byte as the hardware forms it, or a fault. */
    abstract long translate(int program, int segment, int offset, int kind);

    /** Follows a start. */
    void started(int program, Program own) {}

    /** Follows a change of a segment's size or presence. */
    void changed(int program, int segment) {}

    /** Follows an exit. */
    void ended(int program) {}

    abstract long tableBytes();

    abstract long memoryReferences();

    long relocatedWords() {
        return 0;
    }

    byte expected(int program, int segment, int offset) {
        return Pattern.at(program, segment, offset);
    }

    final Program own(int program) {
        Program own = running.get(program);
        if (own == null) {
            throw new KernelBug("program " + program + " does not run");
        }
        return own;
    }

    static long tag(int program, int segment) {
        return (long) program << TAG_SHIFT | segment;
    }

    static int programOf(long tag) {
        return (int) (tag >>> TAG_SHIFT);
    }

    static int segmentOf(long tag) {
        return (int) tag & (SEGMENTS - 1);
    }

    /** Copies memory as the processor does for the system. */
    final void copy(long from, long to, long bytes) {
        byte[] buffer = new byte[(int) bytes];
        memory.copyOut(from, buffer, 0, buffer.length);
        memory.copyIn(to, buffer, 0, buffer.length);
        bytesCopied += bytes;
        moves++;
    }

    private void fill(int program, int segment, int from, int to) {
        if (to > from) {
            byte[] content = new byte[to - from];
            Pattern.fill(program, segment, from, content);
            memory.copyIn(own(program).base[segment] + from, content, 0, content.length);
        }
    }
}
