package io.pagewalk.workload.record;

import io.pagewalk.workload.trace.AccessSink;
import io.pagewalk.workload.trace.InitialMap;
import io.pagewalk.workload.trace.SyscallEvent;
import io.pagewalk.workload.trace.TracedFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Passes everything on, makes the paths of calls absolute, and notes the files that calls open.
 *
 * <p>A path that was opened has its symbolic links followed, as {@code /proc/PID/maps} shows it. The working directory and the paths of directory descriptors are followed through {@code chdir}, {@code openat}, {@code dup} and {@code close}.
 * A file that was made after the recording began counts as empty: it was not there when the program started.
 */
final class TracedFiles implements AccessSink {
    private static final int OPEN = 2;
    private static final int CLOSE = 3;
    private static final int DUP = 32;
    private static final int DUP2 = 33;
    private static final int FCNTL = 72;
    private static final int CHDIR = 80;
    private static final int FCHDIR = 81;
    private static final int CREAT = 85;
    private static final int EXECVE = 59;
    private static final int EXECVEAT = 322;
    private static final int SYMLINK = 88;
    private static final int OPENAT = 257;
    private static final int DUP3 = 292;
    private static final int MEMFD_CREATE = 319;
    private static final int OPENAT2 = 437;
    private static final int F_DUPFD = 0;
    private static final int F_DUPFD_CLOEXEC = 1030;
    private static final int AT_FDCWD = -100;

    private final AccessSink next;
    private final long beganMillis;
    private final Map<Integer, Path> descriptors = new HashMap<>();
    private final Map<String, TracedFile> files = new LinkedHashMap<>();
    private final List<String> replacedBy = new ArrayList<>();
    private Path workingDirectory;

    /**
     * Creates the sink.
     *
     * @param next receives everything
     * @param workingDirectory where the program starts, absolute
     * @param beganMillis when recording began
     */
    TracedFiles(AccessSink next, Path workingDirectory, long beganMillis) {
        this.next = next;
        this.workingDirectory = workingDirectory;
        this.beganMillis = beganMillis;
    }

    /** Returns the files seen so far and those of the initial mappings, each once. */
    List<TracedFile> files(List<InitialMap> maps) {
        for (InitialMap map : maps) {
            if (map.path() != null) {
                note(Path.of(map.path()));
            }
        }
        return new ArrayList<>(files.values());
    }

    /** Returns the program that took the process over, or nothing. */
    List<String> replacedBy() {
        return List.copyOf(replacedBy);
    }

    @Override
    public void access(int kind, long vaddr, int sizeBytes) {
        next.access(kind, vaddr, sizeBytes);
    }

    @Override
    public void switchThread(int thread) {
        next.switchThread(thread);
    }

    @Override
    public void exitThread(int thread, int status) {
        next.exitThread(thread, status);
    }

    @Override
    public void exitProcess(int status) {
        next.exitProcess(status);
    }

    @Override
    public void syscall(SyscallEvent event) {
        String name = event.path();
        Path path = null;
        if (name != null && !name.isEmpty() && event.number() != SYMLINK && event.number() != MEMFD_CREATE) {
            path = absolute(event, name);
            if (path != null && isOpen(event.number()) && event.result() >= 0) {
                path = followed(path);
                note(path);
            }
        }
        next.syscall(path == null ? event : withPath(event, path.toString()));
        if (event.result() >= 0) {
            follow(event, path);
        }
    }

    private void follow(SyscallEvent event, @Nullable Path path) {
        int a0 = (int) event.a0();
        int result = (int) event.result();
        switch (event.number()) {
            case OPEN, OPENAT, OPENAT2, CREAT -> {
                if (path != null) {
                    descriptors.put(result, path);
                }
            }
            case EXECVE, EXECVEAT -> replacedBy.add(path == null ? "?" : path.toString());
            case CHDIR -> workingDirectory = path == null ? workingDirectory : path;
            case FCHDIR -> workingDirectory = descriptors.getOrDefault(a0, workingDirectory);
            case CLOSE -> descriptors.remove(a0);
            case DUP, DUP2, DUP3 -> copy(a0, result);
            case FCNTL -> {
                if (event.a1() == F_DUPFD || event.a1() == F_DUPFD_CLOEXEC) {
                    copy(a0, result);
                }
            }
            default -> {
                /* Changes no descriptor that has a path. */
            }
        }
    }

    private void copy(int from, int to) {
        Path path = descriptors.get(from);
        if (path != null) {
            descriptors.put(to, path);
        }
    }

    private @Nullable Path absolute(SyscallEvent event, String name) {
        try {
            Path path = Path.of(name);
            if (!path.isAbsolute()) {
                Path directory = takesDirectory(event.number()) && (int) event.a0() != AT_FDCWD
                        ? descriptors.get((int) event.a0())
                        : workingDirectory;
                path = directory == null ? null : directory.resolve(path);
            }
            return path == null ? null : path.normalize();
        } catch (java.nio.file.InvalidPathException e) {
            return null;
        }
    }

    /* The calls whose first argument is the directory that a relative path starts from. */
    private static boolean takesDirectory(int number) {
        return (number >= OPENAT && number <= 269)
                || number == 280
                || number == 316
                || number == 322
                || number == 332
                || number == OPENAT2
                || number == 439
                || number == 452;
    }

    private static boolean isOpen(int number) {
        return number == OPEN || number == OPENAT || number == OPENAT2 || number == CREAT;
    }

    /* /proc is another one for the recorder than for the program. */
    private static Path followed(Path path) {
        if (path.startsWith("/proc")) {
            return path;
        }
        try {
            return path.toRealPath();
        } catch (IOException e) {
            return path;
        }
    }

    private void note(Path path) {
        String name = path.toString();
        if (files.containsKey(name) || path.startsWith("/proc")) {
            return;
        }
        try {
            Map<String, Object> unix = Files.readAttributes(path, "unix:ino,dev");
            BasicFileAttributes basic = Files.readAttributes(path, BasicFileAttributes.class);
            if (!basic.isRegularFile()) {
                return;
            }
            boolean isNew = basic.creationTime().toMillis() >= beganMillis;
            long device = number(unix, "dev");
            files.put(
                    name,
                    new TracedFile(
                            name, isNew ? 0 : basic.size(), number(unix, "ino"), (int) ((device >>> 8) & 0xfff), (int)
                                    ((device & 0xff) | ((device >>> 12) & 0xfff00))));
        } catch (IOException e) {
            /* The program has removed it again: nothing is known of it. */
        }
    }

    private static long number(Map<String, Object> attributes, String name) {
        return attributes.get(name) instanceof Number number ? number.longValue() : 0;
    }

    private static SyscallEvent withPath(SyscallEvent event, String path) {
        return new SyscallEvent(
                event.number(),
                event.a0(),
                event.a1(),
                event.a2(),
                event.a3(),
                event.a4(),
                event.a5(),
                event.result(),
                path);
    }
}
