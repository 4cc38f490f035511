package io.pagewalk.workload.trace;

import static io.pagewalk.workload.trace.EpisodeFormat.MAX_PAGES;
import static io.pagewalk.workload.trace.EpisodeFormat.MAX_SPAN_EPISODES;
import static io.pagewalk.workload.trace.EpisodeFormat.MAX_TOKEN_FETCHES;
import static io.pagewalk.workload.trace.EpisodeFormat.SLOTS;
import static io.pagewalk.workload.trace.EpisodeFormat.TOKEN_END;
import static io.pagewalk.workload.trace.EpisodeFormat.TOKEN_FETCH_SLOT;
import static io.pagewalk.workload.trace.EpisodeFormat.TOKEN_NONE;
import static io.pagewalk.workload.trace.EpisodeFormat.TOKEN_SECOND_HALF;

import io.pagewalk.hardware.mmu.Access;
import java.util.Arrays;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A stream of accesses becoming episodes, spans and blocks; see {@link EpisodeFormat} for the bits.
 *
 * <p>Blocks are handed on when they are full and are reused after that.
 */
final class EpisodeEncoder implements AccessSink {
    private static final int PAGE_SHIFT = 12;
    private static final int MAX_BLOCK_TOKENS = 16 << 20;
    private static final int MAX_BLOCK_EVENTS = 1 << 20;
    /* An episode adds at most eight pages, so a block that has this many left can take one more. */
    private static final int PAGE_RESERVE = 2 * SLOTS;

    private final Consumer<BlockColumns> full;
    private final BlockColumns block = new BlockColumns();
    private final PageTable pageIds = new PageTable();

    /* The episode: slots in the order of first touch. A tick is taken at every change of slot and every event. */
    private final long[] dataPages = new long[SLOTS];
    private final long[] dataUsed = new long[SLOTS];
    private final long[] dataEvent = new long[SLOTS];
    private final boolean[] dataStored = new boolean[SLOTS];
    private final long[] fetchPages = new long[SLOTS];
    private final long[] fetchUsed = new long[SLOTS];
    private final long[] fetchEvent = new long[SLOTS];
    private int dataSlots;
    private int fetchSlots;
    private int dataSlot = -1;
    private int fetchSlot = -1;
    private int pendingFetches;
    private int events;
    private long tick;

    /* The span. */
    private int spanEpisodes;
    private final long[] spanAccesses = new long[3];
    private final long[] spanHalves = new long[3];

    /* The block. */
    private int blockSpans;
    private int controlSpan;
    private int thread;

    EpisodeEncoder(Consumer<BlockColumns> full) {
        this.full = full;
    }

    @Override
    public void access(int kind, long vaddr, int sizeBytes) {
        long page = vaddr >>> PAGE_SHIFT;
        long lastPage = (vaddr + sizeBytes - 1) >>> PAGE_SHIFT;
        touch(kind, page);
        spanAccesses[kind]++;
        while (page != lastPage) {
            page = page == (-1L >>> PAGE_SHIFT) ? 0 : page + 1;
            /* A new page may end the episode, so its slot is made before the mark that must stand next to it. */
            makeRoom(kind, page);
            token(TOKEN_SECOND_HALF);
            touch(kind, page);
            spanHalves[kind]++;
        }
    }

    @Override
    public void switchThread(int newThread) {
        if (newThread != thread) {
            thread = newThread;
            control(ControlKind.SWITCH_THREAD).putVarint(newThread);
        }
    }

    @Override
    public void syscall(SyscallEvent event) {
        block.counts.syscalls++;
        ByteColumn out = control(ControlKind.SYSCALL);
        out.putVarint(event.number());
        out.putVarint(event.a0());
        out.putVarint(event.a1());
        out.putVarint(event.a2());
        out.putVarint(event.a3());
        out.putVarint(event.a4());
        out.putVarint(event.a5());
        out.putSigned(event.result());
        @Nullable String path = event.path();
        out.putByte(path == null ? 0 : 1);
        if (path != null) {
            out.putText(path);
        }
    }

    @Override
    public void exitThread(int exited, int status) {
        ByteColumn out = control(ControlKind.EXIT_THREAD);
        out.putVarint(exited);
        out.putSigned(status);
    }

    @Override
    public void exitProcess(int status) {
        control(ControlKind.EXIT_PROCESS).putSigned(status);
    }

    /** Ends the last block and hands it on. */
    void finish() {
        endSpan();
        endBlock();
    }

    private void touch(int kind, long page) {
        if (kind == Access.FETCH) {
            fetch(page);
        } else {
            data(kind, page);
        }
    }

    private void makeRoom(int kind, long page) {
        if (kind == Access.FETCH) {
            if (fetchSlots == SLOTS && slotOf(fetchPages, fetchSlots, page) < 0) {
                endEpisode();
            }
        } else if (dataSlots == SLOTS && slotOf(dataPages, dataSlots, page) < 0) {
            endEpisode();
        }
    }

    private void data(int kind, long page) {
        int slot = dataSlot;
        if (slot < 0 || dataPages[slot] != page) {
            block.counts.runs++;
            slot = slotOf(dataPages, dataSlots, page);
            if (slot < 0) {
                if (dataSlots == SLOTS) {
                    endEpisode();
                }
                slot = dataSlots++;
                dataPages[slot] = page;
                dataStored[slot] = kind == Access.STORE;
                event(kind, page);
                dataEvent[slot] = tick;
            }
            dataUsed[slot] = ++tick;
            dataSlot = slot;
        }
        if (kind == Access.STORE && !dataStored[slot]) {
            dataStored[slot] = true;
            event(kind, page);
            dataEvent[slot] = tick;
        }
        token(2 * slot + (kind == Access.STORE ? 1 : 0));
    }

