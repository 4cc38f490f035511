package io.pagewalk.oracle.conformance;

import static io.pagewalk.oracle.conformance.Linux.*;
import static io.pagewalk.oracle.conformance.Ltp.*;

import java.util.ArrayList;
import java.util.List;

/** What the programs under {@code testcases/kernel/syscalls/cma} of the Linux Test Project assert. */
final class LtpRemoteCases {
    private static final String READ = "process_vm_readv";
    private static final String WRITE = "process_vm_writev";
    private static final int NO_PROCESS = 0x3ffffe;

    private LtpRemoteCases() {}

    static List<ConformanceCase> cases() {
        CaseTable t = new CaseTable("LTP cma");
        for (String call : new String[] {READ, WRITE}) {
            arguments(t, call);
            places(t, call);
            processes(t, call);
        }
        contents(t);
        vectors(t);
        return t.cases();
    }

    private static long pid(Subject s) {
        return s.call("getpid");
    }

    private static void arguments(CaseTable t, String call) {
        t.add("process_vm01", call + " copies a page within a process", s -> {
            long vector = s.words(s.map(PAGE, RW), PAGE);
            long other = s.words(s.map(PAGE, RW), PAGE);
            s.gives(PAGE, call, pid(s), vector, 1, other, 1, 0);
        });
        t.add("process_vm01", call + " refuses flags", s -> {
            long vector = s.words(s.map(PAGE, RW), PAGE);
            for (int flags : new int[] {-Integer.MAX_VALUE, -1, 1, Integer.MAX_VALUE}) {
                s.fails(EINVAL, call, pid(s), vector, 1, vector, 1, flags);
            }
        });
        t.add("process_vm01", call + " refuses a length that is negative", s -> {
            long vector = s.words(s.map(PAGE, RW), -1);
            s.fails(EINVAL, call, pid(s), vector, 1, vector, 1, 0);
        });
    }

    private static void places(CaseTable t, String call) {
        t.add("process_vm01", call + " gives EFAULT for bad addresses in the vectors", s -> {
            long good = s.words(s.map(PAGE, RW), PAGE);
            long bad = s.words(-1, PAGE);
            s.fails(EFAULT, call, pid(s), bad, 1, good, 1, 0);
            s.fails(EFAULT, call, pid(s), good, 1, bad, 1, 0);
        });
        t.add("process_vm01", call + " gives EFAULT for vectors at bad addresses", s -> {
            long good = s.words(s.map(PAGE, RW), PAGE);
            s.fails(EFAULT, call, pid(s), -1, 1, good, 1, 0);
            s.fails(EFAULT, call, pid(s), good, 1, -1, 1, 0);
        });
        t.add("process_vm01", call + " gives EFAULT for memory without access", s -> {
            long good = s.words(s.map(PAGE, RW), PAGE);
            long closed = s.words(s.map(PAGE, PROT_NONE), PAGE);
            s.fails(EFAULT, call, pid(s), closed, 1, good, 1, 0);
            s.fails(EFAULT, call, pid(s), good, 1, closed, 1, 0);
        });
    }

    private static void processes(CaseTable t, String call) {
        t.add("process_vm01", call + " gives ESRCH for a process that is not there", s -> {
            long vector = s.words(s.map(PAGE, RW), PAGE);
            s.fails(ESRCH, call, -1, vector, 1, vector, 1, 0);
            s.fails(ESRCH, call, NO_PROCESS, vector, 1, vector, 1, 0);
        });
        t.add("process_vm01", call + " gives EPERM to another user", s -> {
            long vector = s.words(s.map(PAGE, RW), PAGE);
            long parent = pid(s);
            Subject child = s.fork();
            becomeNobodyForGood(child);
            child.fails(EPERM, call, parent, vector, 1, vector, 1, 0);
            child.exit();
        });
    }

