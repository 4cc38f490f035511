package io.pagewalk.kernel.system;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.hardware.mmu.Access;
import io.pagewalk.kernel.fault.HugeEntries;
import io.pagewalk.kernel.fault.MappedPages;
import io.pagewalk.kernel.filemap.Inode;
import io.pagewalk.kernel.huge.HugePagePolicy;
import io.pagewalk.kernel.huge.HugePageSettings.ShmemUse;
import io.pagewalk.kernel.page.LargeFolios;
import io.pagewalk.kernel.page.MemMap;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.shmem.Shmem;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.zone.VmEvent;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Makes the calls of a script for {@code page-cache.c} on the model, and answers as that program does. */
final class PageCacheScript {
    private static final long PAGE = TestKernel.PAGE;
    private static final long BUFFER_BYTES = 4L << 20;
    private static final int MAPS = 8;

    private static final List<VmEvent> EVENTS =
            List.of(VmEvent.THP_FILE_ALLOC, VmEvent.THP_FILE_FALLBACK, VmEvent.THP_FILE_MAPPED);

    private static final List<ShmemUse> HUGE_OPTIONS =
            List.of(ShmemUse.NEVER, ShmemUse.ALWAYS, ShmemUse.WITHIN_SIZE, ShmemUse.ADVISE);

    final TestKernel k = TestKernel.boot();
    private final MemMap memmap = k.kernel.memmap();
    private final LargeFolios large = new LargeFolios(memmap);
    private final MappedPages mapped = new MappedPages(k.kernel.kernelTables());
    private final HugeEntries entries = new HugeEntries(k.kernel.kernelTables());
    private final long[] areas = new long[MAPS];
    private final long[] pagesOf = new long[MAPS];
    private final long buffer;
    private final long[] counted = new long[EVENTS.size()];
    private int files;
    private String name = "";
    private int fd = -1;

    PageCacheScript(int readAheadKib) {
        k.kernel.files().setReadAheadKib(readAheadKib);
        // This machine's khugepaged comes when it likes.
        k.kernel.khugepaged().setFrozen(true);
        buffer = k.mapped(k.call("mmap", 0, BUFFER_BYTES, TestKernel.RW, TestKernel.ANON | 0x8000, -1, 0));
    }

    /** Returns one line for each line of a script. */
    List<String> run(List<String> script) {
        List<String> answers = new ArrayList<>();
        for (String line : script) {
            answers.add(line + " = " + answer(line));
            k.kernel.files().cache().drain();
        }
        return answers;
    }

    private String answer(String line) {
        String[] words = line.split(" ", -1);
        long[] a = new long[5];
        for (int i = 1; i < words.length; i++) {
            a[i - 1] = Long.parseLong(words[i]);
        }
        int map = (int) Math.min(a[0], MAPS - 1);
        return switch (words[0]) {
            case "file" -> file((int) a[0]);
            case "tmpfs" -> tmpfs((int) a[0], a[1], a[2]);
            case "memfd" -> memfd(a[0]);
            case "fallocate" -> call("fallocate", fd, a[0], a[1], a[2]);
            case "open" -> reopen();
            case "dump" -> dump(false);
            case "uses" -> dump(true);
            case "map" -> map(map, a[1], a[2], TestKernel.RW, a[3], a[4]);
            case "exec" -> map(map, a[1], a[2], TestKernel.PROT_READ | TestKernel.PROT_EXEC, a[3], 0);
            case "unmap" -> {
                k.call("munmap", areas[map], pagesOf[map] * PAGE);
                yield "done";
            }
            case "load" -> touch(areas[map] + a[1] * PAGE, Access.LOAD);
            case "store" -> touch(areas[map] + a[1] * PAGE, Access.STORE);
            case "present" -> present(map);
            case "mincore" -> mincore(map);
            case "place" -> {
                long found = k.call("mmap", 0, a[0], TestKernel.PROT_READ, a[1], fd, a[2]);
                k.call("munmap", found, a[0]);
                yield ((found - a[2]) & 0x1fffff) == 0 ? "1" : "0";
            }
            case "smaps" -> smaps(map);
            case "events" -> events();
            case "sum" -> sum();
            case "cachestat" -> cachestat(a[0], a[1]);
            case "read" -> call("pread64", fd, buffer, a[1], a[0]);
            case "next" -> call("read", fd, buffer, a[0]);
            case "write" -> {
                byte[] nines = new byte[(int) a[1]];
                Arrays.fill(nines, (byte) 9);
                k.task.userMemory().copyToUser(buffer, nines, 0, nines.length);
                yield call("pwrite64", fd, buffer, a[1], a[0]);
            }
            case "blind" -> call("pwrite64", fd, PAGE, a[1], a[0]);
            case "fadvise" -> call("fadvise64", fd, a[0], a[1], a[2]);
            case "readahead" -> call("readahead", fd, a[0], a[1]);
            case "truncate" -> call("ftruncate", fd, a[0]);
            case "punch" -> call("fallocate", fd, 3, a[0], a[1]);
            case "madvise" -> call("madvise", areas[map] + a[1] * PAGE, a[2] * PAGE, a[3]);
            case "mlock" -> call("mlock", areas[map] + a[1] * PAGE, a[2] * PAGE);
            case "munlock" -> call("munlock", areas[map] + a[1] * PAGE, a[2] * PAGE);
            case "protect" -> call("mprotect", areas[map] + a[1] * PAGE, a[2] * PAGE, a[3]);
            default -> throw new IllegalArgumentException(line);
        };
    }

