package io.pagewalk.workload.replay;

import io.pagewalk.hardware.mmu.Access;
import io.pagewalk.hardware.mmu.Mmu;
import io.pagewalk.kernel.exec.ElfProgram;
import io.pagewalk.kernel.system.LinuxKernel;
import io.pagewalk.kernel.system.Task;
import io.pagewalk.kernel.system.UserAccess;
import io.pagewalk.workload.trace.ControlReader;
import io.pagewalk.workload.trace.EpisodeFormat;
import io.pagewalk.workload.trace.TouchReader;
import io.pagewalk.workload.trace.TraceBlock;
import io.pagewalk.workload.trace.TraceBlock.Columns;
import io.pagewalk.workload.trace.TraceFile;
import org.jspecify.annotations.Nullable;

/**
 * One trace running on one kernel, from the first instruction to the last, or to the program's death.
 *
 * <p>The process is left as it was at its end, with its memory in place, so that it can be looked at.
 *
 * <p>Simulated time passes for accesses at the end of each span, in every mode alike; kernel events take their time when they happen.
 */
public final class Replay {
    /*
     * Accounting. The MMU counts the accesses that it is given; all others of a span are hits of the first level, and
     * are added when the span ends:
     *
     *     touches of the span == accesses given to the MMU (repetitions after a fault aside) + hits added
     *
     * Exactness of episodes. Inside an episode a first-level set of at least four ways under true LRU cannot lose a
     * page of the episode, so what happens depends on the events alone, and afterwards the order of last use is put
     * right. This holds while nobody takes translations away: when a fault inside the episode did (the count of
     * disturbances moved) or ended in a signal, the rest of the episode is given to the MMU touch by touch.
     */
    private static final byte[] PERMUTATIONS = EpisodeFormat.permutations();

    private final LinuxKernel kernel;
    private final TraceFile trace;
    private final ReplayMode mode;
    private final ReplayProgress progress;
    private final SyscallReplay syscalls;
    private final AddressMap addresses;
    private final TraceBlock block;
    private final TouchReader touches;
    private final long maxAccesses;

    /* Touches of the current span that were given to the MMU, by kind. */
    private final long[] given = new long[3];
    /* The pages of the current episode by slot, for the order of last use. */
    private final long[] dataPages = new long[EpisodeFormat.SLOTS];
    private final long[] fetchPages = new long[EpisodeFormat.SLOTS];

    private Task task;
    private Mmu mmu;
    private boolean blockHasTokens;
    private int event;
    private int episode;
    private long segvFaults;
    private long busFaults;
    private boolean killed;
    private boolean ended;

    /* Where the program was killed: the touch of this number within the episode, or its event when that is not known. */
    private int killEpisode;
    private int killEvents;
    private int killTouches;
    private int touchesPassed;

    private long loads;
    private long stores;
    private long fetches;
    private long episodesByTouch;

    /**
     * Prepares a replay: starts the program with the mappings of the trace's header.
     *
     * @param kernel a booted kernel
     * @param trace the program
     * @param options how it is replayed
     * @throws io.pagewalk.base.BadInput when the program does not fit into the machine's address space
     */
    public Replay(LinuxKernel kernel, TraceFile trace, ReplayOptions options) {
        this(kernel, trace, options, null);
    }

    /**
     * Prepares a replay that starts by loading the program's file, for a recording whose addresses are those of a real kernel.
     *
     * @param kernel a booted kernel
     * @param trace the program
     * @param options how it is replayed
     * @param program what was executed, or null for the mappings of the trace's header
     * @throws io.pagewalk.base.BadInput when the program cannot be loaded
     */
    public Replay(LinuxKernel kernel, TraceFile trace, ReplayOptions options, @Nullable ElfProgram program) {
        this.kernel = kernel;
        kernel.hugePages().setContentsUnknown();
        this.trace = trace;
        this.progress = options.progress();
        this.maxAccesses = options.maxAccesses();
        this.addresses = AddressMap.of(
                trace, kernel.syscallNumbers(), kernel.machine().description().mode(), kernel.taskSize());
        this.task = program == null
                ? ProgramStart.exec(kernel, trace.header(), addresses)
                : ProgramStart.exec(kernel, trace.header(), program);
        this.syscalls = new SyscallReplay(kernel, task, addresses, options.placement());
        kernel.schedule(task);
        this.mmu = kernel.mmuOf(task);
        this.mode = options.mode() == ReplayMode.EPISODES && !mmu.supportsEpisodes() ? ReplayMode.RUNS : options.mode();
        this.block = trace.newBlock();
        this.touches = new TouchReader(block);
    }

