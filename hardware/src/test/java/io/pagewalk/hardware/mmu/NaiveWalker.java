package io.pagewalk.hardware.mmu;

import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.hardware.paging.PagingMode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;

/** The obvious page walker: tests single bits by number, keeps its walk caches in maps, shares no code with the real one. */
final class NaiveWalker {
    /** What a walk found; {@code fault} is 0 or an MmuFault kind. */
    record Found(
            int fault,
            long pfn,
            int level,
            boolean read,
            boolean write,
            boolean exec,
            boolean user,
            boolean global,
            boolean dirty,
            int key) {}

    /** A fault of a protection key, which is no MmuFault kind. */
    static final int BY_KEY = -1;

    private record Table(long pfn, boolean write, boolean exec, boolean user, boolean global) {}

    private record Key(long prefix, int asid) {}

    private final PhysicalMemory memory;
    private final PagingMode mode;
    private final int physicalBits;
    private final boolean isRiscV;
    private final List<Integer> cacheSizes;
    /** By level; the first two are never used. */
    private final List<LinkedHashMap<Key, Table>> caches = new ArrayList<>();

    final long[] cacheHits = new long[8];
    int pkru;
    long walks;
    long references;
    long entryWrites;

    NaiveWalker(PhysicalMemory memory, PagingMode mode, int physicalBits, List<Integer> cacheSizes) {
        this.memory = memory;
        this.mode = mode;
        this.physicalBits = Math.min(physicalBits, mode.maxPhysicalBits());
        this.isRiscV = mode.architecture() == PagingMode.Architecture.RISCV64;
        this.cacheSizes = cacheSizes;
        for (int level = 0; level <= mode.levels(); level++) {
            caches.add(new LinkedHashMap<>(16, 0.75f, true));
        }
    }

    private static boolean bit(long entry, int number) {
        return (entry >>> number & 1) == 1;
    }

    private int shift(int level) {
        return switch (mode) {
            case I386 -> level == 1 ? 12 : 22;
            default -> 12 + 9 * (level - 1);
        };
    }

    private int indexBits(int level) {
        return switch (mode) {
            case I386 -> 10;
            case I386_PAE -> level == 3 ? 2 : 9;
            default -> 9;
        };
    }

    private Key key(long vaddr, int level, int asid) {
        return new Key(vaddr << (64 - mode.virtualBits()) >>> (64 - mode.virtualBits()) >>> shift(level), asid);
    }

    Found walk(long root, int asid, long vaddr, int kind, Privilege privilege, boolean byHardware) {
        if (byHardware) {
            walks++;
        }
        Table table = new Table(root, true, true, true, false);
        int level = mode.levels();
        for (int l = 2; byHardware && l <= mode.levels(); l++) {
            Table cached = caches.get(l).get(key(vaddr, l, asid));
            if (cached != null) {
                cacheHits[l]++;
                table = cached;
                level = l - 1;
                break;
            }
        }
        for (; ; level--) {
            int bytes = mode == PagingMode.I386 ? 4 : 8;
            long index = vaddr >>> shift(level) & ((1L << indexBits(level)) - 1);
            long at = table.pfn * 4096 + index * bytes;
            long entry = bytes == 4 ? Integer.toUnsignedLong(memory.readInt(at)) : memory.readLong(at);
            references++;
            if (!bit(entry, 0)) {
                return fault(MmuFault.NOT_PRESENT);
            }
            boolean leaf = isLeaf(entry, level);
            if (isReserved(entry, level, leaf)) {
                return fault(MmuFault.RESERVED);
            }
            if (leaf) {
                return leaf(table, at, entry, level, kind, privilege);
            }
            boolean isPdpte = mode == PagingMode.I386_PAE && level == 3;
            if (!isRiscV && !isPdpte && !bit(entry, 5)) {
                store(at, entry | 1 << 5);
            }
            if (isRiscV) {
                table = new Table(frame(entry), true, true, true, table.global || bit(entry, 5));
            } else {
                table = new Table(
                        frame(entry),
                        table.write && (isPdpte || bit(entry, 1)),
                        table.exec && (isPdpte || bytes == 4 || !bit(entry, 63)),
                        table.user && (isPdpte || bit(entry, 2)),
                        false);
            }
            int size = level - 2 < cacheSizes.size() ? cacheSizes.get(level - 2) : 0;
            if (byHardware && size > 0) {
                LinkedHashMap<Key, Table> cache = caches.get(level);
                Key key = key(vaddr, level, asid);
                if (!cache.containsKey(key) && cache.size() == size) {
                    cache.remove(cache.keySet().iterator().next());
                }
                cache.put(key, table);
            }
        }
    }

    static boolean isRefusedByKey(int key, int kind, int pkru) {
        boolean noAccess = bit(pkru, 2 * key);
        boolean noWrite = bit(pkru, 2 * key + 1);
        return switch (kind) {
            case Access.LOAD -> noAccess;
            case Access.STORE -> noAccess || noWrite;
            default -> false;
        };
    }

