package io.pagewalk.kernel.exec;

import io.pagewalk.base.Bits;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.syscall.UserMemory;
import io.pagewalk.kernel.vma.MappedFile;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.MmLifecycle;
import io.pagewalk.kernel.vma.Mmap;
import io.pagewalk.kernel.vma.Munmap;
import io.pagewalk.kernel.vma.UnmappedArea;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Loads one program into an empty address space: {@code fs/binfmt_elf.c:load_elf_binary()} without address randomisation.
 *
 * <p>Order as in Linux: stack, program, dynamic linker, {@code [vvar]} and {@code [vdso]}, what lies on the stack, heap.
 */
public final class ElfLoader {
    /* What mm/vma.c:_install_special_mapping() adds; it makes the areas special, so that they are never locked. */
    private static final long ALL_SPECIAL_FLAGS = VmaFlags.VM_READ | VmaFlags.VM_MAYREAD | VmaFlags.VM_DONTEXPAND;

    /** Flags of {@code [vdso]}. */
    public static final long VDSO_FLAGS =
            ALL_SPECIAL_FLAGS | VmaFlags.VM_EXEC | VmaFlags.VM_MAYWRITE | VmaFlags.VM_MAYEXEC;

    /** Flags of {@code [vvar]} and {@code [vvar_vclock]}. */
    public static final long VVAR_FLAGS =
            ALL_SPECIAL_FLAGS | VmaFlags.VM_IO | VmaFlags.VM_DONTDUMP | VmaFlags.VM_PFNMAP;

    private static final long PAGE = 4096;
    private static final long MAP_PRIVATE = 2;
    private static final long MAP_FIXED = 0x10;
    private static final long MAP_ANONYMOUS = 0x20;
    private static final long MAP_FIXED_NOREPLACE = 0x100000;

    /** {@code [vvar]}, {@code [vvar_vclock]} and {@code [vdso]} of 6.18, in pages: {@code arch/x86/entry/vdso/vma.c:map_vdso()}. */
    private static final int VVAR_PAGES = 4;

    private static final int VCLOCK_PAGES = 2;
    private static final int VDSO_PAGES = 2;
    private final Mm mm;
    private final ElfProgram program;
    private final Function<String, @Nullable MappedFile> files;
    private final UserMemory memory;
    private long endBrk;
    private long headersAddress;
    private long startCode = -1;
    private long endCode;
    private long startData;
    private long endData;

    private ElfLoader(Mm mm, ElfProgram program, Function<String, @Nullable MappedFile> files, UserMemory memory) {
        this.mm = mm;
        this.program = program;
        this.files = files;
        this.memory = memory;
    }

    /**
     * Loads a program.
     *
     * @param mm an address space without areas
     * @param program what to load
     * @param files opens a file by its path ({@code open_exec()}) and gives the caller a reference to it, or null when there is none
     * @param memory the memory of the task that the program is loaded for
     * @return address of the first instruction, or a negative errno: {@code -ENOENT} without the file, {@code -ENOMEM}, {@code -EFAULT}, {@code -EINVAL}, {@code -EEXIST} as {@code mmap()} gives them
     */
    public static long load(
            Mm mm, ElfProgram program, Function<String, @Nullable MappedFile> files, UserMemory memory) {
        return new ElfLoader(mm, program, files, memory).load();
    }

    private long load() {
        FirstStack stack = new FirstStack(mm, program, memory);
        long error = stack.writeStrings();
        if (error != 0) {
            return error;
        }
        long bias = loadFile(program.file(), true, program.linker() != null);
        if (Errno.isError(bias)) {
            return bias;
        }
        long entry = program.file().entry() + bias;
        long programEntry = entry;
        long linkerBase = 0;
        ElfFile linker = program.linker();
        if (linker != null) {
            linkerBase = loadFile(linker, false, true);
            if (Errno.isError(linkerBase)) {
                return linkerBase;
            }
            entry = linkerBase + linker.entry();
        }
        long vdso = mapVdso();
        if (Errno.isError(vdso)) {
            return vdso;
        }
        error = stack.writeTables(vdso, headersAddress, linkerBase, programEntry);
        if (error != 0) {
            return error;
        }
        mm.setCode(startCode, endCode);
        mm.setData(startData, endData);
        boolean isLoader = program.file().isRelocatable() && linker == null;
        long brk = isLoader ? dynamicBase() : Bits.roundUp(endBrk, PAGE);
        mm.setBrk(Bits.roundUp(brk, PAGE), Bits.roundUp(brk, PAGE));
        return entry;
    }

    /** {@code ELF_ET_DYN_BASE}: two thirds of the default window. */
    private long dynamicBase() {
        return mm.layout().defaultMapWindow() / 3 * 2;
    }

    /** Maps all segments of a file; returns its load bias or a negative errno. */
    private long loadFile(ElfFile file, boolean isProgram, boolean isPie) {
        MappedFile opened = files.apply(file.path());
        if (opened == null) {
            return -Errno.ENOENT;
        }
        try {
            return loadSegments(file, opened, isProgram, isPie);
        } finally {
            opened.put();
        }
    }

