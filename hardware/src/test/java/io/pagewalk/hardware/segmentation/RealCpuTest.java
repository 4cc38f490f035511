package io.pagewalk.hardware.segmentation;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.hardware.memory.PhysicalMemory;
import io.pagewalk.hardware.mmu.Access;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;

/** The unit beside a real processor: 1,500 descriptors, selectors and operands with what became of them (recorded by src/test/native/record-segments.c). */
class RealCpuTest {
    private static final long GDT = 0x1000;
    private static final long LDT = 0x2000;
    private static final int LDT_ENTRIES = 8;

    @Test
    void unit_recordedTrials_agreesWithTheProcessor() throws IOException {
        List<String> trials = trials();
        List<String> differences = new ArrayList<>();
        for (String trial : trials) {
            String[] words = trial.split(" ", 8);
            String outcome = run(words);
            if (!outcome.equals(words[7])) {
                differences.add(trial + " but the model says " + outcome);
            }
        }
        assertThat(differences).isEmpty();
        assertThat(trials).hasSize(1500);
    }

    private static String run(String[] words) {
        PhysicalMemory memory = new PhysicalMemory(16);
        SegmentationUnit unit = new SegmentationUnit(memory);
        memory.writeLong(GDT + 8, Descriptor.ldt(LDT, 8 * LDT_ENTRIES));
        // Linux marks descriptors of modify_ldt() as accessed.
        memory.writeLong(LDT + 8 * Long.parseLong(words[1]), Long.parseUnsignedLong(words[2], 16));
        unit.loadGdt(GDT, 16);
        assertThat(unit.loadLdt(Selector.gdt(1, 0))).isEqualTo(SegmentFault.NONE);
        unit.setCpl(3);
        SegmentRegister register = SegmentRegister.valueOf(words[0]);
        long loaded = unit.load(register, Integer.parseInt(words[3], 16));
        if (SegmentFault.isFault(loaded)) {
            return "load " + text(loaded);
        }
        int kind = switch (words[6]) {
            case "load" -> Access.LOAD;
            case "store" -> Access.STORE;
            default -> Access.FETCH;
        };
        long address = unit.linear(register, Long.parseLong(words[4], 16), Integer.parseInt(words[5]), kind);
        return SegmentFault.isFault(address) ? "access " + text(address) : "ok";
    }

    private static String text(long fault) {
        return SegmentFault.vector(fault) + " " + Integer.toHexString(SegmentFault.errorCode(fault));
    }

    private static List<String> trials() throws IOException {
        try (BufferedReader in = new BufferedReader(new InputStreamReader(
                Objects.requireNonNull(RealCpuTest.class.getResourceAsStream("real-cpu.txt")),
                StandardCharsets.UTF_8))) {
            return in.lines().filter(line -> !line.startsWith("#")).toList();
        }
    }
}