    private Found leaf(Table table, long at, long entry, int level, int kind, Privilege privilege) {
        boolean read = !isRiscV || bit(entry, 1);
        boolean write = table.write && bit(entry, isRiscV ? 2 : 1);
        boolean exec = table.exec && (isRiscV ? bit(entry, 3) : mode == PagingMode.I386 || !bit(entry, 63));
        boolean user = table.user && bit(entry, isRiscV ? 4 : 2);
        boolean global = table.global || bit(entry, isRiscV ? 5 : 8);
        boolean allowed = switch (kind) {
            case Access.LOAD -> read;
            case Access.STORE -> write;
            default -> exec;
        };
        if (privilege == Privilege.USER && !user) {
            allowed = false;
        }
        if (privilege == Privilege.SUPERVISOR && kind == Access.FETCH && user) {
            allowed = false;
        }
        int key = mode.architecture() == PagingMode.Architecture.X86_64 ? (int) (entry >>> 59 & 15) : 0;
        if (user && isRefusedByKey(key, kind, pkru)) {
            return fault(BY_KEY);
        }
        if (!allowed) {
            return fault(MmuFault.PROTECTION);
        }
        int accessedBit = isRiscV ? 6 : 5;
        int dirtyBit = isRiscV ? 7 : 6;
        long marked = entry | 1L << accessedBit;
        if (kind == Access.STORE) {
            marked |= 1L << dirtyBit;
        }
        if (marked != entry) {
            store(at, marked);
        }
        long pages = 1L << (shift(level) - 12);
        long pfn = frame(entry);
        if (mode == PagingMode.I386 && level == 2) {
            pfn = (entry >>> 22 << 10) | ((entry >>> 13 & 0xff) << 20);
        }
        return new Found(0, pfn / pages * pages, level, read, write, exec, user, global, bit(marked, dirtyBit), key);
    }

    private void store(long at, long entry) {
        entryWrites++;
        if (mode == PagingMode.I386) {
            memory.writeInt(at, (int) entry);
        } else {
            memory.writeLong(at, entry);
        }
    }

    private long frame(long entry) {
        if (isRiscV) {
            return entry << 10 >>> 20;
        }
        return entry << 12 >>> 24;
    }

    private boolean isLeaf(long entry, int level) {
        if (level == 1) {
            return true;
        }
        if (isRiscV) {
            return bit(entry, 1) || bit(entry, 2) || bit(entry, 3);
        }
        return switch (mode) {
            case I386 -> bit(entry, 7);
            case I386_PAE -> level == 2 && bit(entry, 7);
            default -> level <= 3 && bit(entry, 7);
        };
    }

    private boolean isReserved(long entry, int level, boolean leaf) {
        List<Integer> mustBeZero = new ArrayList<>();
        if (isRiscV) {
            boolean writeOnly = bit(entry, 2) && !bit(entry, 1);
            boolean noRights = leaf && !bit(entry, 1) && !bit(entry, 3);
            boolean badType = leaf && bit(entry, 61) && bit(entry, 62);
            if (writeOnly || noRights || badType) {
                return true;
            }
            range(mustBeZero, 54, 60);
            range(mustBeZero, 63, 63);
            range(mustBeZero, physicalBits - 2, 53);
            if (!leaf) {
                mustBeZero.addAll(List.of(4, 6, 7, 61, 62));
            } else {
                range(mustBeZero, 10, 10 + 9 * (level - 1) - 1);
            }
        } else if (mode == PagingMode.I386) {
            if (leaf && level == 2) {
                range(mustBeZero, 21, 21);
                range(mustBeZero, 13 + physicalBits - 32, 20);
            }
        } else {
            range(mustBeZero, physicalBits, 51);
            if (mode == PagingMode.I386_PAE) {
                range(mustBeZero, 52, 62);
                if (level == 3) {
                    mustBeZero.addAll(List.of(1, 2, 5, 6, 7, 8, 63));
                }
            }
            if (level >= 4) {
                mustBeZero.add(7);
            }
            if (leaf && level > 1) {
                range(mustBeZero, 13, shift(level) - 1);
            }
        }
        return mustBeZero.stream().anyMatch(number -> bit(entry, number));
    }

    private static void range(List<Integer> bits, int first, int last) {
        for (int number = first; number <= last; number++) {
            bits.add(number);
        }
    }

    private static Found fault(int kind) {
        return new Found(kind, 0, 0, false, false, false, false, false, false, 0);
    }

    void forgetAddress(long vaddr, int asid) {
        for (int level = 2; level <= mode.levels(); level++) {
            caches.get(level).remove(key(vaddr, level, asid));
        }
    }

    void forgetAsid(int asid) {
        caches.forEach(cache -> cache.keySet().removeIf(key -> key.asid == asid));
    }

    void forgetAll() {
        caches.forEach(LinkedHashMap::clear);
    }
}
