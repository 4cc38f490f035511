package io.pagewalk.kernel.system;

import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.kernel.fault.PteMarkers;
import io.pagewalk.kernel.page.PageFlags;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.LongPredicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What {@code /proc/PID/smaps} of this machine's kernel says of a process, against the page tables of the model. */
final class SmapsComparison {
    private static final int FILE = 5;
    private static final Pattern AREA = Pattern.compile("([0-9a-f]+)-[0-9a-f]+ .*");

    private final TwoKernels both;

    SmapsComparison(TwoKernels both) {
        this.both = both;
    }

    /** Takes a line of the real file. */
    private interface Line {
        void of(long area, String text);
    }

    /** Takes a page that is mapped. */
    private interface Page {
        void of(long flags, long pfn);
    }

    private void forEachLine(int who, LongPredicate isWanted, Line line) {
        long area = 0;
        for (String text : both.realFile(who, FILE)) {
            Matcher m = AREA.matcher(text);
            if (m.matches()) {
                area = Long.parseUnsignedLong(m.group(1), 16);
            } else if (isWanted.test(area)) {
                line.of(area, text);
            }
        }
    }

    private List<Vma> areas(int who, LongPredicate isWanted) {
        List<Vma> result = new ArrayList<>();
        for (Vma vma : both.task(who).mm().vmas()) {
            if (isWanted.test(vma.start())) {
                result.add(vma);
            }
        }
        return result;
    }

    /** Visits pages that are mapped; the zero page is none. */
    private void forEachPage(Vma vma, Page page) {
        LinuxKernel kernel = both.model.kernel;
        var mode = kernel.machine().description().mode();
        for (long vaddr = vma.start(); vaddr < vma.end(); vaddr += TestKernel.PAGE) {
            long entry = kernel.pageTables().entryAt(vma.mm(), vaddr);
            if (entry != 0 && !PteMarkers.is(entry) && (mode.flags(entry, 1) & PteFlags.SPECIAL) == 0) {
                page.of(mode.flags(entry, 1), mode.pfn(entry, 1));
            }
        }
    }

    private static long kilobytes(String line) {
        return Long.parseLong(line.replaceAll("[^0-9]", ""));
    }

    /** Compares resident and anonymous memory, huge pages of pools and the flags of each area in the arena. */
    void compareResidency(int who) {
        List<String> expected = new ArrayList<>();
        forEachLine(who, TwoKernels::isInArena, (start, line) -> {
            String area = name(start);
            if (line.startsWith("Rss:")) {
                expected.add(area + " Rss " + kilobytes(line));
            } else if (line.startsWith("Anonymous:")) {
                expected.add(area + " Anonymous " + kilobytes(line));
            } else if (line.startsWith("Shared_Hugetlb:") || line.startsWith("Private_Hugetlb:")) {
                expected.add(area + " " + line.charAt(0) + " " + kilobytes(line));
            } else if (line.startsWith("VmFlags:")) {
                expected.add(
                        area + " " + flag(line, " um") + flag(line, " uw") + flag(line, " ui") + flag(line, " ac"));
            }
        });
        List<String> actual = new ArrayList<>();
        for (Vma vma : areas(who, TwoKernels::isInArena)) {
            String area = name(vma.start());
            long[] pages = new long[4];
            boolean isHuge = vma.has(VmaFlags.VM_HUGETLB);
            forEachPage(vma, (flags, pfn) -> {
                if (isHuge) {
                    pages[both.model.kernel.folios().large().mapcount(pfn) > 1 ? 2 : 3]++;
                } else {
                    pages[0]++;
                    pages[1] += both.model.kernel.memmap().mapping(pfn) < 0 ? 1 : 0;
                }
            });
            actual.add(area + " Rss " + pages[0] * 4);
            actual.add(area + " Anonymous " + pages[1] * 4);
            actual.add(area + " S " + pages[2] * 4);
            actual.add(area + " P " + pages[3] * 4);
            actual.add(area + " " + flag(vma, VmaFlags.VM_UFFD_MISSING, " um")
                    + flag(vma, VmaFlags.VM_UFFD_WP, " uw") + flag(vma, VmaFlags.VM_UFFD_MINOR, " ui")
                    + flag(vma, VmaFlags.VM_ACCOUNT, " ac"));
        }
        both.expectEqual("smaps", actual, expected);
    }

    /** Compares how much of each area in the arena is mapped by entries of huge pages, {@code AnonHugePages}; returns how many huge pages that are. */
    long compareHugePages(int who) {
        Map<String, Long> expected = new TreeMap<>();
        forEachLine(who, TwoKernels::isInArena, (start, line) -> {
            if (line.startsWith("AnonHugePages:") || line.startsWith("ShmemPmdMapped:")) {
                expected.merge(name(start), kilobytes(line) / 4, Long::sum);
            }
        });
        Map<String, Long> actual = new TreeMap<>();
        LinuxKernel kernel = both.model.kernel;
        var mode = kernel.machine().description().mode();
        for (Vma vma : areas(who, TwoKernels::isInArena)) {
            long pages = 0;
            for (long vaddr = vma.start(); vaddr < vma.end(); vaddr += TestKernel.PAGE) {
                long entry = kernel.pageTables().entryAt(vma.mm(), vaddr);
                boolean isMapped = entry != 0 && !PteMarkers.is(entry);
                long head = isMapped ? kernel.memmap().compoundHead(mode.pfn(entry, 1)) : 0;
                pages += isMapped && kernel.hugePages().flagsOfMapping(vma.mm(), vaddr, head) >= 0 ? 1 : 0;
            }
            actual.put(name(vma.start()), pages);
        }
        both.expectEqual("pages in huge pages", actual, expected);
        return actual.values().stream().mapToLong(Long::longValue).sum() / 512;
    }

    /** Compares how much of the areas that begin in a range is referenced; returns how many pages that are. */
    long compareReferenced(int who, long start, long end) {
        TwoKernels.Pair pages = referencedPages(who, start, end);
        both.expectEqual("referenced pages", pages.model(), pages.real());
        return pages.model();
    }

    /** Returns how much of the areas that begin in a range is referenced. */
    TwoKernels.Pair referencedPages(int who, long start, long end) {
        LongPredicate isWanted = area -> area >= start && area < end;
        long[] pages = new long[2];
        forEachLine(who, isWanted, (area, line) -> {
            if (line.startsWith("Referenced:")) {
                pages[0] += kilobytes(line) / 4;
            }
        });
        var memmap = both.model.kernel.memmap();
        for (Vma vma : areas(who, isWanted)) {
            forEachPage(vma, (flags, pfn) -> {
                boolean isUsed = (flags & PteFlags.ACCESSED) != 0 || memmap.hasFlags(pfn, PageFlags.REFERENCED);
                pages[1] += isUsed ? 1 : 0;
            });
        }
        return new TwoKernels.Pair(pages[0], pages[1]);
    }

    private static String name(long area) {
        return String.format(Locale.ROOT, "%08x", area);
    }

    private static String flag(String line, String name) {
        return line.contains(name) ? name : "";
    }

    private static String flag(Vma vma, long bit, String name) {
        return vma.has(bit) ? name : "";
    }
}
