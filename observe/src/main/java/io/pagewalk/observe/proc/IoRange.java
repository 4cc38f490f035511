package io.pagewalk.observe.proc;

/**
 * One range of physical addresses at the top of {@code /proc/iomem}.
 *
 * @param start first physical address
 * @param last last physical address
 * @param name such as {@code System RAM} or {@code Reserved}
 */
public record IoRange(long start, long last, String name) {}
