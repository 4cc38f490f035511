package io.pagewalk.workload.trace;

/** How much a trace, or a part of one, holds. */
public final class TraceCounts {
    /** Loads by instructions. */
    public long loads;

    /** Stores by instructions. */
    public long stores;

    /** Instructions fetched. */
    public long fetches;

    /** Completed system calls. */
    public long syscalls;

    /** Episodes. */
    public long episodes;

    /** Events: first touches and first stores within episodes. */
    public long events;

    /** Changes of page, per stream, plus first accesses: what replay by runs looks at. */
    public long runs;

    /** Creates zero counts. */
    public TraceCounts() {}

    /** Returns all accesses: loads, stores and fetches. */
    public long accesses() {
        return loads + stores + fetches;
    }

    void clear() {
        loads = 0;
        stores = 0;
        fetches = 0;
        syscalls = 0;
        episodes = 0;
        events = 0;
        runs = 0;
    }

    void add(TraceCounts other) {
        loads += other.loads;
        stores += other.stores;
        fetches += other.fetches;
        syscalls += other.syscalls;
        episodes += other.episodes;
        events += other.events;
        runs += other.runs;
    }

    void write(ByteColumn out) {
        out.putVarint(loads);
        out.putVarint(stores);
        out.putVarint(fetches);
        out.putVarint(syscalls);
        out.putVarint(episodes);
        out.putVarint(events);
        out.putVarint(runs);
    }

    void read(ByteCursor in) {
        loads = in.readVarint();
        stores = in.readVarint();
        fetches = in.readVarint();
        syscalls = in.readVarint();
        episodes = in.readVarint();
        events = in.readVarint();
        runs = in.readVarint();
    }
}
