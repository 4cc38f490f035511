package io.pagewalk.oracle.conformance;

import static io.pagewalk.oracle.conformance.Linux.*;

import java.util.List;

/** What gVisor's {@code test/syscalls/linux/mempolicy.cc} asserts. */
final class GvisorMempolicyCases {
    private static final int BITS = 64;

    private GvisorMempolicyCases() {}

    static List<ConformanceCase> cases() {
        CaseTable t = new CaseTable("gVisor mempolicy.cc");
        setting(t);
        querying(t);
        return t.cases();
    }

    private static void policyIs(Subject s, int mode, long nodes) {
        long where = s.space(8);
        long mask = s.space(8);
        s.gives(0, "get_mempolicy", where, mask, BITS, 0, 0);
        s.equal(mode, s.load32(where), "the mode");
        s.holds(nodes, mask);
    }

    private static void setting(CaseTable t) {
        t.add("MempolicyTest.CheckDefaultPolicy", "a process begins with the default policy and no nodes", s -> {
            policyIs(s, MPOL_DEFAULT, 0);
        });
        t.add("MempolicyTest.PolicyPreservedAfterSetMempolicy", "what was set is read back: bind", s -> {
            s.gives(0, "set_mempolicy", MPOL_BIND, s.words(1), BITS);
            policyIs(s, MPOL_BIND, 1);
        });
        for (int flag : new int[] {MPOL_F_STATIC_NODES, MPOL_F_RELATIVE_NODES}) {
            String how = flag == MPOL_F_STATIC_NODES ? "static nodes" : "relative nodes";
            t.add("MempolicyTest.PolicyPreservedAfterSetMempolicy", "what was set is read back: " + how, s -> {
                s.gives(0, "set_mempolicy", MPOL_INTERLEAVE | flag, s.words(1), BITS);
                policyIs(s, MPOL_INTERLEAVE | flag, 1);
            });
        }
        t.add("MempolicyTest.SetMempolicyRejectsInvalidInputs", "an unknown mode is refused", s -> {
            s.fails(EINVAL, "set_mempolicy", 7439, s.words(1), BITS);
        });
        t.add("MempolicyTest.SetMempolicyRejectsInvalidInputs", "a mask of no bits is refused", s -> {
            s.fails(EINVAL, "set_mempolicy", MPOL_DEFAULT, s.words(1), 0);
        });
        t.add("MempolicyTest.SetMempolicyRejectsInvalidInputs", "static with relative nodes is refused", s -> {
            int mode = MPOL_DEFAULT | MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES;
            s.fails(EINVAL, "set_mempolicy", mode, s.words(1), BITS);
        });
        t.add("MempolicyTest.SetMempolicyRejectsInvalidInputs", "interleaving over no nodes is refused", s -> {
            s.fails(EINVAL, "set_mempolicy", MPOL_INTERLEAVE, s.words(0), BITS);
        });
        t.add("MempolicyTest.EmptyNodemaskOnSet", "no mask suits default and preferred, not bind", s -> {
            s.gives(0, "set_mempolicy", MPOL_DEFAULT, 0, 1);
            s.fails(EINVAL, "set_mempolicy", MPOL_BIND, 0, 1);
            s.gives(0, "set_mempolicy", MPOL_PREFERRED, 0, 1);
        });
        t.add("MempolicyTest.EmptyNodemaskOnSet", "a mask of no bits suits no mode", s -> {
            long mask = s.words(1);
            s.fails(EINVAL, "set_mempolicy", MPOL_DEFAULT, mask, 0);
            s.fails(EINVAL, "set_mempolicy", MPOL_BIND, mask, 0);
            s.fails(EINVAL, "set_mempolicy", MPOL_PREFERRED, mask, 0);
        });
        t.add("MempolicyTest.Mbind", "a mapping has the default policy until mbind gives it one", s -> {
            s.gives(0, "set_mempolicy", MPOL_PREFERRED, s.words(1), BITS);
            long addr = s.map(PAGE, RW);
            long mode = s.words(-1);
            s.gives(0, "get_mempolicy", mode, 0, 0, addr, MPOL_F_ADDR);
            s.equal(MPOL_DEFAULT, s.load32(mode), "the mode");
            s.gives(0, "mbind", addr, PAGE, MPOL_PREFERRED, s.words(1), BITS, 0);
            s.gives(0, "get_mempolicy", mode, 0, 0, addr, MPOL_F_ADDR);
            s.equal(MPOL_PREFERRED, s.load32(mode), "the mode");
        });
    }

    private static void querying(CaseTable t) {
        t.add("MempolicyTest.QueryAvailableNodes", "node 0 is allowed", s -> {
            long mask = s.space(8);
            s.gives(0, "get_mempolicy", 0, mask, BITS, 0, MPOL_F_MEMS_ALLOWED);
            s.equal(1, s.load(mask) & 1, "the bit of node 0");
        });
        t.add("MempolicyTest.QueryAvailableNodes", "the allowed nodes cannot be asked with other flags", s -> {
            long mask = s.space(8);
            for (int other : new int[] {MPOL_F_ADDR, MPOL_F_NODE, MPOL_F_ADDR | MPOL_F_NODE}) {
                s.fails(EINVAL, "get_mempolicy", 0, mask, BITS, 0, MPOL_F_MEMS_ALLOWED | other);
            }
        });
        t.add("MempolicyTest.GetMempolicyQueryNodeForAddress", "the node of a page can be asked", s -> {
            long mode = s.words(-1);
            s.gives(0, "get_mempolicy", mode, 0, 0, s.mapWritten(PAGE), MPOL_F_ADDR | MPOL_F_NODE);
            s.isTrue(s.load32(mode) >= 0, "no node");
            s.gives(0, "get_mempolicy", mode, 0, 0, mode, MPOL_F_ADDR | MPOL_F_NODE);
        });
        t.add("MempolicyTest.GetMempolicyQueryNodeForAddress", "an address that is not mapped gives EFAULT", s -> {
            s.fails(EFAULT, "get_mempolicy", s.space(8), 0, 0, -1, MPOL_F_ADDR | MPOL_F_NODE);
        });
        t.add("MempolicyTest.GetMempolicyQueryNodeForAddress", "a bad pointer for the mode gives EFAULT", s -> {
            s.fails(EFAULT, "get_mempolicy", -1, 0, 0, s.mapWritten(PAGE), MPOL_F_ADDR | MPOL_F_NODE);
        });
        t.add("MempolicyTest.GetMempolicyCanOmitPointers", "each pointer can be left out", s -> {
            s.gives(0, "get_mempolicy", s.space(8), 0, 0, 0, 0);
            s.gives(0, "get_mempolicy", 0, s.space(8), BITS, 0, 0);
            s.gives(0, "get_mempolicy", 0, 0, 0, 0, 0);
        });
        t.add("MempolicyTest.GetMempolicyNextInterleaveNode", "the next node needs an interleaving policy", s -> {
            long mode = s.words(-1);
            s.fails(EINVAL, "get_mempolicy", mode, 0, 0, 0, MPOL_F_NODE);
            s.gives(0, "set_mempolicy", MPOL_INTERLEAVE, s.words(1), BITS);
            s.gives(0, "get_mempolicy", mode, 0, 0, 0, MPOL_F_NODE);
            s.equal(0, s.load32(mode), "the next node");
        });
    }
}