    private void fetch(long page) {
        int slot = fetchSlot;
        if (slot >= 0 && fetchPages[slot] == page) {
            if (pendingFetches == MAX_TOKEN_FETCHES) {
                token(TOKEN_NONE);
            }
            pendingFetches++;
            return;
        }
        block.counts.runs++;
        slot = slotOf(fetchPages, fetchSlots, page);
        if (slot < 0) {
            if (fetchSlots == SLOTS) {
                endEpisode();
            }
            slot = fetchSlots++;
            fetchPages[slot] = page;
            event(Access.FETCH, page);
            fetchEvent[slot] = tick;
        }
        fetchUsed[slot] = ++tick;
        fetchSlot = slot;
        token(TOKEN_FETCH_SLOT + slot);
    }

    private static int slotOf(long[] pages, int slots, long page) {
        for (int i = 0; i < slots; i++) {
            if (pages[i] == page) {
                return i;
            }
        }
        return -1;
    }

    private void token(int symbol) {
        block.tokens.putByte(pendingFetches << 4 | symbol);
        pendingFetches = 0;
    }

    private void event(int kind, long page) {
        tick++;
        events++;
        int id = pageIds.find(page);
        if (id < 0) {
            id = pageIds.add(page);
        }
        block.events.putShort(id << 2 | kind);
    }

    private void endEpisode() {
        if (events == 0) {
            return;
        }
        token(TOKEN_END);
        int dataOrder = orderCode(dataUsed, dataEvent, dataSlots);
        int fetchOrder = orderCode(fetchUsed, fetchEvent, fetchSlots);
        block.episodes.putShort(EpisodeFormat.episode(events, dataOrder, fetchOrder));
        block.counts.episodes++;
        block.counts.events += events;
        dataSlots = 0;
        fetchSlots = 0;
        dataSlot = -1;
        fetchSlot = -1;
        events = 0;
        if (++spanEpisodes == MAX_SPAN_EPISODES) {
            endSpan();
            endBlockWhenFull();
        }
    }

    /** Returns 0 when the slots' last uses have the order of their last events, otherwise the order's code. */
    private static int orderCode(long[] used, long[] event, int slots) {
        int byUse = 0;
        int byEvent = 0;
        for (int slot = 0; slot < SLOTS; slot++) {
            int useRank = slot;
            int eventRank = slot;
            if (slot < slots) {
                useRank = 0;
                eventRank = 0;
                for (int other = 0; other < slots; other++) {
                    useRank += used[other] < used[slot] ? 1 : 0;
                    eventRank += event[other] < event[slot] ? 1 : 0;
                }
            }
            byUse |= slot << (2 * useRank);
            byEvent |= slot << (2 * eventRank);
        }
        return byUse == byEvent ? 0 : EpisodeFormat.codeOf(byUse);
    }

    private void endSpan() {
        endEpisode();
        if (spanEpisodes == 0) {
            return;
        }
        block.spans.putVarint(spanEpisodes);
        for (int kind = Access.LOAD; kind <= Access.FETCH; kind++) {
            block.spans.putVarint(spanAccesses[kind]);
            block.spans.putVarint(spanHalves[kind]);
        }
        block.counts.loads += spanAccesses[Access.LOAD];
        block.counts.stores += spanAccesses[Access.STORE];
        block.counts.fetches += spanAccesses[Access.FETCH];
        Arrays.fill(spanAccesses, 0);
        Arrays.fill(spanHalves, 0);
        spanEpisodes = 0;
        blockSpans++;
    }

    private ByteColumn control(ControlKind kind) {
        endSpan();
        endBlockWhenFull();
        block.controls.putVarint(blockSpans - controlSpan);
        controlSpan = blockSpans;
        block.controls.putByte(kind.ordinal());
        return block.controls;
    }

    private void endBlockWhenFull() {
        if (block.tokens.size() >= MAX_BLOCK_TOKENS
                || block.events.size() >= 2 * MAX_BLOCK_EVENTS
                || pageIds.size() > MAX_PAGES - PAGE_RESERVE * MAX_SPAN_EPISODES) {
            endBlock();
        }
    }

    private void endBlock() {
        if (block.isEmpty()) {
            return;
        }
        long previous = 0;
        for (int i = 0; i < pageIds.size(); i++) {
            block.pages.putSigned(pageIds.page(i) - previous);
            previous = pageIds.page(i);
        }
        full.accept(block);
        block.clear();
        pageIds.clear();
        blockSpans = 0;
        controlSpan = 0;
    }

    /** The block's pages by number: an open hash table from page to place. */
    private static final class PageTable {
        private static final int BUCKETS = 4 * MAX_PAGES;

        private final long[] pages = new long[MAX_PAGES];
        private final short[] buckets = new short[BUCKETS];
        private int size;

        int size() {
            return size;
        }

        long page(int id) {
            return pages[id];
        }

        int find(long page) {
            for (int bucket = home(page); ; bucket = (bucket + 1) & (BUCKETS - 1)) {
                int id = buckets[bucket] - 1;
                if (id < 0 || pages[id] == page) {
                    return id;
                }
            }
        }

        int add(long page) {
            int bucket = home(page);
            while (buckets[bucket] != 0) {
                bucket = (bucket + 1) & (BUCKETS - 1);
            }
            pages[size] = page;
            buckets[bucket] = (short) (size + 1);
            return size++;
        }

        void clear() {
            size = 0;
            Arrays.fill(buckets, (short) 0);
        }

        private static int home(long page) {
            return (int) ((page * 0x9e3779b97f4a7c15L) >>> 48) & (BUCKETS - 1);
        }
    }
}
