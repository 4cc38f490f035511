package io.pagewalk.workload.trace;

import static io.pagewalk.workload.trace.EpisodeFormat.TOKEN_END;
import static io.pagewalk.workload.trace.EpisodeFormat.TOKEN_FETCH_SLOT;
import static io.pagewalk.workload.trace.EpisodeFormat.TOKEN_NONE;
import static io.pagewalk.workload.trace.EpisodeFormat.TOKEN_SECOND_HALF;

import io.pagewalk.base.BadInput;
import io.pagewalk.hardware.mmu.Access;

/**
 * The touches of an episode one by one, as its tokens tell them.
 *
 * <p>A touch is one access to one page; an access that crosses a page border is two touches.
 */
public final class TouchReader {
    private static final int SLOTS = EpisodeFormat.SLOTS;

    private final long[] dataPages = new long[SLOTS];
    private final boolean[] dataStored = new boolean[SLOTS];
    private final long[] fetchPages = new long[SLOTS];
    private final TraceBlock block;
    private byte[] tokens;
    private int tokenCount;
    private int place;
    private int episode;
    private int event;
    private int dataSlots;
    private int fetchSlots;
    private int fetchSlot;

    /* The token being read: fetches still to tell, and then its symbol. */
    private int fetches;
    private int symbol;

    private int kind;
    private int slot;
    private long vaddr;
    private boolean isEvent;
    private boolean isSecondHalf;
    private boolean nextIsSecondHalf;

    /**
     * Creates a reader over a block that was decoded with its tokens; it stands before the first episode.
     *
     * @param block the block
     */
    public TouchReader(TraceBlock block) {
        this.block = block;
        restart();
        this.tokens = block.tokens();
    }

    /** Goes back to the first episode of the block, which may have been decoded anew. */
    public void restart() {
        tokens = block.tokens();
        tokenCount = block.tokenCount();
        place = 0;
        episode = -1;
    }

    /**
     * Moves to an episode; later calls must name later ones.
     *
     * @param number the episode's place in the block
     * @param firstEvent place of its first event in the block
     */
    public void startEpisode(int number, int firstEvent) {
        if (episode < 0) {
            episode = 0;
        } else {
            /* Leave the episode that was being read. */
            skipToEnd();
            episode++;
        }
        while (episode < number) {
            resetToken();
            skipToEnd();
            episode++;
        }
        event = firstEvent;
        dataSlots = 0;
        fetchSlots = 0;
        fetchSlot = 0;
        nextIsSecondHalf = false;
        resetToken();
    }

    /**
     * Reads the next touch.
     *
     * @return false at the end of the episode
     */
    public boolean next() {
        while (true) {
            if (fetches > 0) {
                fetches--;
                tell(Access.FETCH, fetchSlot, fetchPages[fetchSlot], false);
                return true;
            }
            int due = symbol;
            if (due == TOKEN_END) {
                return false;
            }
            symbol = TOKEN_NONE;
            if (due < TOKEN_FETCH_SLOT) {
                data(due >>> 1, due & 1);
                return true;
            }
            if (due < TOKEN_SECOND_HALF) {
                fetchFrom(due - TOKEN_FETCH_SLOT);
                return true;
            }
            if (due == TOKEN_SECOND_HALF) {
                nextIsSecondHalf = true;
            }
            readToken();
        }
    }

    /** Returns the kind of the touch, as {@code Access} numbers them. */
    public int kind() {
        return kind;
    }

    /** Returns the slot of the touched page among the episode's data or instruction pages. */
    public int slot() {
        return slot;
    }

    /** Returns an address in the touched page. */
    public long vaddr() {
        return vaddr;
    }

    /** Returns whether the touch is one of the episode's events. */
    public boolean isEvent() {
        return isEvent;
    }

    /** Returns whether the touch is the second half of an access that crosses a page border. */
    public boolean isSecondHalf() {
        return isSecondHalf;
    }

    private void data(int dataSlot, int store) {
        boolean first = false;
        if (dataSlot == dataSlots) {
            first = true;
            dataPages[dataSlot] = nextEventPage();
            dataStored[dataSlot] = store != 0;
            dataSlots++;
        } else if (store != 0 && !dataStored[dataSlot]) {
            first = true;
            dataStored[dataSlot] = true;
            nextEventPage();
        }
        tell(store == 0 ? Access.LOAD : Access.STORE, dataSlot, dataPages[dataSlot], first);
    }

    private void fetchFrom(int newSlot) {
        boolean first = newSlot == fetchSlots;
        if (first) {
            fetchPages[newSlot] = nextEventPage();
            fetchSlots++;
        }
        fetchSlot = newSlot;
        tell(Access.FETCH, newSlot, fetchPages[newSlot], first);
    }

    private long nextEventPage() {
        return block.pageAddresses()[block.events()[event++] >>> 2];
    }

    private void tell(int touchKind, int touchSlot, long touchVaddr, boolean touchIsEvent) {
        kind = touchKind;
        slot = touchSlot;
        vaddr = touchVaddr;
        isEvent = touchIsEvent;
        isSecondHalf = nextIsSecondHalf;
        nextIsSecondHalf = false;
    }

    private void resetToken() {
        fetches = 0;
        symbol = TOKEN_NONE;
    }

    private void skipToEnd() {
        while (symbol != TOKEN_END) {
            readToken();
        }
        resetToken();
    }

    private void readToken() {
        if (place >= tokenCount) {
            throw new BadInput("trace block " + block.number() + ": its tokens end inside episode " + episode);
        }
        int token = tokens[place++] & 0xff;
        fetches = token >>> 4;
        symbol = token & 15;
    }
}
