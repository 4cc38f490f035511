package io.pagewalk.oracle.conformance;

import io.pagewalk.kernel.syscall.SyscallDoor;
import io.pagewalk.oracle.machine.Answer;
import io.pagewalk.oracle.machine.HelperProfile;
import io.pagewalk.oracle.machine.ModelMachine;
import io.pagewalk.oracle.machine.Slots;
import io.pagewalk.oracle.machine.Step;
import java.util.ArrayList;
import java.util.List;

/** The model: a machine booted for one case. */
final class ModelSide implements Side {
    private final ModelMachine model;
    private final String directory;

    ModelSide(HelperProfile profile, String directory) {
        this.model = ModelMachine.boot(profile);
        this.directory = directory;
    }

    @Override
    public boolean isModel() {
        return true;
    }

    @Override
    public int number(String call) {
        SyscallDoor<?> door = model.kernel().door();
        int number = door.numbers().number(call);
        if (number < 0 || !door.hasHandler(number)) {
            throw new NotModelled("the call " + call);
        }
        return number;
    }

    @Override
    public Slots slots() {
        return model.slots();
    }

    @Override
    public List<Answer> perform(List<Step> steps) {
        List<Answer> answers = new ArrayList<>();
        for (Step step : steps) {
            answers.add(model.perform(step));
        }
        return answers;
    }

    @Override
    public String proc(int slot, String name) {
        return switch (name) {
            case "maps" -> model.maps(slot);
            case "smaps" -> model.smaps(slot);
            case "smaps_rollup" -> model.smapsRollup(slot);
            case "status" -> model.status(slot);
            default -> throw new NotModelled("/proc/PID/" + name);
        };
    }

    @Override
    public String directory() {
        return directory;
    }

    @Override
    public void createFile(String path, byte[] contents) {
        model.kernel().files().registerWithContents(path, contents);
        model.kernel().files().warm(path);
    }

    @Override
    public void dropCapabilities(Subject who) {
        model.mm(who.slot()).setPrivileged(false);
    }

    @Override
    public void setLimit(Subject who, int resource, long soft, long hard) {
        model.mm(who.slot()).limits().set(resource, soft, hard);
    }

    @Override
    public void ownIpc(Subject who) {
        // The machine was booted for this case.
    }

    @Override
    public String violation() {
        String violation = model.violation();
        return violation == null ? "" : violation;
    }

    @Override
    public void close() {
        // Nothing outlives the object.
    }
}