    private String call(String name, long... args) {
        long before = k.minor();
        long result = k.call(name, args);
        return result + " " + (k.minor() - before);
    }

    private String file(int bytes) {
        if (fd >= 0) {
            k.call("close", fd);
        }
        byte[] contents = new byte[bytes];
        for (int i = 0; i < bytes; i++) {
            contents[i] = (byte) (1 + i / PAGE % 100);
        }
        files++;
        name = "/file" + files;
        k.kernel.files().registerWithContents(name, contents);
        return reopen();
    }

    private String tmpfs(int huge, long bytes, long blocks) {
        files++;
        String path = "/tmpfs" + files;
        Shmem shmem = k.kernel.sharedMemory().files();
        shmem.mount(path, blocks, 0).setHuge(HUGE_OPTIONS.get(huge));
        name = path + "/data";
        int old = fd;
        fd = k.open(name, 0102);
        for (long at = 0; at < bytes; at += PAGE) {
            byte[] page = new byte[(int) Math.min(PAGE, bytes - at)];
            Arrays.fill(page, (byte) (1 + at / PAGE % 100));
            k.task.userMemory().copyToUser(buffer, page, 0, page.length);
            k.call("pwrite64", fd, buffer, page.length, at);
        }
        close(old);
        return "done";
    }

    private String memfd(long bytes) {
        k.task.userMemory().copyToUser(buffer, new byte[] {'m', 0}, 0, 2);
        int old = fd;
        fd = (int) k.call("memfd_create", buffer, 0);
        k.call("ftruncate", fd, bytes);
        name = "";
        close(old);
        return "done";
    }

    private void close(int old) {
        if (old >= 0) {
            k.call("close", old);
        }
    }

    private String reopen() {
        if (name.isEmpty()) {
            return "done";
        }
        int old = fd;
        fd = k.open(name, 2);
        if (old >= 0 && old != fd) {
            k.call("close", old);
        }
        return "done";
    }

    private Inode inode() {
        return requireNonNull(k.task.files().get(fd)).inodeObject();
    }

    private String map(int map, long pages, long first, int protection, long flags, long shift) {
        long at = 0x100000000000L + ((long) map << 32) + (shift << 12);
        long result = k.call("mmap", at, pages * PAGE, protection, flags | TestKernel.MAP_FIXED, fd, first * PAGE);
        areas[map] = result;
        pagesOf[map] = pages;
        return result == at ? "0" : Long.toString(result);
    }

    private String touch(long vaddr, int access) {
        long minor = k.minor();
        long major = k.major();
        int outcome =
                access == Access.STORE ? k.kernel.store(k.task, vaddr, 7) : k.kernel.access(k.task, vaddr, access);
        String faults = (k.minor() - minor) + " " + (k.major() - major);
        long value = outcome == UserAccess.OK ? k.kernel.load(k.task, vaddr, 1) : -1;
        return value + " " + (outcome >>> 8) + " " + faults;
    }

    private String present(int map) {
        StringBuilder text = new StringBuilder();
        for (long i = 0; i < pagesOf[map]; i++) {
            long pfn = mapped.pageAt(k.task.mm(), areas[map] + i * PAGE);
            if (pfn < 0) {
                text.append('.');
            } else {
                boolean isFile = memmap.mapping(pfn) > 0;
                // The first page of a huge one speaks for all.
                Vma vma = requireNonNull(k.task.mm().vmas().find(areas[map]));
                long asked = isMappedWhole(vma, areas[map] + i * PAGE) ? memmap.compoundHead(pfn) : pfn;
                boolean isAlone = large.preciseMapcount(asked) == 1;
                text.append(isFile ? (isAlone ? 'F' : 'f') : isAlone ? 'A' : 'a');
            }
        }
        return text.toString();
    }

