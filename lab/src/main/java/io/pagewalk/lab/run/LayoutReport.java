package io.pagewalk.lab.run;

import io.pagewalk.base.Size;
import io.pagewalk.hardware.machine.KernelImage;
import io.pagewalk.hardware.machine.MachineDescription;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.page.AddressConversion;
import io.pagewalk.kernel.system.LinuxKernel;
import io.pagewalk.kernel.vmalloc.KernelLayout.Region;
import io.pagewalk.kernel.vmalloc.KernelLayout.Use;
import java.io.StringWriter;
import java.math.BigInteger;
import java.util.List;
import java.util.Locale;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.json.JsonFactory;

/** The virtual address space of a booted kernel, drawn from the highest address down, and as JSON. */
public final class LayoutReport {
    /** Characters between the borders of the picture. */
    private static final int WIDTH = 72;

    private static final int BAR = 20;

    private final LinuxKernel kernel;
    private final AddressSpaceUse use;
    private final List<AddressSpaceUse.Row> rows;

    LayoutReport(LinuxKernel kernel) {
        this.kernel = kernel;
        this.use = new AddressSpaceUse(kernel);
        this.rows = use.rows();
    }

    /** Returns the picture. */
    public String text() {
        MachineDescription machine = kernel.machine().description();
        StringBuilder out = new StringBuilder();
        out.append(machine.name())
                .append(": virtual address space with ")
                .append(machine.mode().modeName())
                .append(" paging")
                .append(split())
                .append(
                        ", not randomized\nHighest address first; the number at an edge is the start of the area above it.\n\n");
        int digits = use.address(0).length();
        edge(out, " ".repeat(digits));
        for (int i = rows.size() - 1; i >= 0; i--) {
            AddressSpaceUse.Row row = rows.get(i);
            box(out, row, " ".repeat(digits));
            edge(out, use.address(row.region().start()));
        }
        out.append("\nPer-CPU memory: ")
                .append(Size.format(kernel.perCpu().pages() << 12))
                .append(", a unit of ")
                .append(Size.format(kernel.perCpu().unitBytes()))
                .append(" for each CPU; the first chunk is part of the direct map, ")
                .append(kernel.perCpu().chunkCount() - 1)
                .append(" more in the vmalloc area\n");
        return out.toString();
    }

    private String split() {
        long pageOffset = kernel.machine().description().kernel().pageOffset();
        if (kernel.machine().description().mode().architecture() != PagingMode.Architecture.I386) {
            return "";
        }
        long user = pageOffset == KernelImage.USUAL_PAGE_OFFSET ? AddressConversion.I386_PAGE_OFFSET : pageOffset;
        return ", " + Size.format(user) + " for programs and " + Size.format((1L << 32) - user) + " for the kernel";
    }

    private void edge(StringBuilder out, String address) {
        out.append("  ").append(address).append(" +").append("-".repeat(WIDTH)).append("+\n");
    }

    private void box(StringBuilder out, AddressSpaceUse.Row row, String margin) {
        Region region = row.region();
        String size = plain(region.sizeBytes());
        boolean isHole = region.use() == Use.HOLE;
        String name = region.name();
        line(out, margin, isHole, name + " ".repeat(Math.max(1, WIDTH - 2 - name.length() - size.length())) + size);
        if (row.usedBytes() != AddressSpaceUse.UNKNOWN) {
            line(
                    out,
                    margin,
                    isHole,
                    bar(row.usedBytes(), region.sizeBytes()) + " "
                            + (row.usedBytes() == 0 ? "unused" : plain(row.usedBytes()) + " used"));
        }
        for (String detail : row.details()) {
            line(out, margin, isHole, "  " + detail);
        }
    }

    private static void line(StringBuilder out, String margin, boolean isHole, String text) {
        char side = isHole ? ':' : '|';
        out.append("  ").append(margin).append(' ').append(side).append(' ');
        out.append(text)
                .append(" ".repeat(Math.max(0, WIDTH - 1 - text.length())))
                .append(side)
                .append('\n');
    }

    /** Whatever is used shows, however little it is. */
    private static String bar(long used, long all) {
        int filled = used == 0 ? 0 : Math.clamp(Math.round((double) used / (double) all * BAR), 1, BAR);
        return "[" + "#".repeat(filled) + ".".repeat(BAR - filled) + "]";
    }

    /** Writes an unsigned size. */
    private static String plain(long bytes) {
        return bytes < 0
                ? String.format(
                        Locale.ROOT, "~%.0f EiB", new BigInteger(Long.toUnsignedString(bytes)).doubleValue() / 0x1p60)
                : Size.format(bytes);
    }

    /** Returns the same as JSON: addresses as hexadecimal text, since they need 64 bits. */
    public String json() {
        StringWriter text = new StringWriter();
        try (JsonGenerator json = JsonFactory.builder().build().createGenerator(ObjectWriteContext.empty(), text)) {
            MachineDescription machine = kernel.machine().description();
            json.writeStartObject();
            json.writeStringProperty("name", machine.name());
            json.writeStringProperty("paging", machine.mode().modeName());
            json.writeNumberProperty("per_cpu_bytes", kernel.perCpu().pages() << 12);
            json.writeNumberProperty("per_cpu_unit_bytes", kernel.perCpu().unitBytes());
            json.writeNumberProperty("per_cpu_chunks", kernel.perCpu().chunkCount());
            json.writeArrayPropertyStart("regions");
            for (AddressSpaceUse.Row row : rows) {
                json.writeStartObject();
                json.writeStringProperty("name", row.region().name());
                json.writeStringProperty("use", row.region().use().name().toLowerCase(Locale.ROOT));
                json.writeStringProperty(
                        "start", "0x" + use.address(row.region().start()));
                json.writeStringProperty("last", "0x" + use.address(row.region().last()));
                json.writeName("bytes");
                json.writeNumber(
                        new BigInteger(Long.toUnsignedString(row.region().sizeBytes())));
                if (row.usedBytes() != AddressSpaceUse.UNKNOWN) {
                    json.writeNumberProperty("used_bytes", row.usedBytes());
                }
                json.writeArrayPropertyStart("details");
                row.details().forEach(json::writeString);
                json.writeEndArray();
                json.writeEndObject();
            }
            json.writeEndArray();
            json.writeEndObject();
        }
        return JsonText.indented(text.toString(), 2);
    }
}
