package io.pagewalk.workload.replay;

import io.pagewalk.kernel.syscall.NoMemoryEffect;
import io.pagewalk.kernel.syscall.SyscallArgs;
import io.pagewalk.kernel.syscall.SyscallNumbers;
import io.pagewalk.kernel.system.LinuxKernel;
import io.pagewalk.kernel.system.Task;
import io.pagewalk.kernel.system.UserAccess;
import io.pagewalk.workload.trace.SyscallEvent;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Recorded system calls being made again.
 *
 * <p>A recorded result is what the program went on with, so the model must come to the same: unless the options leave the choice to the model's kernel, mappings are asked for at
 * the address that was given before (or where {@link AddressMap} puts it); files and children are known by the numbers that the recording kernel gave them.
 * What a call reads or writes in user memory is touched as the kernel would touch it. A call that failed when it was
 * recorded is counted but not made.
 */
final class SyscallReplay {
    private static final int KEPT_DIVERGENCES = 10;
    private static final long MAP_FIXED = 0x10;
    private static final long MAP_FIXED_NOREPLACE = 0x100000;
    private static final long MREMAP_MAYMOVE = 1;
    private static final long MREMAP_FIXED = 2;
    private static final long CLONE_VM = 0x100;
    private static final long CLONE_THREAD = 0x10000;
    private static final int F_DUPFD = 0;
    private static final int F_DUPFD_CLOEXEC = 1030;
    private static final int F_ADD_SEALS = 1033;
    private static final long IPC_CREAT = 01000;
    private static final long AT_FDCWD = -100;
    private static final int MAX_ERRNO = 4095;

    private final LinuxKernel kernel;
    private final SyscallNumbers numbers;
    private final AddressMap addresses;
    private final UserBuffers buffers;
    private final boolean isPlaced;
    private final SyscallArgs args = new SyscallArgs();
    private final List<Task> threads = new ArrayList<>();
    /* File descriptor of the recording -> of the model, for files that the model has open. */
    private final Map<Long, Long> files = new HashMap<>();
    /* Identifier of a System V segment of the recording -> of the model. */
    private final Map<Long, Long> segments = new HashMap<>();
    private final Map<Long, Task> children = new HashMap<>();
    private final SortedMap<String, Long> notModelled = new TreeMap<>();
    private final List<String> firstDivergences = new ArrayList<>();
    private long divergences;
    private long count;
    /* Whether the kernel has copied to or from the buffer of the current call itself. */
    private boolean touchedByKernel;

    SyscallReplay(LinuxKernel kernel, Task program, AddressMap addresses, ReplayOptions.Placement placement) {
        this.kernel = kernel;
        this.numbers = kernel.syscallNumbers();
        this.addresses = addresses;
        this.isPlaced = placement == ReplayOptions.Placement.RECORDED;
        this.buffers = new UserBuffers(numbers, addresses);
        threads.add(program);
    }

    Task thread(int number) {
        return threads.get(Math.min(number, threads.size() - 1));
    }

    long count() {
        return count;
    }

    long divergences() {
        return divergences;
    }

    List<String> firstDivergences() {
        return List.copyOf(firstDivergences);
    }

    SortedMap<String, Long> notModelled() {
        return notModelled;
    }

    void exitThread(int number, int status) {
        if (number > 0 && number < threads.size()) {
            kernel.exit(threads.get(number), status);
        }
    }

