package io.pagewalk.oracle.conformance;

import static io.pagewalk.oracle.conformance.Linux.*;
import static io.pagewalk.oracle.conformance.Ltp.*;

import java.util.ArrayList;
import java.util.List;

/**
 * What the programs under {@code testcases/kernel/syscalls/userfaultfd} and {@code mremap07} of the Linux Test Project assert. There a thread answers while another waits in
 * its fault; here a fault that nobody has answered raises SIGBUS ({@code UFFD_FEATURE_SIGBUS}), then comes the answer, then the access again.
 */
final class LtpUffdCases {
    private static final int FLAGS = 0x80800;
    private static final int USER_MODE_ONLY = 1;
    private static final long API = 0xaa;
    private static final long IOC_NEW = 0xaa00;
    private static final long IOC_API = 0xc018aa3fL;
    private static final long IOC_REGISTER = 0xc020aa00L;
    private static final long IOC_COPY = 0xc028aa03L;
    private static final long IOC_ZEROPAGE = 0xc020aa04L;
    private static final long IOC_MOVE = 0xc028aa05L;
    private static final long IOC_WRITEPROTECT = 0xc018aa06L;
    private static final long IOC_CONTINUE = 0xc020aa07L;
    private static final long IOC_POISON = 0xc020aa08L;
    private static final long FEATURE_WP = 1;
    private static final long FEATURE_SIGBUS = 1 << 7;
    private static final long FEATURE_MINOR_SHMEM = 1 << 10;
    private static final long FEATURE_POISON = 1 << 14;
    private static final long FEATURE_MOVE = 1 << 16;
    private static final long MISSING = 1;
    private static final long WRITE_PROTECTED = 2;
    private static final long MINOR = 4;
    private static final long TEXT = 0x5858585858585858L;

    private LtpUffdCases() {}

    static List<ConformanceCase> cases() {
        List<ConformanceCase> cases = new ArrayList<>();
        CaseTable t = new CaseTable("LTP userfaultfd");
        missing(t);
        others(t);
        cases.addAll(t.cases());
        CaseTable remap = new CaseTable("LTP mremap");
        remap.add("mremap07", "what MREMAP_DONTUNMAP leaves is filled by its userfaultfd again", s -> {
            int fd = create(s, FLAGS, FEATURE_SIGBUS);
            long old = s.mapWritten(PAGE);
            register(s, fd, old, MISSING);
            long moved = s.ok("mremap", old, PAGE, PAGE, MREMAP_DONTUNMAP | MREMAP_MAYMOVE, 0);
            s.holds(1, moved);
            s.store(moved, TEXT);
            s.loadRaises(BUS_ADRERR, old);
            s.gives(0, "ioctl", fd, IOC_COPY, s.words(old, moved, PAGE, 0, 0));
            s.holds(TEXT, old);
        });
        cases.addAll(remap.cases());
        return cases;
    }

    private static int create(Subject s, int flags, long features) {
        return begin(s, (int) s.ok("userfaultfd", flags), features);
    }

    private static int begin(Subject s, int fd, long features) {
        s.gives(0, "ioctl", fd, IOC_API, s.words(API, features, 0));
        return fd;
    }

    private static void register(Subject s, int fd, long addr, long mode) {
        s.gives(0, "ioctl", fd, IOC_REGISTER, s.words(addr, PAGE, mode, 0));
    }

    private static void copied(Subject s, int fd) {
        long addr = s.map(PAGE, RW);
        long source = s.map(PAGE, RW);
        register(s, fd, addr, MISSING);
        s.loadRaises(BUS_ADRERR, addr);
        s.store(source, TEXT);
        s.gives(0, "ioctl", fd, IOC_COPY, s.words(addr, source, PAGE, 0, 0));
        s.holds(TEXT, addr);
    }

