package io.pagewalk.oracle.conformance;

import static io.pagewalk.oracle.conformance.Linux.*;

import java.util.List;

/** What the kernel's selftest {@code mdwe_test.c} checks: memory that was writable must not become executable. */
final class SelftestMdweCases {
    private static final int SET = 65;
    private static final int GET = 66;
    private static final int REFUSE = 1;
    private static final int NO_INHERIT = 2;
    private static final int RX = PROT_READ | PROT_EXEC;
    private static final int WX = PROT_WRITE | PROT_EXEC;

    private SelftestMdweCases() {}

    static List<ConformanceCase> cases() {
        CaseTable t = new CaseTable("selftest mdwe_test.c");
        flags(t);
        twice(t);
        variant(t, "stock", 0, false);
        variant(t, "enabled", REFUSE, false);
        variant(t, "inherited", REFUSE, true);
        variant(t, "not_inherited", REFUSE | NO_INHERIT, true);
        return t.cases();
    }

    private static void flags(CaseTable t) {
        refused(t, "not inheriting alone is refused", SET, NO_INHERIT, 0, 0, 7);
        refused(t, "an unknown bit is refused", SET, 7, 0, 0, 0);
        refused(t, "a third argument is refused", SET, 0, 7, 0, 0);
        refused(t, "a fourth argument is refused", SET, 0, 0, 7, 0);
        refused(t, "a fifth argument is refused", SET, 0, 0, 0, 7);
        refused(t, "asking with a second argument is refused", GET, 7, 0, 0, 0);
        refused(t, "asking with a third argument is refused", GET, 0, 7, 0, 0);
        refused(t, "asking with a fourth argument is refused", GET, 0, 0, 7, 0);
        refused(t, "asking with a fifth argument is refused", GET, 0, 0, 0, 7);
    }

    private static void refused(CaseTable t, String says, long... args) {
        t.add("prctl_flags", says, s -> s.fails(EINVAL, "prctl", args));
    }

    private static void twice(CaseTable t) {
        int both = REFUSE | NO_INHERIT;
        second(t, "can_keep_no_flags", 0, 0, true);
        second(t, "can_keep_exec_gain", REFUSE, REFUSE, true);
        second(t, "can_keep_both_flags", both, both, true);
        second(t, "cant_disable_mdwe", REFUSE, 0, false);
        second(t, "cant_disable_mdwe_no_inherit", both, 0, false);
        second(t, "cant_disable_no_inherit", both, REFUSE, false);
        second(t, "cant_enable_no_inherit", REFUSE, both, false);
    }

    private static void second(CaseTable t, String name, int first, int then, boolean isTaken) {
        String says = "after " + first + " setting " + then + (isTaken ? " is taken" : " gives EPERM");
        t.add("consecutive_prctl_flags." + name, says, s -> {
            s.gives(0, "prctl", SET, first, 0, 0, 0);
            s.gives(isTaken ? 0 : -EPERM, "prctl", SET, then, 0, 0, 0);
            if (isTaken) {
                s.gives(then, "prctl", GET, 0, 0, 0, 0);
            }
        });
    }

    private static Subject start(Subject s, int flags, boolean isChild) {
        if (flags != 0) {
            s.gives(0, "prctl", SET, flags, 0, 0, 0);
            s.gives(flags, "prctl", GET, 0, 0, 0, 0);
        }
        return isChild ? s.fork() : s;
    }

    private static long map(Subject s, int prot) {
        return s.ok("mmap", 0, PAGE, prot, SHARED_ANON, -1, 0);
    }

    private static void variant(CaseTable t, String name, int flags, boolean isChild) {
        boolean isRefused = flags != 0 && !(isChild && (flags & NO_INHERIT) != 0);
        String kind = ": " + name;
        String refusal = isRefused ? " is refused" : " is allowed";
        t.add("mdwe.mmap_READ_EXEC", "mapping read and execute is allowed" + kind, s -> {
            map(start(s, flags, isChild), RX);
        });
        t.add("mdwe.mmap_WRITE_EXEC", "mapping write and execute" + refusal + kind, s -> {
            long result = start(s, flags, isChild).call("mmap", 0, PAGE, WX, SHARED_ANON, -1, 0);
            s.isTrue(isRefused ? result == -EACCES : result > 0, "mmap gives " + result);
        });
        t.add("mdwe.mprotect_stay_EXEC", "mprotect of what is executable already is allowed" + kind, s -> {
            Subject who = start(s, flags, isChild);
            who.gives(0, "mprotect", map(who, RX), PAGE, RX);
        });
        t.add("mdwe.mprotect_add_EXEC", "mprotect that adds execute" + refusal + kind, s -> {
            Subject who = start(s, flags, isChild);
            who.gives(isRefused ? -EACCES : 0, "mprotect", map(who, PROT_READ), PAGE, RX);
        });
        t.add("mdwe.mprotect_WRITE_EXEC", "mprotect from write to write and execute" + refusal + kind, s -> {
            Subject who = start(s, flags, isChild);
            who.gives(isRefused ? -EACCES : 0, "mprotect", map(who, PROT_WRITE), PAGE, WX);
        });
        t.add("mdwe.mmap_FIXED", "an executable mapping may replace another" + kind, s -> {
            Subject who = start(s, flags, isChild);
            long addr = map(who, PROT_READ);
            who.gives(addr, "mmap", addr, PAGE, RX, SHARED_ANON | MAP_FIXED, -1, 0);
        });
    }
}
