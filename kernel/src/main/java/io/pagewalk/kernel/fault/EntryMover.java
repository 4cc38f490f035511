package io.pagewalk.kernel.fault;

import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.kernel.vma.Mm;
import io.pagewalk.kernel.vma.Vma;

/** Moves entries from one place of an address space to another: the page-table part of {@code mm/mremap.c}. */
final class EntryMover {
    private final PagingMode mode;
    private final PhysicalMemory memory;
    private final PageTables tables;
    private final HugeMappings huge;
    private final TlbFlusher flusher;

    EntryMover(PagingMode mode, PhysicalMemory memory, PageTables tables, HugeMappings huge, TlbFlusher flusher) {
        this.mode = mode;
        this.memory = memory;
        this.tables = tables;
        this.huge = huge;
        this.flusher = flusher;
    }

    /** Moves everything, or nothing when a table cannot be had; returns whether it moved. */
    boolean move(Vma from, long oldStart, Vma to, long newStart, long lengthBytes) {
        long before = bytesToTakeAlong(from, oldStart, to, newStart, lengthBytes);
        long length = before + lengthBytes;
        long moved = moveEntries(from, oldStart - before, newStart - before, length);
        if (moved < length) {
            moveEntries(to, newStart - before, oldStart - before, moved);
            return false;
        }
        return true;
    }

    /** Returns how many bytes before the start move as well, so that a whole leaf table can: there is nothing in them on both sides ({@code can_realign_addr()}). */
    private long bytesToTakeAlong(Vma from, long oldStart, Vma to, long newStart, long lengthBytes) {
        long span = 1L << mode.shift(2);
        long offset = oldStart & (span - 1);
        boolean isFitting = offset == (newStart & (span - 1)) && lengthBytes >= span - offset;
        return isFitting && isFreeBefore(from, oldStart, offset) && isFreeBefore(to, newStart, offset) ? offset : 0;
    }

    private static boolean isFreeBefore(Vma vma, long start, long bytes) {
        return vma.start() == start && vma.mm().vmas().findIntersection(start - bytes, start) == null;
    }

    /** {@code mm/mremap.c:move_page_tables()}: whole leaf tables where both sides are aligned, entries elsewhere. Returns the bytes that were moved. */
    private long moveEntries(Vma vma, long oldStart, long newStart, long lengthBytes) {
        Mm mm = vma.mm();
        long tableSpan = 1L << mode.shift(2);
        FlushRange flush = new FlushRange(flusher);
        boolean tracksSoftDirty = mm.services().settings().tracksSoftDirty();
        long done = 0;
        while (done < lengthBytes) {
            long from = oldStart + done;
            long to = newStart + done;
            long source = tables.findOrSkip(mm, from);
            if (source == PageTables.HUGE) {
                boolean isWhole = huge.isWhole(from, oldStart + lengthBytes) && huge.startOf(to) == to;
                if (isWhole && huge.move(mm, from, to, flush)) {
                    done += tableSpan;
                } else {
                    huge.split(vma, from);
                }
                continue;
            }
            if (source < 0) {
                long empty = tables.moveUpper(mm, from, to);
                if (empty < 0) {
                    break;
                }
                done = Math.min(lengthBytes, done + empty);
                continue;
            }
            long span = Math.min(
                    lengthBytes - done,
                    Math.min(tableSpan - (from & (tableSpan - 1)), tableSpan - (to & (tableSpan - 1))));
            if (span == tableSpan) {
                int result = tables.moveLeafTable(mm, from, to);
                if (result < 0) {
                    break;
                }
                if (result > 0) {
                    flush.addTables(from, from + span);
                    done += span;
                    continue;
                }
            }
            long target = tables.findOrMake(mm, to);
            if (target < 0) {
                break;
            }
            for (long offset = 0; offset < span; offset += 4096) {
                int oldIndex = mode.index(from + offset, 1);
                long entry = mode.readEntry(memory, source, oldIndex);
                if (entry != 0) {
                    mode.writeEntry(memory, source, oldIndex, 0);
                    mode.writeEntry(memory, target, mode.index(to + offset, 1), marked(entry, tracksSoftDirty));
                    flush.addPage(from + offset);
                }
            }
            done += span;
        }
        flush.finish(mm);
        return done;
    }

    /** A page at a new place counts as written to, but not when its whole table was moved: {@code move_soft_dirty_pte()}. */
    private long marked(long entry, boolean tracksSoftDirty) {
        if (!tracksSoftDirty || PteMarkers.is(entry)) {
            return entry;
        }
        return mode.withFlags(entry, mode.flags(entry, 1) | PteFlags.SOFT_DIRTY, 1);
    }
}
