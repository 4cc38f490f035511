package io.pagewalk.oracle.conformance;

import static io.pagewalk.oracle.conformance.Linux.*;
import static io.pagewalk.oracle.conformance.Ltp.*;

import io.pagewalk.oracle.machine.ProcText;
import java.util.ArrayList;
import java.util.List;

/**
 * What the programs under {@code testcases/kernel/syscalls/{mbind,get_mempolicy,move_pages,migrate_pages}} and {@code testcases/kernel/mem/vma} of the Linux Test Project
 * assert that can be asserted with one node.
 */
final class LtpNodeCases {
    private static final int BITS = 64;
    private static final long LENGTH = 4 * MIB;
    private static final long NODE = 1;
    private static final int[] ANY_PREFERENCE = {MPOL_PREFERRED, MPOL_LOCAL};

    private LtpNodeCases() {}

    static List<ConformanceCase> cases() {
        List<ConformanceCase> cases = new ArrayList<>();
        CaseTable bind = new CaseTable("LTP mbind");
        bound(bind);
        notBound(bind);
        cases.addAll(bind.cases());
        CaseTable get = new CaseTable("LTP get_mempolicy");
        getMempolicy(get);
        cases.addAll(get.cases());
        CaseTable vma = new CaseTable("LTP mem/vma");
        vma(vma);
        cases.addAll(vma.cases());
        CaseTable move = new CaseTable("LTP move_pages");
        movePages(move);
        notMoved(move);
        cases.addAll(move.cases());
        CaseTable migrate = new CaseTable("LTP migrate_pages");
        migratePages(migrate);
        cases.addAll(migrate.cases());
        return cases;
    }

    private static long nodes(Subject s, boolean areThere) {
        return areThere ? s.words(NODE) : 0;
    }

    private static void policyIs(Subject s, long addr, int[] modes, long nodes) {
        long mode = s.words(-1);
        long mask = s.space(8);
        s.gives(0, "get_mempolicy", mode, mask, BITS, addr, addr == 0 ? 0 : MPOL_F_ADDR);
        boolean isAny = false;
        for (int each : modes) {
            isAny |= s.load32(mode) == each;
        }
        s.isTrue(isAny, "the mode is " + s.load32(mode));
        s.holds(nodes, mask);
    }

    private static void bound(CaseTable t) {
        binds(t, "the default policy", MPOL_DEFAULT, false, new int[] {MPOL_DEFAULT});
        binds(t, "binding to the node", MPOL_BIND, true, new int[] {MPOL_BIND});
        binds(t, "interleaving over the node", MPOL_INTERLEAVE, true, new int[] {MPOL_INTERLEAVE});
        binds(t, "preferring no node", MPOL_PREFERRED, false, ANY_PREFERENCE);
        binds(t, "preferring the node", MPOL_PREFERRED, true, new int[] {MPOL_PREFERRED});
        binds(t, "the local node", MPOL_LOCAL, false, new int[] {MPOL_LOCAL});
    }

    private static void binds(CaseTable t, String what, int mode, boolean hasNodes, int[] then) {
        t.add("mbind01", what + " is taken and read back", s -> {
            long addr = s.map(LENGTH, RW);
            s.gives(0, "mbind", addr, LENGTH, mode, nodes(s, hasNodes), hasNodes ? BITS : 0, 0);
            policyIs(s, addr, then, hasNodes ? NODE : 0);
        });
    }

    private static void notBound(CaseTable t) {
        t.add("mbind01", "the default policy and the local node take no nodes", s -> {
            long addr = s.map(LENGTH, RW);
            s.fails(EINVAL, "mbind", addr, LENGTH, MPOL_DEFAULT, s.words(NODE), BITS, 0);
            s.fails(EINVAL, "mbind", addr, LENGTH, MPOL_LOCAL, s.words(NODE), BITS, 0);
        });
        t.add("mbind01", "binding and interleaving need nodes", s -> {
            long addr = s.map(LENGTH, RW);
            s.fails(EINVAL, "mbind", addr, LENGTH, MPOL_BIND, 0, 0, 0);
            s.fails(EINVAL, "mbind", addr, LENGTH, MPOL_INTERLEAVE, 0, 0, 0);
        });
        t.add("mbind01", "an unknown policy and unknown flags are refused", s -> {
            long addr = s.map(LENGTH, RW);
            s.fails(EINVAL, "mbind", addr, LENGTH, -1, 0, 0, 0);
            s.fails(EINVAL, "mbind", addr, LENGTH, MPOL_DEFAULT, 0, 0, -1);
        });
        t.add("mbind01", "nodes at a bad address give EFAULT", s -> {
            s.fails(EFAULT, "mbind", s.map(LENGTH, RW), LENGTH, MPOL_PREFERRED, s.hole(PAGE), BITS, 0);
        });
    }

