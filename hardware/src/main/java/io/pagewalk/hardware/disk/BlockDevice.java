package io.pagewalk.hardware.disk;

import io.pagewalk.base.Digest;
import io.pagewalk.base.KernelBug;
import io.pagewalk.base.Violations;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * A block device in simulated time, with sparse contents in blocks of 4096 bytes.
 *
 * <p>A request waits for one of {@code queueDepth} places, then for the latency, then for its turn on the one data path, over which its bytes go at the
 * bandwidth:
 *
 * <pre>
 *   start      = max(submitted, the first place that gets free)
 *   transfer   = max(start + latency, end of the previous transfer)
 *   completion = transfer + bytes / bandwidth
 * </pre>
 */
public final class BlockDevice {
    /** The size of a block in bytes. */
    public static final int BLOCK_BYTES = 4096;

    private static final long NANOS_PER_SECOND = 1_000_000_000L;

    private final DiskDescription description;
    private final long[] placeFreeAt;
    private final TreeMap<Long, byte[]> blocks = new TreeMap<>();
    private long transferFreeAt;
    private long reads;
    private long writes;
    private long bytesRead;
    private long bytesWritten;
    private long busyNanos;
    private long waitNanos;

    /**
     * Creates an idle device, all zero.
     *
     * @param description what it is
     */
    public BlockDevice(DiskDescription description) {
        this.description = description;
        this.placeFreeAt = new long[description.queueDepth()];
    }

    /** Returns what the device is. */
    public DiskDescription description() {
        return description;
    }

    /**
     * Submits a read.
     *
     * @param nowNanos the simulated time, not before that of an earlier submission
     * @param bytes how much, at least 1
     * @return the simulated time of completion
     */
    public long submitRead(long nowNanos, long bytes) {
        reads++;
        bytesRead += bytes;
        return submit(nowNanos, bytes);
    }

    /**
     * Submits a write.
     *
     * @param nowNanos the simulated time, not before that of an earlier submission
     * @param bytes how much, at least 1
     * @return the simulated time of completion
     */
    public long submitWrite(long nowNanos, long bytes) {
        writes++;
        bytesWritten += bytes;
        return submit(nowNanos, bytes);
    }

    private long submit(long nowNanos, long bytes) {
        KernelBug.on(bytes < 1, "a request of " + bytes + " bytes");
        int place = 0;
        for (int i = 1; i < placeFreeAt.length; i++) {
            if (placeFreeAt[i] < placeFreeAt[place]) {
                place = i;
            }
        }
        long start = Math.max(nowNanos, placeFreeAt[place]);
        long transfer = Math.max(start + description.latencyNanos(), transferFreeAt);
        long completion = transfer + transferNanos(bytes);
        placeFreeAt[place] = completion;
        busyNanos += completion - Math.max(transfer, transferFreeAt);
        transferFreeAt = completion;
        waitNanos += completion - nowNanos;
        return completion;
    }

    private long transferNanos(long bytes) {
        double nanos = (double) bytes * NANOS_PER_SECOND / description.bandwidthBytesPerSecond();
        return (long) Math.ceil(nanos);
    }

    /**
     * Stores one block.
     *
     * @param block its number, below {@code sizeBytes / 4096}
     * @param contents 4096 bytes, copied
     */
    public void writeBlock(long block, byte[] contents) {
        checkBlock(block);
        KernelBug.on(contents.length != BLOCK_BYTES, "a block of " + contents.length + " bytes");
        blocks.put(block, contents.clone());
    }

    /**
     * Returns a copy of one block; a block never stored is all zero.
     *
     * @param block its number
     */
    public byte[] readBlock(long block) {
        checkBlock(block);
        byte @Nullable [] contents = blocks.get(block);
        return contents == null ? new byte[BLOCK_BYTES] : contents.clone();
    }

    /**
     * Forgets one block's contents: a discard.
     *
     * @param block its number
     */
    public void discardBlock(long block) {
        checkBlock(block);
        blocks.remove(block);
    }

    private void checkBlock(long block) {
        if (block < 0 || block >= description.sizeBytes() / BLOCK_BYTES) {
            throw new KernelBug("block " + block + " of " + description.name());
        }
    }

    /** Returns the number of reads submitted. */
    public long reads() {
        return reads;
    }

    /** Returns the number of writes submitted. */
    public long writes() {
        return writes;
    }

    /** Returns the bytes of all reads. */
    public long bytesRead() {
        return bytesRead;
    }

    /** Returns the bytes of all writes. */
    public long bytesWritten() {
        return bytesWritten;
    }

    /** Returns for how many nanoseconds bytes were moving. */
    public long busyNanos() {
        return busyNanos;
    }

    /** Returns the sum over all requests of completion minus submission. */
    public long waitNanos() {
        return waitNanos;
    }

    /**
     * Adds contents, times and counters to a digest.
     *
     * @param digest where to add
     */
    public void addToDigest(Digest digest) {
        digest.add(description.name());
        digest.add(reads);
        digest.add(writes);
        digest.add(bytesRead);
        digest.add(bytesWritten);
        digest.add(busyNanos);
        digest.add(waitNanos);
        digest.add(transferFreeAt);
        blocks.forEach((block, contents) -> {
            digest.add(block);
            for (byte value : contents) {
                digest.add(value);
            }
        });
    }

    /**
     * Checks that no place is held longer than the last transfer lasts.
     *
     * @param out where violations go
     */
    public void verify(Violations out) {
        for (long free : placeFreeAt) {
            if (free > transferFreeAt) {
                out.add(
                        "disk " + description.name(),
                        "a request ends at " + free + " after the last transfer at " + transferFreeAt);
            }
        }
    }
}
