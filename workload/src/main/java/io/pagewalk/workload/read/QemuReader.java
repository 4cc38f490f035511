package io.pagewalk.workload.read;

import io.pagewalk.base.BadInput;
import io.pagewalk.hardware.mmu.Access;
import io.pagewalk.workload.trace.AccessSink;
import io.pagewalk.workload.trace.SyscallEvent;
import java.io.IOException;
import java.io.InputStream;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Reader of the stream that Pagewalk's TCG plugin ({@code pagewalk-tcg.c}) writes from inside {@code qemu-x86_64}.
 *
 * <p>All words have 64 bits, little endian. The stream is {@link #MAGIC} and then frames:
 *
 * <pre>
 *   63      56 55              32 31                    0
 *  +----------+------------------+-----------------------+
 *  |   type   | vCPU             | words that follow     |
 *  +----------+------------------+-----------------------+
 *  RECORDS  the vCPU's records, see below
 *  BLOCK    number of a translated block, address of its first instruction, the instructions' sizes a byte each (their count in the vCPU field)
 *  CALL     system call: number, six arguments, length of the path, the path's bytes
 *  RESULT   number, result, vCPU made by this clone plus 1 or 0
 *  BEGIN    version, process id
 *  END      qemu is about to exit
 *  STATUS   exit status; written by the recorder after the process has gone
 *
 *   63    60 59    56 55          47 46                                 0
 *  +--------+--------+--------------+------------------------------------+
 *  | 0      |                                          block             |  a block begins
 *  | 1, 2   | log2   | instruction  | address                            |  load, store by the n-th instruction
 *  +--------+--------+--------------+------------------------------------+
 * </pre>
 *
 * <p>An instruction that loads and stores the same bytes asks for the page with the right to write at once, and has one fault: its store is passed on first.
 *
 * <p>Fetches come out of the blocks: those up to an instruction stand before its loads and stores, the rest before the next block. Differs from Linux: of a block that a signal cuts short, the
 * remaining instructions still count as fetched.
 */
public final class QemuReader implements TraceReader {
    /** The first eight bytes of a stream, as a little-endian word. */
    public static final long MAGIC = 0x31554d4551575000L;

    /** Frame type of the exit status that a recorder adds. */
    public static final int FRAME_STATUS = 7;

    /** Frame type of a vCPU's records. */
    public static final int FRAME_RECORDS = 1;

    private static final int FRAME_BLOCK = 2;
    private static final int FRAME_CALL = 3;
    private static final int FRAME_RESULT = 4;
    private static final int FRAME_BEGIN = 5;
    private static final int FRAME_END = 6;
    private static final int MOST_VCPUS = 1 << 16;
    private static final int MOST_WORDS = 1 << 20;
    private static final int CALL_WORDS = 8;
    /** What a record of a store has more than that of the same load. */
    private static final long STORE_INSTEAD = 1L << 60;

    private static final int EXECVE = 59;
    private static final int EXIT = 60;
    private static final int EXIT_GROUP = 231;
    private static final int EXECVEAT = 322;
    private static final int RT_SIGRETURN = 15;
    /** What qemu's own call emulation returns when the call will be made again, and for a return from a signal handler. */
    private static final long QEMU_RESTART = -512;

    private static final long QEMU_SIGNAL_RETURN = -513;
    private static final VarHandle LONGS = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private final String name;
    private final AccessSink sink;
    private final LongConsumer progress;
    private Vcpu[] vcpus = new Vcpu[1];
    private long[] blockAddress = new long[1024];
    private int[] blockFirst = new int[1025];
    private byte[] sizes = new byte[16384];
    private int blocks;
    private int threads;
    private int alive;
    private int announcedThread;
    private long fetches;
    private long loads;
    private long stores;
    private long syscalls;
    private boolean hasEnded;

    /** What the reader keeps of a vCPU: its thread, where in which block it is, and the call it is in. */
    private static final class Vcpu {
        int thread = -1;
        int block = -1;
        int next;
        int end;
        long vaddr;

        @Nullable
        SyscallEvent call;
    }

    /**
     * Creates a reader.
     *
     * @param name what error messages call the stream
     * @param sink receives everything
     * @param progress told the number of accesses so far from time to time
     */
    public QemuReader(String name, AccessSink sink, LongConsumer progress) {
        this.name = name;
        this.sink = sink;
        this.progress = progress;
    }

    @Override
    public ReadCounts read(InputStream in) throws IOException {
        ByteSource source = new ByteSource(in);
        if (!source.ensure(8) || word(source, 0) != MAGIC) {
            throw new BadInput(
                    name + ": byte 0",
                    Hex.shorten(source.bytes, 0, Math.min(8, source.limit)),
                    "the stream of Pagewalk's qemu plugin");
        }
        source.position += 8;
        Vcpu first = vcpu(0);
        first.thread = threads++;
        alive = 1;
        while (!hasEnded && source.ensure(8)) {
            frame(source);
            progress.accept(fetches + loads + stores);
        }
        if (!hasEnded && !replaced()) {
            throw truncated(source);
        }
        return new ReadCounts(fetches, loads, stores, syscalls, threads);
    }

    private void frame(ByteSource source) throws IOException {
        long head = word(source, 0);
        int type = (int) (head >>> 56);
        int vcpu = (int) (head >>> 32) & 0xffffff;
        int words = (int) head;
        if (type < FRAME_RECORDS || type > FRAME_STATUS || vcpu >= MOST_VCPUS || words < 0 || words > MOST_WORDS) {
            throw new BadInput(
                    name + ": byte " + source.offset(), "0x" + Long.toHexString(head), "the head of a frame");
        }
        if (!source.ensure(8 + 8 * words)) {
            throw truncated(source);
        }
        source.position += 8;
        switch (type) {
            case FRAME_RECORDS -> records(source, vcpu(vcpu), words);
            case FRAME_BLOCK -> block(source, vcpu, words);
            case FRAME_CALL -> call(source, vcpu(vcpu), words);
            case FRAME_RESULT -> result(source, vcpu(vcpu), words);
            case FRAME_STATUS -> {
                if (!replaced()) {
                    endProcess(words < 1 ? 0 : (int) word(source, 0));
                }
            }
            case FRAME_BEGIN, FRAME_END -> {}
            default -> throw new IllegalStateException("type " + type);
        }
        source.position += 8 * words;
    }

    private void records(ByteSource source, Vcpu vcpu, int words) {
        announce(vcpu);
        for (int i = 0; i < words; i++) {
            long record = word(source, i);
            int kind = (int) (record >>> 60);
            if (kind == 0) {
                enterBlock(source, vcpu, record);
                continue;
            }
            if (kind > 2) {
                throw new BadInput(
                        name + ": byte " + (source.offset() + 8L * i),
                        "0x" + Long.toHexString(record),
                        "a block, a load or a store");
            }
            fetchUpTo(vcpu, (int) (record >>> 47) & 0x1ff);
            int size = 1 << ((int) (record >>> 56) & 15);
            long vaddr = record & 0x7fff_ffff_ffffL;
            if (kind == 1) {
                loads++;
                if (i + 1 < words && word(source, i + 1) == record + STORE_INSTEAD) {
                    stores++;
                    sink.access(Access.STORE, vaddr, size);
                    i++;
                }
                sink.access(Access.LOAD, vaddr, size);
            } else {
                stores++;
                sink.access(Access.STORE, vaddr, size);
            }
        }
    }

    private void enterBlock(ByteSource source, Vcpu vcpu, long block) {
        finishBlock(vcpu);
        if (block >= blocks) {
            throw new BadInput(
                    name + ": byte " + source.offset(), "block " + block, "one of the " + blocks + " blocks so far");
        }
        vcpu.block = (int) block;
        vcpu.next = blockFirst[vcpu.block];
        vcpu.end = blockFirst[vcpu.block + 1];
        vcpu.vaddr = blockAddress[vcpu.block];
    }

    private void finishBlock(Vcpu vcpu) {
        fetch(vcpu, vcpu.end);
    }

    private void fetchUpTo(Vcpu vcpu, int instruction) {
        if (vcpu.block >= 0) {
            fetch(vcpu, Math.min(vcpu.end, blockFirst[vcpu.block] + instruction + 1));
        }
    }

    private void fetch(Vcpu vcpu, int end) {
        for (int i = vcpu.next; i < end; i++) {
            int size = sizes[i];
            fetches++;
            sink.access(Access.FETCH, vcpu.vaddr, size);
            vcpu.vaddr += size;
        }
        vcpu.next = Math.max(vcpu.next, end);
    }

    private void block(ByteSource source, int instructions, int words) {
        boolean isNext = words >= 2 && word(source, 0) == blocks && words == 2 + (instructions + 7) / 8;
        if (!isNext) {
            throw new BadInput(name + ": byte " + source.offset(), "a block of " + words + " words", "block " + blocks);
        }
        int start = blockFirst[blocks];
        if (start + instructions > sizes.length) {
            sizes = Arrays.copyOf(sizes, Math.max(2 * sizes.length, start + instructions));
        }
        if (blocks == blockAddress.length) {
            blockFirst = Arrays.copyOf(blockFirst, 2 * blocks + 1);
            blockAddress = Arrays.copyOf(blockAddress, 2 * blocks);
        }
        System.arraycopy(source.bytes, source.position + 16, sizes, start, instructions);
        blockAddress[blocks] = word(source, 1);
        blockFirst[++blocks] = start + instructions;
    }

    private void call(ByteSource source, Vcpu vcpu, int words) {
        long pathBytes = words < CALL_WORDS ? -1 : word(source, 7);
        if (pathBytes < 0 || words != CALL_WORDS + (pathBytes + 7) / 8) {
            throw new BadInput(
                    name + ": byte " + source.offset(),
                    "a call of " + words + " words",
                    "a call's number, arguments and path");
        }
        announce(vcpu);
        finishBlock(vcpu);
        String path = pathBytes == 0
                ? null
                : new String(source.bytes, source.position + 8 * CALL_WORDS, (int) pathBytes, StandardCharsets.UTF_8);
        int number = (int) word(source, 0);
        long a0 = word(source, 1);
        vcpu.call = new SyscallEvent(
                number,
                a0,
                word(source, 2),
                word(source, 3),
                word(source, 4),
                word(source, 5),
                word(source, 6),
                0,
                path);
        if (number == EXIT) {
            syscalls++;
            vcpu.call = null;
            sink.exitThread(vcpu.thread, (int) a0);
            vcpu.block = -1;
            vcpu.end = 0;
            if (--alive == 0) {
                endProcess((int) a0 & 0xff);
            }
        } else if (number == EXIT_GROUP) {
            syscalls++;
            endProcess((int) a0 & 0xff);
        }
    }

    private void result(ByteSource source, Vcpu vcpu, int words) {
        SyscallEvent call = vcpu.call;
        if (words < 3 || call == null || call.number() != (int) word(source, 0)) {
            throw new BadInput(name + ": byte " + source.offset(), "a result", "the result of a call that was begun");
        }
        long result = word(source, 1);
        vcpu.call = null;
        if (result == QEMU_RESTART) {
            return;
        }
        announce(vcpu);
        boolean isSignalReturn = call.number() == RT_SIGRETURN && result == QEMU_SIGNAL_RETURN;
        emit(call, isSignalReturn ? 0 : result);
        long born = word(source, 2) - 1;
        if (born < -1 || born >= MOST_VCPUS) {
            throw new BadInput(name + ": byte " + source.offset(), "vCPU " + born, "one below " + MOST_VCPUS);
        }
        if (born >= 0 && result > 0) {
            Vcpu child = vcpu((int) born);
            child.thread = threads++;
            child.block = -1;
            child.next = 0;
            child.end = 0;
            alive++;
        }
    }

    private void emit(SyscallEvent call, long result) {
        syscalls++;
        sink.syscall(new SyscallEvent(
                call.number(), call.a0(), call.a1(), call.a2(), call.a3(), call.a4(), call.a5(), result, call.path()));
    }

    /** The stream ends inside an execve: another program has taken the process over. */
    private boolean replaced() {
        for (Vcpu vcpu : vcpus) {
            SyscallEvent call = vcpu == null ? null : vcpu.call;
            if (call != null && (call.number() == EXECVE || call.number() == EXECVEAT)) {
                announce(vcpu);
                emit(call, 0);
                endProcess(0);
                return true;
            }
        }
        return false;
    }

    private void announce(Vcpu vcpu) {
        if (vcpu.thread < 0) {
            throw new BadInput(name, "records of an unknown thread", "a clone that made it");
        }
        if (vcpu.thread != announcedThread) {
            announcedThread = vcpu.thread;
            sink.switchThread(announcedThread);
        }
    }

    private void endProcess(int status) {
        if (!hasEnded) {
            hasEnded = true;
            sink.exitProcess(status);
        }
    }

    private Vcpu vcpu(int index) {
        if (index >= vcpus.length) {
            vcpus = Arrays.copyOf(vcpus, Math.max(index + 1, 2 * vcpus.length));
        }
        Vcpu vcpu = vcpus[index];
        if (vcpu == null) {
            vcpu = new Vcpu();
            vcpus[index] = vcpu;
        }
        return vcpu;
    }

    private BadInput truncated(ByteSource source) {
        return new BadInput(
                name + ": byte " + source.offset(),
                "the end of the stream",
                "the rest of a stream that ends with the program's exit");
    }

    private static long word(ByteSource source, int index) {
        return (long) LONGS.get(source.bytes, source.position + 8 * index);
    }
}