    private long loadSegments(ElfFile file, MappedFile opened, boolean isProgram, boolean isPie) {
        if (file.segments().isEmpty()) {
            return -Errno.EINVAL;
        }
        long bias = 0;
        boolean isFirst = true;
        for (ElfFile.Segment segment : file.segments()) {
            long flags = MAP_PRIVATE | (isFirst ? 0 : MAP_FIXED);
            long totalBytes = 0;
            if (isFirst && !file.isRelocatable()) {
                flags |= MAP_FIXED_NOREPLACE;
            } else if (isFirst) {
                totalBytes = file.mappingBytes();
                if (isProgram && isPie) {
                    bias = dynamicBase() & -file.alignment();
                    flags |= MAP_FIXED_NOREPLACE;
                } else if (isProgram && file.alignment() > PAGE) {
                    bias = alignedHole(file, opened, segment, totalBytes);
                    if (Errno.isError(bias)) {
                        return bias;
                    }
                    flags |= MAP_FIXED_NOREPLACE;
                }
                bias = (bias - segment.vaddr()) & -PAGE;
            }
            long wanted =
                    isFirst && file.isRelocatable() && (flags & MAP_FIXED_NOREPLACE) == 0 ? 0 : bias + segment.vaddr();
            long mapped = loadSegment(opened, wanted, segment, flags, totalBytes);
            if (Errno.isError(mapped)) {
                return mapped;
            }
            if (isFirst && file.isRelocatable()) {
                bias = mapped - (segment.vaddr() & -PAGE);
            }
            if (isProgram) {
                note(file, segment, bias, opened, isFirst);
            }
            isFirst = false;
        }
        return bias;
    }

    /** Finds where a file that has no fixed place and a large alignment goes: it is mapped once to learn where Linux would put it. */
    private long alignedHole(ElfFile file, MappedFile opened, ElfFile.Segment segment, long totalBytes) {
        long place = loadSegment(opened, 0, segment, MAP_PRIVATE, totalBytes);
        if (!Errno.isError(place)) {
            Munmap.munmap(mm, place, totalBytes);
            return place & -file.alignment();
        }
        return place;
    }

    private void note(ElfFile file, ElfFile.Segment segment, long bias, MappedFile opened, boolean isFirst) {
        long start = segment.vaddr() + bias;
        long fileEnd = start + segment.fileBytes();
        if (isFirst) {
            opened.get();
            mm.setExeFile(opened);
        }
        if (segment.fileOffset() <= file.headersOffset()
                && file.headersOffset() < segment.fileOffset() + segment.fileBytes()) {
            headersAddress = file.headersOffset() - segment.fileOffset() + start;
        }
        if (segment.isExecutable()) {
            startCode = startCode == -1 ? start : Math.min(startCode, start);
            endCode = Math.max(endCode, fileEnd);
        }
        startData = Math.max(startData, start);
        endData = Math.max(endData, fileEnd);
        endBrk = Math.max(endBrk, start + segment.memoryBytes());
    }

    /** {@code elf_load()}: the file's part, zeroes to the end of its last page, anonymous memory behind. */
    private long loadSegment(MappedFile file, long wanted, ElfFile.Segment segment, long flags, long totalBytes) {
        long offsetInPage = segment.vaddr() & (PAGE - 1);
        long mapped = wanted & -PAGE;
        long zeroStart = mapped;
        if (segment.fileBytes() > 0) {
            long bytes = Bits.roundUp(segment.fileBytes() + offsetInPage, PAGE);
            long total = Math.max(bytes, Bits.roundUp(totalBytes, PAGE));
            long page = (segment.fileOffset() - offsetInPage) >>> 12;
            mapped = Mmap.map(mm, file, mapped, total, segment.prot(), flags, page);
            if (Errno.isError(mapped)) {
                return mapped;
            }
            if (total > bytes) {
                Munmap.munmap(mm, mapped + bytes, total - bytes);
            }
            zeroStart = mapped + offsetInPage + segment.fileBytes();
            if (segment.memoryBytes() > segment.fileBytes()) {
                int tail = (int) (Bits.roundUp(zeroStart, PAGE) - zeroStart);
                if (tail > 0
                        && memory.copyToUser(zeroStart, new byte[tail], 0, tail) != 0
                        && (segment.prot() & 2) != 0) {
                    return -Errno.EFAULT;
                }
            }
        }
        long end = Bits.roundUp(mapped + offsetInPage + segment.memoryBytes(), PAGE);
        long start = Bits.roundUp(zeroStart, PAGE);
        if (segment.memoryBytes() > segment.fileBytes() && Bits.isBelow(start, end)) {
            long zeroes = Mmap.map(
                    mm, null, start, end - start, 3 | (segment.prot() & 4), MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, 0);
            return Errno.isError(zeroes) ? zeroes : mapped;
        }
        return mapped;
    }

    /** Puts the clock pages and the code of the fast system calls right below what was mapped last; returns the address of {@code [vdso]}. */
    private long mapVdso() {
        long bytes = (VVAR_PAGES + VCLOCK_PAGES + VDSO_PAGES) * PAGE;
        long start = UnmappedArea.get(mm, null, 0, bytes, 0, 0);
        if (Errno.isError(start)) {
            return start;
        }
        long clocks = start + VVAR_PAGES * PAGE;
        long vdso = clocks + VCLOCK_PAGES * PAGE;
        long error = special(start, clocks, VVAR_FLAGS, "[vvar]");
        error = error == 0 ? special(clocks, vdso, VVAR_FLAGS, "[vvar_vclock]") : error;
        error = error == 0 ? special(vdso, start + bytes, VDSO_FLAGS, "[vdso]") : error;
        return error == 0 ? vdso : error;
    }

    private long special(long start, long end, long flags, String name) {
        Vma vma = new Vma(mm, start, end, flags, 0, null);
        vma.setSpecialName(name);
        return MmLifecycle.insertVmStruct(mm, vma);
    }
}