    /**
     * Makes a recorded call.
     *
     * @return false when the task was killed in it
     */
    boolean perform(Task task, SyscallEvent event) {
        count++;
        touchedByKernel = false;
        long result = event.result();
        if (result < 0 && result >= -MAX_ERRNO) {
            return true;
        }
        args.set(event.number(), event.a0(), event.a1(), event.a2(), event.a3(), event.a4(), event.a5());
        args.path = event.path();
        String name = numbers.name(event.number());
        switch (name) {
            case "mmap" -> {
                long place = addresses.mappingToMachine(result);
                if (isPlaced) {
                    args.a0 = place;
                    args.a3 = (args.a3 & ~MAP_FIXED_NOREPLACE) | MAP_FIXED;
                }
                args.a4 = fileOf(args.a4);
                expect(name, call(task), place);
            }
            case "mremap" -> {
                long target = addresses.mappingToMachine(result);
                args.a0 = addresses.toMachine(args.a0);
                if (isPlaced && target != args.a0) {
                    args.a3 |= MREMAP_MAYMOVE | MREMAP_FIXED;
                    args.a4 = target;
                }
                expect(name, call(task), target);
            }
            case "shmget" -> sharedSegment(task, result);
            case "shmat" -> {
                args.a0 = segmentOf(args.a0);
                args.a1 = addresses.mappingToMachine(result);
                expect(name, call(task), args.a1);
            }
            case "shmdt" -> {
                args.a0 = addresses.toMachine(args.a0);
                expect(name, call(task), result);
            }
            case "shmctl" -> {
                args.a0 = segmentOf(args.a0);
                args.a2 = addresses.toMachine(args.a2);
                touchedByKernel = true;
                call(task);
            }
            case "memfd_create" -> memoryFile(task, result);
            case "brk" -> {
                args.a0 = addresses.toMachine(args.a0);
                expect(name, call(task), addresses.toMachine(result));
            }
            case "munmap", "mprotect", "madvise", "mlock", "mlock2", "munlock" -> {
                rangeToMachine();
                expect(name, call(task), result);
            }
            case "mlockall", "munlockall" -> expect(name, call(task), result);
            case "open", "creat", "openat" -> open(task, result);
            case "close" -> {
                Long file = files.remove(args.a0);
                if (file != null) {
                    args.a0 = file;
                    call(task);
                }
            }
            case "dup", "dup2", "dup3" -> duplicate(event.a0(), result);
            case "fcntl" -> {
                if (event.a1() == F_DUPFD || event.a1() == F_DUPFD_CLOEXEC) {
                    duplicate(event.a0(), result);
                } else if (event.a1() == F_ADD_SEALS) {
                    onFile(task, name, result);
                }
            }
            case "read", "pread64", "write", "pwrite64", "lseek", "ftruncate", "fadvise64", "readahead", "fallocate" ->
                onFile(task, name, result);
            case "truncate" -> {
                if (args.path != null) {
                    call(task);
                }
            }
            case "clone" -> child(task, event.a0(), result);
            case "clone3" -> child(task, CLONE_VM | CLONE_THREAD, result);
            case "fork" -> child(task, 0, result);
            case "vfork" -> {
                /* The child borrows the memory until it execs or exits, and nothing of the parent's changes. */
            }
            case "wait4", "waitid" -> {
                Task child = children.remove(result);
                if (child != null) {
                    kernel.exitGroup(child, 0);
                }
            }
            case "exit", "exit_group", "execve" -> {
                /* The end of a thread or a program stands in the trace for itself. */
            }
            default -> other(task, name);
        }
        if (task.isKilled()) {
            return false;
        }
        return touchedByKernel || buffers.touch(kernel, task, event) != UserAccess.OOM_KILLED;
    }

    private long call(Task task) {
        return kernel.syscall(task, args);
    }

    private void other(Task task, String name) {
        if (name.equals("msync") || name.equals("mincore")) {
            rangeToMachine();
            if (name.equals("mincore")) {
                args.a2 = addresses.toMachine(args.a2);
            }
            call(task);
        } else if (!buffers.knows(name) && !NoMemoryEffect.contains(name)) {
            notModelled.merge(name, 1L, Long::sum);
        }
    }

    /** Moves the range that stands in the first two arguments. */
    private void rangeToMachine() {
        long start = args.a0;
        args.a0 = addresses.rangeStart(start, args.a1);
        args.a1 = addresses.rangeBytes(start, args.a1);
    }

    private long fileOf(long recorded) {
        Long file = files.get((long) (int) recorded);
        return file == null ? -1 : file;
    }

    private void open(Task task, long result) {
        if (args.path == null) {
            return;
        }
        if (numbers.name(args.nr).equals("openat")) {
            args.a0 = AT_FDCWD;
        }
        long file = call(task);
        if (file >= 0) {
            files.put(result, file);
        }
    }

    /** Finds or makes a System V segment; one that another program had made is made here. */
    private void sharedSegment(Task task, long result) {
        long id = call(task);
        if (id < 0) {
            args.a1 = Math.max(args.a1, 1);
            args.a2 |= IPC_CREAT;
            id = call(task);
        }
        if (id >= 0) {
            segments.put(result, id);
        }
    }

    private long segmentOf(long recorded) {
        Long segment = segments.get((long) (int) recorded);
        return segment == null ? recorded : segment;
    }

    /** Makes a file in memory. Its name, which only {@code maps} shows, is not in the recording unless the reader found it. */
    private void memoryFile(Task task, long result) {
        if (args.path == null) {
            args.path = "";
        }
        long file = call(task);
        if (file >= 0) {
            files.put(result, file);
        }
    }

    private void duplicate(long from, long result) {
        Long file = files.get(from);
        if (file != null) {
            files.put(result, file);
        } else {
            files.remove(result);
        }
    }

    private void onFile(Task task, String name, long result) {
        Long file = files.get(args.a0);
        if (file == null) {
            return;
        }
        args.a0 = file;
        if (name.equals("read") || name.equals("pread64") || name.equals("write") || name.equals("pwrite64")) {
            args.a1 = addresses.toMachine(args.a1);
            args.a2 = result;
            touchedByKernel = true;
        }
        call(task);
    }

    private void child(Task task, long flags, long result) {
        if ((flags & CLONE_THREAD) != 0) {
            Task thread = kernel.cloneThread(task);
            if (thread != null) {
                threads.add(thread);
            }
        } else if ((flags & CLONE_VM) == 0) {
            Task child = kernel.fork(task);
            if (child != null) {
                children.put(result, child);
            }
        }
    }

    private void expect(String name, long actual, long recorded) {
        if (actual == recorded) {
            return;
        }
        divergences++;
        if (firstDivergences.size() < KEPT_DIVERGENCES) {
            firstDivergences.add("call " + count + " " + name + ": recorded " + Long.toHexString(recorded) + ", model "
                    + (actual < 0 ? Long.toString(actual) : Long.toHexString(actual)));
        }
    }
}
