package io.pagewalk.kernel.syscall;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class TaskWorkTest {
    private final TaskWork work = new TaskWork();
    private final List<String> done = new ArrayList<>();
    private final SyscallDoor<String> door = new SyscallDoor<>(new SyscallNumbers(), work);

    @Test
    void work_outsideOfCalls_isDoneAtOnce() {
        work.add(() -> done.add("now"));
        assertThat(done).containsExactly("now");
    }

    @Test
    void work_ofACall_isDoneWhenItReturns_theLastFirst() {
        door.register("munmap", (task, args) -> {
            work.add(() -> done.add("first"));
            work.add(() -> {
                done.add("second");
                work.add(() -> done.add("of the second"));
            });
            return done.size();
        });
        assertThat(door.call("task", new SyscallArgs().set(11))).isZero();
        assertThat(done).containsExactly("second", "of the second", "first");
    }

    @Test
    void call_duringACallThatSleeps_doesItsOwnWorkOnly() {
        door.register("munmap", (task, args) -> {
            work.add(() -> done.add("inner"));
            return 0;
        });
        door.register("mmap", (task, args) -> {
            work.add(() -> done.add("outer"));
            door.call("other", new SyscallArgs().set(11));
            return done.size();
        });
        assertThat(door.call("task", new SyscallArgs().set(9))).isEqualTo(1);
        assertThat(done).containsExactly("inner", "outer");
    }

    @Test
    void call_thatFailsWithAnException_doesItsWork() {
        door.register("munmap", (task, args) -> {
            work.add(() -> done.add("work"));
            throw new IllegalStateException();
        });
        try {
            door.call("task", new SyscallArgs().set(11));
        } catch (IllegalStateException e) {
            done.add("failed");
        }
        assertThat(done).containsExactly("work", "failed");
        work.add(() -> done.add("now"));
        assertThat(done).hasSize(3);
    }
}
