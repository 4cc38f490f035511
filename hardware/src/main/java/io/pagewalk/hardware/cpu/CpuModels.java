package io.pagewalk.hardware.cpu;

import io.pagewalk.base.BadInput;
import io.pagewalk.hardware.mmu.MmuGeometry;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.hardware.tlb.Replacement;
import io.pagewalk.hardware.tlb.TlbArray;
import java.util.List;
import java.util.stream.Collectors;

/**
 * The CPU models that ship with the system.
 *
 * <p>Entries, ways and page sizes are what the vendor's manual (or the part's own CPUID) states. Vendors do not publish the replacement; true LRU is assumed
 * everywhere. Page-walk caches are known to exist from the manuals, their sizes mostly from measurement (van Schaik et al., "RevAnC: A Framework for Reverse
 * Engineering Hardware Page Table Caches", EuroSec 2017); each model says what is assumed. Protection keys came with Skylake-SP in servers, with Ice Lake in clients
 * and with Zen 3 in AMD's parts; CPUID leaf 7 tells (PKU, bit 3 of ECX).
 */
public final class CpuModels {
    private static final int KIB_4 = 12;
    private static final int MIB_2 = 21;
    private static final int MIB_4 = 22;
    private static final int GIB_1 = 30;
    private static final List<PagingMode> I386_ONLY = List.of(PagingMode.I386);
    private static final List<PagingMode> IA32 = List.of(PagingMode.I386, PagingMode.I386_PAE);
    private static final List<PagingMode> X86_64 =
            List.of(PagingMode.X86_64_4LEVEL, PagingMode.I386, PagingMode.I386_PAE);
    private static final List<PagingMode> X86_64_LA57 =
            List.of(PagingMode.X86_64_4LEVEL, PagingMode.X86_64_5LEVEL, PagingMode.I386, PagingMode.I386_PAE);

    /** All models, oldest first within an architecture. */
    private static final List<CpuModel> ALL = List.of(
            pentium(), pentiumM(), core2(), haswell(), skylake(), icelake(), zen2(), zen4(), sifiveU74(), rva23());

    private CpuModels() {}

    /** Returns all models. */
    public static List<CpuModel> all() {
        return ALL;
    }

    /**
     * Finds a model by its name.
     *
     * @param name such as {@code skylake}
     * @throws BadInput when there is none; the message lists the valid names
     */
    public static CpuModel byName(String name) {
        for (CpuModel model : ALL) {
            if (model.name().equals(name)) {
                return model;
            }
        }
        String valid = ALL.stream().map(CpuModel::name).collect(Collectors.joining(", "));
        throw new BadInput("cpu", "'" + name + "'", "one of " + valid);
    }

    private static CpuModel pentium() {
        return new CpuModel(
                "pentium",
                "Intel Pentium (P5), 1993",
                "Intel Pentium Processor Family Developer's Manual, volume 1: data TLB of 64 entries 4-way for 4 KiB and 8 entries 4-way for 4 MiB pages,"
                        + " code TLB of 32 entries 4-way for both",
                "LRU (the manual says pseudo-LRU); no page-walk cache; 100 MHz; all costs",
                I386_ONLY,
                new MmuGeometry(
                        List.of(lru(32, 4, KIB_4, MIB_4)),
                        List.of(lru(64, 4, KIB_4), lru(8, 4, MIB_4)),
                        List.of(),
                        List.of(),
                        List.of(),
                        0,
                        32,
                        0,
                        8,
                        60),
                false,
                100_000_000L);
    }

    private static CpuModel pentiumM() {
        return new CpuModel(
                "pentium-m",
                "Intel Pentium M (Dothan), 2004",
                "Intel SDM volume 2, CPUID leaf 2 descriptors B0H (code: 128 entries 4-way), 02H (code: 2 entries fully associative for 4 MiB), B3H (data: 128"
                        + " entries 4-way), 04H (data: 8 entries 4-way for 4 MiB)",
                "LRU; the four PDPTE registers of PAE stand as a page-walk cache of level 3; all costs",
                IA32,
                new MmuGeometry(
                        List.of(lru(128, 4, KIB_4), lru(2, 2, MIB_2, MIB_4)),
                        List.of(lru(128, 4, KIB_4), lru(8, 4, MIB_2, MIB_4)),
                        List.of(),
                        List.of(),
                        List.of(0, 4),
                        0,
                        36,
                        0,
                        10,
                        80),
                false,
                1_700_000_000L);
    }

