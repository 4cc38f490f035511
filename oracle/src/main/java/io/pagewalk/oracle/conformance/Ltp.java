package io.pagewalk.oracle.conformance;

import static io.pagewalk.oracle.conformance.Linux.*;

import java.nio.charset.StandardCharsets;

/** What cases taken from the Linux Test Project share. */
final class Ltp {
    /** The user {@code nobody}. */
    static final long NOBODY = 65534;

    private static final int SEEK_SET = 0;

    private Ltp() {}

    /** Gives the process the effective user {@code nobody}; its real user stays. */
    static void becomeNobody(Subject s) {
        s.gives(0, "setresuid", -1, NOBODY, -1);
    }

    /** Makes the process {@code nobody} for good. */
    static void becomeNobodyForGood(Subject s) {
        s.gives(0, "setresuid", NOBODY, NOBODY, NOBODY);
    }

    /** Gives the process back the effective user 0. */
    static void becomeRoot(Subject s) {
        s.gives(0, "setresuid", -1, 0, -1);
    }

    /** Makes a file with a text, opened for reading and writing. */
    static int file(Subject s, String text) {
        return s.open(s.newFile(text.getBytes(StandardCharsets.US_ASCII)), O_RDWR);
    }

    /** Makes a file of which every byte is the same, opened for reading and writing. */
    static int filledFile(Subject s, long length, char value) {
        return file(s, String.valueOf(value).repeat((int) length));
    }

    /** Makes a file of so many bytes in which nothing was written, opened for reading and writing. */
    static int sparseFile(Subject s, long length) {
        int fd = s.open(s.newFile(new byte[0]), O_RDWR);
        s.gives(0, "ftruncate", fd, length);
        return fd;
    }

    /** Sets the position of a file. */
    static void seek(Subject s, int fd, long offset) {
        s.gives(offset, "lseek", fd, offset, SEEK_SET);
    }

    /** Maps a file where the kernel likes. */
    static long map(Subject s, long bytes, int prot, int flags, int fd) {
        return s.ok("mmap", 0, bytes, prot, flags, fd, 0);
    }

    /** Maps shared memory without a file. */
    static long mapShared(Subject s, long bytes, int prot) {
        return s.ok("mmap", 0, bytes, prot, SHARED_ANON, -1, 0);
    }
}
