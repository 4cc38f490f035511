package io.pagewalk.oracle.fuzz;

import io.pagewalk.base.host.HostPool;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.kernel.fault.TableWalk;
import io.pagewalk.kernel.hugetlb.HugePool;
import io.pagewalk.kernel.procfs.PagemapEntry;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.oracle.machine.ModelMachine;
import io.pagewalk.oracle.machine.NativeMachine;
import io.pagewalk.oracle.machine.ProcText;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Compares what {@code /proc} shows of each living process: maps and pagemap after each batch, smaps and status less often. */
final class StateCheck {
    private static final int PAGEMAP_PAGES = 4096;
    private static final long COMPARED = PagemapEntry.PRESENT
            | PagemapEntry.SWAP
            | PagemapEntry.FILE
            | PagemapEntry.EXCLUSIVE
            | PagemapEntry.UFFD_WP
            | PagemapEntry.GUARD
            | PagemapEntry.SOFT_DIRTY;
    private static final int ALL = 0;
    private static final int ANONYMOUS = 1;
    private static final int USER_ROOT_ENTRIES = 256;

    private static final List<String> SIZES =
            List.of("VmSize", "VmLck", "VmData", "VmStk", "VmExe", "VmLib", "VmPTE", "HugetlbPages", "Threads");
    private static final List<String> FIGURES = List.of(
            "Size",
            "Rss",
            "Pss",
            "Pss_Dirty",
            "Shared_Clean",
            "Shared_Dirty",
            "Private_Clean",
            "Private_Dirty",
            "Referenced",
            "Anonymous",
            "LazyFree",
            "AnonHugePages",
            "ShmemPmdMapped",
            "FilePmdMapped",
            "Shared_Hugetlb",
            "Private_Hugetlb",
            "KernelPageSize",
            "Swap",
            "Locked",
            "THPeligible");

    private final NativeMachine real;
    private final ModelMachine model;
    private final PagemapEntry words;
    private final long[] entries = new long[PAGEMAP_PAGES];
    private long[] presentAddresses = new long[PAGEMAP_PAGES];
    private long[] presentBits = new long[PAGEMAP_PAGES];
    private int presentCount;

    /** Of the helper's own areas on both sides: all that is resident, and what is anonymous of it, in kB. */
    private final long[][] ownResident = new long[2][2];

    private long comparisons;

    StateCheck(NativeMachine real, ModelMachine model) {
        this.real = real;
        this.model = model;
        this.words = new PagemapEntry(
                model.kernel().machine().description().mode(), model.kernel().memmap());
    }

    /** Returns how many values were compared. */
    long comparisons() {
        return comparisons;
    }

    /** Compares the areas and the pages of all processes. */
    @Nullable
    Difference quick(int index) {
        for (int slot : model.slots().leaders()) {
            Difference found = maps(slot, index);
            if (found == null) {
                found = pagemap(slot, index);
            }
            if (found != null) {
                return found;
            }
        }
        return model.poolPages() == 0 ? null : pool(index);
    }

    private @Nullable Difference pool(int index) {
        HugePool own = model.kernel().hugetlb().pools().defaultPool();
        String actual = Arrays.toString(new long[] {own.pages(), own.free(), own.reserved(), own.surplus()});
        String expected = Arrays.toString(HostPool.counts());
        comparisons += 4;
        return expected.equals(actual)
                ? null
                : new Difference("HugePages_Total, Free, Rsvd and Surp", expected, actual, index);
    }

    /** Compares everything. */
    @Nullable
    Difference full(int index) {
        Difference found = quick(index);
        for (int slot : model.slots().leaders()) {
            if (found == null) {
                found = smaps(slot, index);
            }
            if (found == null) {
                found = sizes(slot, index);
            }
            if (found == null) {
                found = numaMaps(slot, index);
            }
        }
        return found;
    }

    private @Nullable Difference maps(int slot, int index) {
        String expected = ProcText.normalMaps(real.read(slot, "maps"));
        String actual = ProcText.normalMaps(model.maps(slot));
        comparisons += mmOf(slot).mapCount();
        if (expected.equals(actual)) {
            return null;
        }
        String[] lines = ProcText.firstDifference(expected, actual);
        return new Difference("maps", lines[0], lines[1], index);
    }