    private static CpuModel core2() {
        return new CpuModel(
                "core2",
                "Intel Core 2 (Merom), 2006",
                "Intel SDM volume 2, CPUID leaf 2 descriptors B0H and B1H (code: 128 entries 4-way; 8 entries 4-way for 2 MiB), 56H and 57H (data level 0: 16"
                        + " entries 4-way for 4 MiB, 16 entries 4-way for 4 KiB), 05H and B4H (data level 1: 32 entries 4-way for 4 MiB, 256 entries 4-way)",
                "LRU; the code TLB has no second level, which is modelled as one of its own size; page-walk caches of 16 and 4 entries; all costs",
                X86_64,
                new MmuGeometry(
                        List.of(lru(128, 4, KIB_4), lru(8, 4, MIB_2, MIB_4)),
                        List.of(lru(16, 4, KIB_4), lru(16, 4, MIB_2, MIB_4)),
                        List.of(lru(256, 4, KIB_4), lru(32, 4, MIB_2, MIB_4)),
                        List.of(lru(128, 4, KIB_4), lru(8, 4, MIB_2, MIB_4)),
                        List.of(16, 4),
                        0,
                        36,
                        2,
                        12,
                        100),
                false,
                2_400_000_000L);
    }

    private static CpuModel haswell() {
        return new CpuModel(
                "haswell",
                "Intel Core, 4th generation (Haswell), 2013",
                "Intel 64 and IA-32 Architectures Optimization Reference Manual, section on the Haswell microarchitecture: code 128 entries 4-way and 8 fully"
                        + " associative for large pages, data 64 entries 4-way, 32 4-way for 2/4 MiB, 4 4-way for 1 GiB, second level 1024 entries 8-way"
                        + " for 4 KiB and 2 MiB",
                "LRU; page-walk caches of 32, 4 and 2 entries; all costs but the 7-cycle second-level hit",
                X86_64,
                new MmuGeometry(
                        List.of(lru(128, 4, KIB_4), lru(8, 8, MIB_2, MIB_4)),
                        List.of(lru(64, 4, KIB_4), lru(32, 4, MIB_2, MIB_4), lru(4, 4, GIB_1)),
                        List.of(lru(1024, 8, KIB_4, MIB_2, MIB_4)),
                        List.of(),
                        List.of(32, 4, 2),
                        12,
                        46,
                        7,
                        12,
                        120),
                false,
                3_000_000_000L);
    }

    private static CpuModel skylake() {
        return new CpuModel(
                "skylake",
                "Intel Core, 6th generation (Skylake), 2015, and Xeon Scalable",
                "Intel 64 and IA-32 Architectures Optimization Reference Manual, table \"TLB Parameters of the Skylake Microarchitecture\": code 128 entries"
                        + " 8-way and 8 fully associative for large pages, data 64 entries 4-way, 32 4-way for 2/4 MiB, 4 4-way for 1 GiB, second level"
                        + " 1536 entries 12-way for 4 KiB and 2/4 MiB, 16 4-way for 1 GiB",
                "LRU; page-walk caches of 32, 4 and 2 entries; all costs but the second-level hit; no protection keys, which Xeon Scalable has and Core has not",
                X86_64,
                new MmuGeometry(
                        List.of(lru(128, 8, KIB_4), lru(8, 8, MIB_2, MIB_4)),
                        List.of(lru(64, 4, KIB_4), lru(32, 4, MIB_2, MIB_4), lru(4, 4, GIB_1)),
                        List.of(lru(1536, 12, KIB_4, MIB_2, MIB_4), lru(16, 4, GIB_1)),
                        List.of(),
                        List.of(32, 4, 2),
                        12,
                        46,
                        9,
                        12,
                        120),
                false,
                2_500_000_000L);
    }

    private static CpuModel icelake() {
        return new CpuModel(
                "icelake",
                "Intel Core, 10th generation (Ice Lake, Sunny Cove), 2019, and Xeon Scalable, 3rd generation",
                "Intel 64 and IA-32 Architectures Optimization Reference Manual, section on the Ice Lake Client microarchitecture: data loads 64 entries 4-way,"
                        + " 32 4-way for 2/4 MiB, 8 fully associative for 1 GiB, second level 2048 entries 16-way; five-level paging",
                "LRU; code 128 entries 8-way and 8 fully associative as in Skylake; one data TLB for loads and stores; 1 GiB pages use a second level of 1024"
                        + " entries 8-way of their own; page-walk caches of 32, 4, 2 and 2 entries; all costs",
                X86_64_LA57,
                new MmuGeometry(
                        List.of(lru(128, 8, KIB_4), lru(8, 8, MIB_2, MIB_4)),
                        List.of(lru(64, 4, KIB_4), lru(32, 4, MIB_2, MIB_4), lru(8, 8, GIB_1)),
                        List.of(lru(2048, 16, KIB_4, MIB_2, MIB_4), lru(1024, 8, GIB_1)),
                        List.of(),
                        List.of(32, 4, 2, 2),
                        12,
                        52,
                        7,
                        12,
                        120),
                true,
                2_900_000_000L);
    }