    private static void contents(CaseTable t) {
        t.add("process_vm_readv02", "a child reads a text from its sibling", s -> {
            s.space(8);
            Subject owner = s.fork();
            long text = owner.map(PAGE, RW);
            owner.store(text, 0x74736574);
            Subject reader = s.fork();
            long place = reader.space(8);
            reader.gives(4, READ, pid(owner), reader.words(place, 4), 1, reader.words(text, 4), 1, 0);
            reader.holds(0x74736574, place);
            reader.exit();
            owner.exit();
        });
        t.add("process_vm_writev02", "a child writes 100000 bytes to its sibling", s -> {
            long bytes = 100000;
            s.space(8);
            Subject owner = s.fork();
            long to = owner.map(bytes, RW);
            owner.storeInPages(to, bytes, 'a');
            Subject writer = s.fork();
            long from = writer.map(bytes, RW);
            writer.fill(from, bytes, 'w');
            writer.gives(bytes, WRITE, pid(owner), writer.words(from, bytes), 1, writer.words(to, bytes), 1, 0);
            owner.isFilled(to, bytes, 'w');
            writer.exit();
            owner.exit();
        });
    }

    private static void vectors(CaseTable t) {
        for (int bytes : new int[] {1024, 131072}) {
            for (int remote = 1024; remote >= 8; remote /= 2) {
                int from = remote;
                int to = 8192 / remote;
                t.add("process_vm_readv03", bytes + " bytes go from " + from + " pieces to " + to, s -> {
                    s.space(8);
                    Subject owner = s.fork();
                    List<Integer> sizes = split(bytes, from, 1);
                    long source = owner.map(2L * bytes + 16 * 1024, RW);
                    long remoteVector = pieces(owner, source, sizes);
                    owner.poke(source, laidOut(sizes));
                    Subject reader = s.fork();
                    List<Integer> places = split(bytes, to, 7);
                    long target = reader.map(2L * bytes + 16 * 1024, RW);
                    long localVector = pieces(reader, target, places);
                    pieces(reader, source, sizes, remoteVector);
                    reader.gives(bytes, READ, pid(owner), localVector, to, remoteVector, from, 0);
                    byte[] expected = laidOut(places);
                    byte[] got = reader.peek(target, expected.length);
                    for (int i = 0; i < got.length; i++) {
                        reader.equal(expected[i], got[i], "byte " + i);
                    }
                    reader.exit();
                    owner.exit();
                });
            }
        }
    }

    /** Splits bytes into pieces of all sizes, some of them empty. */
    private static List<Integer> split(int bytes, int pieces, int seed) {
        List<Integer> sizes = new ArrayList<>();
        int left = bytes;
        long state = seed;
        for (int i = 0; i < pieces - 1; i++) {
            state = state * 6364136223846793005L + 1442695040888963407L;
            int size = (int) ((state >>> 33) % (left / 2 + 1));
            sizes.add(size);
            left -= size;
        }
        sizes.add(left);
        return sizes;
    }

    /** The distance of a piece to the next: a byte stays free behind each. */
    private static int gap(int size) {
        return size + 1;
    }

    private static long pieces(Subject who, long first, List<Integer> sizes) {
        return pieces(who, first, sizes, who.space(16L * sizes.size()));
    }

    private static long pieces(Subject who, long first, List<Integer> sizes, long vector) {
        long at = first;
        for (int i = 0; i < sizes.size(); i++) {
            who.store(vector + 16L * i, at);
            who.store(vector + 16L * i + 8, sizes.get(i));
            at += gap(sizes.get(i));
        }
        return vector;
    }

    /** The counted bytes as pieces of these sizes hold them. */
    private static byte[] laidOut(List<Integer> sizes) {
        int length = 0;
        for (int size : sizes) {
            length += gap(size);
        }
        byte[] bytes = new byte[length];
        int at = 0;
        int count = 0;
        for (int size : sizes) {
            for (int i = 0; i < size; i++) {
                bytes[at + i] = (byte) count++;
            }
            at += gap(size);
        }
        return bytes;
    }
}