    /** Returns the mode that is used: runs instead of episodes when the CPU's TLBs do not allow episodes. */
    public ReplayMode mode() {
        return mode;
    }

    /** Returns the first thread of the program. */
    public Task program() {
        return syscalls.thread(0);
    }

    /** Replays the trace to its end, to the limit of accesses, or to the death of the program. */
    public ReplayResult run() {
        Columns columns = mode == ReplayMode.EPISODES ? Columns.EPISODES : Columns.ALL;
        for (int i = 0; i < trace.blocks() && !isOver(); i++) {
            readBlock(i, columns);
            replayBlock();
            progress.at(loads + stores + fetches, trace.counts().accesses());
        }
        return new ReplayResult(
                loads,
                stores,
                fetches,
                syscalls.count(),
                segvFaults,
                busFaults,
                killed,
                syscalls.divergences(),
                syscalls.firstDivergences(),
                syscalls.notModelled(),
                episodesByTouch);
    }

    private boolean isOver() {
        return killed || ended || loads + stores + fetches >= maxAccesses;
    }

    private void replayBlock() {
        ControlReader controls = block.controls();
        event = 0;
        episode = 0;
        int spans = block.spanCount();
        for (int span = 0; span <= spans && !isOver(); span++) {
            while (!killed && !ended && controls.next(span)) {
                control(controls);
            }
            if (span < spans && !isOver()) {
                replaySpan(span * TraceBlock.SPAN_WIDTH);
            }
        }
    }

    private void control(ControlReader control) {
        switch (control.kind()) {
            case SWITCH_THREAD -> {
                task = syscalls.thread(control.thread());
                kernel.schedule(task);
                mmu = kernel.mmuOf(task);
            }
            case SYSCALL -> killed = !syscalls.perform(task, control.syscall());
            case EXIT_THREAD -> syscalls.exitThread(control.thread(), control.status());
            case EXIT_PROCESS -> ended = true;
        }
    }

    private void replaySpan(int at) {
        int episodes = block.spans()[at + TraceBlock.SPAN_EPISODES];
        int firstEpisode = episode;
        int firstEvent = event;
        given[Access.LOAD] = 0;
        given[Access.STORE] = 0;
        given[Access.FETCH] = 0;
        if (mode == ReplayMode.EPISODES) {
            replayEpisodes(episodes);
        } else {
            for (int i = 0; i < episodes && !killed; i++) {
                touchEpisode(0);
            }
        }
        if (killed) {
            endSpanAtKill(firstEpisode, firstEvent);
        } else {
            endSpan(at);
        }
    }

    /** Adds the hits that the MMU was not shown, and lets the time of all accesses pass. */
    private void endSpan(int at) {
        int[] spans = block.spans();
        int spanLoads = spans[at + TraceBlock.SPAN_LOADS];
        int spanStores = spans[at + TraceBlock.SPAN_STORES];
        int spanFetches = spans[at + TraceBlock.SPAN_FETCHES];
        addHits(Access.LOAD, (long) spanLoads + spans[at + TraceBlock.SPAN_LOADS + 1]);
        addHits(Access.STORE, (long) spanStores + spans[at + TraceBlock.SPAN_STORES + 1]);
        addHits(Access.FETCH, (long) spanFetches + spans[at + TraceBlock.SPAN_FETCHES + 1]);
        count(spanLoads, spanStores, spanFetches);
    }

