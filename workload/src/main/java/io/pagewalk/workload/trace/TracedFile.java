package io.pagewalk.workload.trace;

/**
 * A file that a traced program opened or mapped, as it was on the recording machine.
 *
 * @param path absolute path
 * @param sizeBytes its length when recording began
 * @param inode inode number
 * @param devMajor major number of its device
 * @param devMinor minor number of its device
 */
public record TracedFile(String path, long sizeBytes, long inode, int devMajor, int devMinor) {}
