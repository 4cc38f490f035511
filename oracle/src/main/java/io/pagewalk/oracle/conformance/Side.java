package io.pagewalk.oracle.conformance;

import io.pagewalk.oracle.machine.Answer;
import io.pagewalk.oracle.machine.Slots;
import io.pagewalk.oracle.machine.Step;
import java.util.List;

/** One of the two machines that a case runs on: what the model and the running kernel must both offer. */
interface Side extends AutoCloseable {
    /** Whether this is the model. */
    boolean isModel();

    /** Returns the number of a system call; throws {@link NotModelled} when the model has none of that name. */
    int number(String call);

    /** Who lives. */
    Slots slots();

    /** Makes steps in order. */
    List<Answer> perform(List<Step> steps);

    /** Returns the text of a file under {@code /proc/PID}. */
    String proc(int slot, String name);

    /** Returns the directory for files of the case, one with a disk behind it. */
    String directory();

    /** Makes a file there that is in the page cache and clean. */
    void createFile(String path, byte[] contents);

    /** Takes all capabilities from the process, which stays the same user. */
    void dropCapabilities(Subject who);

    /** Sets a resource limit. */
    void setLimit(Subject who, int resource, long soft, long hard);

    /** Makes System V identifiers a matter of this case alone, as far as this user may. */
    void ownIpc(Subject who);

    /** Returns what the check of the whole machine finds, or an empty text. */
    String violation();

    @Override
    void close();
}
