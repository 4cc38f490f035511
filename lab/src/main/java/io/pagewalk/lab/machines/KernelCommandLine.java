package io.pagewalk.lab.machines;

import io.pagewalk.base.BadInput;
import io.pagewalk.kernel.system.BootOptions;

/** The kernel's command line as a user gives it: parameters that the model has, and no others, so that a mistyped one is not passed over. */
public final class KernelCommandLine {
    private KernelCommandLine() {}

    /**
     * Returns a command line of which every word is known and every value is valid.
     *
     * @param where the option, or file and line, for messages
     * @param text such as {@code cma=64M movablecore=1G}
     * @throws BadInput for anything else; the message lists the parameters
     */
    public static String checked(String where, String text) {
        for (String word : text.strip().split("\\s+", -1)) {
            if (!word.isEmpty() && !BootOptions.isParameter(word)) {
                throw new BadInput(where, "'" + word + "'", "one of " + String.join(", ", BootOptions.PARAMETERS));
            }
        }
        BootOptions.defaults().withCommandLine(text);
        return text.strip();
    }
}
