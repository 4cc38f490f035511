package io.pagewalk.hardware.disk;

/**
 * What a block device is.
 *
 * @param name its kernel name, such as {@code nvme0n1}
 * @param sizeBytes its capacity, a multiple of 4096
 * @param latencyNanos from submission to the first byte, on an idle device
 * @param bandwidthBytesPerSecond how fast bytes follow, all requests together
 * @param queueDepth how many requests it works on at once
 * @param use what the machine uses it for
 */
public record DiskDescription(
        String name, long sizeBytes, long latencyNanos, long bandwidthBytesPerSecond, int queueDepth, Use use) {
    /** What a machine uses a disk for. */
    public enum Use {
        /** Files: the root file system and everything mapped from it. */
        FILES,
        /** Swap space, all of it. */
        SWAP
    }

    /** Refuses a device that cannot be. */
    public DiskDescription {
        if (name.isBlank()) {
            throw new IllegalArgumentException("a disk without a name");
        }
        if (sizeBytes < 4096 || sizeBytes % 4096 != 0) {
            throw new IllegalArgumentException("disk " + name + " of " + sizeBytes + " bytes");
        }
        if (latencyNanos < 0 || bandwidthBytesPerSecond < 1 || queueDepth < 1) {
            throw new IllegalArgumentException("disk " + name + " with latency " + latencyNanos + " ns, bandwidth "
                    + bandwidthBytesPerSecond + " B/s, queue of " + queueDepth);
        }
    }
}
