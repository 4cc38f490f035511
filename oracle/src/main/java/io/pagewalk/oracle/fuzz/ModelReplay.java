package io.pagewalk.oracle.fuzz;

import io.pagewalk.base.BadInput;
import io.pagewalk.kernel.syscall.SyscallNumbers;
import io.pagewalk.oracle.machine.HelperProfile;
import io.pagewalk.oracle.machine.ModelMachine;
import io.pagewalk.oracle.machine.Step;
import io.pagewalk.oracle.machine.StepText;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A short history on the model alone, held against what a kernel answered when the history was found: a regression test that needs neither compiler nor Linux.
 *
 * <p>Each line is a step, {@code ->}, and the answer as result, signal, minor faults, major faults, value.
 */
public final class ModelReplay {
    private ModelReplay() {}

    /**
     * Makes the steps.
     *
     * @param script lines as {@code pagewalk verify} prints them
     * @return one line for each answer that differs, and what the check of the whole machine finds
     */
    public static List<String> differences(String script) {
        ModelMachine model = ModelMachine.boot(HelperProfile.standard(Path.of("/tmp/data")));
        SyscallNumbers numbers = model.kernel().syscallNumbers();
        List<String> result = new ArrayList<>();
        for (String line :
                script.lines().map(String::strip).filter(l -> !l.isEmpty()).toList()) {
            int arrow = line.indexOf(" -> ");
            if (arrow < 0) {
                throw new BadInput("line '" + line + "', expected a step, ' -> ' and an answer");
            }
            Step step = StepText.parse(line.substring(0, arrow), numbers);
            String expected = line.substring(arrow + 4).strip();
            String actual = Listings.answer(model.perform(step));
            if (!actual.equals(expected)) {
                result.add(line + " but the model gives " + actual);
            }
        }
        String violation = model.violation();
        if (violation != null) {
            result.add(violation);
        }
        return result;
    }
}