    /** Does what {@link #endSpan} does for the touches up to and with the one at which the program was killed. */
    private void endSpanAtKill(int firstEpisode, int firstEvent) {
        readTokens();
        touches.restart();
        long[] touched = new long[3];
        long[] accesses = new long[3];
        int at = firstEvent;
        for (int number = firstEpisode; number <= killEpisode; number++) {
            touches.startEpisode(number, at);
            at += EpisodeFormat.eventCount(block.episodes()[number]);
            int touch = 0;
            int seen = 0;
            boolean more = true;
            while (more && touches.next()) {
                touch++;
                seen += touches.isEvent() ? 1 : 0;
                touched[touches.kind()]++;
                accesses[touches.kind()] += touches.isSecondHalf() ? 0 : 1;
                more = number < killEpisode || (killTouches > 0 ? touch < killTouches : seen < killEvents);
            }
        }
        for (int kind = Access.LOAD; kind <= Access.FETCH; kind++) {
            addHits(kind, touched[kind]);
        }
        count(accesses[Access.LOAD], accesses[Access.STORE], accesses[Access.FETCH]);
    }

    private void count(long moreLoads, long moreStores, long moreFetches) {
        loads += moreLoads;
        stores += moreStores;
        fetches += moreFetches;
        kernel.chargeAccesses(moreLoads, moreStores, moreFetches);
    }

    private void addHits(int kind, long spanTouches) {
        mmu.countHits(kind, spanTouches - given[kind]);
    }

    /* The hot loop: a first touch is a call of Mmu.access() and nothing else. */
    private void replayEpisodes(int count) {
        char[] events = block.events();
        char[] episodes = block.episodes();
        long[] pages = block.pageAddresses();
        long givenLoads = 0;
        long givenStores = 0;
        int next = event;
        Mmu current = mmu;
        int lastEpisode = episode + count;
        int firstEvent = next;
        int disturbedEvents = 0;
        for (int number = episode; number < lastEpisode; number++) {
            int bits = episodes[number];
            int begin = next;
            int end = begin + EpisodeFormat.eventCount(bits);
            boolean disturbed = false;
            while (next < end) {
                int one = events[next++];
                int kind = one & 3;
                givenLoads += kind == Access.LOAD ? 1 : 0;
                givenStores += kind == Access.STORE ? 1 : 0;
                int fault = current.access(pages[one >>> 2], kind);
                if (fault != 0 && handle(fault, pages[one >>> 2], kind)) {
                    disturbed = true;
                    break;
                }
            }
            if (disturbed) {
                int done = next - begin;
                disturbedEvents += end - next;
                next = end;
                event = begin;
                episode = number;
                if (killed) {
                    killEpisode = number;
                    killEvents = done;
                    break;
                }
                episodesByTouch++;
                touchEpisode(done);
                if (killed) {
                    break;
                }
            } else if (bits > 0xf) {
                orderLastUses(bits, begin, end);
            }
        }
        given[Access.LOAD] += givenLoads;
        given[Access.STORE] += givenStores;
        given[Access.FETCH] += next - firstEvent - disturbedEvents - givenLoads - givenStores;
        event = next;
        episode = lastEpisode;
    }

    /** Makes the pages of an episode most recent in the order in which they were used last. */
    private void orderLastUses(int bits, int begin, int end) {
        char[] events = block.events();
        long[] pages = block.pageAddresses();
        int dataSlots = 0;
        int fetchSlots = 0;
        for (int i = begin; i < end; i++) {
            long page = pages[events[i] >>> 2];
            if ((events[i] & 3) == Access.FETCH) {
                fetchPages[fetchSlots++] = page;
            } else if (!contains(dataPages, dataSlots, page)) {
                dataPages[dataSlots++] = page;
            }
        }
        useInOrder(EpisodeFormat.dataOrder(bits), dataPages, dataSlots, Access.LOAD);
        useInOrder(EpisodeFormat.fetchOrder(bits), fetchPages, fetchSlots, Access.FETCH);
    }

    private static boolean contains(long[] pages, int count, long page) {
        for (int i = 0; i < count; i++) {
            if (pages[i] == page) {
                return true;
            }
        }
        return false;
    }

