package io.pagewalk.observe.proc;

import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.RssCounter;

/** {@code /proc/PID/status}: a process for people ({@code fs/proc/array.c:proc_pid_status()}, {@code fs/proc/task_mmu.c:task_mem()}). */
public final class PidStatus {
    private static final int NODE_MASK_BITS = 1024;
    private static final int WORD_BITS = 32;

    private PidStatus() {}

    /**
     * Prints the file.
     *
     * @param process the process
     */
    public static String print(ProcessState process) {
        StringBuilder text = new StringBuilder();
        int pid = process.pid();
        text.append("Name:\t").append(process.comm());
        text.append("\nUmask:\t0022");
        text.append("\nState:\t").append(stateName(process.state()));
        text.append("\nTgid:\t").append(pid);
        text.append("\nNgid:\t0");
        text.append("\nPid:\t").append(pid);
        text.append("\nPPid:\t").append(process.parentPid());
        text.append("\nTracerPid:\t0");
        text.append("\nUid:\t0\t0\t0\t0");
        text.append("\nGid:\t0\t0\t0\t0");
        text.append("\nFDSize:\t256");
        text.append("\nGroups:\t0 ");
        for (String name : new String[] {"NStgid", "NSpid", "NSpgid"}) {
            text.append('\n').append(name).append(":\t").append(pid);
        }
        text.append("\nNSsid:\t").append(process.parentPid());
        text.append("\nKthread:\t0\n");
        memory(text, process.mm(), process.hugetlbPages());
        text.append("CoreDumping:\t0");
        text.append("\nTHP_enabled:\t1");
        text.append("\nuntag_mask:\t0xffffffffffffffff");
        text.append("\nThreads:\t").append(process.threads());
        text.append("\nSigQ:\t0/0");
        for (String name : new String[] {"SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt", "CapInh"}) {
            text.append('\n').append(name).append(":\t0000000000000000");
        }
        // Processes belong to root, who has all capabilities.
        for (String name : new String[] {"CapPrm", "CapEff", "CapBnd"}) {
            text.append('\n').append(name).append(":\t000001ffffffffff");
        }
        text.append("\nCapAmb:\t0000000000000000");
        text.append("\nNoNewPrivs:\t0");
        text.append("\nSeccomp:\t0");
        text.append("\nSeccomp_filters:\t0");
        text.append("\nSpeculation_Store_Bypass:\tvulnerable");
        text.append("\nSpeculationIndirectBranch:\talways enabled");
        text.append("\nCpus_allowed:\t").append(mask(process.cpus(), process.cpus()));
        text.append("\nCpus_allowed_list:\t").append(list(process.cpus()));
        text.append("\nMems_allowed:\t").append(mask(process.nodes(), NODE_MASK_BITS));
        text.append("\nMems_allowed_list:\t").append(list(process.nodes()));
        text.append("\nvoluntary_ctxt_switches:\t0");
        text.append("\nnonvoluntary_ctxt_switches:\t0\n");
        return text.toString();
    }

    private static void memory(StringBuilder text, Mm mm, long hugetlbPages) {
        long textPages = Math.min(PidStatm.textBytes(mm) >> 12, mm.execVm());
        pages(text, "VmPeak", mm.hiwaterVm());
        pages(text, "VmSize", mm.totalVm());
        pages(text, "VmLck", mm.lockedVm());
        pages(text, "VmPin", mm.pinnedVm());
        pages(text, "VmHWM", mm.hiwaterRss());
        pages(text, "VmRSS", mm.rssPages());
        pages(text, "RssAnon", mm.rss(RssCounter.ANON));
        pages(text, "RssFile", mm.rss(RssCounter.FILE));
        pages(text, "RssShmem", mm.rss(RssCounter.SHMEM));
        pages(text, "VmData", mm.dataVm());
        pages(text, "VmStk", mm.stackVm());
        pages(text, "VmExe", textPages);
        pages(text, "VmLib", mm.execVm() - textPages);
        kilobytes(text, "VmPTE", mm.pgtablesBytes() >> 10);
        pages(text, "VmSwap", mm.rss(RssCounter.SWAP));
        pages(text, "HugetlbPages", hugetlbPages);
    }

    private static void pages(StringBuilder text, String name, long pages) {
        kilobytes(text, name, Columns.kilobytesOf(pages));
    }

    private static void kilobytes(StringBuilder text, String name, long kilobytes) {
        text.append(name).append(":\t");
        Columns.right(text, kilobytes, 8);
        text.append(" kB\n");
    }

    private static String stateName(char state) {
        return switch (state) {
            case 'R' -> "R (running)";
            case 'S' -> "S (sleeping)";
            case 'D' -> "D (disk sleep)";
            case 'Z' -> "Z (zombie)";
            case 'X' -> "X (dead)";
            default -> String.valueOf(state);
        };
    }

    /** The first {@code count} of {@code bits} bits set, in words of 32 bits with commas: {@code %*pb}. */
    static String mask(int count, int bits) {
        StringBuilder text = new StringBuilder();
        int words = (bits + WORD_BITS - 1) / WORD_BITS;
        for (int word = words - 1; word >= 0; word--) {
            int set = Math.clamp((long) count - (long) word * WORD_BITS, 0, WORD_BITS);
            long value = (1L << set) - 1;
            int digits = word == words - 1 ? (bits - word * WORD_BITS + 3) / 4 : 8;
            Columns.hex(text, value, digits);
            if (word > 0) {
                text.append(',');
            }
        }
        return text.toString();
    }

    private static String list(int count) {
        return count == 1 ? "0" : "0-" + (count - 1);
    }
}
