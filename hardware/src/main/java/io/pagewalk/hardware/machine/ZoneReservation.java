package io.pagewalk.hardware.machine;

/**
 * How many pages of a zone boot really kept on a known machine: present minus managed of its /proc/zoneinfo. It replaces the model's own estimate.
 *
 * @param node the node
 * @param zone the zone's name as Linux writes it: {@code DMA}, {@code DMA32}, {@code Normal}, {@code HighMem}
 * @param pages present minus managed, at least 0
 */
public record ZoneReservation(int node, String zone, long pages) {
    /** Refuses a negative number. */
    public ZoneReservation {
        if (node < 0 || pages < 0 || zone.isBlank()) {
            throw new IllegalArgumentException("zone '" + zone + "' of node " + node + " keeps " + pages + " pages");
        }
    }
}