    private static void getMempolicy(CaseTable t) {
        t.add("get_mempolicy01", "the policy of the process is read back with its nodes", s -> {
            s.gives(0, "set_mempolicy", MPOL_DEFAULT, 0, 0);
            policyIs(s, 0, new int[] {MPOL_DEFAULT}, 0);
            for (int mode : new int[] {MPOL_BIND, MPOL_INTERLEAVE, MPOL_PREFERRED}) {
                s.gives(0, "set_mempolicy", mode, s.words(NODE), BITS);
                policyIs(s, 0, new int[] {mode}, NODE);
            }
            s.gives(0, "set_mempolicy", MPOL_PREFERRED, 0, 0);
            policyIs(s, 0, ANY_PREFERENCE, 0);
        });
        t.add("get_mempolicy01", "the policy of an address is that of mbind, whatever the process has", s -> {
            for (int mode : new int[] {MPOL_DEFAULT, MPOL_BIND, MPOL_INTERLEAVE, MPOL_PREFERRED}) {
                boolean hasNodes = mode != MPOL_DEFAULT;
                long addr = s.map(LENGTH, RW);
                s.gives(0, "mbind", addr, LENGTH, mode, nodes(s, hasNodes), hasNodes ? BITS : 0, 0);
                s.gives(0, "set_mempolicy", mode, nodes(s, hasNodes), hasNodes ? BITS : 0);
                policyIs(s, addr, new int[] {mode}, hasNodes ? NODE : 0);
            }
            long addr = s.map(LENGTH, RW);
            s.gives(0, "mbind", addr, LENGTH, MPOL_PREFERRED, 0, 0, 0);
            policyIs(s, addr, ANY_PREFERENCE, 0);
        });
        t.add("get_mempolicy02", "an address at which nothing is mapped gives EFAULT", s -> {
            s.fails(EFAULT, "get_mempolicy", s.space(8), s.space(8), BITS, 0, MPOL_F_ADDR);
        });
        t.add("get_mempolicy02", "unknown flags are refused", s -> {
            s.fails(EINVAL, "get_mempolicy", s.space(8), s.space(8), BITS, 0, -1);
        });
    }

    private static void vma(CaseTable t) {
        t.add("vma02", "three pages, of which one was bound, are one mapping again without policy", s -> {
            long addr = s.map(3 * PAGE, PROT_WRITE);
            s.storeInPages(addr, 3 * PAGE, 0);
            s.gives(0, "mbind", addr + PAGE, PAGE, MPOL_BIND, s.words(NODE), BITS, MPOL_MF_MOVE_ALL);
            s.gives(0, "mbind", addr, 3 * PAGE, MPOL_DEFAULT, 0, 0, 0);
            s.isOneMapping(addr, 3 * PAGE);
        });
        int[] bind = {0, 4, MPOL_BIND};
        merges(t, "2,4", bind, new int[] {2, 2, MPOL_DEFAULT});
        merges(t, "4,2", new int[] {0, 2, MPOL_BIND}, new int[] {2, 2, MPOL_BIND});
        merges(t, "6", new int[] {0, 2, MPOL_BIND}, new int[] {4, 2, MPOL_BIND}, new int[] {2, 2, MPOL_BIND});
        int[] first = {0, 2, MPOL_BIND};
        int[] last = {4, 2, MPOL_INTERLEAVE};
        merges(t, "4,2", first, last, new int[] {2, 2, MPOL_BIND});
        merges(t, "2,4", first, last, new int[] {2, 2, MPOL_INTERLEAVE});
    }

    /** Gives parts of six pages policies, each part as first page, pages and mode. */
    private static void merges(CaseTable t, String lengths, int[]... parts) {
        String says = parts.length + " policies of parts of six pages leave mappings of pages " + lengths;
        t.add("vma04", says, s -> {
            long fence = s.map(8 * PAGE, PROT_NONE);
            long addr = fence + PAGE;
            s.gives(addr, "mmap", addr, 6 * PAGE, RW, PRIVATE_ANON | MAP_FIXED, -1, 0);
            s.storeInPages(addr, 6 * PAGE, 0);
            for (int[] part : parts) {
                boolean hasNodes = part[2] != MPOL_DEFAULT;
                long at = addr + part[0] * PAGE;
                s.gives(0, "mbind", at, part[1] * PAGE, part[2], nodes(s, hasNodes), hasNodes ? BITS : 0, 0);
            }
            List<String> found = new ArrayList<>();
            for (ProcText.MapsLine line : ProcText.parseMaps(s.proc("maps"))) {
                if (line.start() >= addr && line.start() < addr + 6 * PAGE) {
                    found.add(Long.toString((line.end() - line.start()) / PAGE));
                }
            }
            s.isTrue(String.join(",", found).equals(lengths), "the mappings are of pages " + String.join(",", found));
        });
    }

