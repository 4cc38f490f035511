package io.pagewalk.oracle.mutants;

import io.pagewalk.kernel.vma.VmaFlags;
import io.pagewalk.oracle.mutants.Edit.Compare;
import io.pagewalk.oracle.mutants.Edit.Compare.How;
import io.pagewalk.oracle.mutants.Edit.Constant;
import io.pagewalk.oracle.mutants.Edit.Drop;
import io.pagewalk.oracle.mutants.Edit.EnumConstant;
import io.pagewalk.oracle.mutants.Edit.Redirect;
import io.pagewalk.oracle.mutants.Edit.Return;
import java.util.List;

/** The planted bugs. They were chosen before anybody looked which of them histories find. */
final class Mutants {
    private static final String MERGE = "kernel.vma.VmaMerge";
    private static final String EDITOR = "kernel.fault.PageTableEditor";
    private static final String HANDLER = "kernel.fault.FaultHandler";
    private static final String COPY_ON_WRITE = "kernel.fault.CopyOnWrite";
    private static final String MREMAP = "kernel.vma.Mremap";
    private static final String MUNMAP = "kernel.vma.Munmap";
    private static final String PROTECTION = "kernel.fault.ProtectionChange";
    private static final long IGNORED = ~VmaFlags.VM_IGNORE_MERGE;

    private Mutants() {}

