package io.pagewalk.oracle.conformance;

import static io.pagewalk.oracle.conformance.Linux.*;

import java.util.ArrayList;
import java.util.List;

/** What gVisor's {@code test/syscalls/linux/mincore.cc} and {@code msync.cc} assert. */
final class GvisorSyncCases {
    private static final int[] SYNC_FLAGS = {MS_SYNC, MS_ASYNC, 0};

    private GvisorSyncCases() {}

    static List<ConformanceCase> cases() {
        CaseTable mincore = new CaseTable("gVisor mincore.cc");
        mincore(mincore);
        List<ConformanceCase> cases = new ArrayList<>(mincore.cases());
        CaseTable t = new CaseTable("gVisor msync.cc");
        withoutMapping(t);
        for (boolean isWritable : new boolean[] {false, true}) {
            for (int type : new int[] {MAP_PRIVATE, MAP_SHARED}) {
                for (boolean isFile : new boolean[] {false, true}) {
                    withMapping(t, isWritable, type, isFile);
                }
            }
        }
        cases.addAll(t.cases());
        return cases;
    }

    private static void mincore(CaseTable t) {
        t.add("MincoreTest.DirtyAnonPagesAreResident", "pages that were stored to are in memory", s -> {
            long addr = s.mapWritten(10 * PAGE);
            s.equal(10, s.resident(addr, 10 * PAGE), "pages in memory");
        });
        t.add("MincoreTest.UnalignedAddressFails", "an address inside a page is refused", s -> {
            long addr = s.mapWritten(2 * PAGE);
            s.fails(EINVAL, "mincore", addr + PAGE / 2, PAGE, s.space(8));
        });
        t.add("MincoreTest.UnalignedLengthSucceedsAndIsRoundedUp", "a length is rounded up to pages", s -> {
            long addr = s.mapWritten(2 * PAGE);
            s.equal(2, s.resident(addr, PAGE + PAGE / 2), "pages in memory");
        });
        t.add("MincoreTest.ZeroLengthSucceedsAndAllowsAnyVecBelowTaskSize", "no length needs no vector", s -> {
            s.gives(0, "mincore", 0, 0, 0);
        });
        t.add("MincoreTest.InvalidLengthFails", "a length past all addresses gives ENOMEM", s -> {
            s.fails(ENOMEM, "mincore", 0, -1, 0);
        });
    }

    private static void withoutMapping(CaseTable t) {
        for (int flags : SYNC_FLAGS) {
            String how = ": flags " + flags;
            t.add("MsyncNoMappingTest.UnmappedAddressWithZeroLengthSucceeds", "no length needs no mapping" + how, s -> {
                s.gives(0, "msync", 0, 0, flags);
            });
            t.add("MsyncNoMappingTest.UnmappedAddressWithNonzeroLengthFails", "a hole gives ENOMEM" + how, s -> {
                s.fails(ENOMEM, "msync", 0, PAGE, flags);
            });
        }
    }

    private static long map(Subject s, boolean isWritable, int type, boolean isFile) {
        int prot = isWritable ? RW : PROT_READ;
        if (!isFile) {
            return s.ok("mmap", 0, PAGE, prot, type | MAP_ANONYMOUS, -1, 0);
        }
        int fd = s.open(s.newPath(), O_CREAT | (isWritable ? O_RDWR : O_RDONLY));
        return s.ok("mmap", 0, PAGE, prot, type, fd, 0);
    }

    private static void withMapping(CaseTable t, boolean isWritable, int type, boolean isFile) {
        String kind = ": " + (type == MAP_SHARED ? "shared " : "private ") + (isWritable ? "writable " : "read-only ")
                + (isFile ? "empty file" : "anonymous memory");
        t.add("MsyncNoFlagsTest.BothSyncAndAsyncFails", "MS_SYNC with MS_ASYNC is refused" + kind, s -> {
            s.fails(EINVAL, "msync", map(s, isWritable, type, isFile), PAGE, MS_SYNC | MS_ASYNC);
        });
        for (int flags : SYNC_FLAGS) {
            String how = kind + ", flags " + flags;
            t.add("MsyncFullParamTest.NormallySucceeds", "msync of one page succeeds" + how, s -> {
                s.gives(0, "msync", map(s, isWritable, type, isFile), PAGE, flags);
            });
        }
        t.add("MsyncFullParamTest.UnalignedLengthSucceeds", "a length inside a page succeeds" + kind, s -> {
            long addr = map(s, isWritable, type, isFile);
            for (int flags : SYNC_FLAGS) {
                s.gives(0, "msync", addr, PAGE - 1, flags);
            }
        });
        t.add("MsyncFullParamTest.UnalignedAddressFails", "an address inside a page is refused" + kind, s -> {
            long addr = map(s, isWritable, type, isFile);
            for (int flags : SYNC_FLAGS) {
                s.fails(EINVAL, "msync", addr + 1, PAGE - 1, flags);
            }
        });
        t.add(
                "MsyncFullParamTest.InvalidateUnlockedSucceeds",
                "MS_INVALIDATE of what is not locked succeeds" + kind,
                s -> {
                    long addr = map(s, isWritable, type, isFile);
                    for (int flags : SYNC_FLAGS) {
                        s.gives(0, "msync", addr, PAGE, flags | MS_INVALIDATE);
                    }
                });
    }
}
