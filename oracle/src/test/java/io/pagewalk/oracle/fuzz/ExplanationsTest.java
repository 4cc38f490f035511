package io.pagewalk.oracle.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.kernel.syscall.SyscallNumbers;
import io.pagewalk.oracle.machine.Step;
import io.pagewalk.oracle.machine.StepText;
import java.util.List;
import org.junit.jupiter.api.Test;

class ExplanationsTest {
    private static final Step MAP = step("0 mmap 0x10000021f000 0x1000 0x1 0x32 -1 0x0");
    private static final Step CLEAR = step("0 get_mempolicy 0x0 0x10000021f454 0x442 0x0 0x0 0x0");

    private static Step step(String text) {
        return StepText.parse(text, new SyscallNumbers());
    }

    private static Difference referenced(long expectedKib, long actualKib) {
        String area = "10000021f000-100000220000 Referenced: ";
        return new Difference("smaps Referenced", area + expectedKib + " kB", area + actualKib + " kB", 1);
    }

    @Test
    void reasonFor_aPageMoreThatIsUsed_whereAMaskWasToBeCleared_isTheProcessor() {
        assertThat(Explanations.reasonFor(List.of(MAP, CLEAR), referenced(4, 0)))
                .contains("string store");
    }

    @Test
    void reasonFor_anythingElse_isNone() {
        assertThat(Explanations.reasonFor(List.of(CLEAR, MAP), referenced(4, 0)))
                .isNull();
        assertThat(Explanations.reasonFor(List.of(MAP, CLEAR), referenced(0, 4)))
                .isNull();
        assertThat(Explanations.reasonFor(List.of(MAP, CLEAR), referenced(8, 0)))
                .isNull();
        Step elsewhere = step("0 get_mempolicy 0x0 0x100000220000 0x442 0x0 0x0 0x0");
        assertThat(Explanations.reasonFor(List.of(MAP, elsewhere), referenced(4, 0)))
                .isNull();
        Difference maps = new Difference("maps", "4", "0", 1);
        assertThat(Explanations.reasonFor(List.of(MAP, CLEAR), maps)).isNull();
    }
}
