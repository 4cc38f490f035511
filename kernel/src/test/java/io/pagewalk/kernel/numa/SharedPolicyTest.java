package io.pagewalk.kernel.numa;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.SeededRandom;
import io.pagewalk.base.Violations;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Policies of ranges against a plain array of policies. */
class SharedPolicyTest {
    private static final int PAGES = 40;
    private static final Nodemask ALL = Nodemask.firstNodes(4);

    private static @Nullable Mempolicy policy(int number) {
        return number == 0 ? null : Mempolicy.of(PolicyMode.BIND, 0, Nodemask.of(number), ALL);
    }

    @Test
    void set_randomRanges_eachPageKeepsItsLastPolicy() {
        SeededRandom random = new SeededRandom(11);
        SharedPolicy shared = new SharedPolicy();
        int[] expected = new int[PAGES];
        for (int round = 0; round < 5000; round++) {
            int start = random.nextInt(PAGES);
            int end = start + 1 + random.nextInt(PAGES - start);
            int number = random.nextInt(4);
            shared.set(start, end, policy(number));
            for (int page = start; page < end; page++) {
                expected[page] = number;
            }
            for (int page = 0; page < PAGES; page++) {
                assertThat(shared.lookup(page))
                        .as("round %d page %d", round, page)
                        .isEqualTo(policy(expected[page]));
            }
            Violations out = new Violations();
            shared.verify("test", out);
            out.throwIfAny();
        }
        shared.set(0, PAGES, null);
        assertThat(shared.isEmpty()).isTrue();
    }
}