    private void useInOrder(int code, long[] pages, int count, int kind) {
        if (code == 0) {
            return;
        }
        int order = PERMUTATIONS[code - 1];
        for (int i = 0; i < count; i++) {
            mmu.recency(pages[order >>> (2 * i) & 3], kind);
        }
    }

    /**
     * Lets the kernel handle a fault and makes the access again.
     *
     * @return whether the translations of the episode can no longer be relied on
     */
    private boolean handle(int fault, long vaddr, int kind) {
        long before = mmu.disturbances();
        int outcome = kernel.fault(task, vaddr, kind, fault);
        if (outcome != UserAccess.OK) {
            signal(outcome);
            return true;
        }
        return mmu.disturbances() != before;
    }

    private void signal(int outcome) {
        if (outcome == UserAccess.OOM_KILLED) {
            killed = true;
        } else if (outcome == UserAccess.BUS_ADRERR) {
            busFaults++;
        } else {
            segvFaults++;
        }
    }

    /**
     * Replays one episode touch by touch, and moves to the next.
     *
     * @param eventsDone how many of its events have been given to the MMU already; what lies before the last of them is passed over
     */
    private void touchEpisode(int eventsDone) {
        readTokens();
        touches.startEpisode(episode, event);
        int seen = 0;
        touchesPassed = 0;
        if (eventsDone > 0) {
            seen = passOver(eventsDone);
        }
        int touch = touchesPassed;
        int lastData = -1;
        int lastFetch = -1;
        boolean stored = false;
        while (touches.next()) {
            touch++;
            int kind = touches.kind();
            seen += touches.isEvent() ? 1 : 0;
            if (mode != ReplayMode.ACCESSES) {
                /* A touch that changes neither the page nor, for the first time, to a store, changes nothing. */
                if (kind == Access.FETCH) {
                    if (touches.slot() == lastFetch) {
                        continue;
                    }
                    lastFetch = touches.slot();
                } else {
                    boolean store = kind == Access.STORE;
                    if (touches.slot() == lastData && (stored || !store)) {
                        continue;
                    }
                    stored = store || (touches.slot() == lastData && stored);
                    lastData = touches.slot();
                }
            }
            given[kind]++;
            int fault = mmu.access(touches.vaddr(), kind);
            if (fault != 0 && handle(fault, touches.vaddr(), kind)) {
                if (killed) {
                    killEpisode = episode;
                    killTouches = touch;
                    return;
                }
                lastData = -1;
                lastFetch = -1;
                stored = false;
            }
        }
        event += seen;
        episode++;
    }

    /** Passes over the touches up to an event, and uses their pages in the order in which they were used last. */
    private int passOver(int events) {
        int seen = 0;
        long[] dataUse = new long[EpisodeFormat.SLOTS];
        long[] fetchUse = new long[EpisodeFormat.SLOTS];
        long tick = 0;
        while (seen < events && touches.next()) {
            touchesPassed++;
            boolean isFetch = touches.kind() == Access.FETCH;
            (isFetch ? fetchUse : dataUse)[touches.slot()] = ++tick;
            (isFetch ? fetchPages : dataPages)[touches.slot()] = touches.vaddr();
            seen += touches.isEvent() ? 1 : 0;
        }
        useByTick(dataPages, dataUse, Access.LOAD);
        useByTick(fetchPages, fetchUse, Access.FETCH);
        return seen;
    }

    private void useByTick(long[] pages, long[] use, int kind) {
        while (true) {
            int oldest = -1;
            for (int i = 0; i < use.length; i++) {
                if (use[i] != 0 && (oldest < 0 || use[i] < use[oldest])) {
                    oldest = i;
                }
            }
            if (oldest < 0) {
                return;
            }
            mmu.recency(pages[oldest], kind);
            use[oldest] = 0;
        }
    }

    private void readTokens() {
        if (!blockHasTokens) {
            readBlock(block.number(), Columns.ALL);
        }
    }

    private void readBlock(int number, Columns columns) {
        trace.readBlock(number, block, columns);
        addresses.moveToMachine(block);
        touches.restart();
        blockHasTokens = columns == Columns.ALL;
    }
}
