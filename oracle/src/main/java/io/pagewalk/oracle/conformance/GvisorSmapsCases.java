package io.pagewalk.oracle.conformance;

import static io.pagewalk.oracle.conformance.Linux.*;

import java.util.List;

/** What gVisor's {@code test/syscalls/linux/proc_pid_smaps.cc} asserts. */
final class GvisorSmapsCases {
    private GvisorSmapsCases() {}

    static List<ConformanceCase> cases() {
        CaseTable t = new CaseTable("gVisor proc_pid_smaps.cc");
        t.add("ProcPidSmapsTest.SharedAnon", "figures and flags of populated shared memory", s -> {
            long addr = s.ok("mmap", 0, 2 * PAGE, RW, SHARED_ANON | MAP_POPULATE, -1, 0);
            s.equal(8, s.smaps(addr, "Size"), "Size");
            s.equal(8, s.smaps(addr, "Rss"), "Rss");
            arePrivate(s, addr);
            s.equal(0, s.smaps(addr, "Anonymous"), "Anonymous");
            hasFlags(s, addr, "rd wr sh mr mw me ms", "ex");
        });
        t.add("ProcPidSmapsTest.PrivateAnon", "figures and flags of populated private memory", s -> {
            long addr = s.ok("mmap", 0, 2 * PAGE, PROT_WRITE, PRIVATE_ANON | MAP_POPULATE, -1, 0);
            s.equal(8, s.smaps(addr, "Size"), "Size");
            s.equal(8, s.smaps(addr, "Rss"), "Rss");
            s.equal(8, s.smaps(addr, "Pss"), "Pss");
            s.equal(8, s.smaps(addr, "Anonymous"), "Anonymous");
            hasFlags(s, addr, "wr mr mw me", "rd ex sh ms");
        });
        t.add("ProcPidSmapsTest.SharedReadOnlyFile", "a shared mapping of a read-only file is not VM_SHARED", s -> {
            String path = s.newFile(new byte[0]);
            s.gives(0, "truncate", s.string(path), PAGE);
            int fd = s.open(path, O_RDONLY);
            long addr = s.ok("mmap", 0, PAGE, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
            s.equal(4, s.smaps(addr, "Size"), "Size");
            s.equal(4, s.smaps(addr, "Rss"), "Rss");
            arePrivate(s, addr);
            s.equal(0, s.smaps(addr, "Anonymous"), "Anonymous");
            hasFlags(s, addr, "rd mr me ms", "wr ex sh mw");
        });
        t.add("ProcPidSmapsTest.GvisorFields", "each mapping has all figures", s -> {
            long addr = s.map(PAGE, RW);
            for (String field :
                    "Pss Referenced Anonymous AnonHugePages Shared_Hugetlb Private_Hugetlb Swap SwapPss Locked"
                            .split(" ", -1)) {
                s.isTrue(s.smaps(addr, field) >= 0, field + " is missing");
            }
            s.equal(4, s.smaps(addr, "KernelPageSize"), "KernelPageSize");
            s.equal(4, s.smaps(addr, "MMUPageSize"), "MMUPageSize");
            s.isTrue(s.hasVmFlag(addr, "rd"), "VmFlags is missing");
        });
        return t.cases();
    }

    /** Nobody else maps the pages, so that each counts in full and as private. */
    private static void arePrivate(Subject s, long addr) {
        s.equal(s.smaps(addr, "Rss"), s.smaps(addr, "Pss"), "Pss");
        s.equal(0, s.smaps(addr, "Shared_Clean"), "Shared_Clean");
        s.equal(0, s.smaps(addr, "Shared_Dirty"), "Shared_Dirty");
        long own = s.smaps(addr, "Private_Clean") + s.smaps(addr, "Private_Dirty");
        s.equal(s.smaps(addr, "Rss"), own, "Private_Clean and Private_Dirty");
    }

    private static void hasFlags(Subject s, long addr, String present, String absent) {
        for (String flag : present.split(" ", -1)) {
            s.isTrue(s.hasVmFlag(addr, flag), "VmFlags lacks " + flag);
        }
        for (String flag : absent.split(" ", -1)) {
            s.isTrue(!s.hasVmFlag(addr, flag), "VmFlags has " + flag);
        }
    }
}
