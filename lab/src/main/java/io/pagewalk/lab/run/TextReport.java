package io.pagewalk.lab.run;

import io.pagewalk.base.Size;
import io.pagewalk.observe.ledger.Ledger;
import java.util.ArrayList;
import java.util.Formatter;
import java.util.List;
import java.util.Locale;

/** A {@link RunResult} for people: what a newcomer reads first. */
public final class TextReport {
    private static final String BOLD = "\u001b[1m";
    private static final String PLAIN = "\u001b[0m";
    private static final long PAGE_BYTES = 4096;

    private final StringBuilder out = new StringBuilder(4096);
    private final Formatter formatter = new Formatter(out, Locale.ROOT);
    private final boolean usesColour;
    private final RunResult result;

    private TextReport(RunResult result, boolean usesColour) {
        this.result = result;
        this.usesColour = usesColour;
    }

    /**
     * Writes a result.
     *
     * @param result what the run has shown
     * @param usesColour whether headings may carry escape sequences
     */
    public static String write(RunResult result, boolean usesColour) {
        TextReport report = new TextReport(result, usesColour);
        report.head();
        report.translation();
        report.faults();
        report.addressSpace();
        report.physicalMemory();
        report.ledger();
        report.time();
        report.oomKills();
        report.foot();
        return report.out.toString();
    }

    private void head() {
        RunResult.Program program = result.program();
        RunResult.Machine machine = result.machine();
        line("%s%s%s on %s (Linux %s)", bold(), program.name(), plain(), machine.name(), result.linuxVersion());
        row("program", "%s", shorten(String.join(" ", program.command())));
        row("recorded", "%s by %s", program.recordedAt(), program.recorder());
        row(
                "machine",
                "%s, %s, %s managed, %d CPU%s, %d node%s",
                machine.cpuModel(),
                machine.paging(),
                Size.format(machine.ramBytes()),
                machine.cpus(),
                plural(machine.cpus()),
                machine.nodes(),
                plural(machine.nodes()));
        row(
                "did",
                "%s accesses (%s fetches, %s loads, %s stores), %s system calls, %d thread%s; %s",
                count(program.accesses()),
                count(program.fetches()),
                count(program.loads()),
                count(program.stores()),
                count(program.syscalls()),
                program.threads(),
                plural(program.threads()),
                program.end());
    }

    private void translation() {
        RunResult.Translation translation = result.translation();
        heading("Translation");
        level("L1 TLB, instr.", translation.l1i());
        level("L1 TLB, data", translation.l1d());
        level("L2 TLB", translation.l2());
        double refs = translation.walks() == 0 ? 0 : (double) translation.walkMemoryRefs() / translation.walks();
        row("page walks", "%s, %.2f memory references each", count(translation.walks()), refs);
        row(
                "share of time",
                "%s (%s)",
                percent(translation.nanos(), result.time().totalNanos()),
                duration(translation.nanos()));
    }

    private void level(String name, RunResult.Level level) {
        row(
                name,
                "%14s hits %14s misses  %8s miss",
                count(level.hits()),
                count(level.misses()),
                percent(level.misses(), level.lookups()));
    }

    private void faults() {
        RunResult.Faults faults = result.faults();
        heading("Page faults");
        row("minor", "%14s   served without input", count(faults.minor()));
        row("major", "%14s   waited for the disk", count(faults.major()));
        if (faults.segv() + faults.bus() > 0) {
            row("refused", "%14s   SIGSEGV, %s SIGBUS", count(faults.segv()), count(faults.bus()));
        }
        for (RunResult.Count kind : faults.kinds()) {
            if (kind.value() > 0) {
                row("  " + kind.name(), "%14s", count(kind.value()));
            }
        }
    }

    private void addressSpace() {
        RunResult.Memory memory = result.memory();
        heading("Address space");
        row("virtual, peak", "%14s   in %s areas at the end", kilobytes(memory.virtualPeakKb()), count(memory.areas()));
        row(
                "resident, peak",
                "%14s   at the end: %s anonymous, %s of files",
                kilobytes(memory.rssPeakKb()),
                kilobytes(memory.anonKb()),
                kilobytes(memory.fileKb()));
        row("page tables", "%14s", kilobytes(memory.pageTableKb()));
    }