    static final List<Mutant> ALL = List.of(
            // Which neighbours become one area.
            mutant("merge-anon-vma", "areas with different anon_vmas merge", MERGE, "anonVmaFits", new Return(1)),
            mutant(
                    "merge-fork-child",
                    "an area that holds pages of the parent takes an untouched one in",
                    MERGE,
                    "isForkChild",
                    new Return(0)),
            mutant(
                    "merge-offset",
                    "an area merges with the next one whatever its offset in the file",
                    MERGE,
                    "fitsBefore",
                    new Compare("", How.NEVER),
                    3,
                    3),
            mutant(
                    "merge-file",
                    "mappings of different files merge",
                    MERGE,
                    "attributesFit",
                    new Compare("file", How.NEVER)),
            mutant(
                    "merge-flags",
                    "areas merge that differ in MADV_DONTDUMP",
                    MERGE,
                    "attributesFit",
                    new Constant(IGNORED, IGNORED & ~VmaFlags.VM_DONTDUMP)),
            mutant(
                    "anon-vma-reuse",
                    "a neighbour's anon_vma is shared though it was forked",
                    MERGE,
                    "reusable",
                    new Compare("size", How.NEVER)),
            mutant(
                    "anon-vma-fork",
                    "a child shares an anon_vma that still has areas of its own",
                    "kernel.rmap.AnonVmas",
                    "fork",
                    new Compare("activeVmas", How.NEVER)),

            // Translations that stay in a TLB.
            mutant("flush-unmap", "munmap and MADV_DONTNEED flush nothing", EDITOR, "zap", new Drop("addPage", 0)),
            mutant("flush-protect", "mprotect flushes nothing", PROTECTION, "changeEntries", new Drop("addPage", 0)),
            mutant(
                    "flush-move",
                    "mremap does not flush the old place of single entries",
                    "kernel.fault.EntryMover",
                    "moveEntries",
                    new Drop("addPage", 0)),
            mutant(
                    "flush-move-table",
                    "mremap does not flush the old place of whole tables",
                    "kernel.fault.EntryMover",
                    "moveEntries",
                    new Drop("addTables", 0)),
            mutant(
                    "flush-cow",
                    "a copy on write does not flush the page that was shared",
                    COPY_ON_WRITE,
                    "copyPage",
                    new Drop("flushRange", 0)),
            mutant(
                    "flush-fork",
                    "fork leaves writable translations of the parent",
                    "kernel.system.Processes",
                    "copyMm",
                    new Drop("flushMm", 0)),
            mutant(
                    "flush-generation",
                    "a CPU that comes back to an address space misses the flushes meanwhile",
                    "kernel.system.AddressSpaces",
                    "switchTo",
                    new Compare("generation", How.NEVER)),

            // What calls answer.
            mutant(
                    "errno-mprotect-hole",
                    "mprotect answers EINVAL when it meets a hole on the way",
                    "kernel.vma.Mprotect",
                    "applyTo",
                    new Constant(-12, -22)),
            mutant(
                    "errno-madvise-hole",
                    "madvise does not report the holes that it skipped",
                    "kernel.vma.Madvise",
                    "walk",
                    new Constant(-12, 0),
                    2,
                    2),
            mutant(
                    "errno-noreplace",
                    "MAP_FIXED_NOREPLACE answers EINVAL for a range in use",
                    "kernel.vma.Mmap",
                    "map",
                    new Constant(-17, -22)),
            mutant(
                    "errno-msync-busy",
                    "msync with MS_INVALIDATE accepts locked memory",
                    "kernel.vma.Msync",
                    "msync",
                    new Constant(-16, 0)),
            mutant(
                    "madvise-locked",
                    "MADV_DONTNEED throws locked pages away",
                    "kernel.vma.Madvise",
                    "refusalOfDiscard",
                    new Constant(VmaFlags.VM_LOCKED, 0)),
            mutant(
                    "mseal-mremap",
                    "mremap moves sealed memory",
                    MREMAP,
                    "checkArea",
                    new Constant(VmaFlags.VM_SEALED, 0)),
            mutant(
                    "mlockall-future",
                    "mlockall forgets MCL_FUTURE",
                    "kernel.vma.Mlock",
                    "applyToAll",
                    new Drop("setDefFlags", 0)),
            mutant(
                    "brk-shrink",
                    "brk moves the end of the heap down and leaves the memory there",
                    "kernel.vma.Brk",
                    "brk",
                    new Drop("unmapAligned", 0)),

            // Borders.
            mutant(
                    "edge-mremap-overlap",
                    "mremap refuses a new range that touches the old one",
                    MREMAP,
                    "overlaps",
                    new Edit.AtLeast("above"),
                    1,
                    2),
            mutant(
                    "edge-file-end",
                    "the first page behind the end of a file can be touched",
                    "kernel.filemap.PageCache",
                    "fault",
                    new Compare("sizePages", How.SHIFT)),
            mutant(
                    "edge-guard-gap",
                    "the guard gap of a stack is one page too wide",
                    "kernel.vma.StackGrowth",
                    "expandDownwards",
                    new Compare("stackGuardGapBytes", How.SHIFT)),
            mutant(
                    "edge-munmap-length",
                    "munmap rounds its length down",
                    MUNMAP,
                    "munmap",
                    new Redirect("align", "floor")),
            mutant(
                    "edge-mincore-rest",
                    "mincore forgets a last part of a page",
                    "kernel.vma.Mincore",
                    "mincore",
                    new Compare("offset", How.ALWAYS),
                    2,
                    2),
            mutant(
                    "edge-hint-gap",
                    "a hint may lie in the guard gap of a stack",
                    "kernel.vma.UnmappedArea",
                    "isFree",
                    new Redirect("startWithGap", "start")),

            // Accounting.
            mutant(
                    "count-locked-unmap",
                    "munmap leaves VmLck as it was",
                    MUNMAP,
                    "complete",
                    new Drop("addLockedVm", 0)),
            mutant(
                    "count-data-protect",
                    "mprotect does not count the area under its new rights",
                    "kernel.vma.Mprotect",
                    "fixup",
                    new Drop("account", 0),
                    2,
                    2),
            mutant(
                    "count-committed-unmap",
                    "munmap gives no commitment back",
                    MUNMAP,
                    "complete",
                    new Drop("uncharge", 0)),
            mutant(
                    "count-stack-growth",
                    "a growing stack is not counted",
                    "kernel.vma.StackGrowth",
                    "expandDownwards",
                    new Drop("account", 0)),
            mutant(
                    "count-locked-mremap",
                    "mremap does not count locked memory that grows",
                    MREMAP,
                    "countNew",
                    new Drop("addLockedVm", 0)),

            // Fork and copy on write.
            mutant(
                    "fork-locked",
                    "a child inherits locks",
                    "kernel.vma.MmLifecycle",
                    "dupMmap",
                    new Constant(~VmaFlags.VM_LOCKED_MASK, -1)),
            mutant(
                    "fork-wipe",
                    "MADV_WIPEONFORK is ignored",
                    "kernel.vma.MmLifecycle",
                    "dupMmap",
                    new Constant(VmaFlags.VM_WIPEONFORK, 0)),
            mutant(
                    "cow-reuse",
                    "a write to a page that another process maps too goes to that page",
                    COPY_ON_WRITE,
                    "mayReuse",
                    new Drop("hasFlags", 1),
                    1,
                    2),
            mutant(
                    "cow-fork-parent",
                    "fork takes the right to write from the child alone",
                    EDITOR,
                    "copyEntry",
                    new Drop("writeEntry", 0),
                    1,
                    2),
            mutant(
                    "cow-mprotect",
                    "mprotect makes shared pages writable",
                    PROTECTION,
                    "isWritableNow",
                    new Drop("hasFlags", 1)),

            // Files and faults.
            mutant(
                    "populate-write",
                    "MAP_POPULATE and mlock only read private memory",
                    "kernel.vma.Populate",
                    "populateVma",
                    new Constant(1, 0)),
            mutant(
                    "truncate-cows",
                    "ftruncate leaves private copies behind the new end",
                    "kernel.filemap.FileSystem",
                    "truncate",
                    new EnumConstant("YES", "NO")),
            mutant(
                    "mincore-cache",
                    "mincore says that cached pages without a mapping are absent",
                    EDITOR,
                    "isInCore",
                    new Drop("cachedPfn", -1)),
            mutant(
                    "fault-around-window",
                    "a fault maps eight pages of a file around, not sixteen",
                    HANDLER,
                    "<init>",
                    new Constant(16, 8)),
            mutant(
                    "fault-major",
                    "reading a page from the disk counts as a minor fault",
                    HANDLER,
                    "handle",
                    new Drop("countMajorFault", 0)),
            mutant(
                    "smaps-shared",
                    "smaps calls a page shared only when three map it",
                    "observe.proc.PidSmaps",
                    "count",
                    new Constant(1, 2),
                    5,
                    5));

    private static Mutant mutant(String name, String bug, String className, String method, Edit edit) {
        return mutant(name, bug, className, method, edit, 1, 1);
    }

    private static Mutant mutant(String name, String bug, String className, String method, Edit edit, int nth, int of) {
        return new Mutant(name, bug, className, method, edit, nth, of);
    }
}