    /** Puts the number of a node for each page, of 32 bits each, into memory and returns its address. */
    private static long arguments(Subject s, int node, int pages) {
        long nodes = s.space(4L * pages);
        for (int i = 0; i < pages; i++) {
            s.poke(nodes + 4L * i, new byte[] {(byte) node, 0, 0, 0});
        }
        return nodes;
    }

    private static void movePages(CaseTable t) {
        t.add("move_pages04", "of pages not there, zero and not mapped the state is ENOENT, EFAULT, EFAULT", s -> {
            long addr = s.map(4 * PAGE, RW);
            s.store(addr, 1);
            s.load(addr + 2 * PAGE);
            s.unmap(addr + 3 * PAGE, PAGE);
            long pages = s.words(addr, addr + PAGE, addr + 2 * PAGE, addr + 3 * PAGE);
            long states = s.words(-1, -1);
            s.gives(0, "move_pages", 0, 4, pages, arguments(s, 0, 4), states, MPOL_MF_MOVE);
            s.equal(-ENOENT, s.load32(states + 4), "the state of the page not there");
            s.equal(-EFAULT, s.load32(states + 8), "the state of the zero page");
            s.equal(-EFAULT, s.load32(states + 12), "the state of the page not mapped");
        });
        t.add("move_pages09", "pages stay on the node on which they are", s -> {
            long addr = s.mapWritten(2 * PAGE);
            long states = s.words(-1);
            s.gives(0, "move_pages", 0, 2, s.words(addr, addr + PAGE), arguments(s, 0, 2), states, MPOL_MF_MOVE);
            s.equal(0, s.load32(states), "the state of the first page");
            s.equal(0, s.load32(states + 4), "the state of the second page");
        });
    }

    private static void notMoved(CaseTable t) {
        t.add("move_pages06", "a node that is not there gives ENODEV", s -> {
            long addr = s.mapWritten(2 * PAGE);
            long pages = s.words(addr, addr + PAGE);
            s.fails(ENODEV, "move_pages", 0, 2, pages, arguments(s, 1, 2), s.space(8), MPOL_MF_MOVE);
        });
        t.add("move_pages07", "a process that is not there gives ESRCH", s -> {
            long addr = s.mapWritten(2 * PAGE);
            long pages = s.words(addr, addr + PAGE);
            s.fails(ESRCH, "move_pages", 0x3ffffe, 2, pages, arguments(s, 0, 2), s.space(8), MPOL_MF_MOVE);
        });
        t.add("move_pages10", "the flag of mbind that demands nodes is refused", s -> {
            long addr = s.mapWritten(2 * PAGE);
            long pages = s.words(addr, addr + PAGE);
            s.fails(EINVAL, "move_pages", 0, 2, pages, arguments(s, 0, 2), s.space(8), MPOL_MF_STRICT);
        });
        t.add("move_pages11", "a user who is not root may not move pages of others", s -> {
            long addr = mapShared(s, 2 * PAGE, RW);
            s.storeInPages(addr, 2 * PAGE, 0xaa);
            long pages = s.words(addr, addr + PAGE);
            long nodes = arguments(s, 0, 2);
            becomeNobody(s);
            s.fails(EPERM, "move_pages", 0, 2, pages, nodes, s.space(8), MPOL_MF_MOVE_ALL);
        });
    }

    private static void migratePages(CaseTable t) {
        t.add("migrate_pages01", "from the node to itself nothing is left behind", s -> {
            s.gives(0, "migrate_pages", 0, BITS, s.words(NODE), s.words(NODE));
        });
        t.add("migrate_pages01", "a process that is not there gives ESRCH", s -> {
            s.fails(ESRCH, "migrate_pages", -1, BITS, s.words(NODE), s.words(NODE));
            s.fails(ESRCH, "migrate_pages", 0x3ffffe, BITS, s.words(NODE), s.words(NODE));
        });
        t.add("migrate_pages01", "masks of too many bits are refused", s -> {
            s.fails(EINVAL, "migrate_pages", 0, -1, s.words(NODE), s.words(NODE));
        });
        t.add("migrate_pages01", "masks at bad addresses give EFAULT", s -> {
            s.fails(EFAULT, "migrate_pages", 0, BITS, -1, -1);
            long addr = s.map(PAGE, PROT_NONE);
            s.fails(EFAULT, "migrate_pages", 0, BITS, addr, addr);
            s.unmap(addr, PAGE);
            s.fails(EFAULT, "migrate_pages", 0, BITS, addr, addr);
        });
        t.add("migrate_pages01", "a node that is not there is refused", s -> {
            s.fails(EINVAL, "migrate_pages", 0, BITS, s.words(NODE), s.words(NODE << 1));
        });
        t.add("migrate_pages01", "a user who is not root may not migrate root's process", s -> {
            long pid = s.call("getpid");
            long from = s.words(NODE);
            Subject child = s.fork();
            becomeNobodyForGood(child);
            child.fails(EPERM, "migrate_pages", pid, BITS, from, from);
            child.exit();
        });
    }
}
