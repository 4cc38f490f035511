package io.pagewalk.kernel.system;

import io.pagewalk.base.BadInput;
import io.pagewalk.kernel.hugetlb.HugePools;
import io.pagewalk.kernel.memblock.BootMemory;
import io.pagewalk.kernel.sysctl.Sysctls;
import io.pagewalk.kernel.vma.Overcommit;

/** What happens when a value under {@code /proc/sys/vm} is written while the machine runs: the {@code proc_handler} functions of {@code mm/}. */
final class SysctlHandlers {
    private final Sysctls sysctls;
    private final BootMemory memory;
    private final PageThreads threads;
    private final HugePools hugePages;
    private final Overcommit overcommit;

    SysctlHandlers(
            Sysctls sysctls, BootMemory memory, PageThreads threads, HugePools hugePages, Overcommit overcommit) {
        this.sysctls = sysctls;
        this.memory = memory;
        this.threads = threads;
        this.hugePages = hugePages;
        this.overcommit = overcommit;
    }

    /** Stores a value and lets the allocator follow; refuses what Linux refuses. */
    void write(String name, String text) {
        String key = name.startsWith("vm.") || name.startsWith("vm/") ? name.substring(3) : name;
        if (key.equals("compact_memory")) {
            if (!text.strip().equals("1")) {
                throw new BadInput("vm.compact_memory", "'" + text + "'", "1");
            }
            threads.compaction().compactNodes();
            return;
        }
        sysctls.set(key, text);
        switch (key) {
            case "min_free_kbytes", "watermark_scale_factor" -> memory.applyWatermarks(sysctls);
            case "percpu_pagelist_high_fraction" -> memory.applyPagesets(sysctls);
            case "lowmem_reserve_ratio" -> memory.applyLowmemReserve(sysctls);
            case "watermark_boost_factor", "defrag_mode" -> memory.applyModes(sysctls);
            case "extfrag_threshold", "compact_unevictable_allowed" ->
                threads.compaction().applySettings(sysctls);
            case "compaction_proactiveness" -> {
                threads.compaction().applySettings(sysctls);
                threads.triggerProactive();
            }
            case "overcommit_memory" -> overcommit.policyChanged();
            // One of the two rules.
            case "overcommit_ratio" -> sysctls.set("overcommit_kbytes", "0");
            case "overcommit_kbytes" -> sysctls.set("overcommit_ratio", "0");
            case "nr_hugepages", "nr_hugepages_mempolicy" -> {
                hugePages.resize(sysctls.get(key));
                long pages = hugePages.defaultPool().pages();
                sysctls.set("nr_hugepages", Long.toString(pages));
                sysctls.set("nr_hugepages_mempolicy", Long.toString(pages));
            }
            case "nr_overcommit_hugepages" -> {
                if (!hugePages.setOvercommit(sysctls.get(key))) {
                    sysctls.set(key, "0");
                    throw new BadInput("vm." + key, "'" + text + "'", "a default size with surplus pages");
                }
            }
            default -> {
                // Read by those who use it.
            }
        }
    }
}
