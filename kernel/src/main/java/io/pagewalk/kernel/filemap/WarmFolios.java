package io.pagewalk.kernel.filemap;

/** In which folios the pages of a file lie that is in memory at once. */
@FunctionalInterface
public interface WarmFolios {
    /**
     * Tells the orders of the folios, one after the other from the beginning of the file; pages behind them lie alone.
     *
     * @param path the file
     */
    int[] ordersOf(String path);
}