    private static CpuModel zen2() {
        return new CpuModel(
                "zen2",
                "AMD Zen 2 (family 17h, models 30h and up), 2019",
                "Software Optimization Guide for AMD Family 17h Models 30h and Greater Processors (56305), section \"Memory Address Translation\": code 64 entries"
                        + " fully associative for all sizes and 512 8-way for 4 KiB and 2 MiB, data 64 fully associative for all sizes and 2048 entries second level",
                "LRU; 16 ways in the second level for data (the 12 of Zen, repeated for Zen 2 by some, do not divide 2048); 1 GiB pages are held as 2 MiB pieces in the second level; page directory caches of 64, 16 and 8 entries; all costs",
                X86_64,
                new MmuGeometry(
                        List.of(lru(64, 64, KIB_4, MIB_2, MIB_4, GIB_1)),
                        List.of(lru(64, 64, KIB_4, MIB_2, MIB_4, GIB_1)),
                        List.of(lru(2048, 16, KIB_4, MIB_2, MIB_4)),
                        List.of(lru(512, 8, KIB_4, MIB_2, MIB_4)),
                        List.of(64, 16, 8),
                        12,
                        48,
                        7,
                        12,
                        120),
                false,
                3_400_000_000L);
    }

    private static CpuModel zen4() {
        return new CpuModel(
                "zen4",
                "AMD Zen 4 (family 19h), 2022",
                "Software Optimization Guide for the AMD Zen4 Microarchitecture (57647), section \"Memory Address Translation\": code 64 entries fully associative"
                        + " and 512 entries second level, data 72 fully associative for all sizes and 3072 entries second level; five-level paging",
                "LRU; second levels of 8 ways (code) and 24 ways (data); 1 GiB pages are held as 2 MiB pieces in the second level; page directory caches of"
                        + " 64, 16, 8 and 4 entries; all costs",
                X86_64_LA57,
                new MmuGeometry(
                        List.of(lru(64, 64, KIB_4, MIB_2, MIB_4, GIB_1)),
                        List.of(lru(72, 72, KIB_4, MIB_2, MIB_4, GIB_1)),
                        List.of(lru(3072, 24, KIB_4, MIB_2, MIB_4)),
                        List.of(lru(512, 8, KIB_4, MIB_2, MIB_4)),
                        List.of(64, 16, 8, 4),
                        12,
                        52,
                        7,
                        12,
                        120),
                true,
                3_400_000_000L);
    }

    private static CpuModel sifiveU74() {
        return new CpuModel(
                "sifive-u74",
                "SiFive U74, 2018 (HiFive Unmatched, VisionFive 2)",
                "SiFive U74-MC Core Complex Manual, chapters \"Instruction Memory System\" and \"Data Memory System\": code and data TLBs of 40 entries fully"
                        + " associative, a shared second level of 512 entries direct-mapped, Sv39, no ASIDs in satp on the FU740",
                "LRU; the second level holds 4 KiB pages only and bigger ones as pieces; hardware updates of accessed and dirty bits (the part raises a page"
                        + " fault instead); page-walk cache of 8 entries for level 2; all costs",
                List.of(PagingMode.SV39),
                new MmuGeometry(
                        List.of(lru(40, 40, KIB_4, MIB_2, GIB_1)),
                        List.of(lru(40, 40, KIB_4, MIB_2, GIB_1)),
                        List.of(lru(512, 1, KIB_4)),
                        List.of(),
                        List.of(8),
                        0,
                        38,
                        6,
                        10,
                        60),
                false,
                1_200_000_000L);
    }

    private static CpuModel rva23() {
        return new CpuModel(
                "rva23",
                "a generic RISC-V application core of the RVA23 profile",
                "The RISC-V Instruction Set Manual volume II (Sv39, Sv48, Sv57, Svadu, Svpbmt); RVA23 Profiles",
                "no real part: TLB geometry as in a present-day out-of-order core, 64 entries 4-way and 1024 entries 8-way, LRU; page-walk caches of 32, 8, 4 and"
                        + " 4 entries; 16 ASID bits; all costs",
                List.of(PagingMode.SV39, PagingMode.SV48, PagingMode.SV57),
                new MmuGeometry(
                        List.of(lru(64, 4, KIB_4), lru(8, 8, MIB_2, GIB_1, 39, 48)),
                        List.of(lru(64, 4, KIB_4), lru(16, 16, MIB_2, GIB_1, 39, 48)),
                        List.of(lru(1024, 8, KIB_4, MIB_2), lru(16, 16, GIB_1, 39, 48)),
                        List.of(),
                        List.of(32, 8, 4, 4),
                        16,
                        50,
                        8,
                        12,
                        100),
                false,
                2_500_000_000L);
    }

    private static TlbArray lru(int entries, int ways, Integer... pageShifts) {
        return new TlbArray(List.of(pageShifts), entries, ways, Replacement.LRU);
    }
}