    private Mm mmOf(int slot) {
        return model.mm(slot);
    }

    private @Nullable Difference pagemap(int slot, int index) {
        collectPresent(slot);
        int at = 0;
        for (Vma vma : mmOf(slot).vmas()) {
            if (model.isOwn(vma.start(), vma.end())) {
                continue;
            }
            int pages = (int) Math.min(vma.pages(), PAGEMAP_PAGES);
            real.pagemap(slot, vma.start(), pages, entries);
            comparisons += pages;
            for (int i = 0; i < pages; i++) {
                long vaddr = vma.start() + ((long) i << 12);
                while (at < presentCount && presentAddresses[at] < vaddr) {
                    at++;
                }
                long actual = PagemapEntry.ofHole(vma);
                actual |= at < presentCount && presentAddresses[at] == vaddr ? presentBits[at] : 0;
                long expected = entries[i] & COMPARED;
                if (actual != expected) {
                    return new Difference("pagemap", entry(vaddr, expected), entry(vaddr, actual), index);
                }
            }
        }
        return null;
    }

    private static String entry(long vaddr, long bits) {
        return String.format(
                Locale.ROOT,
                "0x%x:%s%s%s%s%s%s%s",
                vaddr,
                (bits & PagemapEntry.PRESENT) != 0 ? " present" : " absent",
                (bits & PagemapEntry.SWAP) != 0 ? " swapped" : "",
                (bits & PagemapEntry.FILE) != 0 ? " file-or-shared" : "",
                (bits & PagemapEntry.EXCLUSIVE) != 0 ? " exclusive" : "",
                (bits & PagemapEntry.GUARD) != 0 ? " guard" : "",
                (bits & PagemapEntry.UFFD_WP) != 0 ? " uffd-wp" : "",
                (bits & PagemapEntry.SOFT_DIRTY) != 0 ? " soft-dirty" : "");
    }

    /** Collects the pages of the model's tables in ascending order. */
    private void collectPresent(int slot) {
        presentCount = 0;
        PagingMode mode = model.kernel().machine().description().mode();
        new TableWalk(mode, model.kernel().machine().memory(), new TableWalk.Visitor() {
                    @Override
                    public void marker(long vaddr, long entry) {
                        add(vaddr, words.of(entry, false, false));
                    }

                    @Override
                    public void leaf(long vaddr, long entry, int level) {
                        int flags = mode.flags(entry, level);
                        if (mode.isPresent(entry) || (flags & PteFlags.PROT_NONE) != 0) {
                            long bits = words.of(entry, level > 1, false);
                            for (long i = 0; i < mode.pagesPerLeaf(level); i++) {
                                add(vaddr + (i << 12), bits);
                            }
                        }
                    }
                })
                .walk(mmOf(slot).pgdPfn(), 0, USER_ROOT_ENTRIES);
    }

    private void add(long vaddr, long bits) {
        if (presentCount == presentAddresses.length) {
            presentAddresses = Arrays.copyOf(presentAddresses, 2 * presentCount);
            presentBits = Arrays.copyOf(presentBits, 2 * presentCount);
        }
        presentAddresses[presentCount] = vaddr;
        presentBits[presentCount++] = bits;
    }

    private @Nullable Difference smaps(int slot, int index) {
        String[] expected = real.read(slot, "smaps").split("\n", -1);
        String[] actual = model.smaps(slot).split("\n", -1);
        int left = 0;
        int right = 0;
        for (long[] sums : ownResident) {
            Arrays.fill(sums, 0);
        }
        String area = "";
        boolean isOwn = false;
        while (left < expected.length && right < actual.length) {
            left = nextCompared(expected, left);
            right = nextCompared(actual, right);
            if (left >= expected.length || right >= actual.length) {
                break;
            }
            String a = expected[left++];
            String b = actual[right++];
            if (isHeader(a)) {
                area = a.substring(0, a.indexOf(' '));
                int dash = area.indexOf('-');
                isOwn = model.isOwn(
                        Long.parseUnsignedLong(area.substring(0, dash), 16),
                        Long.parseUnsignedLong(area.substring(dash + 1), 16));
                continue;
            }
            if (isOwn || area.startsWith("ffffffffff")) {
                count(ownResident[0], a);
                count(ownResident[1], b);
                continue;
            }
            comparisons++;
            if (!a.equals(b) && !squeeze(a).equals(squeeze(b))) {
                String field = a.substring(0, a.indexOf(':'));
                return new Difference("smaps " + field, area + " " + squeeze(a), area + " " + squeeze(b), index);
            }
        }
        return null;
    }