    private void physicalMemory() {
        heading("Physical memory (pages of 4 KiB)");
        line("  %-14s %13s %13s %13s %9s %9s %9s", "zone", "present", "managed", "free", "min", "low", "high");
        for (RunResult.ZoneRow zone : result.zones()) {
            line(
                    "  %-14s %13s %13s %13s %9s %9s %9s",
                    zone.node() + " " + zone.name(),
                    count(zone.presentPages()),
                    count(zone.managedPages()),
                    count(zone.freePages()),
                    count(zone.min()),
                    count(zone.low()),
                    count(zone.high()));
        }
    }

    private void ledger() {
        Ledger ledger = result.ledger();
        heading("Who has it (every frame once)");
        for (Ledger.Row row : ledger.rows()) {
            row(
                    row.owner().name().toLowerCase(Locale.ROOT).replace('_', ' '),
                    "%14s   %s",
                    count(row.frames()),
                    Size.format(row.frames() * PAGE_BYTES));
        }
        row(
                "sum",
                "%14s   %s of RAM, unaccounted %d",
                count(ledger.ramFrames()),
                Size.format(ledger.ramFrames() * PAGE_BYTES),
                ledger.unaccountedFrames());
    }

    private void time() {
        RunResult.Time time = result.time();
        heading("Simulated time");
        for (RunResult.Count cause : time.causes()) {
            if (cause.value() > 0) {
                row(cause.name(), "%14s   %6s", duration(cause.value()), percent(cause.value(), time.totalNanos()));
            }
        }
        row("total", "%14s   lock contention and device jitter are not modelled", duration(time.totalNanos()));
    }

    private void oomKills() {
        if (result.oomReports().isEmpty()) {
            return;
        }
        heading("Out of memory");
        for (String report : result.oomReports()) {
            report.lines().forEach(text -> line("  %s", text));
        }
    }

    private void foot() {
        RunResult.Speed speed = result.speed();
        double nativeSeconds = result.program().nativeSeconds();
        String compared = "";
        // Below this a program's own time is noise.
        if (nativeSeconds >= 0.01 && speed.wallSeconds() > 0) {
            double ratio = speed.wallSeconds() / nativeSeconds;
            compared = ratio >= 1
                    ? String.format(Locale.ROOT, ", %.1f times the %.2f s of the program itself", ratio, nativeSeconds)
                    : String.format(Locale.ROOT, ", faster than the %.2f s of the program itself", nativeSeconds);
        }
        heading("This run");
        row(
                "speed",
                "%.2f s from start to report: %s accesses/s%s",
                speed.wallSeconds(),
                count(Math.round(speed.accessesPerSecond())),
                compared);
        row("digest", "%s (seed %d)", result.digest(), result.seed());
        row("again", "%s", result.repeat());
    }

    private void heading(String text) {
        out.append('\n').append(bold()).append(text).append(plain()).append('\n');
    }

    private void row(String name, String format, Object... values) {
        List<Object> all = new ArrayList<>(List.of(values));
        all.addFirst(name);
        line("  %-16s " + format, all.toArray());
    }

    @SuppressWarnings("AnnotateFormatMethod") // the annotation would be one more dependency for one private method
    private void line(String format, Object... values) {
        formatter.format(format, values);
        // A cell that ends a line is padded, the line is not.
        while (!out.isEmpty() && out.charAt(out.length() - 1) == ' ') {
            out.setLength(out.length() - 1);
        }
        out.append('\n');
    }

    private String bold() {
        return usesColour ? BOLD : "";
    }

    private String plain() {
        return usesColour ? PLAIN : "";
    }

    private static String plural(long count) {
        return count == 1 ? "" : "s";
    }

    private static String shorten(String text) {
        return text.length() <= 100 ? text : text.substring(0, 97) + "...";
    }

    private static String kilobytes(long kb) {
        return Size.format(kb * Size.KIB);
    }

    private static String count(long value) {
        return String.format(Locale.ROOT, "%,d", value);
    }

    private static String percent(long part, long whole) {
        if (whole == 0) {
            return "0 %";
        }
        double share = 100.0 * part / whole;
        return String.format(Locale.ROOT, share > 0 && share < 0.1 ? "%.4f %%" : "%.1f %%", share);
    }

    private static String duration(long nanos) {
        if (nanos >= 1_000_000_000L) {
            return String.format(Locale.ROOT, "%.3f s", nanos / 1e9);
        }
        if (nanos >= 1_000_000L) {
            return String.format(Locale.ROOT, "%.2f ms", nanos / 1e6);
        }
        return String.format(Locale.ROOT, "%.2f us", nanos / 1e3);
    }
}
