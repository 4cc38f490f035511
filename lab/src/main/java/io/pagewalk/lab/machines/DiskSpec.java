package io.pagewalk.lab.machines;

/**
 * The block device that holds the files.
 *
 * @param name as Linux would call it, such as {@code nvme0n1}
 * @param latencyNanos time from submission to completion of one small read on an idle device
 * @param bandwidthBytesPerSecond sustained
 * @param queueDepth requests that the device works on at once
 */
public record DiskSpec(String name, long latencyNanos, long bandwidthBytesPerSecond, int queueDepth) {}
