package io.pagewalk.oracle.conformance;

import static io.pagewalk.oracle.conformance.Linux.*;
import static io.pagewalk.oracle.conformance.Ltp.*;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** What programs under {@code testcases/kernel/mem/{mmapstress,vma,page}} and {@code testcases/kernel/syscalls/fork} of the Linux Test Project assert. */
final class LtpMemCases {
    /** Small enough to be had one by one, also where memory is short. */
    private static final long PIECE = 512 * MIB;

    private static final int PIECES = 32 * 1024 + 20;
    private static final int CHILDREN = 10;

    private LtpMemCases() {}

    static List<ConformanceCase> cases() {
        List<ConformanceCase> cases = new ArrayList<>();
        CaseTable stress = new CaseTable("LTP mem/mmapstress");
        heaps(stress);
        heapWithHoles(stress);
        files(stress);
        filesWithHoles(stress);
        cases.addAll(stress.cases());
        CaseTable page = new CaseTable("LTP mem/page");
        page(page);
        cases.addAll(page.cases());
        CaseTable vma = new CaseTable("LTP mem/vma");
        vma(vma);
        cases.addAll(vma.cases());
        CaseTable fork = new CaseTable("LTP fork");
        fork(fork);
        cases.addAll(fork.cases());
        return cases;
    }

    /** Moves the end of the heap to the next page and returns it. */
    private static long alignedBrk(Subject s) {
        long end = (s.call("brk", 0) + PAGE) & -PAGE;
        s.gives(end, "brk", end);
        return end;
    }

    private static void heaps(CaseTable t) {
        t.add("mmapstress02", "a page without access behind the heap is neither read into nor written from", s -> {
            long end = alignedBrk(s) + PAGE;
            s.gives(end, "brk", end);
            int fd = s.open(s.newFile(new byte[0]), O_RDWR);
            s.fill(end - PAGE, PAGE, 'a');
            s.gives(PAGE, "write", fd, end - PAGE, PAGE);
            s.gives(end, "mmap", end, PAGE, PROT_NONE, MAP_FIXED | MAP_PRIVATE, fd, 0);
            seek(s, fd, 0);
            s.fails(EFAULT, "read", fd, end, PAGE);
            s.fails(EFAULT, "write", fd, end, PAGE);
            s.unmap(end, PAGE);
        });
        t.add("mmapstress05", "three pages behind the heap show three distant pages of a file", s -> {
            long buffer = alignedBrk(s);
            long end = buffer + PAGE;
            s.gives(end, "brk", end);
            int fd = s.open(s.newFile(new byte[0]), O_RDWR);
            for (int i = 0; i < 3; i++) {
                s.fill(buffer, PAGE, 'a' + i);
                seek(s, fd, i * 1024L * PAGE);
                s.gives(PAGE, "write", fd, buffer, PAGE);
            }
            int[] pageOf = {2, 1, 0};
            for (int i : new int[] {1, 0, 2}) {
                long at = end + i * PAGE;
                long offset = pageOf[i] * 1024L * PAGE;
                s.gives(at, "mmap", at, PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, offset);
            }
            for (int i = 0; i < 3; i++) {
                s.isFilled(end + i * PAGE, PAGE, 'a' + pageOf[i]);
            }
            for (int i : new int[] {1, 0, 2}) {
                s.unmap(end + i * PAGE, PAGE);
            }
        });
        t.add("mmapstress08", "256 mappings at distances of 4 MiB behind the heap go with one munmap", s -> {
            long end = alignedBrk(s);
            long at = end;
            for (int i = 0; i < 256; i++) {
                s.ok("mmap", at, PAGE, RW, PRIVATE_ANON, -1, 0);
                at += 1024 * PAGE;
            }
            s.unmap(end, at - end);
            s.equal(0, s.mappingsIn(end, at - end), "the mappings that are left");
        });
    }

    private static void heapWithHoles(CaseTable t) {
        t.add("mmapstress03", "a heap that is mapped over and full of holes still grows and shrinks", s -> {
            long pages = 100;
            long start = alignedBrk(s);
            long end = start + pages * PAGE;
            s.gives(end, "brk", end);
            overlapped(s, end);
            for (long at = start; at + PAGE < end; at += 2 * PAGE) {
                s.unmap(at, PAGE);
            }
            s.gives(end, "brk", 0);
            overlapped(s, end);
            end -= pages / 2 * PAGE;
            s.gives(end, "brk", end);
            for (long at = start + PAGE; at + PAGE < end; at += 2 * PAGE) {
                s.unmap(at, PAGE);
            }
            s.gives(start, "brk", start);
            s.gives(start + PAGE, "brk", start + PAGE);
            s.gives(start, "brk", start);
        });
        t.add("mmapstress03", "a mapping of half of all addresses is refused", s -> {
            long addr = Long.MIN_VALUE - PAGE;
            s.fails(ENOMEM, "mmap", addr, Long.MIN_VALUE - PAGE, RW, SHARED_ANON | MAP_FIXED, -1, 0);
        });
    }

    /** Maps over the last pages of the heap, and moves its end to and fro over them. */
    private static void overlapped(Subject s, long end) {
        for (long at : new long[] {end - 3 * PAGE, end - 2 * PAGE}) {
            s.gives(at, "mmap", at, 2 * PAGE, RW, PRIVATE_ANON | MAP_FIXED, -1, 0);
        }
        for (long to : new long[] {end + PAGE, end, end - PAGE, end - 2 * PAGE, end}) {
            s.gives(to, "brk", to);
        }
    }