    private static void missing(CaseTable t) {
        t.add("userfaultfd01", "UFFDIO_COPY fills a missing page", s -> copied(s, create(s, FLAGS, FEATURE_SIGBUS)));
        t.add("userfaultfd01", "the same for faults of programs alone", s -> {
            copied(s, create(s, FLAGS | USER_MODE_ONLY, FEATURE_SIGBUS));
        });
        t.add("userfaultfd02", "UFFDIO_MOVE moves a page to where one is missing", s -> {
            int fd = create(s, FLAGS, FEATURE_SIGBUS | FEATURE_MOVE);
            long addr = s.map(PAGE, RW);
            long source = s.map(PAGE, RW);
            register(s, fd, addr, MISSING);
            s.loadRaises(BUS_ADRERR, addr);
            s.store(source, TEXT);
            s.gives(0, "ioctl", fd, IOC_MOVE, s.words(addr, source, PAGE, 0, 0));
            s.holds(TEXT, addr);
            s.holds(0, source);
        });
        t.add("userfaultfd03", "a userfaultfd comes from /dev/userfaultfd too", s -> {
            int device = s.open("/dev/userfaultfd", O_RDWR);
            copied(s, begin(s, (int) s.ok("ioctl", device, IOC_NEW, FLAGS), FEATURE_SIGBUS));
        });
        t.add("userfaultfd04", "UFFDIO_ZEROPAGE fills a missing page with zeros", s -> {
            int fd = create(s, FLAGS, FEATURE_SIGBUS);
            long addr = s.map(PAGE, RW);
            register(s, fd, addr, MISSING);
            s.loadRaises(BUS_ADRERR, addr);
            s.gives(0, "ioctl", fd, IOC_ZEROPAGE, s.words(addr, PAGE, 0, 0));
            s.isFilled(addr, PAGE, 0);
        });
    }

    private static void others(CaseTable t) {
        t.add("userfaultfd05", "a write-protected page is stored to once UFFDIO_WRITEPROTECT allows it", s -> {
            int fd = create(s, FLAGS, FEATURE_SIGBUS | FEATURE_WP);
            long addr = s.map(PAGE, RW);
            s.store(addr, 0);
            register(s, fd, addr, WRITE_PROTECTED);
            s.gives(0, "ioctl", fd, IOC_WRITEPROTECT, s.words(addr, PAGE, 1));
            s.storeRaises(BUS_ADRERR, addr);
            s.holds(0, addr);
            s.gives(0, "ioctl", fd, IOC_WRITEPROTECT, s.words(addr, PAGE, 0));
            s.store(addr, TEXT);
        });
        t.add("userfaultfd06", "a missing page that UFFDIO_POISON answers raises SIGBUS as broken memory does", s -> {
            int fd = create(s, FLAGS, FEATURE_SIGBUS | FEATURE_POISON);
            long addr = s.map(PAGE, RW);
            register(s, fd, addr, MISSING);
            s.loadRaises(BUS_ADRERR, addr);
            s.gives(0, "ioctl", fd, IOC_POISON, s.words(addr, PAGE, 0, 0));
            s.loadRaises(BUS_ADRERR, addr);
        });
        t.add("userfaultfd07", "UFFDIO_CONTINUE maps a page that the file in memory has", s -> {
            int memory = (int) s.ok("memfd_create", s.string("continue"), MFD_CLOEXEC);
            s.gives(0, "ftruncate", memory, PAGE);
            s.gives(1, "pwrite64", memory, s.words('A'), 1, 0);
            int fd = create(s, FLAGS, FEATURE_SIGBUS | FEATURE_MINOR_SHMEM);
            long addr = map(s, PAGE, PROT_READ, MAP_SHARED, memory);
            register(s, fd, addr, MINOR);
            s.loadRaises(BUS_ADRERR, addr);
            s.gives(1, "pwrite64", memory, s.words('Z'), 1, 0);
            s.gives(0, "ioctl", fd, IOC_CONTINUE, s.words(addr, PAGE, 0, 0));
            s.holds('Z', addr);
        });
    }
}