    private static void count(long[] sums, String line) {
        int kind = line.startsWith("Rss:") ? ALL : line.startsWith("Anonymous:") ? ANONYMOUS : -1;
        if (kind >= 0) {
            sums[kind] += ProcText.number("\n" + line, kind == ALL ? "Rss" : "Anonymous");
        }
    }

    /** Compares policies and pages by node, without how many are active, which depends on batches of CPUs. */
    private @Nullable Difference numaMaps(int slot, int index) {
        String[] expected = real.read(slot, "numa_maps").split("\n", -1);
        String[] actual = model.numaMaps(slot).split("\n", -1);
        int at = 0;
        for (Vma vma : mmOf(slot).vmas()) {
            if (!model.isOwn(vma.start(), vma.end())) {
                String start = String.format(Locale.ROOT, "%08x ", vma.start());
                while (at < expected.length && !expected[at].startsWith(start)) {
                    at++;
                }
                String left = at < expected.length ? expected[at].replaceAll(" active=\\d+", "") : "nothing";
                String right = Arrays.stream(actual)
                        .filter(line -> line.startsWith(start))
                        .findFirst()
                        .orElse("nothing")
                        .replaceAll(" active=\\d+", "");
                comparisons++;
                if (!left.equals(right)) {
                    return new Difference("numa_maps", left, right, index);
                }
            }
        }
        return null;
    }

    private static boolean isHeader(String line) {
        int colon = line.indexOf(':');
        int space = line.indexOf(' ');
        return space > 0 && space < colon;
    }

    private int nextCompared(String[] lines, int from) {
        int at = from;
        while (at < lines.length) {
            String line = lines[at];
            int colon = line.indexOf(':');
            if (colon > 0
                    && (isHeader(line) || line.startsWith("VmFlags") || FIGURES.contains(line.substring(0, colon)))) {
                return at;
            }
            at++;
        }
        return at;
    }

    private static String squeeze(String line) {
        return line.replaceAll(" +", " ").strip();
    }

    private @Nullable Difference sizes(int slot, int index) {
        String expected = real.read(slot, "status");
        String actual = model.status(slot);
        for (String name : SIZES) {
            long left = ProcText.number(expected, name);
            long right = ProcText.number(actual, name);
            comparisons++;
            if (left != right) {
                return new Difference("status " + name, Long.toString(left), Long.toString(right), index);
            }
        }
        return resident(expected, actual, index);
    }

    /** What is resident outside the helper's own areas, whose sums {@link #smaps} left. */
    private @Nullable Difference resident(String expected, String actual, int index) {
        String[] texts = {expected, actual};
        long[] anonymous = new long[2];
        long[] ofFiles = new long[2];
        for (int side = 0; side < 2; side++) {
            long[] own = ownResident[side];
            anonymous[side] = ProcText.number(texts[side], "RssAnon") - own[ANONYMOUS];
            ofFiles[side] = ProcText.number(texts[side], "RssFile")
                    + ProcText.number(texts[side], "RssShmem")
                    - (own[ALL] - own[ANONYMOUS]);
        }
        comparisons += 2;
        if (anonymous[0] != anonymous[1]) {
            return new Difference("status RssAnon", Long.toString(anonymous[0]), Long.toString(anonymous[1]), index);
        }
        return ofFiles[0] == ofFiles[1]
                ? null
                : new Difference(
                        "status RssFile and RssShmem", Long.toString(ofFiles[0]), Long.toString(ofFiles[1]), index);
    }
}