    private static void files(CaseTable t) {
        t.add("mmapstress04", "pages mapped before the file reached them show what was then written", s -> {
            String path = s.newFile("b".repeat((int) PAGE).getBytes(StandardCharsets.US_ASCII));
            int reader = s.open(path, O_RDONLY);
            long area = s.map(192 * PAGE, PROT_NONE);
            int mapped = 0;
            for (int i = 0; i < 64; i++) {
                for (int j = 0; j < 6; j++) {
                    if ((i & 1 << j) != 0) {
                        long at = area + mapped++ * PAGE;
                        long offset = (6 * i + j) * PAGE;
                        s.gives(at, "mmap", at, PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, reader, offset);
                    }
                }
            }
            int writer = s.open(path, O_RDWR);
            long buffer = s.space(PAGE);
            s.fill(buffer, PAGE, 'a');
            long word = s.load(buffer);
            for (int i = 0; i < 6 * 64; i++) {
                s.gives(PAGE, "write", writer, buffer, PAGE);
            }
            s.pagesHold(word, area, mapped * PAGE);
            s.isFilled(area, PAGE, 'a');
        });
    }

    private static void filesWithHoles(CaseTable t) {
        t.add("mmapstress07", "a file with a hole that is filled, and that grows while it is mapped", s -> {
            String path = s.newFile(new byte[0]);
            int reader = s.open(path, O_RDONLY);
            int writer = s.open(path, O_RDWR);
            long from = 2 * PAGE;
            long buffer = s.space(2 * PAGE);
            seek(s, writer, from);
            put(s, writer, buffer, 'a', PAGE);
            seek(s, writer, from + 2 * PAGE);
            put(s, writer, buffer, 'b', PAGE / 2);
            long addr = s.ok("mmap", 0, 3 * PAGE, PROT_READ, MAP_SHARED, reader, from);
            put(s, writer, buffer, 'c', PAGE + PAGE / 2);
            s.isFilled(addr + PAGE, PAGE, 0);
            seek(s, writer, from + PAGE);
            put(s, writer, buffer, 'e', PAGE);
            s.gives(0, "fsync", writer);
            s.isFilled(addr + PAGE, PAGE, 'e');
            s.unmap(addr, 3 * PAGE);
            seek(s, reader, from);
            long text = s.map(4 * PAGE, RW);
            s.gives(4 * PAGE, "read", reader, text, 4 * PAGE);
            s.isFilled(text, PAGE, 'a');
            s.isFilled(text + PAGE, PAGE, 'e');
            s.isFilled(text + 2 * PAGE, PAGE / 2, 'b');
            s.isFilled(text + 2 * PAGE + PAGE / 2, PAGE + PAGE / 2, 'c');
        });
    }

    private static void put(Subject s, int fd, long buffer, char value, long bytes) {
        s.fill(buffer, bytes, value);
        s.gives(bytes, "write", fd, buffer, bytes);
    }

    private static void page(CaseTable t) {
        t.add("page01", "ten children fill 256 KiB each, and each finds its own", s -> {
            List<Integer> order = new ArrayList<>();
            for (int i = 0; i < 64; i++) {
                order.add(i);
            }
            filledByChildren(s, order);
        });
        t.add("page02", "the same from the middle outwards", s -> {
            List<Integer> order = new ArrayList<>();
            for (int i = 0; i < 32; i++) {
                Collections.addAll(order, 32 + i, 31 - i);
            }
            filledByChildren(s, order);
        });
    }

    private static void filledByChildren(Subject s, List<Integer> order) {
        List<Subject> children = new ArrayList<>();
        List<Long> addresses = new ArrayList<>();
        for (int child = 0; child < CHILDREN; child++) {
            children.add(s.fork());
            addresses.add(children.get(child).map(order.size() * PAGE, RW));
            for (int page : order) {
                children.get(child).store(addresses.get(child) + page * PAGE, child << 16 | page);
            }
        }
        for (int child = 0; child < CHILDREN; child++) {
            for (int page : order) {
                children.get(child).holds(child << 16 | page, addresses.get(child) + page * PAGE);
            }
            children.get(child).exit();
        }
    }

    private static void vma(CaseTable t) {
        t.add("vma01", "memory that a child maps next to memory of its parent stays a mapping of its own", s -> {
            long hole = s.map(9 * PAGE, PROT_WRITE);
            s.store(hole, 'a');
            s.unmap(hole, 9 * PAGE);
            long addr = s.ok("mmap", hole + 3 * PAGE, 3 * PAGE, PROT_WRITE, PRIVATE_ANON, -1, 0);
            s.store(addr, 1);
            Subject child = s.fork();
            child.store(addr, 2);
            long next = child.ok("mmap", addr + 3 * PAGE, 3 * PAGE, PROT_WRITE, PRIVATE_ANON, -1, 0);
            child.store(next, 2);
            child.isOneMapping(addr, 3 * PAGE);
            child.isOneMapping(next, 3 * PAGE);
            child.exit();
        });
    }

    private static void fork(CaseTable t) {
        t.add("fork14", "a mapping of more than 16 TiB, more than there is memory, is not copied", s -> {
            List<long[]> maps = new ArrayList<>();
            for (int i = 0; i < PIECES; i++) {
                maps.add(new long[] {0, PIECE, RW, PRIVATE_ANON, -1, 0});
            }
            for (long addr : s.callAll("mmap", maps)) {
                s.isTrue(addr > 0, "a piece cannot be mapped");
            }
            s.equal(-ENOMEM, s.forkFails(), "the result of fork");
        });
    }
}
