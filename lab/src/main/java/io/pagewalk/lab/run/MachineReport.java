package io.pagewalk.lab.run;

import io.pagewalk.base.Size;
import io.pagewalk.hardware.cpu.CpuModel;
import io.pagewalk.hardware.cpu.CpuModels;
import io.pagewalk.hardware.machine.FirmwareMap;
import io.pagewalk.hardware.machine.MachineDescription;
import io.pagewalk.hardware.machine.MemoryRange;
import io.pagewalk.hardware.machine.NodeDescription;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.system.BootOptions.PageCacheStart;
import io.pagewalk.kernel.system.LinuxKernel;
import io.pagewalk.kernel.zone.Zone;
import io.pagewalk.kernel.zone.ZoneStat;
import io.pagewalk.lab.machines.MachineSpec;
import io.pagewalk.observe.ledger.Ledger;
import io.pagewalk.observe.proc.ProcTree;
import java.io.StringWriter;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;
import java.util.stream.Collectors;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.json.JsonFactory;

/** A machine right after boot, for people and as JSON. */
public final class MachineReport {
    private final LinuxKernel kernel;
    private final MachineDescription description;

    private MachineReport(LinuxKernel kernel) {
        this.kernel = kernel;
        this.description = kernel.machine().description();
    }

    /**
     * Boots a machine and looks at it.
     *
     * @param machine the machine
     * @param sysctls settings on top of the machine's own
     */
    public static MachineReport boot(MachineSpec machine, SortedMap<String, String> sysctls) {
        return new MachineReport(Boot.boot(machine, sysctls, 1, PageCacheStart.COLD));
    }

    /** Returns a line for each CPU model: name, description, paging modes. */
    public static List<String> cpuModels() {
        return CpuModels.all().stream()
                .map(model -> String.format(
                        Locale.ROOT,
                        "%-14s %s (%s)",
                        model.name(),
                        model.description(),
                        model.modes().stream().map(PagingMode::modeName).collect(Collectors.joining(", "))))
                .toList();
    }

    /** Returns the machine's {@code /proc} after boot. */
    public Map<String, String> procFiles() {
        return ProcTree.files(kernel);
    }

    /** Returns the kernel's view of the virtual address space. */
    public LayoutReport layout() {
        return new LayoutReport(kernel);
    }

    /** Returns the machine for people. */
    public String text() {
        StringBuilder out = new StringBuilder();
        CpuModel cpu = description.cpu();
        out.append(description.name())
                .append(": ")
                .append(description.description())
                .append('\n');
        out.append("  CPUs     ")
                .append(description.cpus())
                .append(" x ")
                .append(cpu.description())
                .append('\n');
        out.append("  paging   ")
                .append(description.mode().modeName())
                .append(", TLB refill by ")
                .append(description.refill().name().toLowerCase(Locale.ROOT))
                .append('\n');
        out.append("  keys     ").append(keys()).append('\n');
        out.append("  TLB of   ").append(cpu.source()).append('\n');
        out.append("  assumed  ").append(cpu.assumptions()).append('\n');
        out.append("\nMemory map\n");
        for (FirmwareMap.Entry entry : description.firmware().entries()) {
            out.append(String.format(
                    Locale.ROOT,
                    "  %012x-%012x  %-10s %s%n",
                    entry.start(),
                    entry.end() - 1,
                    Size.format(entry.end() - entry.start()),
                    entry.type().resourceName()));
        }
        out.append("\nNodes\n");
        for (NodeDescription node : description.nodes()) {
            long bytes =
                    node.ranges().stream().mapToLong(MemoryRange::sizeBytes).sum();
            out.append(String.format(
                    Locale.ROOT,
                    "  node %d  %s of addresses, %d CPUs, distances %s%n",
                    node.id(),
                    Size.format(bytes),
                    node.cpus().size(),
                    description.distances().get(node.id())));
        }
        out.append(String.format(
                Locale.ROOT,
                "%nZones (pages)%n  %-12s %12s %12s %12s %12s %9s %9s %9s  %s%n",
                "zone",
                "start_pfn",
                "spanned",
                "present",
                "managed",
                "min",
                "low",
                "high",
                "protection"));
        for (Zone zone : kernel.bootMemory().zones()) {
            if (zone.isPopulated()) {
                zone(out, zone);
            }
        }
        out.append("\nWho has it after boot (frames)\n");
        Ledger ledger = Ledger.of(kernel.memmap(), kernel.bootMemory().zones());
        for (Ledger.Row row : ledger.rows()) {
            out.append(String.format(
                    Locale.ROOT,
                    "  %-14s %,14d%n",
                    row.owner().name().toLowerCase(Locale.ROOT).replace('_', ' '),
                    row.frames()));
        }
        out.append(String.format(
                Locale.ROOT,
                "  %-14s %,14d   unaccounted %d%n",
                "sum",
                ledger.ramFrames(),
                ledger.unaccountedFrames()));
        return out.toString();
    }