    /** Rss, anonymous and huge bytes of an area in KiB, and whether huge pages may be there. */
    private String smaps(int map) {
        Vma vma = requireNonNull(k.task.mm().vmas().find(areas[map]));
        long[] pages = new long[4];
        for (long vaddr = vma.start(); vaddr < vma.end(); vaddr += PAGE) {
            long pfn = mapped.pageAt(vma.mm(), vaddr);
            if (pfn >= 0) {
                pages[0]++;
                pages[1] += memmap.mapping(pfn) < 0 ? 1 : 0;
                if (isMappedWhole(vma, vaddr)) {
                    pages[memmap.hasFlags(pfn, PageFlags.SWAPBACKED) ? 2 : 3]++;
                }
            }
        }
        boolean isEligible = k.kernel.hugePages().policy().allowable(vma, HugePagePolicy.Asker.SMAPS, -1) != 0;
        return pages[0] * 4 + " " + pages[1] * 4 + " " + pages[2] * 4 + " " + pages[3] * 4 + " " + (isEligible ? 1 : 0);
    }

    private boolean isMappedWhole(Vma vma, long vaddr) {
        long entry = entries.get(vma.mm(), vaddr, 2);
        return entry != 0 && k.kernel.kernelTables().mode().isLeaf(entry, 2);
    }

    private String events() {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < EVENTS.size(); i++) {
            long now = k.kernel.vmstat().get(EVENTS.get(i));
            text.append(i == 0 ? "" : " ").append(now - counted[i]);
            counted[i] = now;
        }
        return text.toString();
    }

    private String sum() {
        long hash = 0;
        byte[] bytes = new byte[1 << 16];
        long at = 0;
        long n = k.call("pread64", fd, buffer, bytes.length, at);
        while (n > 0) {
            assertThat(k.task.userMemory().copyFromUser(bytes, 0, (int) n, buffer))
                    .isZero();
            for (int i = 0; i < n; i++) {
                hash = hash * 31 + (bytes[i] & 0xff);
            }
            at += n;
            n = k.call("pread64", fd, buffer, bytes.length, at);
        }
        return Long.toHexString(hash);
    }

    private String mincore(int map) {
        k.call("mincore", areas[map], pagesOf[map] * PAGE, buffer);
        byte[] core = new byte[(int) pagesOf[map]];
        assertThat(k.task.userMemory().copyFromUser(core, 0, core.length, buffer))
                .isZero();
        StringBuilder text = new StringBuilder();
        for (byte page : core) {
            text.append(page & 1);
        }
        return text.toString();
    }

    private String cachestat(long offset, long length) {
        k.kernel.store(k.task, buffer, offset);
        k.kernel.store(k.task, buffer + 8, length);
        long result = k.call("cachestat", fd, buffer, buffer + 64, 0);
        return result + " " + k.kernel.load(k.task, buffer + 64) + " " + k.kernel.load(k.task, buffer + 72);
    }

    private String dump(boolean showsUse) {
        Inode inode = inode();
        StringBuilder text = new StringBuilder("folios");
        String last = "";
        long next = -1;
        int repeated = 1;
        for (long index = inode.nextCached(0); index >= 0; index = inode.nextCached(index + 1)) {
            long pfn = inode.cachedPfn(index);
            if (index >= inode.sizePages() || !memmap.hasFlags(pfn, PageFlags.UPTODATE)) {
                continue;
            }
            int order = large.order(pfn);
            String now = showsUse
                    ? order
                            + (memmap.hasFlags(pfn, PageFlags.REFERENCED) ? "r" : "")
                            + (memmap.hasFlags(pfn, PageFlags.ACTIVE) ? "a" : "")
                    : order
                            + (memmap.compoundHead(pfn) == pfn ? "" : "?")
                            + (memmap.hasFlags(pfn, PageFlags.DIRTY) ? "D" : "")
                            + (memmap.hasFlags(pfn, PageFlags.RECLAIM) ? "R" : "");
            if (index == next && now.equals(last)) {
                repeated++;
            } else {
                text.append(repeated > 1 ? "x" + repeated : "")
                        .append(' ')
                        .append(index)
                        .append(':')
                        .append(now);
                repeated = 1;
                last = now;
            }
            next = index + (1L << order);
            index = next - 1;
        }
        return text.append(repeated > 1 ? "x" + repeated : "").toString();
    }
}
