package io.pagewalk.kernel.procfs;

import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.fault.KernelTables;
import io.pagewalk.kernel.fault.TlbFlusher;
import io.pagewalk.kernel.page.MemMap;

/**
 * What the files of this package need of a machine.
 *
 * @param mode format of page tables
 * @param tables the kernel's tables
 * @param memmap page structures
 * @param flusher flushes TLBs
 */
public record TaskMmuServices(PagingMode mode, KernelTables tables, MemMap memmap, TlbFlusher flusher) {}