    private void zone(StringBuilder out, Zone zone) {
        out.append(String.format(
                Locale.ROOT,
                "  %-12s %12d %12d %12d %12d %9d %9d %9d  %s%n",
                zone.node() + " " + zone.name(),
                zone.startPfn(),
                zone.spannedPages(),
                zone.presentPages(),
                zone.managedPages(),
                zone.watermarks().min(),
                zone.watermarks().low(),
                zone.watermarks().high(),
                protection(zone)));
    }

    private String protection(Zone zone) {
        StringBuilder text = new StringBuilder();
        for (int highest = 0; highest < kernel.bootMemory().layout().size(); highest++) {
            text.append(highest == 0 ? "(" : ", ").append(zone.lowmemReserve(highest));
        }
        return text.append(')').toString();
    }

    private String keys() {
        CpuModel cpu = description.cpu();
        if (kernel.hasProtectionKeys()) {
            return "protection keys for user pages (PKU)";
        }
        if (!cpu.hasProtectionKeys()) {
            return "none: the CPU has no protection keys";
        }
        return description.mode().hasKeys()
                ? "none: switched off by nopku"
                : "none: " + description.mode().modeName() + " has no protection keys";
    }

    /** Returns the machine as JSON. */
    public String json() {
        StringWriter text = new StringWriter();
        try (JsonGenerator json = JsonFactory.builder().build().createGenerator(ObjectWriteContext.empty(), text)) {
            json.writeStartObject();
            json.writeStringProperty("name", description.name());
            json.writeStringProperty("description", description.description());
            json.writeStringProperty("cpu", description.cpu().name());
            json.writeBooleanProperty("pku", kernel.hasProtectionKeys());
            json.writeStringProperty("paging", description.mode().modeName());
            json.writeNumberProperty("cpus", description.cpus());
            json.writeNumberProperty("nodes", description.nodes().size());
            json.writeNumberProperty("ram_kb", description.ramBytes() >> 10);
            json.writeArrayPropertyStart("firmware");
            for (FirmwareMap.Entry entry : description.firmware().entries()) {
                json.writeStartObject();
                json.writeNumberProperty("start", entry.start());
                json.writeNumberProperty("last", entry.end() - 1);
                json.writeStringProperty("type", entry.type().resourceName());
                json.writeEndObject();
            }
            json.writeEndArray();
            json.writeArrayPropertyStart("zones");
            for (Zone zone : kernel.bootMemory().zones()) {
                if (zone.isPopulated()) {
                    json.writeStartObject();
                    json.writeNumberProperty("node", zone.node());
                    json.writeStringProperty("name", zone.name());
                    json.writeNumberProperty("start_pfn", zone.startPfn());
                    json.writeNumberProperty("spanned", zone.spannedPages());
                    json.writeNumberProperty("present", zone.presentPages());
                    json.writeNumberProperty("managed", zone.managedPages());
                    json.writeNumberProperty("free", kernel.vmstat().get(zone, ZoneStat.NR_FREE_PAGES));
                    json.writeNumberProperty("min", zone.watermarks().min());
                    json.writeNumberProperty("low", zone.watermarks().low());
                    json.writeNumberProperty("high", zone.watermarks().high());
                    json.writeEndObject();
                }
            }
            json.writeEndArray();
            json.writeEndObject();
        }
        return JsonText.indented(text.toString());
    }
}
