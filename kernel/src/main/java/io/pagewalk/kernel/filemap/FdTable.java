package io.pagewalk.kernel.filemap;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** The descriptor table of a process: {@code struct files_struct}. A new descriptor always gets the lowest free number. */
public final class FdTable {
    private @Nullable OpenFile[] files = new OpenFile[64];
    private boolean[] closeOnExec = new boolean[64];
    private int users = 1;

    /** Creates an empty table. */
    public FdTable() {}

    /**
     * Creates a copy whose entries refer to the same open files: {@code fs/file.c:dup_fd()}.
     *
     * @param other the parent's table
     */
    public FdTable(FdTable other) {
        files = other.files.clone();
        closeOnExec = other.closeOnExec.clone();
        for (OpenFile file : files) {
            if (file != null) {
                file.get();
            }
        }
    }

    /** Shares the table with one more task ({@code CLONE_FILES}). */
    public void share() {
        users++;
    }

    /** Drops one task's share; the last one closes everything: {@code put_files_struct()}. */
    public void release() {
        if (--users == 0) {
            for (int fd = 0; fd < files.length; fd++) {
                close(fd);
            }
        }
    }

    /** Returns how many tasks share it. */
    public int users() {
        return users;
    }

    /**
     * Returns the file behind a descriptor, or null.
     *
     * @param fd any number
     */
    public @Nullable OpenFile get(long fd) {
        return fd >= 0 && fd < files.length ? files[(int) fd] : null;
    }

    /**
     * Puts a file at the lowest free number at or above one and takes over the caller's reference.
     *
     * @param file an open file
     * @param from lowest number wanted
     * @param isCloseOnExec whether exec closes it
     * @return the descriptor
     */
    public int install(OpenFile file, int from, boolean isCloseOnExec) {
        int fd = from;
        while (fd < files.length && files[fd] != null) {
            fd++;
        }
        installAt(file, fd, isCloseOnExec);
        return fd;
    }

    /**
     * Puts a file at a given number, closing what was there, and takes over the caller's reference.
     *
     * @param file an open file
     * @param fd the number, at least 0
     * @param isCloseOnExec whether exec closes it
     */
    public void installAt(OpenFile file, int fd, boolean isCloseOnExec) {
        if (fd >= files.length) {
            int length = Integer.highestOneBit(fd) * 2;
            files = Arrays.copyOf(files, length);
            closeOnExec = Arrays.copyOf(closeOnExec, length);
        }
        close(fd);
        files[fd] = file;
        closeOnExec[fd] = isCloseOnExec;
    }

    /**
     * Closes a descriptor.
     *
     * @param fd any number
     * @return whether it was open
     */
    public boolean close(long fd) {
        OpenFile file = get(fd);
        if (file == null) {
            return false;
        }
        files[(int) fd] = null;
        closeOnExec[(int) fd] = false;
        file.put();
        return true;
    }

    /**
     * Returns whether exec closes a descriptor.
     *
     * @param fd an open descriptor
     */
    public boolean isCloseOnExec(int fd) {
        return closeOnExec[fd];
    }

    /**
     * Sets whether exec closes a descriptor.
     *
     * @param fd an open descriptor
     * @param isSet the new value
     */
    public void setCloseOnExec(int fd, boolean isSet) {
        closeOnExec[fd] = isSet;
    }

    /** Closes what exec closes: {@code fs/file.c:do_close_on_exec()}. */
    public void closeOnExec() {
        for (int fd = 0; fd < files.length; fd++) {
            if (closeOnExec[fd]) {
                close(fd);
            }
        }
    }
}
