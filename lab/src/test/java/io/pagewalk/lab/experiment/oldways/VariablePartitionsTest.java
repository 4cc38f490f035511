package io.pagewalk.lab.experiment.oldways;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.SeededRandom;
import io.pagewalk.base.Violations;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class VariablePartitionsTest {
    private static final int KIB = 1024;
    private static final int[] HOLES = {100, 500, 200, 300, 600};
    private static final int[] REQUESTS = {212, 417, 112, 426};

    /** The exercise of Silberschatz, Galvin, Gagne, Operating System Concepts, chapter 9 ("Main Memory"), and its answers. */
    @Test
    void allocate_textbookHoles_choosesAsTheTextbookSays() {
        assertThat(holesTaken(Fit.FIRST)).containsExactly(500, 600, 500, -1);
        assertThat(holesTaken(Fit.BEST)).containsExactly(300, 500, 200, 600);
        assertThat(holesTaken(Fit.WORST)).containsExactly(600, 500, 600, -1);
    }

    private static List<Integer> holesTaken(Fit fit) {
        long total = Arrays.stream(HOLES).sum() * (long) KIB + HOLES.length * 16L;
        VariablePartitions memory = new VariablePartitions(0, total, fit);
        List<Long> starts = new ArrayList<>();
        for (int hole : HOLES) {
            starts.add(memory.allocate(hole * (long) KIB, 1));
            memory.allocate(16, 2);
        }
        starts.forEach(memory::free);
        List<Integer> taken = new ArrayList<>();
        for (int request : REQUESTS) {
            long at = memory.allocate(request * (long) KIB, 3);
            int hole = HOLES.length - 1;
            while (hole >= 0 && starts.get(hole) > at) {
                hole--;
            }
            taken.add(at == VariablePartitions.NONE ? -1 : HOLES[hole]);
        }
        return taken;
    }

    @Test
    void free_betweenFreeNeighbours_joinsAllThree() {
        VariablePartitions memory = new VariablePartitions(0, 4096, Fit.FIRST);
        long low = memory.allocate(1000, 1);
        long middle = memory.allocate(1000, 2);
        long high = memory.allocate(1000, 3);
        memory.free(low);
        memory.free(high);
        assertThat(memory.largestFreeBytes()).isLessThan(memory.freeBytes());
        memory.free(middle);
        assertThat(memory.pieces()).hasSize(1);
        assertThat(memory.largestFreeBytes()).isEqualTo(4096);
    }

    @Test
    void compact_anyHoles_leavesOneHoleAndTellsEachMove() {
        VariablePartitions memory = new VariablePartitions(0, 4096, Fit.FIRST);
        long low = memory.allocate(1024, 1);
        memory.allocate(512, 2);
        memory.free(low);
        List<String> moves = new ArrayList<>();
        memory.compact((tag, from, to, bytes) -> moves.add(tag + ": " + from + " to " + to + ", " + bytes));
        assertThat(moves).containsExactly("2: 1024 to 0, 512");
        assertThat(memory.largestFreeBytes()).isEqualTo(memory.freeBytes()).isEqualTo(4096 - 512);
    }

    @Test
    void anyHistory_eachFit_keepsThePiecesWhole() {
        for (Fit fit : Fit.values()) {
            SeededRandom random = new SeededRandom(fit.ordinal());
            VariablePartitions memory = new VariablePartitions(65536, 1 << 16, fit);
            List<Long> held = new ArrayList<>();
            for (int step = 0; step < 20_000; step++) {
                int choice = random.nextInt(10);
                if (choice < 5) {
                    long at = memory.allocate(1 + random.nextInt(3000), step);
                    if (at != VariablePartitions.NONE) {
                        held.add(at);
                    }
                } else if (!held.isEmpty() && choice < 8) {
                    memory.free(held.remove(random.nextInt(held.size())));
                } else if (!held.isEmpty()) {
                    memory.resize(held.get(random.nextInt(held.size())), 1 + random.nextInt(3000));
                }
                Violations violations = new Violations();
                memory.verify(violations);
                assertThat(violations.lines()).as("%s, step %d", fit, step).isEmpty();
            }
            assertThat(memory.pieces().stream().filter(piece -> !piece.isFree()))
                    .hasSize(held.size());
        }
    }
}
