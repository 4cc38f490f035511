package io.pagewalk.observe.proc;

import io.pagewalk.hardware.machine.MachineDescription;
import io.pagewalk.kernel.ipc.ShmProcFile;
import io.pagewalk.kernel.procfs.KsmStat;
import io.pagewalk.kernel.system.LinuxKernel;
import io.pagewalk.kernel.system.Task;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.observe.files.WholeFile;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** The {@code /proc} of a kernel: every file that is modelled, as text, with those of sysfs in a directory of their own, and the writer of a directory that real tools can be pointed at. */
public final class ProcTree {
    /** An empty file by which a tree that was written before is known, so that it may be replaced. */
    public static final String MARKER = ".pagewalk-proc";

    /** Where the tree has the files of {@code /sys/kernel/mm}. */
    private static final String SYSFS = "sysfs/kernel/mm/";

    private ProcTree() {}

    /**
     * Prints all files.
     *
     * @param kernel a booted kernel
     * @return relative path to text
     */
    public static Map<String, String> files(LinuxKernel kernel) {
        Map<String, String> files = new TreeMap<>();
        MemoryState state = state(kernel);
        files.put("meminfo", MemInfo.print(state));
        files.put("vmstat", VmStatFile.print(state));
        files.put("buddyinfo", BuddyInfo.print(state.boot().zones()));
        files.put("pagetypeinfo", PageTypeInfo.print(state.boot()));
        for (String name : kernel.sysctls().names()) {
            files.put("sys/vm/" + name, kernel.sysctls().text(name) + "\n");
        }
        kernel.ksmFiles().texts().forEach((name, text) -> files.put(SYSFS + "ksm/" + name, text));
        kernel.hugePageFiles().texts().forEach((name, text) -> files.put(SYSFS + "transparent_hugepage/" + name, text));
        files.put("zoneinfo", ZoneInfo.print(state));
        files.put("vmallocinfo", VmallocInfo.print(kernel.vmalloc(), state.boot(), state.paging()));
        files.put("slabinfo", SlabInfo.print(kernel.slabs()));
        files.put("sysvipc/shm", ShmProcFile.print(kernel.sharedMemory().segments()));
        files.put("iomem", IoMem.print(kernel.ioResources().iomem()));
        files.put("ioports", IoPortsFile.print(kernel.ioResources().ioports()));
        PidSmaps smaps = new PidSmaps(
                kernel.memmap(),
                kernel.machine().memory(),
                state.paging(),
                kernel.hugePages().policy());
        PidNumaMaps numaMaps = new PidNumaMaps(
                kernel.memmap(),
                kernel.machine().memory(),
                state.paging(),
                pfn -> kernel.allocator().zoneOf(pfn).node(),
                kernel.allocator().nodes().size());
        for (Task task : kernel.tasks()) {
            Mm mm = task.mmOrNull();
            if (mm == null || task.tid() != task.tgid()) {
                continue;
            }
            ProcessState process = ProcessState.of(kernel, task, mm);
            String directory = task.tid() + "/";
            files.put(directory + "maps", PidMaps.print(process));
            files.put(directory + "smaps", smaps.print(process));
            files.put(directory + "smaps_rollup", smaps.printRollup(process));
            files.put(
                    directory + "numa_maps",
                    numaMaps.print(process, task.policy().policy()));
            files.put(directory + "ksm_stat", KsmStat.print(mm));
            files.put(directory + "ksm_merging_pages", mm.ksm().mergingPages() + "\n");
            files.put(directory + "status", PidStatus.print(process));
            files.put(directory + "stat", PidStat.print(process));
            files.put(directory + "statm", PidStatm.print(process));
        }
        return files;
    }

    /**
     * Writes the files into a directory: all of them, or none.
     *
     * @param option the option that named the directory, for messages
     * @param files what {@link #files} returned
     * @param directory a new or empty directory, or one that this method wrote before
     */
    public static void write(String option, Map<String, String> files, Path directory) {
        Map<String, String> all = new TreeMap<>(files);
        all.put(MARKER, "");
        WholeFile.writeTree(option, directory, MARKER, all);
    }

    private static MemoryState state(LinuxKernel kernel) {
        MachineDescription description = kernel.machine().description();
        return new MemoryState(
                kernel.bootMemory(),
                description.mode(),
                map(kernel),
                kernel.overcommit().committedPages(),
                kernel.overcommit().commitLimitPages(),
                0,
                description.cpus(),
                kernel.sysctls().get("vm.dirty_ratio"),
                kernel.sysctls().get("vm.dirty_background_ratio"),
                kernel.vmalloc().allocatedPages(),
                kernel.vmalloc().layout().vmallocTotalBytes(),
                kernel.perCpu().pages(),
                kernel.hugetlb().pools());
    }

    private static List<IoRange> map(LinuxKernel kernel) {
        List<IoRange> map = new ArrayList<>();
        kernel.ioResources().iomem().forEach((resource, depth) -> {
            if (depth == 0) {
                map.add(new IoRange(resource.start(), resource.end(), String.valueOf(resource.name())));
            }
        });
        return map;
    }
}
