package io.pagewalk.base;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class SeededRandomTest {
    @Test
    void nextLong_sameSeed_givesTheSameNumbers() {
        // The first outputs of SplitMix64 for seed 1234567, as its authors' reference prints them.
        SeededRandom random = new SeededRandom(1234567);
        assertThat(random.nextLong()).isEqualTo(6457827717110365317L);
        assertThat(random.nextLong()).isEqualTo(3203168211198807973L);
        assertThat(Long.toUnsignedString(random.nextLong())).isEqualTo("9817491932198370423");
    }

    @Test
    void nextInt_anyBound_staysBelowAndReachesAll() {
        SeededRandom random = new SeededRandom(1);
        boolean[] seen = new boolean[7];
        for (int i = 0; i < 1000; i++) {
            seen[random.nextInt(7)] = true;
        }
        assertThat(seen).containsOnly(true);
    }

    @Test
    void fork_otherName_givesOtherNumbersAndLeavesTheParent() {
        SeededRandom parent = new SeededRandom(5);
        long first = parent.fork("a").nextLong();
        assertThat(parent.fork("b").nextLong()).isNotEqualTo(first);
        assertThat(parent.fork("a").nextLong()).isEqualTo(first);
        assertThat(parent.nextLong()).isEqualTo(new SeededRandom(5).nextLong());
    }
}
