package io.pagewalk.oracle.fuzz;

import io.pagewalk.base.BadInput;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;

/** A group of calls that histories may be limited to; mmap, munmap, loads and stores of anonymous memory belong to every history. */
public enum Area {
    /** mmap and munmap alone: hints, fixed places, growing stacks, population. */
    MAP,
    /** mprotect. */
    PROTECT,
    /** mremap with all its flags. */
    MREMAP,
    /** madvise with every advice. */
    ADVISE,
    /** mlock, mlock2, munlock, mlockall, munlockall, MAP_LOCKED. */
    LOCK,
    /** brk. */
    HEAP,
    /** Private and shared mappings of a file on disk. */
    FILE,
    /** Shared anonymous memory and memfds. */
    SHARED,
    /** pread64, pwrite64 and ftruncate on mapped files. */
    CONTENTS,
    /** mincore. */
    MINCORE,
    /** msync. */
    SYNC,
    /** mseal. */
    SEAL,
    /** Memory policies and moving pages between nodes. */
    POLICY,
    /** Processes: fork, exit, advice about fork. */
    FORK,
    /** Processes whose maker waits for them (vfork), and execve of the C program. */
    EXEC,
    /** Huge pages of 2 MiB in private memory, in one of eight histories. */
    HUGE,
    /** Sizes of transparent huge pages below 2 MiB, in one of eight histories: the kernel's settings change for its time. Only for root. */
    SIZES,
    /** Huge pages from a pool that is set aside for the time of a history: mappings, memfds and segments of them, in one of eight histories. Only for root. */
    POOL,
    /** Threads, and processes that share memory: clone with CLONE_VM. */
    THREAD,
    /** Limits of address space and data of any living process, by prlimit64. Only for root, whose C program begins without any. */
    LIMIT,
    /** Marks of pages taken away: numbers written to {@code clear_refs} of any living process. */
    CLEAR,
    /** System V segments: shmget, shmat, shmdt, shmctl. Only for root, whose C program gets a namespace of its own. */
    SEGMENT;

    /** Returns the name that people type. */
    public String key() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** Returns every area. */
    public static Set<Area> all() {
        return EnumSet.allOf(Area.class);
    }

    /**
     * Reads a list such as {@code map,mremap}.
     *
     * @param list names with commas; {@code all} is every area
     * @return the areas
     * @throws BadInput for an unknown name
     */
    public static Set<Area> parse(String list) {
        Set<Area> result = EnumSet.noneOf(Area.class);
        for (String word : list.split(",", -1)) {
            String name = word.strip();
            if (name.equals("all")) {
                result.addAll(all());
                continue;
            }
            Area area = Arrays.stream(values())
                    .filter(candidate -> candidate.key().equals(name))
                    .findFirst()
                    .orElseThrow(() -> new BadInput("--area", "'" + name + "'", "all or some of " + names()));
            result.add(area);
        }
        return result;
    }

    /** Returns all names with commas. */
    public static String names() {
        return Arrays.stream(values()).map(Area::key).collect(Collectors.joining(","));
    }
}
