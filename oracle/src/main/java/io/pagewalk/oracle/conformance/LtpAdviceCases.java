package io.pagewalk.oracle.conformance;

import static io.pagewalk.oracle.conformance.Linux.*;
import static io.pagewalk.oracle.conformance.Ltp.*;

import java.util.ArrayList;
import java.util.List;

/** What the programs under {@code testcases/kernel/syscalls/{fadvise,readahead,cachestat}} of the Linux Test Project assert. */
final class LtpAdviceCases {
    private static final int ADVICES = 6;
    private static final int LAST_ASKED = 31;
    private static final String NO_WRITE_BACK = "files are not written back: dirty pages stay dirty";

    private LtpAdviceCases() {}

    static List<ConformanceCase> cases() {
        List<ConformanceCase> cases = new ArrayList<>();
        CaseTable advise = new CaseTable("LTP fadvise");
        fadvise(advise);
        cases.addAll(advise.cases());
        CaseTable ahead = new CaseTable("LTP readahead");
        readahead(ahead);
        cases.addAll(ahead.cases());
        CaseTable cache = new CaseTable("LTP cachestat");
        cachestat(cache);
        noCachestat(cache);
        cases.addAll(cache.cases());
        return cases;
    }

    private static void fadvise(CaseTable t) {
        t.add("posix_fadvise01", "each advice about a whole file is taken", s -> {
            int fd = s.openNewFile(PAGE, O_RDONLY);
            for (int advice = 0; advice < ADVICES; advice++) {
                s.gives(0, "fadvise64", fd, 0, 0, advice);
            }
        });
        t.add("posix_fadvise02", "each advice about no file gives EBADF", s -> {
            for (int advice = 0; advice < ADVICES; advice++) {
                s.fails(EBADF, "fadvise64", 42, 0, 0, advice);
            }
        });
        t.add("posix_fadvise03", "what is no advice is refused", s -> {
            int fd = s.openNewFile(PAGE, O_RDONLY);
            for (int advice = ADVICES; advice <= LAST_ASKED; advice++) {
                s.fails(EINVAL, "fadvise64", fd, 0, 0, advice);
            }
        });
        t.add("posix_fadvise04", "each advice about a pipe gives ESPIPE", s -> {
            long ends = s.space(8);
            s.gives(0, "pipe", ends);
            for (int advice = 0; advice < ADVICES; advice++) {
                s.fails(ESPIPE, "fadvise64", s.load32(ends), 0, 0, advice);
            }
        });
    }

    private static void readahead(CaseTable t) {
        t.add("readahead01", "no descriptor, and a closed one, give EBADF", s -> {
            s.fails(EBADF, "readahead", -1, 0, PAGE);
            long ends = s.space(8);
            s.gives(0, "pipe", ends);
            s.gives(0, "close", s.load32(ends));
            s.fails(EBADF, "readahead", s.load32(ends), 0, PAGE);
        });
        t.add("readahead01", "a pipe is refused, its writing end with EBADF", s -> {
            long ends = s.space(8);
            s.gives(0, "pipe", ends);
            s.fails(EINVAL, "readahead", s.load32(ends), 0, PAGE);
            s.fails(EBADF, "readahead", s.load32(ends + 4), 0, PAGE);
        });
        t.add("readahead01", "an eventfd and a device are refused", s -> {
            s.fails(EINVAL, "readahead", s.ok("eventfd2", 0, 0), 0, PAGE);
            s.fails(EINVAL, "readahead", s.open("/dev/zero", O_RDONLY), 0, PAGE);
        });
    }

    /** Asks for the figures of the first pages of a file and returns where they are: cached, dirty, in write-back, evicted, evicted lately. */
    private static long ask(Subject s, int fd, int pages) {
        long figures = s.words(-1, -1, -1, -1, -1);
        s.gives(0, "cachestat", fd, s.words(0, pages * PAGE), figures, 0);
        return figures;
    }

    private static void cachestat(CaseTable t) {
        for (int shift = 0; shift < 10; shift += 3) {
            int pages = 1 << shift;
            t.add("cachestat01", pages + " written pages of a file are cached", s -> {
                int fd = written(s, s.open(s.newFile(new byte[0]), O_RDWR), pages);
                long figures = ask(s, fd, pages);
                s.equal(pages, s.load(figures) + s.load(figures + 24), "cached and evicted pages");
            });
            t.notModelled("cachestat01", "of " + pages + " pages none is dirty after fsync", NO_WRITE_BACK, s -> {
                int fd = written(s, s.open(s.newFile(new byte[0]), O_RDWR), pages);
                s.gives(0, "fsync", fd);
                long figures = ask(s, fd, pages);
                s.equal(pages, s.load(figures) + s.load(figures + 24), "cached and evicted pages");
                s.holds(0, figures + 8);
            });
            t.add("cachestat02", pages + " written pages of a file in memory are cached", s -> {
                int memory = (int) s.ok("memfd_create", s.string("cachestat"), 0);
                s.gives(0, "ftruncate", memory, pages * PAGE);
                long figures = ask(s, written(s, memory, pages), pages);
                s.equal(pages, s.load(figures) + s.load(figures + 24), "cached and evicted pages");
            });
        }
    }

    private static int written(Subject s, int fd, int pages) {
        long buffer = s.space(PAGE);
        s.fill(buffer, PAGE, 'a');
        for (int i = 0; i < pages; i++) {
            s.gives(PAGE, "write", fd, buffer, PAGE);
        }
        return fd;
    }

    private static void noCachestat(CaseTable t) {
        t.add("cachestat03", "no descriptor, no range, no place for the figures, and flags are refused", s -> {
            int fd = s.openNewFile(0, O_RDWR);
            long range = s.words(0, 0);
            long figures = s.space(40);
            s.fails(EBADF, "cachestat", -1, range, figures, 0);
            s.fails(EFAULT, "cachestat", fd, 0, figures, 0);
            s.fails(EFAULT, "cachestat", fd, range, 0, 0);
            s.fails(EINVAL, "cachestat", fd, range, figures, -1);
        });
        t.add("cachestat04", "what has no pages is refused or counts none", s -> {
            long ends = s.space(8);
            s.gives(0, "pipe", ends);
            List<Integer> descriptors = new ArrayList<>();
            descriptors.add(s.load32(ends));
            descriptors.add((int) s.ok("eventfd2", 0, 0));
            descriptors.add(s.open("/dev/zero", O_RDONLY));
            descriptors.add((int) s.ok("memfd_create", s.string("empty"), 0));
            descriptors.add(s.openNewFile(0, O_RDONLY));
            for (int fd : descriptors) {
                long figures = s.words(-1, -1, -1, -1, -1);
                long result = s.call("cachestat", fd, s.words(0, 0), figures, 0);
                s.isTrue(result == 0 || result == -EBADF, "cachestat gives " + result);
                for (int i = 0; i < 5 && result == 0; i++) {
                    s.holds(0, figures + 8L * i);
                }
            }
        });
    }
}
