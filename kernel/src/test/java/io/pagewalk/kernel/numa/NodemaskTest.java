package io.pagewalk.kernel.numa;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** Sets of nodes; the expected values are those of the comments in {@code lib/bitmap.c} and {@code mm/mempolicy.c} of Linux 6.12. */
class NodemaskTest {
    @Test
    void relativeTo_positionsBeyondTheWeight_wrapAround() {
        Nodemask allowed = Nodemask.of(1, 3, 5);
        assertThat(Nodemask.of(0, 2).relativeTo(allowed)).isEqualTo(Nodemask.of(1, 5));
        assertThat(Nodemask.of(4).relativeTo(allowed)).isEqualTo(Nodemask.of(3));
        assertThat(Nodemask.of(1023).relativeTo(allowed)).isEqualTo(Nodemask.of(1));
    }

    @Test
    void remap_everyNode_goesToTheNodeAtItsPlace() {
        Nodemask from = Nodemask.of(2, 3, 4);
        Nodemask to = Nodemask.of(3, 4, 5);
        assertThat(from.remap(2, to)).isEqualTo(3);
        assertThat(from.remap(4, to)).isEqualTo(5);
        assertThat(from.remap(7, to)).isEqualTo(7);
        assertThat(from.remap(4, Nodemask.of(8, 9))).isEqualTo(8);
        assertThat(from.remap(2, Nodemask.NONE)).isEqualTo(2);
    }

    @Test
    void nextIn_lastNode_beginsAgain() {
        Nodemask nodes = Nodemask.of(1, 4);
        assertThat(nodes.nextIn(0)).isEqualTo(1);
        assertThat(nodes.nextIn(4)).isEqualTo(1);
        assertThat(nodes.nextIn(1023)).isEqualTo(1);
        assertThat(nodes.next(4)).isEqualTo(Nodemask.MAX_NUMNODES);
    }

    @Test
    void toString_runs_becomeRanges() {
        assertThat(Nodemask.of(0, 1, 2, 5, 7, 8)).hasToString("0-2,5,7-8");
        assertThat(Nodemask.NONE).hasToString("");
    }
}
